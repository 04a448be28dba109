"""The office on PostgreSQL: tables in the storage's database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import cast

from scanhook.clock import Clock
from scanhook.office.sql_office import SqlOffice
from scanhook.storage import Pepper, Session, StorageUrl
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.database import SCAN_S, PostgresDatabase

__all__ = ["PostgresOffice", "open_postgres"]


def open_postgres(url: StorageUrl, *, pepper: Pepper, clock: Clock) -> PostgresOffice:
    """Open the office of a PostgreSQL storage, whose tables are there.

    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when it was made by another version.
    :raises StorageError: when it cannot be opened.
    """
    address = cast("Address", url.address)
    database = PostgresDatabase(address, room="office", package="scanhook.office", pepper=pepper, most=url.connections)
    return PostgresOffice(database, pepper=pepper, clock=clock)


class PostgresOffice(SqlOffice):
    """An :class:`~scanhook.office.store.OfficeStore` in a PostgreSQL database."""

    database: PostgresDatabase

    def _answering(self) -> AbstractContextManager[Session]:
        return self.database.session(within_s=SCAN_S)

    @contextmanager
    def _noting(self) -> Iterator[Session]:
        # One row, by its key: it needs not be alone in the room, and never waits for who is.
        with self.database.session(within_s=SCAN_S) as session:
            self.database.check_ours(session)
            yield session
