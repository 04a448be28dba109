"""What stands for all rows of a table: how many they are, and the sum of their keyed hashes. Sans-IO.

The sum is the same in whatever order rows come, so that a row that was changed is taken out and put in again without
reading the others. It is keyed with the pepper: nobody can make another table of the same sum.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scanhook.storage.pepper import Pepper

__all__ = ["RowHash", "RowSum"]

_HASH_BYTES = 16
_MODULUS = 1 << (8 * _HASH_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSum:
    """All rows of a table, or some.

    :param rows: how many.
    :param total: the sum of their hashes modulo 2¹²⁸.
    """

    rows: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.total < _MODULUS:
            raise ValueError("a sum is one of 128 bits")

    def __add__(self, other: RowSum) -> RowSum:
        """Put rows in."""
        return RowSum(rows=self.rows + other.rows, total=(self.total + other.total) % _MODULUS)

    def __sub__(self, other: RowSum) -> RowSum:
        """Take rows out."""
        return RowSum(rows=self.rows - other.rows, total=(self.total - other.total) % _MODULUS)

    @property
    def digest(self) -> str:
        """The sum, in hex."""
        return self.total.to_bytes(_HASH_BYTES, "big").hex()


class RowHash:
    """Hashes the rows of one table: BLAKE2b, keyed with the pepper, over the table's name and the row.

    :param table: the room's and the table's name.
    """

    def __init__(self, pepper: Pepper, table: str) -> None:
        self._begun = hashlib.blake2b(digest_size=_HASH_BYTES, key=pepper.secret, person=b"moving")
        self._begun.update(table.encode() + b"\0")

    def sum_of(self, rows: Iterable[tuple[Any, ...]]) -> RowSum:
        """Return what stands for rows; each holds nothing but None, whole numbers, texts and bytes."""
        begin, number = self._begun.copy, int.from_bytes
        count = total = 0
        for count, row in enumerate(rows, 1):  # noqa: B007  (the last one is how many they are)
            one = begin()
            # How Python writes such values is one-to-one, and the same in all its versions.
            one.update(ascii(row).encode())
            total += number(one.digest(), "big")
        return RowSum(rows=count, total=total % _MODULUS)
