"""What the house itself needs to work: the keys of those who call its API."""

from __future__ import annotations

from scanhook.clock import Clock
from scanhook.office.apikey import ApiKey, KeyScope
from scanhook.office.sqlite import SqliteOffice
from scanhook.office.store import OfficeStore
from scanhook.storage import Pepper, StorageUrl

__all__ = ["ApiKey", "KeyScope", "OfficeStore", "open_office"]

_ENGINES = {"sqlite": SqliteOffice}


def open_office(url: StorageUrl, *, pepper: Pepper, clock: Clock) -> OfficeStore:
    """Open the office that a storage URL names, making it when it is not there.

    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when it was made by another version.
    :raises StorageError: when it cannot be opened.
    """
    return _ENGINES[url.engine](url.folder, pepper=pepper, clock=clock)
