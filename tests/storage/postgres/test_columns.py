from __future__ import annotations

from typing import Any

import pytest

from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.columns import Blobs, Column, Texts, Whole
from scanhook.storage.postgres.pool import Connections


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (Blobs, [b"", b"\x00\xff", None, b"x" * 1000]),
        (Texts, ["", "NULL", None, '{"广州", \\}', "😀"]),
        (Whole, [0, -1, None, (1 << 63) - 1, -(1 << 63)]),
        (Whole, [None, None]),
        (Texts, [None]),
        (Blobs, []),
    ],
    ids=lambda given: given.__name__ if isinstance(given, type) else f"{len(given)} values",
)
def test_a_column_gets_there_as_it_is(empty_database: str, column: type[Column], values: list[Any]) -> None:
    connection = Connections(Address.parse(empty_database), most=1).connect()
    bound = column(value for value in values)
    rows = connection.execute("SELECT unnest($1), pg_typeof($1)::text", (bound,)).fetchall()
    connection.close()

    assert rows == [(value, column.type.replace("int8", "bigint")) for value in values]


def test_true_and_false_are_numbers(empty_database: str) -> None:
    connection = Connections(Address.parse(empty_database), most=1).connect()
    assert connection.execute("SELECT unnest($1)", (Whole([True, False]),)).fetchall() == [(1,), (0,)]
    connection.close()


@pytest.mark.parametrize("value", [1.5, "1"])
def test_what_is_no_whole_number_is_no_cell_of_one(value: Any) -> None:
    with pytest.raises(Exception, match="required argument is not an integer"):
        Whole([value])
