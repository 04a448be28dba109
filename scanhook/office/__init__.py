"""What the house itself needs to work: the keys of those who call its API, and the directory of products."""

from __future__ import annotations

from scanhook.clock import Clock
from scanhook.office.apikey import ApiKey, KeyScope
from scanhook.office.catalog import CatalogEntry, EntryKey, Listed, Presentation
from scanhook.office.catalogstore import CatalogStore
from scanhook.office.livestore import LiveStore
from scanhook.office.sqlite import open_sqlite
from scanhook.office.store import OfficeStore
from scanhook.storage import POSTGRESQL, Pepper, StorageUrl

__all__ = [
    "ApiKey",
    "CatalogEntry",
    "CatalogStore",
    "EntryKey",
    "KeyScope",
    "Listed",
    "LiveStore",
    "OfficeStore",
    "Presentation",
    "open_office",
]


def open_office(url: StorageUrl, *, pepper: Pepper, clock: Clock) -> OfficeStore:
    """Open the office that a storage URL names, making it when it is not there.

    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when it was made by another version.
    :raises StorageError: when it cannot be opened.
    """
    if url.engine == POSTGRESQL:
        from scanhook.office.postgres import open_postgres  # noqa: PLC0415  (psycopg is loaded only where it is used)

        return open_postgres(url, pepper=pepper, clock=clock)
    return open_sqlite(url, pepper=pepper, clock=clock)
