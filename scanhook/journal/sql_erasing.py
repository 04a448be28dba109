"""How the journal erases persons: one walk over everything, however many they are.

Every transaction leaves the counts right: a code has as many persons as it has rows in ``scanners``. Who is erased
and scans again meanwhile is a new person from then on; so each step looks first which codes were scanned since, and
those keep the person beside the replacement.

Scans wait while a step lasts: so the number of its statements does not grow with that of its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from scanhook.journal.peoplestore import REPEATED_S, Progress, Pseudonym, silent
from scanhook.journal.sql_counts import counted_behind
from scanhook.journal.sql_rows import NEVER_MS, SKEW_MS, first_id, millis
from scanhook.journal.sql_steps import Pace, scanner_pages, small_step, windows
from scanhook.journal.tables import JournalTables
from scanhook.storage import Session

__all__ = ["Eraser", "drop_identities"]

_STEP_ROWS = 200

# The identity of an event holds the openid: whoever knows him could recognize his pushes by it.
_HAS_OPENID = {"scans": "source IS NULL", "events": "TRUE"}
_FIND = "SELECT id, person, tag, received_at, {ours} FROM {table} WHERE id IN ({places}) ORDER BY id"
_REPLACE = "UPDATE {table} SET person = ?, openid = NULL WHERE id = ?"
_PAIR = "tag = ? AND person = ?"
_Pair = tuple[bytes, bytes]
"""Tag and person."""


class Eraser:
    """Erases persons from one journal.

    :param now: seconds since 1970.
    """

    def __init__(self, database: JournalTables, pseudonyms: Sequence[Pseudonym], *, now: float) -> None:
        self._database = database
        self._pseudonyms = {pseudonym.person: pseudonym for pseudonym in pseudonyms}
        self._persons = tuple(self._pseudonyms)
        self._among = f"person IN ({', '.join('?' * len(self._persons))})"
        self._settled = millis(now - REPEATED_S)
        self._pace = Pace(_STEP_ROWS)
        self._later: set[_Pair] = set()
        earliest = millis(min(pseudonym.before for pseudonym in pseudonyms))
        with database.reading() as session:
            # First of all: a scan that is just being stored has a smaller number than one that is stored, perhaps.
            settled = database.settled_number(session, "scans")
            self._seen = min(settled, first_id(session, "scans", earliest - SKEW_MS) - 1)
        with database.writing() as session:
            self._last = database.last_number(session, "scans")

    def run(self, progress: Progress) -> int:
        """Erase them; returns how many scans were concerned."""
        scans = self._replace_all("scans", progress)
        self._replace_all("events", progress)
        # What is left are codes whose scans are deleted already.
        for page in scanner_pages(self._database, progress=progress):
            for some in self._pace.chunks(pair for pair in page if pair[1] in self._pseudonyms):
                with self._step() as session:
                    self._rename(session, (pair for pair in some if pair not in self._later), ())
        return scans

    def _replace_all(self, table: str, progress: Progress) -> int:
        count = 0
        behind = self._last + 1 if table == "scans" else NEVER_MS
        for after, end in windows(self._database, table, progress=progress, behind=behind):
            with self._database.reading() as session:
                rows = session.rows(
                    f"SELECT id, person, received_at FROM {table} WHERE id > ? AND id <= ? AND {self._among}",
                    (after, end, *self._persons),
                )
            wanted = (id_ for id_, person, received_at in rows if not self._is_later(person, received_at))
            for ids in self._pace.chunks(wanted):
                with self._step() as session:
                    count += self._replace(session, table, ids)
        return count

    def _replace(self, session: Session, table: str, ids: Sequence[int]) -> int:
        """Replace the persons of rows; returns how many rows that were."""
        places = ", ".join("?" * len(ids))
        found = session.rows(_FIND.format(table=table, ours=_HAS_OPENID[table], places=places), tuple(ids))
        # Some may have been deleted since they were looked for, or their persons been replaced.
        rows = [row for row in found if row[1] in self._pseudonyms]
        session.change_all(
            _REPLACE.format(table=table), [(self._pseudonyms[person].replacement, id_) for id_, person, *_ in rows]
        )
        self._database.forget_identities(
            session, table, [id_ for id_, _, _, received_at, ours in rows if ours and received_at < self._settled]
        )
        if table == "scans":
            scanned = [(id_, (tag, person)) for id_, person, tag, *_ in rows if tag is not None]
            again = [(id_, pair) for id_, pair in scanned if pair in self._later]
            behind = counted_behind(session, {tag for _, (tag, _) in again})
            beside = (pair for id_, pair in again if id_ > behind.get(pair[0], 0))
            self._rename(session, (pair for _, pair in scanned if pair not in self._later), beside)
        return len(rows)

    def _rename(self, session: Session, pairs: Iterable[_Pair], beside: Iterable[_Pair]) -> None:
        """Put replacements among those who scanned codes: where one is there already, the code has one person less.

        :param pairs: whose persons go, where they are there.
        :param beside: whose persons stay.
        """
        counting = self._database.counting
        dropped = _run_on(session, counting.drop_scanners, pairs)
        added = _run_on(
            session,
            counting.add_scanners,
            ((tag, self._pseudonyms[person].replacement) for tag, person in (*dropped, *beside)),
        )
        more = Counter(tag for (tag,) in added)
        more.subtract(tag for tag, _ in dropped)
        session.change_all(counting.add_persons, [(count, tag) for tag, count in sorted(more.items()) if count])

    @contextmanager
    def _step(self) -> Iterator[Session]:
        """Give a session inside a transaction that knows every scan there is."""
        with self._database.reading() as session:
            settled = self._database.settled_number(session, "scans")
        for _, end in windows(self._database, "scans", progress=silent, after=self._seen, behind=settled + 1):
            with self._database.reading() as session:
                self._look_on(session, end)
        with small_step(self._database, pace=self._pace) as session:
            self._look_on(session, NEVER_MS)
            yield session

    def _look_on(self, session: Session, end: int) -> None:
        """Find out who has scanned what since the erasure, among the scans up to an id."""
        rows = session.rows(
            f"SELECT id, person, tag, received_at FROM scans WHERE id > ? AND id <= ? AND {self._among} ORDER BY id",
            (self._seen, end, *self._persons),
        )
        self._later |= {
            (tag, person)
            for id_, person, tag, received_at in rows
            if tag and (id_ > self._last or self._is_later(person, received_at))
        }
        self._seen = max(self._seen, end if end < NEVER_MS else rows[-1][0] if rows else 0)

    def _is_later(self, person: bytes, received_at: int) -> bool:
        return received_at >= millis(self._pseudonyms[person].before)


def drop_identities(
    database: JournalTables, replacements: Sequence[bytes], *, since: float, progress: Progress
) -> None:
    """Put random identities in the place of those of pushes that were received then (seconds since 1970) or later.

    :param replacements: whose pushes; at most a thousand.
    """
    among = f"person IN ({', '.join('?' * len(replacements))})"
    pace = Pace(_STEP_ROWS)
    for table, ours in _HAS_OPENID.items():
        with database.reading() as session:
            first = first_id(session, table, millis(since) - SKEW_MS)
        for after, end in windows(database, table, progress=progress, after=first - 1):
            with database.reading() as session:
                rows = session.rows(
                    f"SELECT id FROM {table} WHERE id > ? AND id <= ? AND {among} AND {ours}",
                    (after, end, *replacements),
                )
            for ids in pace.chunks(id_ for (id_,) in rows):
                with small_step(database, pace=pace) as session:
                    database.forget_identities(session, table, ids)


def _run_on(session: Session, statement: str, pairs: Iterable[_Pair]) -> list[tuple[bytes, ...]]:
    """Run one statement on pairs, and return what it returns."""
    some = sorted(set(pairs))
    if not some:
        return []
    written = statement.format(pairs=" OR ".join([_PAIR] * len(some)), rows=", ".join(["(?, ?)"] * len(some)))
    return session.rows(written, tuple(part for pair in some for part in pair))
