"""The tables that are moved: read from the source's own catalog, so that no list of them can be forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from scanhook.storage.sqlite_connection import SqliteConnection

__all__ = ["LOG", "Key", "Row", "Table", "quoted", "tables_of"]

Row = tuple[object, ...]
Key = tuple[object, ...]

LOG = "moving_log"
"""The table in the source's files where triggers write down which rows were changed."""
_OF_THE_FILE = ("meta", LOG)
"""What belongs to the file, and not to the house that lives in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that is moved.

    :param room: ``registry``, ``journal`` or ``office``.
    :param columns: all, in the source's order.
    :param key: the columns of its primary key.
    :param texts: the columns that may hold text.
    """

    room: str
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    texts: tuple[str, ...] = ()

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
    """Return the tables of one of the source's files."""
    names = connection.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return [
        _table(connection, room, name)
        for (name,) in names
        if not name.startswith("sqlite_") and name not in _OF_THE_FILE
    ]


def _table(connection: SqliteConnection, room: str, name: str) -> Table:
    columns = connection.rows("SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid", (name,))
    key = sorted((number, column) for column, _, number in columns if number)
    return Table(
        room=room,
        name=name,
        columns=tuple(column for column, *_ in columns),
        key=tuple(column for _, column in key),
        texts=tuple(column for column, kind, _ in columns if kind == "TEXT"),
    )
