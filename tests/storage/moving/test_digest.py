from __future__ import annotations

import pytest

from scanhook.storage import Pepper
from scanhook.storage.moving.digest import RowHash, RowSum

ROWS = [(b"\x01" * 10, 1, None), (b"\x02" * 10, 2, "茶\n"), (b"\x03" * 10, 2, "")]


def sum_of(*rows: tuple[object, ...], table: str = "registry.codes") -> RowSum:
    return RowHash(Pepper(secret=bytes(range(32))), table).sum_of(rows)


def test_a_sum_stays_what_it_was() -> None:
    assert sum_of(*ROWS).digest == "fa420ad754ca4260b3640b4523ad2c0a"
    assert sum_of(*ROWS).rows == 3


def test_no_rows_are_nothing() -> None:
    assert sum_of() == RowSum(rows=0, total=0)


def test_the_order_of_rows_does_not_matter() -> None:
    assert sum_of(*ROWS) == sum_of(*reversed(ROWS))


def test_a_row_is_taken_out_and_put_in_without_the_others() -> None:
    assert sum_of(*ROWS) - sum_of(ROWS[1]) + sum_of((b"\x02" * 10, 3, None)) == sum_of(
        ROWS[0], (b"\x02" * 10, 3, None), ROWS[2]
    )


@pytest.mark.parametrize(
    "other",
    [
        sum_of(*ROWS, ROWS[0]),
        sum_of(*ROWS, table="registry.marks"),
        sum_of(*ROWS[:2], (b"\x03" * 10, 2, None)),
        sum_of(*ROWS[:2], (b"\x03" * 10, "2", "")),
        sum_of(*ROWS[:2], ("\x03" * 10, 2, "")),
        RowHash(Pepper(secret=bytes(32)), "registry.codes").sum_of(ROWS),
    ],
    ids=["a row twice", "another table", "another value", "text for a number", "text for bytes", "another pepper"],
)
def test_what_is_not_the_same_has_another_sum(other: RowSum) -> None:
    assert other.total != sum_of(*ROWS).total


def test_a_sum_is_one_of_128_bits() -> None:
    with pytest.raises(ValueError, match="128 bits"):
        RowSum(rows=1, total=1 << 128)
