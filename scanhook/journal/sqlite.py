"""The journal on SQLite: ``journal.db`` in the storage's folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from scanhook.journal.entry import UNDECIDED, Entry, Noted, Recorded, Scan
from scanhook.journal.sql_counts import SqlCounts, is_counted
from scanhook.journal.sql_events import SqlEvents
from scanhook.journal.sql_people import SqlPeople
from scanhook.journal.sql_reading import SqlReading
from scanhook.journal.sql_rows import ADD_SCANNER, entry_of, millis
from scanhook.journal.sql_storing import (
    DECISION,
    EVENT_ROW,
    FIND,
    RECALL,
    SCAN_ROW,
    asked_of,
    decision_of,
    event_row,
    facts_of,
    new_entry,
)
from scanhook.journal.sqlite_file import JournalFile
from scanhook.storage import Pepper, SqliteConnection, rows_of
from scanhook.verdict import Verdict

__all__ = ["SqliteJournal"]

_ADD = f"""
INSERT INTO scans ({", ".join(SCAN_ROW)}) VALUES ({", ".join("?" * len(SCAN_ROW))}) ON CONFLICT (identity) DO NOTHING
"""
_COMPLETE = f"""
UPDATE scans SET {", ".join(f"{name} = ?" for name in DECISION)}
WHERE identity = ? AND account = ? AND key_standard = ? AND key_str = ? AND (asked IS NULL OR asked = ?)
  AND reason = '{UNDECIDED}'
"""
_COUNT = """
INSERT INTO tallies (tag, scans, persons, first_at, last_at) VALUES (?1, 1, ?2, ?3, ?3)
ON CONFLICT (tag) DO UPDATE SET scans = scans + 1, persons = persons + ?2, first_at = min(first_at, ?3),
  last_at = max(last_at, ?3)
"""
_ADD_EVENT = f"""
INSERT INTO events ({", ".join(EVENT_ROW)}) VALUES ({", ".join("?" * len(EVENT_ROW))}) ON CONFLICT (identity) DO NOTHING
"""


class SqliteJournal(SqlReading, SqlCounts, SqlEvents, SqlPeople):
    """A :class:`~scanhook.journal.store.JournalStore` in one SQLite file."""

    waits = False
    database: JournalFile

    def __init__(self, folder: Path, *, pepper: Pepper) -> None:
        self.database = JournalFile(folder / "journal.db", package="scanhook.journal", pepper=pepper)

    def recall(self, identity: bytes) -> Entry | None:
        """Return a decided scan."""
        with self.database.reading() as connection:
            self.database.check_ours(connection)
            rows = rows_of(connection, RECALL, (identity,))
        return entry_of(rows[0]) if rows else None

    def record(self, scan: Scan, verdict: Verdict | None, *, now: float) -> Recorded:
        """Store a scan once; count it when it has its verdict."""
        return self.record_all([(scan, verdict)], now=now)[0]

    def record_all(self, scans: Sequence[tuple[Scan, Verdict | None]], *, now: float) -> list[Recorded]:
        """Store scans in one transaction: the disk is waited for once."""
        started = time.perf_counter()
        with self.database.writing() as connection:
            stored = [self._store(connection, scan, verdict, now) for scan, verdict in scans]
        commit_s = time.perf_counter() - started
        return [
            Recorded(entry=entry, repeated=repeated, decided_now=decided_now, commit_s=commit_s)
            for entry, repeated, decided_now in stored
        ]

    def _store(
        self, connection: SqliteConnection, scan: Scan, verdict: Verdict | None, now: float
    ) -> tuple[Entry, bool, bool]:
        """Store one scan; returns it as it is kept, whether it was there, and whether it got its verdict now."""
        facts, decision, asked = facts_of(scan), decision_of(scan, verdict, now), asked_of(scan)
        connection.execute(_ADD, (*facts, *decision, asked))
        added = bool(connection.changes())
        if not added and verdict is not None:
            # A caller of the API may have given an id twice: another code's verdict must not complete the row.
            named = (scan.account, scan.key_standard, scan.key_str, scan.stray_tag)
            connection.execute(_COMPLETE, (*decision, scan.identity, *named))
        decided_now = verdict is not None and bool(connection.changes())
        # What was just added need not be read back; what was there is answered as it was.
        if added:
            entry = new_entry(self.database.fresh_number(connection, "scans"), facts, decision, asked)
        else:
            entry = entry_of(rows_of(connection, FIND, (scan.identity,))[0])
        # What was just added is behind every place where counts began anew: that costs no look.
        if decided_now and (added or is_counted(connection, decision[5], entry.number)):
            # By what is kept: since the scan came first, its person may have been erased.
            self._count(connection, tag=decision[5], person=entry.person, at=millis(entry.received_at))
        return entry, not added, decided_now

    def note(self, event: Noted) -> bool:
        """Store another event once."""
        with self.database.writing() as connection:
            connection.execute(_ADD_EVENT, event_row(event))
            if not connection.changes():
                return False
            self.database.fresh_number(connection, "events")
            return True

    def probe(self) -> None:
        """Write to the journal, and read its pepper."""
        with self.database.writing() as connection:
            connection.execute(
                "INSERT INTO meta (name, value) VALUES ('probed_at', ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (int(time.time()),),
            )

    def describe(self) -> str:
        """Name SQLite's version and its durability."""
        return self.database.describe()

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    @staticmethod
    def _count(connection: SqliteConnection, *, tag: bytes, person: bytes, at: int) -> None:
        connection.execute(ADD_SCANNER, (tag, person))
        connection.execute(_COUNT, (tag, connection.changes(), at))
