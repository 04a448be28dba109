"""What only SQLite has of the import: its lock, its way to ask for many tags at once, and its loader."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import apsw

from scanhook.errors import Refused
from scanhook.registry.sql_imports import SqlImports, begin_loading
from scanhook.registry.sqlite_loading import SqliteLoader, loading_connection
from scanhook.storage import SqliteDatabase, rows_of
from scanhook.storage.files import give_to_owner

__all__ = ["SqliteImports"]

_REGISTERED = """
SELECT c.tag FROM carray(?) AS wanted JOIN codes AS c ON c.tag = wanted.value
WHERE EXISTS (
  SELECT 1 FROM parts AS pt JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1 WHERE pt.id = c.part_id
)
"""


class SqliteImports(SqlImports):
    """The half of the SQLite registry that imports use."""

    database: SqliteDatabase

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Hold the one place for an import. The system gives it back when the process dies."""
        path = self.database.path.with_name("import.lock")
        with self.database.wording():
            file = path.open("w")
            give_to_owner(path)
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused("another import is running: wait until it has ended") from None
            yield

    def registered(self, tags: Sequence[bytes]) -> set[bytes]:
        """Return which of these tags belong to a visible code."""
        if not tags:
            return set()
        with self.database.reading() as connection:
            return {tag for (tag,) in rows_of(connection, _REGISTERED, (apsw.carray(tuple(tags)),))}

    @contextmanager
    def loading(self, import_id: int) -> Iterator[SqliteLoader]:
        """Begin to store the codes of an import."""
        with loading_connection(self.database) as connection:
            first_part = begin_loading(connection, import_id)
            yield SqliteLoader(connection, import_id=import_id, first_part=first_part)
