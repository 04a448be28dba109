"""How the SQLite journal erases persons: one walk over everything, however many they are.

Every transaction leaves the counts right: a code has as many persons as it has rows in ``scanners``. Who is erased
and scans again meanwhile is a new person from then on; so each step looks first which codes were scanned since, and
those keep the person beside the replacement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import apsw

from scanhook.journal.peoplestore import REPEATED_S, Progress, Pseudonym, silent
from scanhook.journal.sqlite_counts import is_counted
from scanhook.journal.sqlite_rows import ADD_SCANNER, NEVER_MS, SKEW_MS, first_id, millis
from scanhook.journal.sqlite_steps import scanner_pages, small_step, windows
from scanhook.storage import SqliteDatabase, rows_of

__all__ = ["Eraser", "drop_identities"]

_STEP_ROWS = 200

# The identity of an event holds the openid: whoever knows him could recognize his pushes by it.
_HAS_OPENID = {"scans": "source IS NULL", "events": "TRUE"}
_REPLACE = """
UPDATE {table} SET person = ?1, openid = NULL,
  identity = CASE WHEN {ours} AND received_at < ?2 THEN randomblob(16) ELSE identity END
WHERE id = ?3 AND person = ?4 RETURNING tag
"""
_DROP_IDENTITY = "UPDATE {table} SET identity = randomblob(16) WHERE id = ? AND {ours}"
_RENAME_SCANNER = "UPDATE OR IGNORE scanners SET person = ? WHERE tag = ? AND person = ?"
_DROP_SCANNER = "DELETE FROM scanners WHERE tag = ? AND person = ?"
_COUNT_PERSONS = "UPDATE tallies SET persons = persons + ? WHERE tag = ?"
_Row = TypeVar("_Row")


class Eraser:
    """Erases persons from one journal.

    :param now: seconds since 1970.
    """

    def __init__(self, database: SqliteDatabase, pseudonyms: Sequence[Pseudonym], *, now: float) -> None:
        self._database = database
        self._pseudonyms = {pseudonym.person: pseudonym for pseudonym in pseudonyms}
        self._persons = tuple(self._pseudonyms)
        self._among = f"person IN ({', '.join('?' * len(self._persons))})"
        self._settled = millis(now - REPEATED_S)
        self._later: set[tuple[bytes, bytes]] = set()
        earliest = millis(min(pseudonym.before for pseudonym in pseudonyms))
        with database.reading() as connection:
            ((newest,),) = rows_of(connection, "SELECT max(id) FROM scans")
            self._last = newest or 0
            self._seen = first_id(connection, "scans", earliest - SKEW_MS) - 1

    def run(self, progress: Progress) -> int:
        """Erase them; returns how many scans were concerned."""
        scans = self._replace_all("scans", progress)
        self._replace_all("events", progress)
        # What is left are codes whose scans are deleted already.
        for page in scanner_pages(self._database, progress=progress):
            for chunk in _chunks(pair for pair in page if pair[1] in self._pseudonyms):
                with self._step() as connection:
                    for tag, person in chunk:
                        if (person, tag) not in self._later:
                            self._rename(connection, tag, self._pseudonyms[person])
        return scans

    def _replace_all(self, table: str, progress: Progress) -> int:
        count = 0
        behind = self._last + 1 if table == "scans" else NEVER_MS
        for after, end in windows(self._database, table, progress=progress, behind=behind):
            with self._database.reading() as connection:
                rows = rows_of(
                    connection,
                    f"SELECT id, person, received_at FROM {table} WHERE id > ? AND id <= ? AND {self._among}",
                    (after, end, *self._persons),
                )
            wanted = ((id_, person) for id_, person, received_at in rows if not self._is_later(person, received_at))
            for chunk in _chunks(wanted):
                with self._step() as connection:
                    count += sum(self._replace(connection, table, id_, person) for id_, person in chunk)
        return count

    def _replace(self, connection: apsw.Connection, table: str, id_: int, person: bytes) -> int:
        """Replace the person of one row; returns how many rows that were."""
        pseudonym = self._pseudonyms[person]
        replaced = rows_of(
            connection,
            _REPLACE.format(table=table, ours=_HAS_OPENID[table]),
            (pseudonym.replacement, self._settled, id_, person),
        )
        for (tag,) in replaced if table == "scans" else ():
            if tag is None:
                continue
            if (person, tag) in self._later:
                if not is_counted(connection, tag, id_):
                    continue
                connection.execute(ADD_SCANNER, (tag, pseudonym.replacement))
                connection.execute(_COUNT_PERSONS, (connection.changes(), tag))
            else:
                self._rename(connection, tag, pseudonym)
        return len(replaced)

    @staticmethod
    def _rename(connection: apsw.Connection, tag: bytes, pseudonym: Pseudonym) -> None:
        """Put the replacement among those who scanned a code; if it is there, the code has one person less."""
        connection.execute(_RENAME_SCANNER, (pseudonym.replacement, tag, pseudonym.person))
        connection.execute(_DROP_SCANNER, (tag, pseudonym.person))
        connection.execute(_COUNT_PERSONS, (-connection.changes(), tag))

    @contextmanager
    def _step(self) -> Iterator[apsw.Connection]:
        """Give the connection inside a transaction that knows every scan there is."""
        for _, end in windows(self._database, "scans", progress=silent, after=self._seen):
            with self._database.reading() as connection:
                self._look_on(connection, end)
        with small_step(self._database) as connection:
            self._look_on(connection, NEVER_MS)
            yield connection

    def _look_on(self, connection: apsw.Connection, end: int) -> None:
        """Find out who has scanned what since the erasure, among the scans up to an id."""
        rows = rows_of(
            connection,
            f"SELECT id, person, tag, received_at FROM scans WHERE id > ? AND id <= ? AND {self._among}",
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
    database: SqliteDatabase, replacements: Sequence[bytes], *, since: float, progress: Progress
) -> None:
    """Put random identities in the place of those of pushes that were received then (seconds since 1970) or later.

    :param replacements: whose pushes; at most a thousand.
    """
    among = f"person IN ({', '.join('?' * len(replacements))})"
    for table, ours in _HAS_OPENID.items():
        with database.reading() as connection:
            first = first_id(connection, table, millis(since) - SKEW_MS)
        for after, end in windows(database, table, progress=progress, after=first - 1):
            with database.reading() as connection:
                rows = rows_of(
                    connection,
                    f"SELECT id FROM {table} WHERE id > ? AND id <= ? AND {among}",
                    (after, end, *replacements),
                )
            for chunk in _chunks(id_ for (id_,) in rows):
                with small_step(database) as connection:
                    for id_ in chunk:
                        connection.execute(_DROP_IDENTITY.format(table=table, ours=ours), (id_,))


def _chunks(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    rest = iter(rows)
    while chunk := list(islice(rest, _STEP_ROWS)):
        yield chunk
