"""How PostgreSQL stores scans and other events: any number in one transaction, with two round trips in the usual case.

Whole columns are bound, so that the number of statements does not grow with that of the rows; what is counted of a
code is folded before. Every transaction takes its rows in one order (scans by identity, pairs by code and person,
events by identity, counts by code), so that none waits for one that waits for it. The counts' rows come last and are
held only while the commit is under way: everybody scans the code that is shown on television.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from scanhook.journal.entry import UNDECIDED, Entry, Noted, Scan
from scanhook.journal.postgres_statements import (
    ADD,
    ADD_EVENTS,
    ADD_SCANNERS,
    COMPLETE,
    COUNT,
    DRAW,
    ENTER,
    EVENT_KINDS,
    FIND_LOCKED,
    LOCK_EVENT,
    RESETS,
    SCAN_KINDS,
    STANDING,
)
from scanhook.journal.postgres_tables import PostgresTables, drawing_key
from scanhook.journal.sql_rows import entry_of
from scanhook.journal.sql_storing import asked_of, decision_of, event_row, facts_of, new_entry
from scanhook.storage.postgres.columns import Blobs, Column, Whole
from scanhook.storage.postgres.connection import PostgresConnection
from scanhook.storage.postgres.database import LOCK_CLASS, ROOMS
from scanhook.verdict import Verdict

__all__ = ["Stored", "store_all"]

_LOCK_WAIT = "1s"
"""What is not had by then will be had when WeChat asks again; whoever waits longer only makes it worse."""

Stored = tuple[Entry, bool, bool]
"""A scan as it is kept, whether it was there before, and whether it got its verdict now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """One scan on its way into the tables."""

    facts: tuple[Any, ...]
    decision: tuple[Any, ...]
    asked: bytes | None
    stray_tag: bytes

    @classmethod
    def of(cls, scan: Scan, verdict: Verdict | None, now: float) -> _Given:
        return cls(
            facts=facts_of(scan),
            decision=decision_of(scan, verdict, now),
            asked=asked_of(scan),
            stray_tag=scan.stray_tag,
        )

    @property
    def identity(self) -> bytes:
        return bytes(self.facts[0])

    @property
    def decided(self) -> bool:
        return bool(self.decision[0] != UNDECIDED)

    @property
    def counted(self) -> _Counted:
        """What it counts as where it is new."""
        return self.decision[5], self.facts[6], self.facts[1]

    def completes(self, row: tuple[Any, ...]) -> bool:
        """Tell whether a row that is there waits for this verdict.

        A caller of the API may have given an id twice: another code's verdict must not complete the row.
        """
        same = row[2] == self.facts[2] and row[4:6] == self.facts[4:6] and row[18] in (None, self.stray_tag)
        return self.decided and same and row[10] == UNDECIDED


_Counted = tuple[bytes, bytes, int]
"""Tag, person, and when the scan was received (milliseconds)."""


def store_all(
    database: PostgresTables,
    scans: Sequence[tuple[Scan, Verdict | None]],
    events: Sequence[Noted],
    *,
    now: float,
    within_s: float,
) -> tuple[list[Stored], list[bool]]:
    """Store scans and other events in one transaction, which is on the disk when this returns.

    It may be repeated where nobody knows whether it was committed: each is stored once, by its identity.

    :param now: seconds since 1970.
    :param within_s: the time for all of it.
    :returns: what became of the scans; and of each event, whether it is the first time that it came.
    """
    given = [_Given.of(scan, verdict, now) for scan, verdict in scans]
    with database.session(within_s=within_s) as session, _rolled_back(session.connection):
        noting = _Noting(session.connection, events)
        stored = _store_new(database, noting, given)
        if stored is None:
            stored = _store_any(database, noting, given)
    return stored, noting.first()


