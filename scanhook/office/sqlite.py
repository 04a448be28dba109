"""The office on SQLite: ``office.db`` in the storage's folder."""

from __future__ import annotations

from scanhook.clock import Clock
from scanhook.office.sql_office import SqlOffice
from scanhook.storage import Pepper, SqliteDatabase, StorageUrl

__all__ = ["open_sqlite"]


def open_sqlite(url: StorageUrl, *, pepper: Pepper, clock: Clock) -> SqlOffice:
    """Open the office of a SQLite storage, making it when it is not there.

    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when it was made by another version.
    :raises StorageError: when it cannot be opened.
    """
    database = SqliteDatabase(url.folder / "office.db", package="scanhook.office", pepper=pepper)
    return SqlOffice(database, pepper=pepper, clock=clock)
