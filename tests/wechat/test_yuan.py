from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from scanhook.errors import Refused
from scanhook.wechat.yuan import fen_of, in_fen, in_yuan, read_yuan


@pytest.mark.parametrize(
    ("yuan", "fen"), [("300", 30000), ("299.9", 29990), ("299.99", 29999), ("0.07", 7), ("1.15", 115), ("0", 0)]
)
def test_yuan_are_read_to_the_fen(yuan: str, fen: int) -> None:
    assert in_fen(yuan) == fen


@pytest.mark.parametrize(("text", "yuan"), [("99", "99"), ("99.50", "99.5"), ("0.01", "0.01"), ("007", "7")])
def test_a_price_is_read_from_text(text: str, yuan: str) -> None:
    assert read_yuan(text) == Decimal(yuan)


@pytest.mark.parametrize(
    "yuan",
    ["", "3e2", "-1", "1.005", "1,000", "￥5", "５", "٣", "NaN", "1.", ".5", "1_0", "5\n", "99999999999"],
)
@pytest.mark.parametrize("reads", [in_fen, read_yuan])
def test_what_is_no_price_is_refused(reads: Callable[[str], object], yuan: str) -> None:
    with pytest.raises(Refused, match=r"is no price in yuan: write it like 300 or 299\.90"):
        reads(yuan)


@pytest.mark.parametrize(("fen", "yuan"), [(0, "0.00"), (7, "0.07"), (30000, "300.00"), (5_000_000, "50000.00")])
def test_fen_are_written_as_yuan(fen: int, yuan: str) -> None:
    assert in_yuan(fen) == yuan


@pytest.mark.parametrize(
    ("yuan", "fen"),
    [
        ("9.90", 990),
        (Decimal("99.5"), 9950),
        (Decimal("1E+3"), 100_000),
        ("about 5", None),
        (Decimal("1.005"), None),
        (Decimal(-1), None),
        (Decimal(10) ** 17, None),
    ],
)
def test_what_wechat_writes_as_a_price_is_one_or_none(yuan: str | Decimal, fen: int | None) -> None:
    assert fen_of(yuan) == fen
