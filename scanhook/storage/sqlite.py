"""One SQLite file, as registry and journal use it: a connection for each thread, one writer at a time, durable.

APSW and not the standard library's ``sqlite3``: its wheel brings a SQLite newer than 3.51.3 (older ones can corrupt a
database when the WAL is reset), and it is twice as fast from Python.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import apsw

from scanhook.errors import PepperMismatch, SchemaMismatch, StorageError
from scanhook.storage.pepper import Pepper

__all__ = ["BUSY_WAIT_S", "Database", "open_file", "rows_of", "schema_of", "upgrade", "wording"]

BUSY_WAIT_S = 1.2
"""For the other threads of this process, and again for other processes: together within the 3 s of a scan."""
_BUSY_SLEEP_S = 0.0002
_SYNCHRONOUS_FULL = 2


def rows_of(connection: apsw.Connection, statement: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    """Run one statement to its end and return its rows; APSW by itself stops at the first."""
    return connection.execute(statement, bindings).fetchall()


class Database:
    """One file with its schema, opened for one pepper.

    Threads share it; each has a connection of its own, opened at its first use. After ``fork`` the child opens its own.

    :param path: the file; made with its schema when it is not there.
    :param package: where the schema lies: ``schema/NNNN.sql`` in it, in order.
    :param pepper: kept by its id and check value in the file's ``meta`` table.
    :raises PepperMismatch: when the file was made with another pepper.
    :raises SchemaMismatch: when the file was made by another version.
    :raises StorageError: when it cannot be read or written, or is not durable.
    """

    def __init__(self, path: Path, *, package: str, pepper: Pepper) -> None:
        self.path = path
        self._pepper = pepper
        self._local = threading.local()
        self._write_lock = threading.Lock()
        # By connection, which file it has open; a thread's connection goes when the thread has ended.
        self._opened: WeakKeyDictionary[apsw.Connection, tuple[int, int]] = WeakKeyDictionary()
        self._written = 0
        _EVERY.add(self)
        self._schema = schema_of(package)
        with self.wording():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                path.touch(mode=0o600)
        self._check_schema()
        self._check_pepper()
        self.close()  # so that whoever forks next takes no open connection along

    @property
    def connection(self) -> apsw.Connection:
        """This thread's connection."""
        found: apsw.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._open()
        return found

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """Give the connection for reading; SQLite's errors come out as :class:`StorageError`."""
        with self.wording():
            yield self.connection

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """Give the connection inside a transaction, which is on the disk when the block is left without an error."""
        with self.wording():
            connection = self.connection
            if not self._write_lock.acquire(timeout=BUSY_WAIT_S):
                raise StorageError(f"{self.path.name} is busy with another write: try again")
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            finally:
                self._written += 1
                self._write_lock.release()

    def version(self) -> tuple[apsw.Connection, int, int]:
        """Return what changes with every commit to the file, by whomever: for caches of what was read from it."""
        # SQLite's number leaves out what this very connection wrote, and says nothing between two connections.
        return self.connection, self.connection.execute("PRAGMA data_version").get, self._written

    def check_in_place(self) -> None:
        """Find out whether the file at our path is still the one that is open.

        :raises StorageError: when it was moved away or exchanged.
        """
        with self.wording():
            connection, found = self.connection, self.path.stat()
        if self._opened.get(connection) != (found.st_dev, found.st_ino):
            raise StorageError(f"{self.path} was exchanged while scanhook runs: restart it")

    def describe(self) -> str:
        """Name the engine and how safe a commit is, for people; read back from SQLite itself."""
        with self.reading() as connection:
            journal_mode, synchronous = _durability(connection)
        return f"SQLite {apsw.sqlite_lib_version()}, journal_mode {journal_mode}, synchronous {synchronous} (2 is FULL)"

    def close(self) -> None:
        """Close every connection of this process."""
        for connection in list(self._opened):
            connection.close()
        self._opened = WeakKeyDictionary()
        self._local = threading.local()

    def forget(self) -> None:
        """Let go of every connection, after a fork: a connection must not be used on its far side."""
        self._local, self._opened, self._write_lock = threading.local(), WeakKeyDictionary(), threading.Lock()

    def wording(self) -> AbstractContextManager[None]:
        """Turn what SQLite and the system say into a :class:`StorageError` that says what to do."""
        return wording(self.path)

    def _open(self) -> apsw.Connection:
        connection = open_file(self.path)
        found = self.path.stat()
        self._opened[connection] = (found.st_dev, found.st_ino)
        return connection

    def check_version(self, connection: apsw.Connection) -> None:
        """Find out whether the schema is still ours: it may be upgraded or restored while we run.

        :raises SchemaMismatch: when it is not.
        """
        version = connection.pragma("user_version")
        if version != len(self._schema):
            raise SchemaMismatch(_misfit(self.path, version, len(self._schema)))

    def _check_schema(self) -> None:
        with self.reading() as connection:
            if connection.pragma("user_version") == 0:
                self._create()
            else:
                self.check_version(connection)

    def _create(self) -> None:
        with self.writing() as connection:
            if connection.pragma("user_version"):
                return  # another process was faster
            for script in self._schema:
                _run_script(connection, script)
            connection.execute(
                "INSERT INTO meta (name, value) VALUES ('pepper_id', ?), ('pepper_check', ?)",
                (self._pepper.id, self._pepper.check),
            )
            connection.pragma("user_version", len(self._schema))

    def _check_pepper(self) -> None:
        with self.reading() as connection:
            kept = dict(rows_of(connection, "SELECT name, value FROM meta WHERE name LIKE 'pepper_%'"))
        if kept.get("pepper_id") != self._pepper.id or kept.get("pepper_check") != self._pepper.check:
            raise PepperMismatch(
                f"{self.path} was made with the pepper {kept.get('pepper_id', 'unknown')}, and `pepper_file` holds "
                f"{self._pepper.id}: put back the pepper that belongs to this storage"
            )


