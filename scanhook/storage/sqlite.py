"""One SQLite file, as a room uses it: a connection for each thread, one writer at a time, durable."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import resources
from pathlib import Path
from weakref import WeakKeyDictionary, WeakSet

import apsw

from scanhook.errors import PepperMismatch, SchemaMismatch, StorageError, StorageMoved
from scanhook.storage import sqlite_connection
from scanhook.storage.database import Session, moved
from scanhook.storage.pepper import Pepper
from scanhook.storage.sqlite_connection import (
    SqliteConnection,
    durability,
    open_file,
    rows_of,
    worded,
    wording,
)

__all__ = ["MOVED_AT", "MOVED_TO", "SqliteDatabase", "check_not_moved", "schema_of", "upgrade"]

MOVED_TO = "moved_to"
"""Under this name ``meta`` says where the storage was moved to; from then on its rooms give and take nothing more."""
MOVED_AT = "moved_at"
"""And under this one, that it was left for good: until then the move may still fail, and the storage go on."""
_STANDING = f"SELECT name, value FROM meta WHERE name IN ('pepper_id', '{MOVED_TO}')"


class SqliteDatabase:
    """A :class:`~scanhook.storage.database.Database` in one file.

    Threads share it; each has a connection of its own, opened at its first use. After ``fork`` the child opens its own.

    :param path: the file; made with its schema when it is not there.
    :param package: where the schema lies: ``schema/NNNN.sql`` in it, in order.
    :param pepper: kept by its id and check value in the file's ``meta`` table.
    :raises PepperMismatch: when the file was made with another pepper.
    :raises SchemaMismatch: when the file was made by another version.
    :raises StorageError: when it cannot be read or written, or is not durable.
    """

    waits = False
    _opened: WeakKeyDictionary[SqliteConnection, tuple[int, int]]
    """By connection, which file it has open; a thread's connection goes when the thread has ended."""

    def __init__(self, path: Path, *, package: str, pepper: Pepper) -> None:
        self.path = path
        self.name = str(path)
        self._pepper = pepper
        self._written = 0
        self.forget()
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
    def connection(self) -> SqliteConnection:
        """This thread's connection."""
        found: SqliteConnection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._open()
        return found

    @contextmanager
    def reading(self) -> Iterator[SqliteConnection]:
        """Give the connection for reading; SQLite's errors come out as :class:`StorageError`."""
        with self.wording():
            check_not_moved(self.connection, self.name)
            yield self.connection

    @contextmanager
    def seeing_one_state(self) -> Iterator[SqliteConnection]:
        """Give the connection inside a transaction that only reads."""
        with self.wording():
            connection = self.connection
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                check_not_moved(connection, self.name)
                yield connection
            finally:
                if connection.in_transaction:  # SQLite has ended it by itself if the disk failed
                    connection.execute("COMMIT")

    def writing(self) -> AbstractContextManager[SqliteConnection]:
        """Give the connection inside a transaction, which is on the disk when the block is left without an error."""
        return self._transaction(self.check_ours)

    @contextmanager
    def _transaction(self, check: Callable[[SqliteConnection], None]) -> Iterator[SqliteConnection]:
        # One generator and not one for each concern: every scan comes through here.
        try:
            connection = self.connection
            if not self._write_lock.acquire(timeout=sqlite_connection.BUSY_WAIT_S):
                raise StorageError(f"{self.path.name} is busy with another write: try again")
            try:
                connection.execute("BEGIN IMMEDIATE")
                check(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._written += 1
                self._write_lock.release()
        except (apsw.Error, OSError) as error:
            raise worded(self.path, error) from error

    def version(self) -> tuple[SqliteConnection, int, int]:
        """Return what changes with every commit to the file, by whomever: for caches of what was read from it."""
        # SQLite's number leaves out what this very connection wrote, and says nothing between two connections.
        return self.connection, self.connection.execute("PRAGMA data_version").get, self._written

    def check_in_place(self) -> None:
        """Find out whether the file at our path is still the one that is open.

        :raises StorageError: when it was moved away or exchanged.
        """
        try:
            connection, found = self.connection, os.stat(self.name)  # noqa: PTH116 (a Path's own takes twice as long)
        except (apsw.Error, OSError) as error:
            raise worded(self.path, error) from error
        if self._opened.get(connection) != (found.st_dev, found.st_ino):
            raise StorageError(f"{self.path} was exchanged while scanhook runs: restart it")

    def check_ours(self, session: Session) -> None:
        """Find out whether the file is still ours: it may be moved, upgraded, exchanged or restored under our feet."""
        kept = dict(session.rows(_STANDING))
        if MOVED_TO in kept:
            raise StorageMoved(moved(self.name, kept[MOVED_TO]))
        self.check_in_place()
        self.check_version(self.connection)
        if kept.get("pepper_id") != self._pepper.id:
            raise PepperMismatch(f"{self.path} now belongs to another pepper: put back the right one")

    def check_writable(self, _session: Session) -> None:
        """Find out whether the file could be written; an import may hold it for longer than anybody would wait."""
        if self.connection.readonly("main"):
            raise StorageError(f"{self.path}: it cannot be written: give it to the user that scanhook runs as")

    def describe(self) -> str:
        """Name the engine and how safe a commit is, for people; read back from SQLite itself."""
        with self.reading() as connection:
            journal_mode, synchronous = durability(connection)
        return f"SQLite {apsw.sqlite_lib_version()}, journal_mode {journal_mode}, synchronous {synchronous} (2 is FULL)"

    def close(self) -> None:
        """Close every connection of this process."""
        for connection in list(self._opened):
            connection.close()
        self._opened = WeakKeyDictionary()
        self._local = threading.local()

    def forget(self) -> None:
        """Have no connection yet, or none any more, after a fork: a connection must not be used on its far side."""
        self._local = threading.local()
        self._opened = WeakKeyDictionary()
        self._write_lock = threading.Lock()

    def wording(self) -> AbstractContextManager[None]:
        """Turn what SQLite and the system say into a :class:`StorageError` that says what to do."""
        return wording(self.path)

    def _open(self) -> SqliteConnection:
        connection = open_file(self.path)
        found = self.path.stat()
        self._opened[connection] = (found.st_dev, found.st_ino)
        return connection

    def check_version(self, connection: apsw.Connection) -> None:
        """Find out whether the schema is still ours: it may be upgraded or restored while we run.

        :raises SchemaMismatch: when it is not.
        """
        version = connection.execute("PRAGMA user_version").get
        if version != len(self._schema):
            raise SchemaMismatch(_misfit(self.path, version, len(self._schema)))

    def _check_schema(self) -> None:
        with self.wording():
            if self.connection.pragma("user_version") == 0:
                self._create()
            else:
                self.check_version(self.connection)

    def _create(self) -> None:
        with self._transaction(_trust) as connection:
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
        with self.wording():
            kept = dict(rows_of(self.connection, "SELECT name, value FROM meta WHERE name LIKE 'pepper_%'"))
        if kept.get("pepper_id") != self._pepper.id or kept.get("pepper_check") != self._pepper.check:
            raise PepperMismatch(
                f"{self.path} was made with the pepper {kept.get('pepper_id', 'unknown')}, and `pepper_file` holds "
                f"{self._pepper.id}: put back the pepper that belongs to this storage"
            )


def check_not_moved(session: Session, name: str) -> None:
    """Find out whether a file may still be used.

    :param name: what people are told of it.
    :raises StorageMoved: when it may not.
    """
    place = session.value("SELECT value FROM meta WHERE name = ?", (MOVED_TO,))
    if place is not None:
        raise StorageMoved(moved(name, place))


def _trust(_session: Session) -> None:
    """Look at nothing: the file is only being made."""


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
            # The pages of a table that is dropped would keep its rows, where no erasure reaches them.
            connection.pragma("secure_delete", 1)
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


_EVERY: WeakSet[SqliteDatabase] = WeakSet()


def _forget_all() -> None:
    for database in _EVERY:
        database.forget()


os.register_at_fork(after_in_child=_forget_all)  # a connection must not be used on the far side of a fork
