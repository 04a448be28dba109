"""The journal on SQLite: ``journal.db`` in the storage's folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from scanhook.journal.entry import Entry, Kept, Noted, Recorded, Scan
from scanhook.journal.sql_counts import SqlCounts
from scanhook.journal.sql_events import SqlEvents
from scanhook.journal.sql_people import SqlPeople
from scanhook.journal.sql_reading import SqlReading
from scanhook.journal.sql_rows import entry_of
from scanhook.journal.sql_storing import RECALL, event_row, scan_row
from scanhook.journal.sqlite_file import JournalFile
from scanhook.journal.sqlite_storing import store_events, store_scans
from scanhook.storage import Pepper, rows_of
from scanhook.verdict import Verdict

__all__ = ["SqliteJournal"]


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
        return self.store_all([(scan, verdict)], now=now).scans[0]

    def store_all(
        self, scans: Sequence[tuple[Scan, Verdict | None]] = (), events: Sequence[Noted] = (), *, now: float
    ) -> Kept:
        """Store scans and other events in one transaction: the lock and the disk are waited for once."""
        if not (scans or events):
            return Kept(scans=[], events=[], commit_s=0.0)
        started = time.perf_counter()
        # Other processes wait for whoever is inside a transaction.
        rows = [scan_row(scan, verdict, now) for scan, verdict in scans]
        event_rows = [event_row(event) for event in events]
        with self.database.writing() as connection:
            stored = store_scans(self.database, connection, scans, rows)
            first = store_events(self.database, connection, event_rows)
        commit_s = time.perf_counter() - started
        recorded = [
            Recorded(entry=entry, repeated=repeated, decided_now=decided_now, commit_s=commit_s)
            for entry, repeated, decided_now in stored
        ]
        return Kept(scans=recorded, events=first, commit_s=commit_s)

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
