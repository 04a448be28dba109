"""Whole columns as one binding of a statement: many rows in one statement, whatever their number.

A column has its type from its class and not from what stands in it, as a list has: a list of nothing but ``None`` would
make another prepared statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Any

from psycopg.adapt import Dumper
from psycopg.pq import Format

__all__ = ["COLUMN_DUMPERS", "Blobs", "Column", "Texts", "Whole"]

_HEAD = Struct("!iiiii")
_LENGTH = Struct("!i")
_NUMBER = Struct("!iq")
_NULL = _LENGTH.pack(-1)


class Column:
    """One column of several rows, as PostgreSQL's binary format has an array.

    :ivar type: as statements name it.
    :ivar array_oid: of the array's type.
    :ivar oid: of its elements' type.
    """

    type: str
    array_oid: int
    oid: int
    __slots__ = ("binary",)

    def __init__(self, values: Iterable[Any]) -> None:
        """Take the values; ``None`` is NULL."""
        cells = [_NULL if value is None else self._cell(value) for value in values]
        head = _HEAD.pack(1, 1, self.oid, len(cells), 1)
        self.binary = head + b"".join(cells)

    @staticmethod
    def _cell(value: Any) -> bytes:
        return _LENGTH.pack(len(value)) + bytes(value)


class Blobs(Column):
    """Of ``bytea``."""

    type, array_oid, oid = "bytea[]", 1001, 17
    __slots__ = ()


class Texts(Column):
    """Of ``text``."""

    type, array_oid, oid = "text[]", 1009, 25
    __slots__ = ()

    @staticmethod
    def _cell(value: Any) -> bytes:
        written = value.encode()
        return _LENGTH.pack(len(written)) + bytes(written)


class Whole(Column):
    """Of ``int8``; true and false are 1 and 0."""

    type, array_oid, oid = "int8[]", 1016, 20
    __slots__ = ()

    @staticmethod
    def _cell(value: Any) -> bytes:
        return _NUMBER.pack(8, value)


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> Any:
        return obj.binary


class _BlobsDumper(_ColumnDumper):
    oid = Blobs.array_oid


class _TextsDumper(_ColumnDumper):
    oid = Texts.array_oid


class _WholeDumper(_ColumnDumper):
    oid = Whole.array_oid


COLUMN_DUMPERS: tuple[tuple[type, type[Dumper]], ...] = (
    (Blobs, _BlobsDumper),
    (Texts, _TextsDumper),
    (Whole, _WholeDumper),
)
