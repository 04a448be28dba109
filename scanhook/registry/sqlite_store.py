"""What the halves of the SQLite registry stand on."""

from __future__ import annotations

from scanhook.clock import Clock
from scanhook.storage import SqliteDatabase

__all__ = ["SqliteStore"]


class SqliteStore:
    """One SQLite file and a clock."""

    def __init__(self, database: SqliteDatabase, *, clock: Clock) -> None:
        self.database = database
        self._clock = clock
