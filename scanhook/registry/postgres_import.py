"""What only PostgreSQL has of the import: its lock, its way to ask for many tags at once, and its loader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from psycopg.errors import LockNotAvailable

from scanhook.errors import Refused, StorageError
from scanhook.registry.postgres_loading import PostgresLoader
from scanhook.registry.sql_imports import SqlImports, begin_loading
from scanhook.storage.lock import make_folder
from scanhook.storage.postgres.connection import PostgresSession
from scanhook.storage.postgres.database import LOCK_CLASS, READ_S, PostgresDatabase

__all__ = ["REGISTERED", "PostgresImports"]

_PLACE = 0x10
"""The second half of the advisory lock of the one place for an import."""
_PLACE_WAIT_MS = 300
"""Of an import that was just killed, the server first has to end the statement that was running."""
# The LIMITs keep the server from joining in another way than by keys, whatever it believes of how full the tables are.
REGISTERED = """
SELECT wanted.tag FROM unnest(?::bytea[]) AS wanted (tag)
JOIN LATERAL (SELECT part_id FROM codes WHERE tag = wanted.tag LIMIT 1) AS c ON true
JOIN LATERAL (SELECT import_id FROM parts WHERE id = c.part_id LIMIT 1) AS pt ON true
JOIN LATERAL (SELECT 1 FROM imports WHERE id = pt.import_id AND shown = 1 LIMIT 1) AS i ON true
"""


class PostgresImports(SqlImports):
    """The half of the PostgreSQL registry that imports use."""

    database: PostgresDatabase

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Hold the one place for an import, of all machines. The server gives it back when the connection is cut.

        All that this thread does meanwhile is done on that very connection: whoever has lost the place can neither
        store nor show anything any more.
        """
        make_folder(self.folder)
        database = self.database
        with database.connections.apart(within_s=READ_S) as connection:
            session = PostgresSession(connection)
            session.change("SET idle_session_timeout = 0")
            session.change(f"SET lock_timeout = {_PLACE_WAIT_MS}")
            try:
                session.value("SELECT pg_advisory_lock(?::int, ?::int)", (LOCK_CLASS, _PLACE))
            except LockNotAvailable:
                raise Refused("another import is running: wait until it has ended") from None
            session.change("RESET lock_timeout")
            connection.until = float("inf")
            with database.on(connection):
                yield

    def registered(self, tags: Sequence[bytes]) -> set[bytes]:
        """Return which of these tags belong to a visible code."""
        if not tags:
            return set()
        with self.database.reading() as session:
            return {tag for (tag,) in session.rows(REGISTERED, (list(tags),))}

    @contextmanager
    def loading(self, import_id: int) -> Iterator[PostgresLoader]:
        """Begin to store the codes of an import."""
        with self.database.transaction(within_s=READ_S) as session:
            self.database.check_ours(session)
            first_part = begin_loading(session, import_id)
        yield PostgresLoader(self.database, import_id=import_id, first_part=first_part)

    def finish_import(self, import_id: int, codes: Sequence[int], *, report: Mapping[str, object]) -> None:
        """Show an import; then let the server learn how large the tables have become."""
        super().finish_import(import_id, codes, report=report)
        with suppress(StorageError), self.database.reading() as session:
            session.change("ANALYZE codes, parts, imports, batches")
