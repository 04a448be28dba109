"""The house that is moved into: a PostgreSQL database that nobody can use until it is filled."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from psycopg.errors import UniqueViolation

from scanhook.errors import PepperMismatch, Refused, StorageError
from scanhook.storage.moving.filled import Filled
from scanhook.storage.moving.making import MADE, made_target, took_away
from scanhook.storage.moving.shapes import Shape, shape_of
from scanhook.storage.moving.tables import Key, Row, Table
from scanhook.storage.pepper import Pepper
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.connection import PostgresConnection, PostgresSession
from scanhook.storage.postgres.pool import Connections
from scanhook.storage.postgres.tables import (
    FILLING,
    ROOMS,
    check_pepper,
    check_tables,
    has_tables,
    note_of,
    package_of,
    schema_of,
)
from scanhook.storage.postgres.wording import wording

__all__ = ["InTheWay", "Target"]

_STEP_S = 120.0
"""For one page of rows, or one statement over a table; a server that says nothing for longer is given up."""
_ASKING_S = 10.0
_BACKEND = "SELECT pid::bigint, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END = (
    "SELECT pg_terminate_backend(pid, 5000)::int FROM pg_stat_activity "
    "WHERE pid = ? AND backend_start = ?::text::timestamptz"
)
"""The start tells it from one with the same number on another server."""
_NOTE = "moving"
_KEEP = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class InTheWay(Exception):
    """A row cannot be put, because another one has what must be unique. It never leaves this package."""


class Target:
    """The database. All of it is used by one thread, over one connection.

    :ivar place: for people, without a password.
    """

    def __init__(self, address: Address, connection: PostgresConnection, *, pepper: Pepper) -> None:
        self.place = address.place
        self._address = address
        self._connection = connection
        self._pepper = pepper
        self._deadline = math.inf
        self._ours = PostgresSession(connection).rows(_BACKEND)[0]
        self._shapes: dict[str, Shape] = {}
        self._standings = {room: f"{len(schema_of(package_of(room)))}/{pepper.id}" for room in ROOMS}

    @property
    def session(self) -> PostgresSession:
        """A session whose next statements must end in time."""
        self._hurry()
        return PostgresSession(self._connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let everything in the block be there when it is left without an error, or nothing."""
        with wording(self.place):
            self._hurry()
            with self._connection.transaction():
                yield

    @contextmanager
    def hurrying(self, within_s: float) -> Iterator[None]:
        """Give up on the server when all that is done in the block takes longer."""
        self._deadline = time.monotonic() + within_s
        try:
            yield
        finally:
            self._deadline = math.inf

    def _hurry(self) -> None:
        self._connection.until = min(time.monotonic() + _STEP_S, self._deadline)

    # -- whose it is ---------------------------------------------------------------------------------------------------

    def move_id(self) -> str | None:
        """Return the move that fills it, or has filled it last; ``None`` where it is nobody's copy."""
        with wording(self.place):
            if not has_tables(self._connection):
                return None
            found: str | None = note_of(self._connection, _NOTE)
        return found

    def is_open(self) -> bool:
        """Tell whether services may use it."""
        with wording(self.place):
            notes = {room: note_of(self._connection, room) for room in ROOMS}
        return notes == self._standings

    def was_opened(self) -> bool:
        """Tell whether :meth:`open_rooms` was done, when its answer was lost; from now on it is not done any more.

        A commit that still waits, as for a standby, would be seen by nobody: what waits is ended before.

        :raises StorageError: when nobody can be asked, or it cannot be ended.
        """
        with Connections(self._address, most=1).apart(within_s=_ASKING_S) as asked:
            if not all(ended for (ended,) in PostgresSession(asked).rows(_END, self._ours)):
                raise StorageError(f"{self.place}: what was begun there cannot be ended")
            return all(note_of(asked, room) == standing for room, standing in self._standings.items())

    def prove(self) -> None:
        """Commit something, so that a server that cannot is known before it matters."""
        with self.transaction():
            self.session.change("UPDATE meta SET value = value WHERE name = ?", (_NOTE,))

    def begin(self, tables: list[Table], *, move_id: str, origin: str) -> None:
        """Make it the empty target of a move. What it holds is thrown away if it is an unfinished copy, and never else.

        :param origin: where the move comes from, for people.
        :raises Refused: when it holds a storage that is in use.
        """
        self._make()
        fit = self._fit(tables)
        with self.transaction():
            if self._filled_from() is None:
                in_use = [
                    table.label for table in tables if self.session.value(f"SELECT 1 FROM {fit[table.label]} LIMIT 1")
                ]
                if in_use:
                    raise Refused(
                        f"{self.place} holds a storage already ({', '.join(in_use[:3])} …), and a copy would mix two: "
                        "name an empty database"
                    )
            self.session.change("DELETE FROM meta WHERE name = ? OR starts_with(name, ?)", (_NOTE, f"{_NOTE}:"))
            for table in tables:
                self.session.change(f"TRUNCATE {fit[table.label]}")
            self.session.change(_KEEP, (_NOTE, move_id))
            self.close_rooms(origin)

    def go_on(self, tables: list[Table]) -> None:
        """Take up a move where it was left."""
        self._fit(tables)

    def _make(self) -> None:
        if self.has_tables():
            return
        with wording(self.place):
            made = made_target(self._address, self.session, pepper=self._pepper)
            if made is not None:
                self.session.change(_KEEP, (MADE, made))

    def has_tables(self) -> bool:
        """Tell whether it holds a storage, or the copy of one."""
        with wording(self.place):
            return has_tables(self._connection)

    def check(self) -> None:
        """Find out whether the tables are of this pepper and this version.

        :raises Refused: when they are another house's.
        :raises StorageError: when they are of another version; nothing is wrong with a database that has none.
        """
        if not self.has_tables():
            return
        with wording(self.place):
            try:
                check_pepper(self._connection, self._pepper, self.place)
            except PepperMismatch:
                raise Refused(
                    f"{self.place} holds another house already, which has another pepper: name an empty database"
                ) from None
            if self._filled_from() is not None:
                return
            for room in ROOMS:
                check_tables(
                    self._connection, room=room, package=package_of(room), pepper=self._pepper, place=self.place
                )

    def _filled_from(self) -> str | None:
        state, _, origin = (note_of(self._connection, ROOMS[0]) or "").partition("/")
        return origin if state == FILLING else None

    def is_filled_from(self, origin: str) -> bool:
        """Tell whether it is an unfinished copy of the house that lies there, whichever move has begun it."""
        with wording(self.place):
            return self._filled_from() == origin

    def _fit(self, tables: list[Table]) -> dict[str, str]:
        with wording(self.place):
            self._shapes = {table.label: shape_of(self.session, table, self.place) for table in tables}
        return {label: shape.table for label, shape in self._shapes.items()}

    def close_rooms(self, origin: str) -> None:
        """Let nobody use it."""
        self.session.change_all(_KEEP, [(room, f"{FILLING}/{origin}") for room in ROOMS])

    def open_rooms(self, notes: Mapping[str, str]) -> None:
        """Let services use it, in the very transaction that forgets how it was filled.

        :param notes: what ``meta`` must say besides.
        """
        with self.transaction():
            self.session.change_all(_KEEP, list(notes.items()))
            self.session.change("DELETE FROM meta WHERE starts_with(name, ?)", (f"{_NOTE}:",))
            self.session.change_all(_KEEP, list(self._standings.items()))

    def forget_move(self) -> None:
        """Forget that it ever was a copy."""
        with self.transaction():
            self.session.change("DELETE FROM meta WHERE name IN (?, ?)", (_NOTE, MADE))

    def throw_away(self, tables: list[Table], *, origin: str) -> bool:
        """Throw the unfinished copy away. An empty storage that could be used would stand in the place of a lost one.

        :param origin: where it came from, for people.
        :returns: whether the tables are gone: those that the copy has not made itself stay, empty, and nobody can use
            them.
        """
        with self.transaction():
            if took_away(self.session, note_of(self._connection, MADE)):
                return True
            for table in self._fit(tables).values():
                self.session.change(f"TRUNCATE {table}")
            self.session.change("DELETE FROM meta WHERE name = ? OR starts_with(name, ?)", (_NOTE, f"{_NOTE}:"))
            self.close_rooms(f"{origin} (given up)")
        return False

    # -- how far it is -------------------------------------------------------------------------------------------------

    def filled(self, table: Table) -> Filled:
        """Return how far a table is filled."""
        with wording(self.place):
            found = self.session.value("SELECT value FROM meta WHERE name = ?", (f"{_NOTE}:{table.label}",))
        return Filled.of(found) if found else Filled()

    def note(self, table: Table, filled: Filled) -> None:
        """Write down how far a table is filled, in the transaction that has filled it."""
        self.session.change(_KEEP, (f"{_NOTE}:{table.label}", filled.as_text()))

    def count(self, table: Table) -> int:
        """Count a table's rows."""
        with self.transaction():
            # All of them are wanted, and the server goes through the table faster than through an index.
            self.session.change("SET LOCAL enable_seqscan = on")
            return int(self.session.value(f"SELECT count(*) FROM {self._shapes[table.label].table}"))

    # -- rows ----------------------------------------------------------------------------------------------------------

    def add(self, table: Table, rows: list[Row], *, after: Key | None, upto: Key) -> list[Row]:
        """Add rows that lie behind all others, and return them as they are kept: all between two keys.

        :param after: the key before them.
        :param upto: the last one's.
        :raises InTheWay: when another row has what must be unique.
        """
        self._copy(self._shapes[table.label], rows)
        return self.rows(table, after=after, upto=upto)

    def rows(self, table: Table, *, after: Key | None, upto: Key | None) -> list[Row]:
        """Return the rows behind a key, up to another."""
        statement = self._shapes[table.label].between(after=after is not None, upto=upto is not None)
        with wording(self.place):
            return self._read(statement, (*(after or ()), *(upto or ())))

    def count_of(self, table: Table, keys: list[Key]) -> int:
        """Count those rows of some keys that are there."""
        if not keys:
            return 0
        with wording(self.place):
            return len(self._read(self._shapes[table.label].select, _columns(keys)))

    def put(self, table: Table, keys: list[Key], rows: list[Row]) -> tuple[list[Row], list[Row]]:
        """Put rows in the place of those with these keys.

        :returns: the rows as they were kept until now, and as they are kept now.
        :raises InTheWay: when another row has what must be unique.
        """
        shape = self._shapes[table.label]
        columns = _columns(keys)
        before = self._read(shape.delete, columns)
        self._copy(shape, rows)
        return before, self._read(shape.select, columns)

    def keys_in_the_way(self, table: Table, rows: list[Row]) -> set[Key]:
        """Return the keys of the rows that have what must be unique, and some of these rows have too."""
        shape = self._shapes[table.label]
        found: set[Key] = set()
        for columns, statement in shape.unique:
            places = [table.columns.index(column) for column in columns]
            values = tuple([row[place] for row in rows] for place in places)
            found |= {tuple(key) for key in self.session.rows(statement, values)}
        return found

    def set_number(self, table: Table, last: int) -> int:
        """Let the numbers that the target gives to new rows begin behind the highest that was ever given.

        :param last: the highest that the source knows of, beside its rows.
        :returns: the highest; 0 where rows have no numbers, or none was ever given.
        """
        shape = self._shapes[table.label]
        if shape.sequence is None:
            return 0
        with wording(self.place):
            newest = self.session.value(f"SELECT max({table.listed_key}) FROM {shape.table}") or 0
            number = max(last, int(newest))
            self.session.value(
                "SELECT setval(?::regclass, ?, ?::int <> 0)", (shape.sequence, max(number, 1), number > 0)
            )
        return number

    def analyze(self, table: Table) -> None:
        """Let the server know what a table is like."""
        with wording(self.place):
            self.session.change(f"ANALYZE {self._shapes[table.label].table}")

    def _copy(self, shape: Shape, rows: list[Row]) -> None:
        if not rows:
            return
        self._hurry()
        try:
            with (
                self._connection.transaction(),
                self._connection.cursor() as cursor,
                cursor.copy(shape.copy) as copy,
            ):
                copy.set_types(shape.types)
                for row in rows:
                    copy.write_row(row)
        except UniqueViolation:
            raise InTheWay from None

    def _read(self, statement: str, bindings: tuple[object, ...]) -> list[Row]:
        self._hurry()
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(statement.encode(), bindings).fetchall()


def _columns(keys: list[Key]) -> tuple[list[object], ...]:
    return tuple(list(part) for part in zip(*keys, strict=True))
