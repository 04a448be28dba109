"""One real PostgreSQL server on loopback, durable as in production, that a test may break as it likes."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import psycopg

from tests.postgres import processes
from tests.postgres.processes import kill_all, pause_all, send_to_all, status_lines
from tests.postgres.programs import Programs, new_folder, sorting_locale

SUPERUSER = "postgres"
OWNER = "scanhook"
GUARDED = "guarded"
PASSWORD = "p@ss/word: 密码?"
"""What ``guarded`` must show; it holds what a URL has to quote."""

_PATIENCE_S = 60.0
_SETTINGS = {
    "autovacuum_naptime": "1h",  # plans and sizes shall not change in the middle of a test
    "fsync": "on",
    "full_page_writes": "on",
    "listen_addresses": "127.0.0.1",
    "log_timezone": "Asia/Shanghai",
    "max_connections": "100",
    "max_wal_size": "512MB",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, which goes away as a whole
    "synchronous_commit": "on",
    "timezone": "Asia/Shanghai",
}
_ENTRANCE = f"""\
host all {GUARDED} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
local all all trust
host replication all 127.0.0.1/32 trust
"""
# Below the ports that a kernel hands out: a client that tries a dead server's port again and again
# would at last be handed that very port and talk to itself.
_PORTS = range(16_000, 32_000)


class Address:
    """Where a server is, for those who only use it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    @property
    def data(self) -> Path:
        """The folder of its files."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The id of its first process."""
        return int(status_lines(self.data)[0])

    def url(self, database: str = "postgres", *, user: str = OWNER, password: str | None = None) -> str:
        """Return the URL of a database: by default for the role that owns all of them and needs no password."""
        secret = "" if password is None else ":" + quote(password, safe="")
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, *, database: str = "postgres", user: str = SUPERUSER) -> list[tuple[Any, ...]]:
        """Run one statement in a connection of its own, as superuser, and return its rows."""
        with self.connect(database, user=user) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def connect(self, database: str = "postgres", *, user: str = SUPERUSER) -> psycopg.Connection:
        """Connect as superuser; each statement is a transaction of its own."""
        return psycopg.connect(self.url(database, user=user), autocommit=True, connect_timeout=10)


class Server(Address):
    """A server of our own; a context manager that leaves no process and no file behind."""

    def __init__(self, programs: Programs | None = None, *, in_memory: bool = False) -> None:
        super().__init__(new_folder(in_memory=in_memory), _free_port())
        self._process: subprocess.Popen[bytes] | None = None
        self._in_memory = in_memory
        self._followers = ExitStack()
        self._watcher = subprocess.Popen(
            [sys.executable, "-P", processes.__file__, str(self.folder)], stdin=subprocess.PIPE, start_new_session=True
        )
        self._programs = Programs.beside(self.folder) if programs is None else programs

    @classmethod
    def start(cls, *, settings: Mapping[str, str] | None = None, in_memory: bool = False) -> Self:
        """Make a new server and start it.

        :param settings: lines of ``postgresql.conf``.
        :param in_memory: keep its files in memory where there is room: each fsync is as it was, but takes no time.
        """
        server = cls(in_memory=in_memory)
        try:
            server._make(_SETTINGS | dict(settings or {}))
            server._run()
            server.sql(f"CREATE ROLE {OWNER} LOGIN")
            server.sql(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}' IN ROLE {OWNER}")
            server.sql(f"ALTER ROLE {GUARDED} SET role = {OWNER}")
        except BaseException:
            server.close()
            raise
        return server

    def stop(self, mode: str = "fast") -> None:
        """Shut the server down: ``smart`` waits for clients, ``fast`` cuts them off, ``immediate`` tidies nothing."""
        signs = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        if self._process is not None:
            self._process.send_signal(signs[mode])
            self._process.wait(_PATIENCE_S)
            self._process = None

    def restart(self, mode: str = "fast") -> None:
        """Shut the server down unless it is, and start it again where it was."""
        self.stop(mode)
        self._run()

    def kill(self) -> None:
        """Let the server die at once with all its processes, as its machine would."""
        kill_all(self.data)
        if self._process is not None:
            self._process.wait(_PATIENCE_S)
            self._process = None

    def pause(self) -> None:
        """Let all its processes stand still: whoever asks gets no answer, and no refusal either."""
        pause_all(self.data)

    def resume(self) -> None:
        """Let its processes go on."""
        send_to_all(self.data, signal.SIGCONT)

    def standby(self, name: str) -> Self:
        """Return a new standby that every commit here waits for from now on.

        Both servers are set up alike, as operators do: the standby, too, would wait for one of that name.
        """
        standby = type(self)(self._programs, in_memory=self._in_memory)
        self._followers.enter_context(standby)
        self._programs.run(
            "pg_basebackup",
            *("--pgdata", standby.data, "--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast"),
            *("--dbname", f"host=127.0.0.1 port={self.port} user={SUPERUSER} application_name={name}"),
        )
        standby._place()
        standby._run()
        for server in (standby, self):
            server.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
            server.sql("SELECT pg_reload_conf()")
        _wait_for(
            lambda: self.sql(
                f"SELECT 1 FROM pg_stat_replication WHERE application_name = '{name}' AND sync_state = 'sync'"
            )
        )
        return standby

    def promote(self, *, alone: bool = True) -> None:
        """Make a standby the primary; unless ``alone``, it goes on waiting for a standby as the old one did."""
        self._programs.run("pg_ctl", "promote", "--wait", "--pgdata", self.data)
        if alone:
            self.sql("ALTER SYSTEM RESET synchronous_standby_names")
            self.sql("SELECT pg_reload_conf()")
            _wait_for(lambda: self.sql("SHOW synchronous_standby_names") == [("",)])

    def close(self) -> None:
        """End the server and its standbys and remove all their files, unless that is done."""
        if not self.folder.exists():
            return
        self._followers.close()
        self.kill()
        shutil.rmtree(self.folder)
        self._watcher.kill()
        self._watcher.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make(self, settings: Mapping[str, str]) -> None:
        sorting = sorting_locale()
        self._programs.run(
            "initdb",
            *("--pgdata", self.data, "--username", SUPERUSER, "--no-sync", "--no-instructions"),
            *("--encoding", "UTF8", "--locale", "C", "--lc-collate", sorting, "--lc-ctype", sorting),
        )
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        (self.data / "pg_hba.conf").write_text(_ENTRANCE)
        self._place()

    def _place(self) -> None:
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(f"port = {self.port}\nunix_socket_directories = '{self.folder}'\n")

    def _run(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = self._programs.start("postgres", "-D", self.data, log=log)
        _wait_for(self._is_ready)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        lines = status_lines(self.data)
        return len(lines) > 7 and int(lines[0]) == self._process.pid and lines[7].strip() in {"ready", "standby"}


def _free_port() -> int:
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


def _wait_for(holds: Callable[[], object]) -> None:
    ends_at = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < ends_at, "a server takes too long"
        time.sleep(0.005)
