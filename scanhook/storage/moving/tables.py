"""The tables that are moved: read from the source's own catalog, so that no list of them can be forgotten.

Where one table of the source has the rows of several of the target, a view shows those of each: the views are moved, in
that table's place.
"""

from __future__ import annotations

from dataclasses import dataclass

from scanhook.storage.sqlite_connection import SqliteConnection

__all__ = ["LOG", "Key", "Row", "Shown", "Table", "quoted", "tables_of"]

Row = tuple[object, ...]
Key = tuple[object, ...]

LOG = "moving_log"
"""The table in the source's files where triggers write down which rows were changed."""
_OF_THE_FILE = ("meta", LOG)
"""What belongs to the file, and not to the house that lives in it."""
_SHOWN = {"counts": {"scanners": "person <> x''", "tallies": "person = x''"}}
"""By tables that are several in the target: which view shows which rows; every row is in one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a view shows.

    :param table: whose rows.
    :param key: the columns of that table's primary key.
    :param only: which rows, said by columns of the key.
    """

    table: str
    key: tuple[str, ...]
    only: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that is moved.

    :param room: ``registry``, ``journal`` or ``office``.
    :param columns: all, in the source's order.
    :param key: the columns of its primary key.
    :param texts: the columns that may hold text.
    :param shown: what it shows, where it is a view.
    """

    room: str
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    texts: tuple[str, ...] = ()
    shown: Shown | None = None

    def __post_init__(self) -> None:
        if not (self.key and set(self.key) <= set(self.columns)):
            raise ValueError(f"{self.label} has no primary key")

    @property
    def label(self) -> str:
        """What it is called, room and name."""
        return f"{self.room}.{self.name}"

    @property
    def listed(self) -> str:
        """All columns, as statements have them."""
        return ", ".join(map(quoted, self.columns))

    @property
    def listed_key(self) -> str:
        """The columns of the key, as statements have them."""
        return ", ".join(map(quoted, self.key))

    def key_of(self, row: Row) -> Key:
        """Return a row's key."""
        return tuple(row[self.columns.index(name)] for name in self.key)


def quoted(name: str) -> str:
    """Write a name as both engines understand it, whatever words they reserve."""
    return f'"{name}"'


def tables_of(connection: SqliteConnection, room: str) -> list[Table]:
    """Return the tables of one of the source's files, by name; in the place of one that views show, the views."""
    names = connection.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")
    tables: list[Table] = []
    for (name,) in names:
        if name in _SHOWN:
            key = _key(connection, name)
            for view, only in _SHOWN[name].items():
                tables.append(_table(connection, room, view, Shown(table=name, key=key, only=only)))
        elif not name.startswith("sqlite_") and name not in _OF_THE_FILE:
            tables.append(_table(connection, room, name))
    return sorted(tables, key=lambda table: table.name)


def _key(connection: SqliteConnection, table: str) -> tuple[str, ...]:
    columns = connection.rows("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,))
    return tuple(column for (column,) in columns)


def _table(connection: SqliteConnection, room: str, name: str, shown: Shown | None = None) -> Table:
    columns = dict(connection.rows("SELECT name, type FROM pragma_table_info(?) ORDER BY cid", (name,)))
    return Table(
        room=room,
        name=name,
        columns=tuple(columns),
        # Where a view lacks a column of the key, that is the same in all its rows.
        key=tuple(column for column in shown.key if column in columns) if shown else _key(connection, name),
        texts=tuple(column for column, kind in columns.items() if kind == "TEXT"),
        shown=shown,
    )
