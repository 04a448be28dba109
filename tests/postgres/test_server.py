"""The servers of the tests: as durable as in production, breakable, and gone without a trace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from tests.postgres import GUARDED, OWNER, PASSWORD, Address, Server
from tests.postgres.sharing import note_in
from tests.serving import wait_for

_ROOT = Path(__file__).parents[2]
_USER = """
import sys
from pathlib import Path
from tests.postgres import Server, shared_server
with {server} as server:
    print(server.folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a server of our own, to break."""
    with Server.start(in_memory=True) as server:
        yield server


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("max_connections", "100"),
        ("server_encoding", "UTF8"),
        ("synchronous_commit", "on"),
        ("timezone", "Asia/Shanghai"),
    ],
)
def test_the_shared_server_is_as_durable_as_in_production(postgres: Address, setting: str, value: str) -> None:
    assert postgres.sql(f"SHOW {setting}") == [(value,)]


def test_a_guarded_role_needs_its_password_and_acts_as_the_owner(postgres: Address) -> None:
    with psycopg.connect(postgres.url(user=GUARDED, password=PASSWORD)) as connection:
        assert connection.execute("SELECT session_user, current_user").fetchall() == [(GUARDED, OWNER)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url(user=GUARDED, password="wrong"))


def test_the_owner_is_no_superuser(postgres: Address) -> None:
    assert postgres.sql("SHOW is_superuser", user=OWNER) == [("off",)]


@pytest.mark.ordeal
def test_a_killed_server_leaves_no_process_and_comes_back_with_every_commit(server: Server) -> None:
    server.sql("CREATE TABLE kept AS SELECT 1 AS n")
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
    port = server.port

    server.kill()

    assert len(processes) > 4
    assert not [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    with pytest.raises(psycopg.OperationalError, match="refused"):
        server.sql("SELECT 1")
    server.restart()
    assert server.port == port
    assert server.sql("SELECT n FROM kept") == [(1,)]


@pytest.mark.ordeal
def test_a_paused_server_stands_still_until_it_goes_on(server: Server) -> None:
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]

    server.pause()
    states = {process.status() for process in processes}
    server.resume()

    assert psutil.STATUS_STOPPED in states
    assert states <= {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
    assert server.sql("SELECT 1") == [(1,)]


@pytest.mark.ordeal
@pytest.mark.parametrize("mode", ["smart", "fast", "immediate"])
def test_a_server_restarts_where_it_was(server: Server, mode: str) -> None:
    pid, url = server.pid, server.url()

    server.restart(mode)

    assert server.url() == url
    assert server.pid != pid
    assert server.sql("SELECT 1") == [(1,)]


@pytest.mark.ordeal
@pytest.mark.parametrize("alone", [True, False])
def test_a_standby_has_every_commit_and_can_be_promoted(*, alone: bool) -> None:
    with Server.start(in_memory=True) as primary, primary.standby("b") as standby:
        primary.sql("CREATE TABLE kept AS SELECT 1 AS n")
        primary.kill()

        standby.promote(alone=alone)

        assert standby.sql("SELECT n FROM kept") == [(1,)]
        write = Thread(target=standby.sql, args=["INSERT INTO kept VALUES (2)"])
        write.start()
        if not alone:
            wait_for(
                lambda: standby.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"), "the write hangs"
            )
            standby.sql("ALTER SYSTEM RESET synchronous_standby_names")
            standby.sql("SELECT pg_reload_conf()")
        write.join()
        assert standby.sql("SELECT n FROM kept ORDER BY n") == [(1,), (2,)]


@pytest.mark.ordeal
def test_a_server_does_not_outlive_the_process_that_started_it() -> None:
    with _user("Server.start()") as user:
        folder = _folder_of(user)
        assert (folder / "data" / "postmaster.pid").exists()

        user.kill()

        wait_for(lambda: not folder.exists(), "the server is gone")


@pytest.mark.ordeal
def test_a_shared_server_goes_with_its_last_user_however_it_went(tmp_path: Path) -> None:
    shared = f"shared_server(Path({str(tmp_path)!r}))"
    with _user(shared) as first, _user(shared) as second:
        folder = _folder_of(first)
        assert _folder_of(second) == folder

        first.kill()
        first.wait()
        assert note_in(tmp_path).exists()
        second.kill()

        wait_for(lambda: not folder.exists(), "the server is gone")
        assert not note_in(tmp_path).exists()


def _user(server: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _USER.format(server=server)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _folder_of(user: subprocess.Popen[str]) -> Path:
    assert user.stdout is not None
    return Path(user.stdout.readline().strip())