@contextmanager
def wording(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say of a file into a :class:`StorageError` that says what to do."""
    try:
        yield
    except apsw.Error as error:
        raise StorageError(f"{path}: {_REMEDIES.get(type(error), str(error))}") from error
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else str(path)
        raise StorageError(f"{named}: {error.strerror}{_SYSTEM_REMEDIES.get(error.errno or 0, '')}") from error


def open_file(path: Path) -> apsw.Connection:
    """Open a connection to a file that is there, durable and patient.

    :raises StorageError: when it is no database of scanhook's, or SQLite cannot make commits durable there.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    deadline = [0.0]

    def keep_trying(tries: int) -> bool:
        # SQLite's own handler sleeps longer the longer one has waited, which starves the one that waits most.
        if tries == 0:
            deadline[0] = time.monotonic() + BUSY_WAIT_S
        time.sleep(_BUSY_SLEEP_S)
        return time.monotonic() < deadline[0]

    connection.set_busy_handler(keep_trying)
    tables = {name for (name,) in rows_of(connection, "SELECT name FROM sqlite_schema")}
    if tables and "meta" not in tables:
        connection.close()
        raise StorageError(f"{path} is a database, but not one of scanhook's: move it out of the way")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    if _durability(connection) != ("wal", _SYNCHRONOUS_FULL):
        raise StorageError(f"{path}: SQLite cannot make commits durable here: put the folder on a local disk")
    return connection


def schema_of(package: str) -> list[str]:
    """Return the scripts that make a schema, in their order: ``schema/NNNN.sql`` of a package."""
    scripts = sorted(resources.files(package).joinpath("schema").iterdir(), key=lambda script: script.name)
    return [script.read_text() for script in scripts if script.name.endswith(".sql")]


def upgrade(path: Path, *, package: str) -> tuple[int, int]:
    """Bring a file's schema up to this version's, in one transaction: all of it or nothing.

    :returns: the version that it had, and the one that it has.
    :raises SchemaMismatch: when a newer version made it.
    :raises StorageError: when it cannot be read or written, or is no database of scanhook's.
    """
    scripts = schema_of(package)
    with wording(path):
        connection = open_file(path)
        try:
            connection.execute("BEGIN IMMEDIATE")
            version = connection.pragma("user_version")
            if not 0 < version <= len(scripts):
                raise SchemaMismatch(_misfit(path, version, len(scripts)))
            for script in scripts[version:]:
                _run_script(connection, script)
            connection.pragma("user_version", len(scripts))
            connection.execute("COMMIT")
        finally:
            connection.close()
    return version, len(scripts)


def _misfit(path: Path, version: int, ours: int) -> str:
    if version < ours:
        remedy = "make a backup, stop the service, and run `scanhook storage upgrade`"
        return f"{path} was made by an older version of scanhook (schema {version}, here {ours}): {remedy}"
    remedy = "install the version that made it"
    return f"{path} was made by a newer version of scanhook (schema {version}, here {ours}): {remedy}"


def _run_script(connection: apsw.Connection, script: str) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)


_EVERY: WeakSet[Database] = WeakSet()


def _forget_all() -> None:
    for database in _EVERY:
        database.forget()


os.register_at_fork(after_in_child=_forget_all)  # a connection must not be used on the far side of a fork


def _durability(connection: apsw.Connection) -> tuple[str, int]:
    return str(connection.pragma("journal_mode")), int(connection.pragma("synchronous"))


_MAY_NOT_WRITE = ": give it to the user that scanhook runs as, and see that the disk can be written"
_SYSTEM_REMEDIES = {
    errno.EACCES: _MAY_NOT_WRITE,
    errno.EPERM: _MAY_NOT_WRITE,
    errno.EROFS: _MAY_NOT_WRITE,
    errno.ENOSPC: ": make room on the disk",
    errno.EDQUOT: ": make room on the disk",
    errno.ENOENT: ": is the disk mounted?",
}
_REMEDIES: dict[type[apsw.Error], str] = {
    apsw.NotADBError: "it is not a database: restore it from a backup, or move it out of the way",
    apsw.CorruptError: "the database is damaged: restore it from a backup",
    apsw.FullError: "the disk is full: make room on it",
    apsw.ReadOnlyError: "it cannot be written: give it to the user that scanhook runs as",
    apsw.CantOpenError: "it cannot be opened: is the folder there, and may scanhook's user read and write it?",
    apsw.BusyError: f"another process held it for more than {BUSY_WAIT_S} s: try again (`fuser` names the process)",
    apsw.IOError: "the disk gave an error: look into the system's log",
}
