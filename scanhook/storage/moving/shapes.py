"""How a table of the source lies in the target: types, keys and statements, from the target's own catalog."""

from __future__ import annotations

from dataclasses import dataclass

from scanhook.errors import SchemaMismatch
from scanhook.storage.moving.tables import Table, quoted
from scanhook.storage.postgres.address import SCHEMA
from scanhook.storage.postgres.connection import PostgresSession

__all__ = ["Shape", "shape_of"]

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), (a.attnotnull AND NOT a.atthasdef AND a.attidentity = '')::int
FROM pg_attribute AS a WHERE a.attrelid = ?::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
_UNIQUE = """
SELECT array(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
  JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place)
FROM pg_index AS i WHERE i.indrelid = ?::regclass AND i.indisunique
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A table in the target.

    :param table: its name there.
    :param types: of the source's columns, there.
    :param copy: takes rows in.
    :param delete: deletes the rows of some keys, and returns them.
    :param select: returns the rows of some keys.
    :param first: returns the rows up to a key.
    :param behind: returns the rows behind one key and up to another.
    :param rest: returns the rows behind a key.
    :param all: returns all rows.
    :param unique: columns that must be unique there beside the source's key, and what finds the keys of rows that have
        such values.
    :param sequence: what gives the rows their numbers.
    """

    table: str
    types: list[str]
    copy: str
    delete: str
    select: str
    first: str
    behind: str
    rest: str
    all: str
    unique: tuple[tuple[tuple[str, ...], str], ...]
    sequence: str | None

    def between(self, *, after: bool, upto: bool) -> str:
        """Return what returns the rows behind a key, or behind none, up to another, or to the end."""
        if upto:
            return self.behind if after else self.first
        return self.rest if after else self.all


def shape_of(session: PostgresSession, table: Table, place: str) -> Shape:
    """Find out how a table lies in the target.

    :param place: the target, for people.
    :raises SchemaMismatch: when it lies there otherwise than this version has it.
    """
    name = f"{SCHEMA}.{quoted(table.name)}"
    if session.value("SELECT to_regclass(?)", (name,)) is None:
        raise SchemaMismatch(f"{place} has no table {table.name}: another version has made its tables")
    types = {column: kind for column, kind, _ in session.rows(_COLUMNS, (name,))}
    needed = {column for column, _, needed in session.rows(_COLUMNS, (name,)) if needed}
    strange = (needed - set(table.columns)) | (set(table.columns) - set(types))
    if strange:
        raise SchemaMismatch(
            f"{table.name} in {place} differs in {', '.join(sorted(strange))}: use one version for both"
        )
    width = len(table.key)
    low, high = (", ".join(f"${number}" for number in range(first, first + width)) for first in (1, width + 1))
    among = _among(table.key, types)
    select = f"SELECT {table.listed} FROM {name} WHERE"
    return Shape(
        table=name,
        types=[types[column] for column in table.columns],
        copy=f"COPY {name} ({table.listed}) FROM STDIN (FORMAT BINARY)",
        delete=f"DELETE FROM {name} WHERE ({table.listed_key}) IN ({among}) RETURNING {table.listed}",
        select=f"{select} ({table.listed_key}) IN ({among})",
        first=f"{select} ({table.listed_key}) <= ({low})",
        behind=f"{select} ({table.listed_key}) > ({low}) AND ({table.listed_key}) <= ({high})",
        rest=f"{select} ({table.listed_key}) > ({low})",
        all=f"SELECT {table.listed} FROM {name}",
        unique=tuple(
            (
                tuple(columns),
                f"SELECT {table.listed_key} FROM {name} WHERE ({_listed(columns)}) IN ({_among(columns, types)})",
            )
            for (columns,) in session.rows(_UNIQUE, (name,))
            if set(columns) != set(table.key)
        ),
        sequence=session.value("SELECT pg_get_serial_sequence(?, ?)", (name, table.key[0])) if width == 1 else None,
    )


def _listed(columns: list[str]) -> str:
    return ", ".join(map(quoted, columns))


def _among(columns: tuple[str, ...] | list[str], types: dict[str, str]) -> str:
    arrays = ", ".join(f"${number}::{types[column]}[]" for number, column in enumerate(columns, 1))
    return f"SELECT * FROM unnest({arrays})"
