"""How SQLite stores scans and other events: all in one transaction, and what is counted of a code is folded before.

Persons and counts are written in the order of codes, so that neighbours share a page, and a code that everybody scans
has its counts written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from scanhook.journal.entry import UNDECIDED, Entry, Scan
from scanhook.journal.sql_counts import is_counted
from scanhook.journal.sql_rows import entry_of, millis
from scanhook.journal.sql_storing import DECISION, EVENT_ROW, FIND, SCAN_ROW, new_entry
from scanhook.journal.sqlite_file import JournalFile
from scanhook.storage import SqliteConnection
from scanhook.verdict import Verdict

__all__ = ["Stored", "store_events", "store_scans"]

_ADD = f"""
INSERT INTO scans ({", ".join(SCAN_ROW)}) VALUES ({", ".join("?" * len(SCAN_ROW))}) ON CONFLICT (identity) DO NOTHING
"""
_ADD_EVENT = f"""
INSERT INTO events ({", ".join(EVENT_ROW)}) VALUES ({", ".join("?" * len(EVENT_ROW))}) ON CONFLICT (identity) DO NOTHING
"""
_COMPLETE = f"""
UPDATE scans SET {", ".join(f"{name} = ?" for name in DECISION)}
WHERE identity = ? AND account = ? AND key_standard = ? AND key_str = ? AND (asked IS NULL OR asked = ?)
  AND reason = '{UNDECIDED}'
"""
_ADD_PERSON = "INSERT INTO counts (tag, person) VALUES (?, ?) ON CONFLICT DO NOTHING"
_COUNT = """
INSERT INTO counts (tag, person, scans, persons, first_at, last_at) VALUES (?1, x'', ?2, ?3, ?4, ?5)
ON CONFLICT (tag, person) DO UPDATE SET scans = scans + ?2, persons = persons + ?3, first_at = min(first_at, ?4),
  last_at = max(last_at, ?5)
"""
_NEWEST = "SELECT max(id) FROM scans"
_RECEIVED, _PERSON, _REASON, _TAG = (SCAN_ROW.index(name) for name in ("received_at", "person", "reason", "tag"))
_DECIDED = slice(len(SCAN_ROW) - len(DECISION) - 1, -1)

Stored = tuple[Entry, bool, bool]
"""A scan as it is kept, whether it was there before, and whether it got its verdict now."""
_Counted = tuple[bytes, bytes, int]
"""Tag, person, and when the scan was received (milliseconds)."""


def store_scans(
    file: JournalFile,
    connection: SqliteConnection,
    scans: Sequence[tuple[Scan, Verdict | None]],
    rows: Sequence[tuple[Any, ...]],
) -> list[Stored]:
    """Store scans inside a transaction, in their order.

    :param rows: their ``SCAN_ROW``, which takes no transaction to make.
    """
    if not scans:
        return []
    newest, all_added = _add(file, connection, rows)
    if all_added:
        _count(connection, [_counted(row) for row in rows if row[_REASON] != UNDECIDED])
        return [
            (new_entry(number, row), False, row[_REASON] != UNDECIDED) for number, row in enumerate(rows, newest + 1)
        ]
    return _sort_out(connection, list(zip(scans, rows, strict=True)), newest)


def store_events(file: JournalFile, connection: SqliteConnection, rows: Sequence[tuple[Any, ...]]) -> list[bool]:
    """Store other events inside a transaction, in their order; tells of each whether it is the first time that it came.

    :param rows: their ``EVENT_ROW``.
    """
    return [_add_event(file, connection, row) for row in rows]


def _add_event(file: JournalFile, connection: SqliteConnection, row: tuple[Any, ...]) -> bool:
    connection.execute(_ADD_EVENT, row)
    if not connection.changes():
        return False
    file.fresh_number(connection, "events")
    return True


def _add(file: JournalFile, connection: SqliteConnection, rows: Sequence[tuple[Any, ...]]) -> tuple[int, bool]:
    """Add the scans that are not there; returns the newest number that there was, and whether all were added."""
    connection.execute(_ADD, rows[0])
    first_added = bool(connection.changes())
    newest = file.fresh_number(connection, "scans") - 1 if first_added else connection.value(_NEWEST)
    if len(rows) > 1:
        connection.executemany(_ADD, rows[1:])
    return newest, first_added and connection.last_insert_rowid() == newest + len(rows)


def _sort_out(
    connection: SqliteConnection, given: list[tuple[tuple[Scan, Verdict | None], tuple[Any, ...]]], newest: int
) -> list[Stored]:
    """Count scans of which some were there, or come more than once, and let them complete what waits for a verdict.

    :param newest: the newest number that there was before they were added.
    """
    stored: list[Stored] = []
    counted: list[_Counted] = []
    for (scan, verdict), row in given:
        kept = connection.rows(FIND, (scan.identity,))[0]
        added = kept[0] > newest  # numbers were given in this order
        decided_now = added and verdict is not None
        if added:
            newest = kept[0]
        elif verdict is not None and _complete(connection, scan, row):
            decided_now = True
            kept = connection.rows(FIND, (scan.identity,))[0]
        entry = entry_of(kept)
        # What was just added is behind every place where counts began anew: that costs no look.
        if decided_now and (added or is_counted(connection, row[_TAG], entry.number)):
            # By what is kept: since the scan came first, its person may have been erased.
            counted.append((row[_TAG], entry.person, millis(entry.received_at)))
        stored.append((entry, not added, decided_now))
    _count(connection, counted)
    return stored


def _complete(connection: SqliteConnection, scan: Scan, row: tuple[Any, ...]) -> bool:
    # A caller of the API may have given an id twice: another code's verdict must not complete the row.
    named = (scan.account, scan.key_standard, scan.key_str, scan.stray_tag)
    connection.execute(_COMPLETE, (*row[_DECIDED], scan.identity, *named))
    return bool(connection.changes())


def _counted(row: tuple[Any, ...]) -> _Counted:
    return row[_TAG], row[_PERSON], row[_RECEIVED]


def _count(connection: SqliteConnection, counted: Iterable[_Counted]) -> None:
    """Count scans, the persons of a code first: how many of them are new is part of its row."""
    by_tag: dict[bytes, list[tuple[bytes, int]]] = {}
    for tag, person, at in counted:
        by_tag.setdefault(tag, []).append((person, at))
    for tag, scans in sorted(by_tag.items()):
        persons = 0
        for person in sorted({person for person, _ in scans}) if len(scans) > 1 else (scans[0][0],):
            connection.execute(_ADD_PERSON, (tag, person))
            persons += connection.changes()
        times = [at for _, at in scans]
        connection.execute(_COUNT, (tag, len(scans), persons, min(times), max(times)))