class _Noting:
    """The other events of a transaction, which go along with its scans."""

    def __init__(self, connection: PostgresConnection, events: Sequence[Noted]) -> None:
        self.connection = connection
        self.count = len(events)
        self._places: dict[bytes, int] = {}
        for place, event in enumerate(events):
            self._places.setdefault(event.identity, place)
        self._rows = [event_row(events[place]) for place in self._places.values()]
        self._added: psycopg.Cursor[Any] | None = None
        self._found: set[bytes] = set()

    def add(self) -> None:
        """Add those that are not there."""
        if self._rows:
            self._added = self.connection.execute(ADD_EVENTS, _columns(EVENT_KINDS, self._rows), prepare=True)

    def lock_known(self) -> None:
        """Lock those that were there.

        The standby may lack one still: a commit whose wait for it was cut off can be seen all the same. And a commit of
        nothing, not even a lock, waits for nobody.
        """
        for identity in sorted(self._places.keys() - self._new()):
            self.connection.execute(LOCK_EVENT, (identity,), prepare=True)

    def first(self) -> list[bool]:
        """Tell of each whether it was not there."""
        first = {self._places[identity] for identity in self._new()}
        return [place in first for place in range(self.count)]

    def _new(self) -> set[bytes]:
        """Return the identities of those that were added."""
        if self._added is not None:
            self._found = {bytes(identity) for identity, _ in _fetched(self._added)}
            self._added = None
        return self._found


def _store_new(database: PostgresTables, noting: _Noting, given: list[_Given]) -> list[Stored] | None:
    """Store scans of which none is there yet, and the events; where one is, store nothing, and return ``None``."""
    if len({one.identity for one in given}) < len(given):
        return None
    connection = noting.connection
    counted = [one.counted for one in given if one.decided]
    with _entered(database, connection, _drawn(given, noting)):
        added = _add(connection, given)
        paired = _add_scanners(connection, counted)
        noting.add()
    numbers = dict(_fetched(added))
    if len(numbers) < len(given):
        connection.execute("ROLLBACK")
        return None
    _count_and_commit(noting, counted, paired)
    return [_as_new(one, numbers[one.identity]) for one in given]


def _store_any(database: PostgresTables, noting: _Noting, given: list[_Given]) -> list[Stored]:
    """Store scans of which some are there already, or come more than once, and the events."""
    connection = noting.connection
    stored: dict[int, Stored] = {}
    counted: list[_Counted] = []
    late: list[tuple[int, _Counted]] = []
    with _entered(database, connection, _drawn(given, noting)):
        pass
    for some in _rounds(given):
        numbers = dict(_fetched(_add(connection, list(some.values()))))
        for place, one in some.items():
            if one.identity in numbers:
                stored[place] = _as_new(one, numbers[one.identity])
                counted += [one.counted] if one.decided else []
        there = {place: one for place, one in some.items() if place not in stored}
        rows = _find(connection, [one.identity for one in there.values()])
        with connection.pipeline():
            for place, one in there.items():
                row = rows[one.identity]
                completes = one.completes(row)
                kept = (*row[:10], *one.decision[:4], *one.decision[5:], row[18]) if completes else row
                stored[place] = entry_of(kept), True, completes
                if completes:
                    connection.execute(COMPLETE, (*one.decision, one.identity), prepare=True)
                    # By what is kept: since the scan came first, its person may have been erased.
                    late.append((row[0], (one.decision[5], row[6], row[1])))
    counted += _still_counted(connection, late)
    with connection.pipeline():
        paired = _add_scanners(connection, counted)
        noting.add()
    _count_and_commit(noting, counted, paired)
    return [stored[place] for place in range(len(given))]


@contextmanager
def _rolled_back(connection: PostgresConnection) -> Iterator[None]:
    """Leave no transaction open where something fails."""
    try:
        yield
    except BaseException:
        if not connection.closed:
            connection.rollback()
        raise


@contextmanager
def _entered(database: PostgresTables, connection: PostgresConnection, drawn: Sequence[str]) -> Iterator[None]:
    """Begin a transaction that draws numbers, and run the block's statements in the same round trip.

    :param drawn: the tables whose numbers are drawn.
    """
    first, *others = ((drawing_key(table), f"{table}_id_seq") for table in drawn)
    standing: psycopg.Cursor[Any] | None = None
    try:
        with connection.pipeline():
            connection.execute("BEGIN", prepare=True)
            connection.execute(ENTER, (_LOCK_WAIT, LOCK_CLASS, ROOMS.index(database.room), *first), prepare=True)
            for other in others:
                connection.execute(DRAW, other, prepare=True)
            standing = connection.execute(STANDING, (database.room,), prepare=True)
            yield
    except psycopg.Error:
        # What a table that was upgraded or moved away does not take any more is better said by its standing.
        if standing is not None and standing.pgresult is not None:
            database.check_standing(_value(standing))
        raise
    database.check_standing(_value(standing))


