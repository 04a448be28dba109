"""The journal on SQLite: ``journal.db`` in the storage's folder."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from scanhook.errors import PepperMismatch
from scanhook.journal.entry import UNDECIDED, Entry, Noted, Recorded, Scan, kept_plain
from scanhook.journal.sqlite_counts import SqliteCounts, is_counted
from scanhook.journal.sqlite_events import SqliteEvents
from scanhook.journal.sqlite_people import SqlitePeople
from scanhook.journal.sqlite_prune import fresh_number
from scanhook.journal.sqlite_reading import SqliteReading
from scanhook.journal.sqlite_rows import ADD_SCANNER, ENTRY_COLUMNS, entry_of, millis
from scanhook.journal.sqlite_steps import JournalFile
from scanhook.storage import Pepper, rows_of
from scanhook.verdict import Verdict

__all__ = ["SqliteJournal"]

_FIND = f"SELECT {ENTRY_COLUMNS} FROM scans WHERE identity = ?"
_RECALL = f"{_FIND} AND reason <> '{UNDECIDED}'"
_ADD = """
INSERT INTO scans (identity, received_at, account, create_time, key_standard, key_str, person, openid, source,
  need_anti_fake, reason, verdict, verifier, decided_at, product_id, tag, batch, position, ext_info, asked)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (identity) DO NOTHING
"""
_COMPLETE = f"""
UPDATE scans SET reason = ?, verdict = ?, verifier = ?, decided_at = ?, product_id = ?, tag = ?, batch = ?,
  position = ?, ext_info = ?
WHERE identity = ? AND account = ? AND key_standard = ? AND key_str = ? AND (asked IS NULL OR asked = ?)
  AND reason = '{UNDECIDED}'
"""
_COUNT = """
INSERT INTO tallies (tag, scans, persons, first_at, last_at) VALUES (?1, 1, ?2, ?3, ?3)
ON CONFLICT (tag) DO UPDATE SET scans = scans + 1, persons = persons + ?2, first_at = min(first_at, ?3),
  last_at = max(last_at, ?3)
"""
_ADD_EVENT = """
INSERT INTO events (identity, received_at, account, create_time, event, key_standard, key_str, person, openid, tag,
  fields)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (identity) DO NOTHING
"""


class SqliteJournal(SqliteReading, SqliteCounts, SqliteEvents, SqlitePeople):
    """A :class:`~scanhook.journal.store.JournalStore` in one SQLite file."""

    def __init__(self, folder: Path, *, pepper: Pepper) -> None:
        self.database = JournalFile(folder / "journal.db", package="scanhook.journal", pepper=pepper)
        self._pepper = pepper

    def recall(self, identity: bytes) -> Entry | None:
        """Return a decided scan."""
        with self.database.reading() as connection:
            rows = rows_of(connection, _RECALL, (identity,))
        return entry_of(rows[0]) if rows else None

    def record(self, scan: Scan, verdict: Verdict | None, *, now: float) -> Recorded:
        """Store a scan once; count it when it has its verdict."""
        return self.record_all([(scan, verdict)], now=now)[0]

    def record_all(self, scans: Sequence[tuple[Scan, Verdict | None]], *, now: float) -> list[Recorded]:
        """Store scans in one transaction: the disk is waited for once."""
        started = time.perf_counter()
        with self.database.writing() as connection:
            self._check_ours(connection)
            stored = [self._store(connection, scan, verdict, now) for scan, verdict in scans]
        commit_s = time.perf_counter() - started
        return [
            Recorded(entry=entry, repeated=repeated, decided_now=decided_now, commit_s=commit_s)
            for entry, repeated, decided_now in stored
        ]

    def _store(
        self, connection: apsw.Connection, scan: Scan, verdict: Verdict | None, now: float
    ) -> tuple[Entry, bool, bool]:
        """Store one scan; returns it as it is kept, whether it was there, and whether it got its verdict now."""
        decision = _decision(scan, verdict, now)
        facts = (
            scan.identity,
            millis(scan.received_at),
            scan.account,
            scan.create_time,
            scan.key_standard,
            scan.key_str,
            scan.person,
            scan.openid,
            scan.source,
            scan.need_anti_fake,
        )
        asked = None if scan.source is None else scan.stray_tag
        connection.execute(_ADD, (*facts, *decision, asked))
        added = bool(connection.changes())
        if not added and verdict is not None:
            # A caller of the API may have given an id twice: another code's verdict must not complete the row.
            named = (scan.account, scan.key_standard, scan.key_str, scan.stray_tag)
            connection.execute(_COMPLETE, (*decision, scan.identity, *named))
        decided_now = verdict is not None and bool(connection.changes())
        # What was just added need not be read back; what was there is answered as it was.
        if added:
            number = fresh_number(connection, "scans")
            entry = entry_of((number, *facts[1:], *decision[:4], *decision[5:], asked))
        else:
            entry = entry_of(rows_of(connection, _FIND, (scan.identity,))[0])
        # What was just added is behind every place where counts began anew: that costs no look.
        if decided_now and (added or is_counted(connection, decision[5], entry.number)):
            # By what is kept: since the scan came first, its person may have been erased.
            self._count(connection, tag=decision[5], person=entry.person, at=millis(entry.received_at))
        return entry, not added, decided_now

    def note(self, event: Noted) -> bool:
        """Store another event once."""
        with self.database.writing() as connection:
            self._check_ours(connection)
            connection.execute(
                _ADD_EVENT,
                (
                    event.identity,
                    millis(event.received_at),
                    event.account,
                    event.create_time,
                    event.event,
                    event.key_standard,
                    event.key_str,
                    event.person,
                    event.openid,
                    event.tag,
                    json.dumps(event.fields, ensure_ascii=False),
                ),
            )
            if not connection.changes():
                return False
            fresh_number(connection, "events")
            return True

    def probe(self) -> None:
        """Write to the journal, and read its pepper."""
        with self.database.writing() as connection:
            self._check_ours(connection)
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

    def _check_ours(self, connection: apsw.Connection) -> None:
        """Find out whether the file was exchanged, upgraded or restored under our feet: nobody might read our rows.

        :raises StorageError: when it was.
        """
        self.database.check_in_place()
        self.database.check_version(connection)
        if rows_of(connection, "SELECT value FROM meta WHERE name = 'pepper_id'") != [(self._pepper.id,)]:
            raise PepperMismatch(f"{self.database.path} now belongs to another pepper: put back the right one")

    @staticmethod
    def _count(connection: apsw.Connection, *, tag: bytes, person: bytes, at: int) -> None:
        connection.execute(ADD_SCANNER, (tag, person))
        connection.execute(_COUNT, (tag, connection.changes(), at))


def _decision(scan: Scan, verdict: Verdict | None, now: float) -> tuple[Any, ...]:
    """Return the columns that a verdict fills: reason … ext_info."""
    if verdict is None:
        return (UNDECIDED, None, None, None, None, None, None, None, None)
    look_up = verdict.look_up
    return (
        verdict.reason,
        verdict.code_result,
        verdict.verifier,
        millis(now),
        look_up.product.id if look_up.product else None,
        look_up.tag or scan.stray_tag,
        look_up.code.batch if look_up.code else None,
        look_up.code.position if look_up.code else None,
        kept_plain(scan, verdict),
    )
