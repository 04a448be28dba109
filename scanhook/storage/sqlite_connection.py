"""A connection to one SQLite file, durable and patient, and statements on it as every room writes them.

APSW and not the standard library's ``sqlite3``: its wheel brings a SQLite newer than 3.51.3 (older ones can corrupt a
database when the WAL is reset), and it is twice as fast from Python.
"""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from scanhook.errors import StorageError

__all__ = ["BUSY_WAIT_S", "SqliteConnection", "durability", "is_full", "open_file", "rows_of", "worded", "wording"]

BUSY_WAIT_S = 1.2
"""For the other threads of this process, and again for other processes: together within the 3 s of a scan."""
_BUSY_SLEEP_S = 0.0002
_SYNCHRONOUS_FULL = 2
_FULL_BYTES = 1 << 20
"""A disk with less room is called full: SQLite could not even enlarge its files by what it takes at once."""


def rows_of(connection: apsw.Connection, statement: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    """Run one statement to its end and return its rows; APSW by itself stops at the first."""
    return connection.execute(statement, bindings).fetchall()


class SqliteConnection(apsw.Connection):
    """A :class:`~scanhook.storage.database.Session` on SQLite."""

    def rows(self, statement: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement to its end; APSW by itself stops at the first row."""
        return self.execute(statement, bindings).fetchall()

    def value(self, statement: str, bindings: tuple[object, ...] = ()) -> Any:
        """Run one statement, and return the first value of its first row."""
        rows = self.execute(statement, bindings).fetchall()
        return rows[0][0] if rows else None

    def change(self, statement: str, bindings: tuple[object, ...] = ()) -> int:
        """Run one statement, and return how many rows it has changed."""
        self.execute(statement, bindings).fetchall()
        return self.changes()

    def change_all(self, statement: str, many: Iterable[tuple[object, ...]]) -> int:
        """Run one statement with each of those bindings."""
        before = self.total_changes() - self._written_down()
        self.executemany(statement, many)
        return self.total_changes() - self._written_down() - before

    def _written_down(self) -> int:
        """Return how much triggers have added that write changes down: SQLite counts that with the rest."""
        if not self.execute("SELECT 1 FROM sqlite_schema WHERE name = 'moving_log'").get:
            return 0
        return self.execute("SELECT max(number) FROM moving_log").get or 0


@contextmanager
def wording(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say of a file into a :class:`StorageError` that says what to do."""
    try:
        yield
    except (apsw.Error, OSError) as error:
        raise worded(path, error) from error


def worded(path: Path, error: apsw.Error | OSError) -> StorageError:
    """Return what :func:`wording` raises."""
    if isinstance(error, apsw.Error):
        # Where a file is mapped into memory, SQLite calls a full disk an error of the disk.
        kind = apsw.FullError if isinstance(error, apsw.IOError) and is_full(path.parent) else type(error)
        return StorageError(f"{path}: {_REMEDIES.get(kind, str(error))}")
    named = error.filename if isinstance(error.filename, str) else str(path)
    return StorageError(f"{named}: {error.strerror}{_SYSTEM_REMEDIES.get(error.errno or 0, '')}")


def is_full(folder: Path) -> bool:
    """Tell whether the disk that a folder is on has no room left; a folder that cannot be asked is not full."""
    try:
        return shutil.disk_usage(folder).free < _FULL_BYTES
    except OSError:
        return False


def open_file(path: Path) -> SqliteConnection:
    """Open a connection to a file that is there, durable and patient.

    :raises StorageError: when it is no database of scanhook's, or SQLite cannot make commits durable there.
    """
    connection = SqliteConnection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
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
    if durability(connection) != ("wal", _SYNCHRONOUS_FULL):
        raise StorageError(f"{path}: SQLite cannot make commits durable here: put the folder on a local disk")
    return connection


def durability(connection: apsw.Connection) -> tuple[str, int]:
    """Read back how safe a commit is: ``journal_mode`` and ``synchronous``."""
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