def _drawn(given: list[_Given], noting: _Noting) -> list[str]:
    return [table for table, some in (("scans", given), ("events", noting.count)) if some]


def _value(cursor: psycopg.Cursor[Any]) -> str | None:
    row = cursor.fetchone()
    return None if row is None else str(row[0])


def _as_new(one: _Given, number: int) -> Stored:
    return new_entry(number, (*one.facts, *one.decision, one.asked)), False, one.decided


def _rounds(given: list[_Given]) -> Iterator[dict[int, _Given]]:
    """Yield the scans by their places, no identity twice in one round."""
    rounds: defaultdict[int, dict[int, _Given]] = defaultdict(dict)
    times: Counter[bytes] = Counter()
    for place, one in enumerate(given):
        rounds[times[one.identity]][place] = one
        times[one.identity] += 1
    yield from rounds.values()


def _add(connection: PostgresConnection, given: Sequence[_Given]) -> psycopg.Cursor[Any] | None:
    if not given:
        return None
    rows = [(*one.facts, *one.decision, one.asked) for one in given]
    return connection.execute(ADD, _columns(SCAN_KINDS, rows), prepare=True)


def _fetched(cursor: psycopg.Cursor[Any] | None) -> list[tuple[Any, ...]]:
    return cursor.fetchall() if cursor is not None else []


def _columns(kinds: Iterable[type[Column]], rows: Iterable[tuple[Any, ...]]) -> list[Column]:
    return [kind(column) for kind, column in zip(kinds, zip(*rows, strict=True), strict=True)]


def _find(connection: PostgresConnection, identities: list[bytes]) -> dict[bytes, tuple[Any, ...]]:
    """Return the rows of scans that are there, locked against everybody who would complete them too."""
    with connection.pipeline():
        found = {
            identity: connection.execute(FIND_LOCKED, (identity,), prepare=True) for identity in sorted(identities)
        }
    return {identity: row for identity, cursor in found.items() for row in cursor.fetchall()}


def _still_counted(connection: PostgresConnection, late: list[tuple[int, _Counted]]) -> list[_Counted]:
    """Return what counts of scans that got their verdict only now: what came since their codes' counts began anew."""
    if not late:
        return []
    tags = sorted({tag for _, (tag, _, _) in late})
    through = dict(connection.execute(RESETS, (Blobs(tags),), prepare=True).fetchall())
    return [counted for number, counted in late if number > through.get(counted[0], 0)]


def _add_scanners(connection: PostgresConnection, counted: Iterable[_Counted]) -> psycopg.Cursor[Any] | None:
    pairs = sorted({(tag, person) for tag, person, _ in counted})
    if not pairs:
        return None
    columns = Blobs(tag for tag, _ in pairs), Blobs(person for _, person in pairs)
    return connection.execute(ADD_SCANNERS, columns, prepare=True)


def _count_and_commit(noting: _Noting, counted: Iterable[_Counted], paired: psycopg.Cursor[Any] | None) -> None:
    connection = noting.connection
    persons = Counter(tag for (tag,) in _fetched(paired))
    times: defaultdict[bytes, list[int]] = defaultdict(list)
    for tag, _, at in counted:
        times[tag].append(at)
    tags = sorted(times)
    with connection.pipeline():
        noting.lock_known()
        if tags:
            columns = (
                Blobs(tags),
                Whole(len(times[tag]) for tag in tags),
                Whole(persons[tag] for tag in tags),
                Whole(min(times[tag]) for tag in tags),
                Whole(max(times[tag]) for tag in tags),
            )
            connection.execute(COUNT, columns, prepare=True)
        connection.execute("COMMIT", prepare=True)
