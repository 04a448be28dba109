"""What the halves of a registry on a SQL database stand on."""

from __future__ import annotations

from pathlib import Path

from scanhook.clock import Clock
from scanhook.storage import Database
from scanhook.storage.machine import Machine, this_machine

__all__ = ["SqlStore"]


class SqlStore:
    """One database, a folder of this machine, and a clock."""

    def __init__(self, database: Database, *, folder: Path, clock: Clock) -> None:
        self.database = database
        self._folder = folder
        self._clock = clock

    @property
    def folder(self) -> Path:
        """Where imports keep their sorted tags."""
        return self._folder

    @property
    def machine(self) -> Machine | None:
        """Which machine this is, where others may have the same database."""
        return this_machine(self._folder) if self.database.waits else None
