"""The office on PostgreSQL: tables in the storage's database."""

from __future__ import annotations

from typing import cast

from scanhook.clock import Clock
from scanhook.office.sql_office import SqlOffice
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.database import PostgresDatabase

__all__ = ["open_postgres"]


def open_postgres(url: StorageUrl, *, pepper: Pepper, clock: Clock) -> SqlOffice:
    """Open the office of a PostgreSQL storage, making its tables when they are not there.

    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when it was made by another version.
    :raises StorageError: when it cannot be opened.
    """
    address = cast("Address", url.address)
    database = PostgresDatabase(address, room="office", package="scanhook.office", pepper=pepper, most=url.connections)
    return SqlOffice(database, pepper=pepper, clock=clock)
