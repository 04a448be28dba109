"""The journal on PostgreSQL: tables in the storage's database."""

from __future__ import annotations

import time
from collections.abc import Sequence

from scanhook.errors import StorageError
from scanhook.journal.entry import Entry, Kept, Noted, Recorded, Scan
from scanhook.journal.postgres_storing import Stored, store_all
from scanhook.journal.postgres_tables import PostgresTables
from scanhook.journal.sql_counts import SqlCounts
from scanhook.journal.sql_events import SqlEvents
from scanhook.journal.sql_people import SqlPeople
from scanhook.journal.sql_reading import SqlReading
from scanhook.journal.sql_rows import entry_of
from scanhook.journal.sql_storing import RECALL
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.postgres.database import SCAN_S
from scanhook.verdict import Verdict

__all__ = ["PostgresJournal", "open_postgres"]

_ROOM = "journal"
_PROBE = """
INSERT INTO meta (name, value) VALUES ('journal_probed_at', ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


class PostgresJournal(SqlReading, SqlCounts, SqlEvents, SqlPeople):
    """A :class:`~scanhook.journal.store.JournalStore` in a PostgreSQL database."""

    waits = True
    database: PostgresTables

    def __init__(self, database: PostgresTables) -> None:
        self.database = database

    def recall(self, identity: bytes) -> Entry | None:
        """Return a decided scan.

        The standby may lack it still: a commit whose wait for the standby was cut off can be seen all the same. Whoever
        answers by it records the repeat first, and that commit is behind the one of the scan.
        """

        def ask(within_s: float) -> Entry | None:
            with self.database.session(within_s=within_s) as session:
                self.database.check_ours(session)
                rows = session.rows(RECALL, (identity,))
            return entry_of(rows[0]) if rows else None

        return self.database.retrying(ask, within_s=SCAN_S)

    def record(self, scan: Scan, verdict: Verdict | None, *, now: float) -> Recorded:
        """Store a scan once; count it when it has its verdict."""
        return self.store_all([(scan, verdict)], now=now).scans[0]

    def store_all(
        self, scans: Sequence[tuple[Scan, Verdict | None]] = (), events: Sequence[Noted] = (), *, now: float
    ) -> Kept:
        """Store scans and other events in one transaction; once more, on a fresh connection, where it was lost.

        Storing twice is safe, also where the first commit was done and only its answer lost: by its identity a scan is
        stored and counted once, and then is a repeat of itself.
        """
        if not (scans or events):
            return Kept(scans=[], events=[], commit_s=0.0)
        started = time.perf_counter()

        def store(within_s: float) -> tuple[list[Stored], list[bool]]:
            return store_all(self.database, scans, events, now=now, within_s=within_s)

        stored, first = self.database.retrying(store, within_s=SCAN_S)
        commit_s = time.perf_counter() - started
        recorded = [
            Recorded(entry=entry, repeated=repeated, decided_now=decided_now, commit_s=commit_s)
            for entry, repeated, decided_now in stored
        ]
        return Kept(scans=recorded, events=first, commit_s=commit_s)

    def probe(self) -> None:
        """Write to the database, and read the tables' standing."""

        def write(within_s: float) -> None:
            with self.database.transaction(within_s=within_s) as session:
                self.database.check_ours(session)
                session.change(_PROBE, (str(int(time.time())),))

        self.database.retrying(write, within_s=SCAN_S)

    def describe(self) -> str:
        """Name the server's version and its durability."""
        return self.database.describe()

    def close(self) -> None:
        """Close the connections."""
        self.database.close()


def open_postgres(url: StorageUrl, *, pepper: Pepper) -> PostgresJournal:
    """Open the journal that a URL of a PostgreSQL database names.

    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when it was made by another version.
    :raises StorageError: when it cannot be opened.
    """
    if url.address is None:
        raise StorageError(f"{url.name} is no PostgreSQL database")
    database = PostgresTables(url.address, room=_ROOM, package="scanhook.journal", pepper=pepper, most=url.connections)
    return PostgresJournal(database)
