"""The prices of live goods (``live-goods-add.md``, priceType). Performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Any

from scanhook.errors import Refused

__all__ = ["PRICE_MAX_YUAN", "GoodsPrice", "PriceType"]

PRICE_MAX_YUAN = Decimal("9999999999.99")
"""The page gives no limit; up to here every price is written in a JSON number as it is."""


class PriceType(IntEnum):
    """How the price is shown."""

    FIXED = 1
    RANGE = 2
    DISCOUNT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsPrice:
    """A price in yuan, with two decimals at most.

    :param price: the price; of a range its lower bound; of a discount what it cost before.
    :param price2: of a range its upper bound; of a discount what it costs now; of a fixed price nothing.
    :raises Refused: when the page does not allow it.
    """

    type: PriceType
    price: Decimal
    price2: Decimal | None = None

    def __post_init__(self) -> None:
        _check_yuan(self.price)
        if self.type is PriceType.FIXED:
            if self.price2 is not None:
                raise Refused("a fixed price is one price: leave the second one out")
            return
        if self.price2 is None:
            raise Refused("a range and a discount have two prices, and the second one is missing")
        _check_yuan(self.price2)
        if self.type is PriceType.RANGE and not self.price < self.price2:
            raise Refused(f"a range goes from the lower to the higher price: {self.price} is not below {self.price2}")
        if self.type is PriceType.DISCOUNT and self.price2 > self.price:
            raise Refused(
                f"the price now, {self.price2} yuan, is above the price before, {self.price} yuan: that is no discount"
            )

    def as_json(self) -> dict[str, Any]:
        """Return what is sent: prices as JSON numbers, 99.5 and not 99.50 or 99.49999."""
        second = {} if self.price2 is None else {"price2": _number(self.price2)}
        return {"priceType": int(self.type), "price": _number(self.price), **second}


def _check_yuan(yuan: Decimal) -> None:
    if not yuan.is_finite() or not 0 <= yuan <= PRICE_MAX_YUAN:
        raise Refused(f"a price of {yuan} yuan cannot be sent: it is 0 to {PRICE_MAX_YUAN}")
    if yuan != round(yuan, 2):
        raise Refused(f"the price {yuan} has more than two decimals")


def _number(yuan: Decimal) -> int | float:
    # A float of up to 15 digits is written as the shortest number that reads back as it: without noise.
    return int(yuan) if yuan == int(yuan) else float(yuan)
