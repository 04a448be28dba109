"""The house that is left: three SQLite files that go on being used while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scanhook.errors import Refused, SchemaMismatch, StorageError, StorageMoved
from scanhook.storage.checking import check_kept_pepper
from scanhook.storage.database import moved
from scanhook.storage.files import STORE_FILES
from scanhook.storage.moving.capture import begin_capture, captured_by, end_capture, is_captured
from scanhook.storage.moving.tables import LOG, Key, Row, Table, quoted, tables_of
from scanhook.storage.pepper import Pepper
from scanhook.storage.sqlite import MOVED_AT, MOVED_TO, schema_of
from scanhook.storage.sqlite_connection import SqliteConnection, open_file, wording

__all__ = ["Change", "Source", "SourceRoom", "opened_source"]

_FORGET_ROWS = 2_000
"""In one transaction: scans wait for it."""
_KEPT_NUMBER = "last_of_{}"
"""Under this name a room keeps the highest number of a table whose rows are all deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """That a row was changed.

    :param number: in the order of the changes.
    :param name: the table's.
    """

    number: int
    name: str
    key: Key


class SourceRoom:
    """One of the source's files.

    :ivar name: ``registry``, ``journal`` or ``office``.
    """

    def __init__(self, path: Path, *, package: str, pepper: Pepper) -> None:
        self.path = path
        self.name = package.rpartition(".")[2]
        self.version = len(schema_of(package))
        if not path.exists():
            raise StorageError(f"{path} is missing: name the folder of a storage, as `[storage] url` does")
        with wording(path):
            self.connection = open_file(path)
            check_kept_pepper(self.connection, path, pepper)
            found = self.connection.pragma("user_version")
            if found != self.version:
                raise SchemaMismatch(
                    f"{path} has the schema {found}, here it is {self.version}: run `scanhook storage upgrade` first"
                )
            # The log of changes names persons who may be erased meanwhile: nothing of it must stay.
            self.connection.pragma("secure_delete", 1)
            self.tables = tables_of(self.connection, self.name)

    @property
    def inode(self) -> int:
        """What tells the file from one that a restore has put in its place."""
        return self.path.stat().st_ino

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one state of the file in everything that is read in the block."""
        with self._transaction("BEGIN"):
            self.connection.value("SELECT count(*) FROM meta")  # from here on it is the same state
            yield

    @contextmanager
    def writing(self) -> Iterator[SqliteConnection]:
        """Hold the file for writing."""
        with self._transaction("BEGIN IMMEDIATE"):
            yield self.connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        with wording(self.path):
            self.connection.execute(begin)
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def captured_by(self) -> str | None:
        """Return the move that changes are written down for."""
        with wording(self.path):
            return captured_by(self.connection, self.tables)

    def page(self, table: Table, after: Key | None, limit: int) -> list[Row]:
        """Return the next rows by key."""
        marks = ", ".join("?" * len(table.key))
        behind = f"WHERE ({table.listed_key}) > ({marks}) " if after is not None else ""
        statement = f"SELECT {table.listed} FROM {quoted(table.name)} {behind}ORDER BY {table.listed_key} LIMIT ?"
        with wording(self.path):
            return _storable(table, self.connection.rows(statement, (*(after or ()), limit)))

    def rows(self, table: Table, keys: Iterable[Key]) -> list[Row]:
        """Return those rows of these keys that are there."""
        which = " AND ".join(f'"{column}" = ?' for column in table.key)
        statement = f"SELECT {table.listed} FROM {quoted(table.name)} WHERE {which}"
        execute = self.connection.execute
        with wording(self.path):
            return _storable(table, [row for key in keys for row in execute(statement, key).fetchall()])

    def count(self, table: Table) -> int:
        """Count a table's rows."""
        with wording(self.path):
            return int(self.connection.value(f"SELECT count(*) FROM {quoted(table.name)}"))

    def changes(self, limit: int | None = None) -> list[Change]:
        """Return the oldest changes that are not caught up with, or all."""
        widths = {table.name: len(table.key) for table in self.tables}
        statement = f"SELECT number, name, k1, k2, k3 FROM {LOG} ORDER BY number LIMIT ?"
        with wording(self.path):
            rows = self.connection.rows(statement, (-1 if limit is None else limit,))
        return [Change(number=number, name=name, key=tuple(key[: widths[name]])) for number, name, *key in rows]

    def pending(self) -> int:
        """Count the changes that are not caught up with."""
        with wording(self.path):
            return int(self.connection.value(f"SELECT count(*) FROM {LOG}"))

    def forget(self, changes: list[Change]) -> None:
        """Forget changes that are caught up with, in short transactions.

        :param changes: all between the first and the last of them.
        """
        # Never once more: an empty log begins with 1 again, and such a change is not caught up with.
        for first in range(0, len(changes), _FORGET_ROWS):
            part = changes[first : first + _FORGET_ROWS]
            with self.writing() as connection:
                connection.change(f"DELETE FROM {LOG} WHERE number BETWEEN ? AND ?", (part[0].number, part[-1].number))

    def last_number(self, table: Table) -> int:
        """Return the highest number that a row of a table was ever given, as far as the source knows."""
        numbers = [0]
        with wording(self.path):
            if self.connection.value("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"):
                numbers.append(self.connection.value("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)))
            kept = "SELECT value FROM meta WHERE name = ?"
            numbers.append(self.connection.value(kept, (_KEPT_NUMBER.format(table.name),)))
        return max(int(number or 0) for number in numbers)


class Source:
    """The three files together."""

    def __init__(self, folder: Path, rooms: list[SourceRoom]) -> None:
        self.folder = folder
        self.rooms = rooms

    @property
    def tables(self) -> list[Table]:
        """All tables that are moved."""
        return [table for room in self.rooms for table in room.tables]

    def room_of(self, table: Table) -> SourceRoom:
        """Return the file that a table lies in."""
        return next(room for room in self.rooms if room.name == table.room)

    def capture_id(self) -> str | None:
        """Return the move that all changes are written down for."""
        ids = {room.captured_by() for room in self.rooms}
        return ids.pop() if len(ids) == 1 else None

    def is_in_a_move(self) -> bool:
        """Tell whether anything of a move is left in any file."""
        for room in self.rooms:
            with wording(room.path):
                if is_captured(room.connection):
                    return True
        return self.moved_to() is not None

    def begin_capture(self, move_id: str) -> None:
        """Write down every change from now on."""
        for room in self.rooms:
            with room.writing() as connection:
                begin_capture(connection, room.tables, move_id=move_id)

    def end_capture(self) -> None:
        """Write no change down any more."""
        for room in self.rooms:
            with room.writing() as connection:
                end_capture(connection)

    def moved_to(self) -> str | None:
        """Return where the house is marked as moved to."""
        for room in self.rooms:
            with wording(room.path):
                place: str | None = room.connection.value("SELECT value FROM meta WHERE name = ?", (MOVED_TO,))
            if place is not None:
                return place
        return None

    def check_not_left(self) -> None:
        """Refuse a house that was left for good.

        :raises StorageMoved: when it was.
        """
        if self.is_left():
            raise StorageMoved(moved(str(self.folder), self.moved_to() or "another place"))

    def is_left(self) -> bool:
        """Tell whether the house was left for good."""
        for room in self.rooms:
            with wording(room.path):
                if room.connection.value("SELECT 1 FROM meta WHERE name = ?", (MOVED_AT,)):
                    return True
        return False

    def mark(self, place: str, *, hindrance: Callable[[SqliteConnection], str | None], most: int) -> bool:
        """Mark all three files as moved, in one transaction: whoever begins anything from now on is refused.

        :param hindrance: looks at the registry, and says why it cannot be moved now.
        :param most: so many changes may be left to catch up with.
        :returns: False, and nothing is marked, when more are.
        :raises Refused: when it says so.
        """
        with self._all() as (connection, names):
            why = hindrance(connection)
            if why is not None:
                raise Refused(why)
            if sum(connection.value(f"SELECT count(*) FROM {name}.{LOG}") for name in names) > most:
                return False
            for name in names:
                connection.execute(
                    f"INSERT INTO {name}.meta (name, value) VALUES (?, ?) "
                    "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    (MOVED_TO, place),
                )
        return True

    def unmark(self) -> None:
        """Let the source go on."""
        with self._all() as (connection, names):
            for name in names:
                connection.execute(f"DELETE FROM {name}.meta WHERE name IN (?, ?)", (MOVED_TO, MOVED_AT))

    def leave(self, at: int) -> None:
        """Say that the house was left for good, and take away what the move has put into it.

        :param at: seconds since 1970.
        """
        with self._all() as (connection, names):
            for name in names:
                connection.execute(
                    f"INSERT INTO {name}.meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (MOVED_AT, at)
                )
        self.end_capture()

    @contextmanager
    def _all(self) -> Iterator[tuple[SqliteConnection, list[str]]]:
        """Give a transaction over all files, the registry's as ``main``.

        Each file gets all of it or nothing. If the machine dies in between, one may lack it: a house of which one file
        is marked is stopped as well, and the next run begins with taking the marks away.
        """
        first, *others = sorted(self.rooms, key=lambda room: room.name != "registry")
        names = [first.name, *(room.name for room in others)]
        with wording(first.path), ExitStack() as undo:
            connection = open_file(first.path)
            undo.callback(connection.close)
            for room in others:
                connection.execute(f"ATTACH ? AS {room.name}", (str(room.path),))
                connection.execute(f"PRAGMA {room.name}.synchronous=FULL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection, ["main", *names[1:]]
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the files."""
        for room in self.rooms:
            room.connection.close()


@contextmanager
def opened_source(folder: Path, *, pepper: Pepper) -> Iterator[Source]:
    """Open a source.

    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when it was made by another version.
    :raises StorageError: when a file is missing, or cannot be read or written.
    """
    source = Source(folder, [SourceRoom(folder / f.name, package=f.package, pepper=pepper) for f in STORE_FILES])
    try:
        yield source
    finally:
        source.close()


def _storable(table: Table, rows: list[Row]) -> list[Row]:
    """Return rows as PostgreSQL can hold them: no text there has a NUL, and the replacement character stands for it."""
    places = [table.columns.index(column) for column in table.texts]
    for number, row in enumerate(rows if places else ()):
        for place in places:
            value = row[place]
            if value is not None and "\0" in str(value):
                rows[number] = tuple(_without_nul(value) for value in row)
                break
    return rows


def _without_nul(value: object) -> object:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
