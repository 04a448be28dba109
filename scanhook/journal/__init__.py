"""The append-only log of scans and its counters: durable before an answer leaves."""

from __future__ import annotations

from scanhook.journal.entry import UNDECIDED, Entry, Kept, KeptEvent, Noted, Recorded, Reset, Scan, Sighting, Tally
from scanhook.journal.export import (
    COLUMNS,
    PERSON_COLUMNS,
    as_dict,
    harmless,
    kept_of,
    write_csv,
    write_jsonl,
)
from scanhook.journal.people import (
    ALWAYS_S,
    Retained,
    erase_person,
    erasures_path,
    read_erasures,
    reapply_erasures,
    remember_erasures,
    retain,
    share_erasures,
)
from scanhook.journal.peoplestore import Erasure, PeopleStore, Progress, Pseudonym
from scanhook.journal.sqlite import SqliteJournal
from scanhook.journal.store import JournalStore
from scanhook.journal.wanted import ANSWERS, ANY_SCAN, REASONS, SUCCESS_ANSWER, EventPage, Page, Wanted
from scanhook.storage import POSTGRESQL, Pepper, StorageUrl

__all__ = [
    "ALWAYS_S",
    "ANSWERS",
    "ANY_SCAN",
    "COLUMNS",
    "PERSON_COLUMNS",
    "REASONS",
    "SUCCESS_ANSWER",
    "UNDECIDED",
    "Entry",
    "Erasure",
    "EventPage",
    "JournalStore",
    "Kept",
    "KeptEvent",
    "Noted",
    "Page",
    "PeopleStore",
    "Progress",
    "Pseudonym",
    "Recorded",
    "Reset",
    "Retained",
    "Scan",
    "Sighting",
    "Tally",
    "Wanted",
    "as_dict",
    "erase_person",
    "erasures_path",
    "harmless",
    "kept_of",
    "open_journal",
    "read_erasures",
    "reapply_erasures",
    "remember_erasures",
    "retain",
    "share_erasures",
    "write_csv",
    "write_jsonl",
]


def open_journal(url: StorageUrl, *, pepper: Pepper) -> JournalStore:
    """Open the journal that a storage URL names, making it when it is not there.

    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when it was made by another version.
    :raises StorageError: when it cannot be opened.
    """
    if url.engine == POSTGRESQL:
        from scanhook.journal.postgres import open_postgres  # noqa: PLC0415  (psycopg is loaded only where it is used)

        return open_postgres(url, pepper=pepper)
    return SqliteJournal(url.folder, pepper=pepper)
