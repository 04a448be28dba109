"""What union products can be searched by (``union-product-list.md``, facts.md 5.4a). Performs no I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from scanhook.errors import Refused

__all__ = ["QueryType", "ShipsFrom", "ShipsHow", "SortType", "UnionFilter"]

_RATIO_WHOLE = 10_000


class QueryType(IntEnum):
    """What the search text is looked for in."""

    PRODUCT_NAME = 0
    SHOP_NAME = 1
    PRODUCT_ID = 2


class SortType(IntEnum):
    """In which order the products come."""

    DEFAULT = 0
    PRICE_ASCENDING = 1
    PRICE_DESCENDING = 2
    COMMISSION_RATIO_ASCENDING = 3
    COMMISSION_RATIO_DESCENDING = 4
    COMMISSION_VALUE_ASCENDING = 5
    COMMISSION_VALUE_DESCENDING = 6
    SALES_ASCENDING = 7
    SALES_DESCENDING = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipsHow:
    """How a product reaches its buyer: ``shippingMethods``, and ``addressType`` of an address."""

    express: bool = False
    same_city: bool = False
    pickup: bool = False

    def as_json(self) -> dict[str, int]:
        """Return what is sent: 1 for yes, 0 for no."""
        return {"express": int(self.express), "sameCity": int(self.same_city), "pickup": int(self.pickup)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipsFrom:
    """Where a product is sent from: one entry of ``addressList``.

    :param province: the first level of China's addresses, such as 广东省.
    :param city: the second.
    :param county: the third; WeChat calls it ``countryName``.
    :param how: how it is sent from there.
    """

    province: str
    city: str = ""
    county: str = ""
    how: ShipsHow | None = None

    def __post_init__(self) -> None:
        if not self.province:
            raise Refused("an address to ship from needs a province")
        if self.county and not self.city:
            raise Refused(f"the address to ship from names the county {self.county}, and no city")

    def as_json(self) -> dict[str, Any]:
        """Return what is sent, without what is empty."""
        place = {"provinceName": self.province, "cityName": self.city, "countryName": self.county}
        sent: dict[str, Any] = {"addressInfo": {name: value for name, value in place.items() if value}}
        if self.how is not None:
            sent["addressType"] = self.how.as_json()
        return sent


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionFilter:
    """Which products are wanted; what is left out is not searched by.

    :param query: the search text; ``query_type`` says what it is looked for in.
    :param min_price_fen: like ``max_price_fen`` and ``min_commission_fen`` in fen.
    :param min_commission_ratio: in 1/10 000 of the price.
    :param category_id: one category; it counts before ``categories``.
    :param product_ids: SPU ids.
    :param shop_app_ids: of the shops that sell.
    :param has_coupon: only those with a coupon of the union's.
    :raises Refused: when the page does not allow it.
    """

    query: str = ""
    query_type: QueryType = QueryType.PRODUCT_NAME
    min_price_fen: int | None = None
    max_price_fen: int | None = None
    min_commission_fen: int | None = None
    min_commission_ratio: int | None = None
    sort: SortType = SortType.DEFAULT
    category_id: str = ""
    categories: tuple[str, ...] = ()
    without_categories: tuple[str, ...] = ()
    product_ids: tuple[str, ...] = ()
    shop_app_ids: tuple[str, ...] = ()
    has_coupon: bool = False
    ships_how: ShipsHow | None = None
    ships_from: tuple[ShipsFrom, ...] = ()

    def __post_init__(self) -> None:
        if self.query_type and not self.query:
            raise Refused("it is said what to search in, and not what for: give a query, too")
        _check_amount("the lowest price", self.min_price_fen)
        _check_amount("the highest price", self.max_price_fen)
        _check_amount("the lowest commission", self.min_commission_fen)
        _check_amount("the lowest commission ratio", self.min_commission_ratio)
        if self.max_price_fen is not None and (self.min_price_fen or 0) > self.max_price_fen:
            raise Refused(
                f"the lowest price, {self.min_price_fen} fen, is above the highest, {self.max_price_fen} fen: "
                "nothing can fit"
            )
        if (self.min_commission_ratio or 0) > _RATIO_WHOLE:
            raise Refused(
                f"the lowest commission ratio is {self.min_commission_ratio} in 10 000: more than the price itself"
            )
        _check_ids("category", (self.category_id,) if self.category_id else ())
        _check_ids("category", (*self.categories, *self.without_categories))
        _check_ids("product", self.product_ids)
        if not all(re.fullmatch(r"wx[0-9A-Za-z]+", app_id) for app_id in self.shop_app_ids):
            raise Refused("a shop's app id is wx… followed by letters and digits: one of those given is not")

    @property
    def overruled(self) -> str:
        """A sentence on what will not count; empty when everything does."""
        if self.category_id and self.categories:
            return (
                f"both one category ({self.category_id}) and a list of categories ({', '.join(self.categories)}) are "
                "given: WeChat takes the one and does not look at the list"
            )
        return ""

    def as_query(self) -> dict[str, str]:
        """Return what stands in the URL: only what is given, lists by commas, what is nested as JSON."""
        numbers = {
            "queryType": self.query_type or None,
            "maxPrice": self.max_price_fen,
            "minPrice": self.min_price_fen,
            "minCommissionValue": self.min_commission_fen,
            "minCommissionRatio": self.min_commission_ratio,
            "sortType": self.sort or None,
            "hasCoupon": 1 if self.has_coupon else None,
        }
        texts = {
            "query": self.query,
            "categoryId": self.category_id,
            "shopAppIds": _json(list(self.shop_app_ids)) if self.shop_app_ids else "",
            "category": ",".join(self.categories),
            "noCategory": ",".join(self.without_categories),
            "productId": ",".join(self.product_ids),
            "shippingMethods": _json(self.ships_how.as_json()) if self.ships_how else "",
            "addressList": _json([place.as_json() for place in self.ships_from]) if self.ships_from else "",
        }
        return {
            **{name: str(int(value)) for name, value in numbers.items() if value is not None},
            **{name: value for name, value in texts.items() if value},
        }


def _check_amount(what: str, amount: int | None) -> None:
    if amount is not None and amount < 0:
        raise Refused(f"{what} is {amount}: it cannot be below 0")


def _check_ids(what: str, ids: tuple[str, ...]) -> None:
    for id_ in ids:
        if not re.fullmatch(r"[0-9]{1,20}", id_, re.ASCII):
            raise Refused(f"`{id_}` is no {what} id: it is a number")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
