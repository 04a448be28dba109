"""The append-only log of scans and its counters: durable before an answer leaves."""

from __future__ import annotations

from scanhook.journal.export import COLUMNS, as_dict, harmless, write_csv, write_jsonl
from scanhook.journal.sqlite import SqliteJournal
from scanhook.journal.store import UNDECIDED, Entry, JournalStore, Noted, Recorded, Scan, Tally
from scanhook.storage import Pepper, StorageUrl

__all__ = [
    "COLUMNS",
    "UNDECIDED",
    "Entry",
    "JournalStore",
    "Noted",
    "Recorded",
    "Scan",
    "Tally",
    "as_dict",
    "harmless",
    "open_journal",
    "write_csv",
    "write_jsonl",
]

_ENGINES = {"sqlite": SqliteJournal}


def open_journal(url: StorageUrl, *, pepper: Pepper) -> JournalStore:
    """Open the journal that a storage URL names, making it when it is not there.

    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when it was made by another version.
    :raises StorageError: when it cannot be opened.
    """
    return _ENGINES[url.engine](url.folder, pepper=pepper)
