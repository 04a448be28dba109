"""How the journal erases persons: one walk over everything, however many they are.

Every transaction leaves the counts right: a code has as many persons as it has rows in ``scanners``. Who is erased
and scans again meanwhile is a new person from then on; so each step looks first which codes were scanned since, and
those keep the person beside the replacement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from scanhook.journal.peoplestore import REPEATED_S, Progress, Pseudonym, silent
from scanhook.journal.sql_counts import is_counted
from scanhook.journal.sql_rows import ADD_SCANNER, NEVER_MS, SKEW_MS, first_id, millis
from scanhook.journal.sql_steps import scanner_pages, small_step, windows
from scanhook.journal.tables import JournalTables
from scanhook.storage import Session

__all__ = ["Eraser", "drop_identities"]

_STEP_ROWS = 200

# The identity of an event holds the openid: whoever knows him could recognize his pushes by it.
_HAS_OPENID = {"scans": "source IS NULL", "events": "TRUE"}
_REPLACE = """
UPDATE {table} SET person = ?1, openid = NULL WHERE id = ?2 AND person = ?3 RETURNING tag, {ours} AND received_at < ?4
"""
_DROP_SCANNER = "DELETE FROM scanners WHERE tag = ? AND person = ?"
_COUNT_PERSONS = "UPDATE tallies SET persons = persons + ? WHERE tag = ?"
_Row = TypeVar("_Row")


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
        self._later: set[tuple[bytes, bytes]] = set()
        earliest = millis(min(pseudonym.before for pseudonym in pseudonyms))
        # Alone: a scan that is just being stored has a smaller number than one that is stored already, perhaps.
        with database.writing() as session:
            self._last = database.last_number(session, "scans")
            self._seen = first_id(session, "scans", earliest - SKEW_MS) - 1

    def run(self, progress: Progress) -> int:
        """Erase them; returns how many scans were concerned."""
        scans = self._replace_all("scans", progress)
        self._replace_all("events", progress)
        # What is left are codes whose scans are deleted already.
        for page in scanner_pages(self._database, progress=progress):
            for chunk in _chunks(pair for pair in page if pair[1] in self._pseudonyms):
                with self._step() as session:
                    for tag, person in chunk:
                        if (person, tag) not in self._later:
                            self._rename(session, tag, self._pseudonyms[person])
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
            wanted = ((id_, person) for id_, person, received_at in rows if not self._is_later(person, received_at))
            for chunk in _chunks(wanted):
                with self._step() as session:
                    count += sum(self._replace(session, table, id_, person) for id_, person in chunk)
        return count

    def _replace(self, session: Session, table: str, id_: int, person: bytes) -> int:
        """Replace the person of one row; returns how many rows that were."""
        pseudonym = self._pseudonyms[person]
        replaced = session.rows(
            _REPLACE.format(table=table, ours=_HAS_OPENID[table]),
            (pseudonym.replacement, id_, person, self._settled),
        )
        for tag, is_settled in replaced:
            if is_settled:
                self._database.forget_identity(session, table, id_)
            if table != "scans" or tag is None:
                continue
            if (person, tag) not in self._later:
                self._rename(session, tag, pseudonym)
            elif is_counted(session, tag, id_):
                added = session.change(ADD_SCANNER, (tag, pseudonym.replacement))
                session.change(_COUNT_PERSONS, (added, tag))
        return len(replaced)

    @staticmethod
    def _rename(session: Session, tag: bytes, pseudonym: Pseudonym) -> None:
        """Put the replacement among those who scanned a code; if it is there, the code has one person less."""
        if session.change(_DROP_SCANNER, (tag, pseudonym.person)):
            added = session.change(ADD_SCANNER, (tag, pseudonym.replacement))
            session.change(_COUNT_PERSONS, (added - 1, tag))

    @contextmanager
    def _step(self) -> Iterator[Session]:
        """Give a session inside a transaction that knows every scan there is."""
        with self._database.reading() as session:
            settled = self._database.settled_number(session, "scans")
        for _, end in windows(self._database, "scans", progress=silent, after=self._seen, behind=settled + 1):
            with self._database.reading() as session:
                self._look_on(session, end)
        with small_step(self._database) as session:
            self._look_on(session, NEVER_MS)
            yield session

    def _look_on(self, session: Session, end: int) -> None:
        """Find out who has scanned what since the erasure, among the scans up to an id."""
        rows = session.rows(
            f"SELECT id, person, tag, received_at FROM scans WHERE id > ? AND id <= ? AND {self._among} ORDER BY id",
            (self._seen, end, *self._persons),
        )
        self._later |= {
            (person, tag)
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
    for table, ours in _HAS_OPENID.items():
        with database.reading() as session:
            first = first_id(session, table, millis(since) - SKEW_MS)
        for after, end in windows(database, table, progress=progress, after=first - 1):
            with database.reading() as session:
                rows = session.rows(
                    f"SELECT id FROM {table} WHERE id > ? AND id <= ? AND {among} AND {ours}",
                    (after, end, *replacements),
                )
            for chunk in _chunks(id_ for (id_,) in rows):
                with small_step(database) as session:
                    for id_ in chunk:
                        database.forget_identity(session, table, id_)


def _chunks(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    rest = iter(rows)
    while chunk := list(islice(rest, _STEP_ROWS)):
        yield chunk
