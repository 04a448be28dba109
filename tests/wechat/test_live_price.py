from __future__ import annotations

import json
from decimal import Decimal

import pytest

from scanhook.errors import Refused
from scanhook.wechat.live_price import GoodsPrice, PriceType


@pytest.mark.parametrize(
    ("price", "price2", "type_", "written"),
    [
        ("99.50", None, PriceType.FIXED, '{"priceType": 1, "price": 99.5}'),
        ("12", None, PriceType.FIXED, '{"priceType": 1, "price": 12}'),
        ("0.1", "0.3", PriceType.RANGE, '{"priceType": 2, "price": 0.1, "price2": 0.3}'),
        ("150.50", "99.50", PriceType.DISCOUNT, '{"priceType": 3, "price": 150.5, "price2": 99.5}'),
        ("99.5", "99.5", PriceType.DISCOUNT, '{"priceType": 3, "price": 99.5, "price2": 99.5}'),
        ("9999999999.99", None, PriceType.FIXED, '{"priceType": 1, "price": 9999999999.99}'),
        ("1234567.89", None, PriceType.FIXED, '{"priceType": 1, "price": 1234567.89}'),
        ("0", None, PriceType.FIXED, '{"priceType": 1, "price": 0}'),
    ],
    ids=range(8),
)
def test_prices_are_written_as_plain_numbers(price: str, price2: str | None, type_: PriceType, written: str) -> None:
    second = None if price2 is None else Decimal(price2)
    assert json.dumps(GoodsPrice(type=type_, price=Decimal(price), price2=second).as_json()) == written


@pytest.mark.parametrize(
    ("type_", "price", "price2", "why"),
    [
        (PriceType.FIXED, "1", "2", "a fixed price is one price"),
        (PriceType.RANGE, "1", None, "the second one is missing"),
        (PriceType.DISCOUNT, "1", None, "the second one is missing"),
        (PriceType.RANGE, "2", "1", "2 is not below 1"),
        (PriceType.RANGE, "1", "1", "1 is not below 1"),
        (PriceType.DISCOUNT, "1", "1.01", "the price now, 1.01 yuan, is above the price before, 1 yuan"),
        (PriceType.FIXED, "1.001", None, "1.001 has more than two decimals"),
        (PriceType.RANGE, "1", "1.005", "1.005 has more than two decimals"),
        (PriceType.FIXED, "-1", None, "a price of -1 yuan cannot be sent"),
        (PriceType.FIXED, "10000000000", None, "10000000000 yuan cannot be sent"),
        (PriceType.FIXED, "NaN", None, "NaN yuan cannot be sent"),
        (PriceType.FIXED, "Infinity", None, "Infinity yuan cannot be sent"),
    ],
    ids=range(12),
)
def test_a_price_that_the_page_does_not_allow_is_refused(
    type_: PriceType, price: str, price2: str | None, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        GoodsPrice(type=type_, price=Decimal(price), price2=None if price2 is None else Decimal(price2))
