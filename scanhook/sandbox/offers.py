"""What shops offer in the union: products as the page's example has them, and how they are looked for.

The first two are the example of ``union-product-list.md``, literally; what the page can ask for but never answers (the
shop's app id, coupons, sales, shipping) stands beside them. Performs no I/O but reading its own samples.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["SORTS", "Offer", "Search", "UnionShelf", "sample_offers"]


_NOWHERE = re.compile(r'"https://mmbiz\.invalid/[^"]*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A product that can be promoted.

    :param offer: as it is answered.
    :param sold: how many were sold so far.
    :param shipping: ``express``, ``sameCity``, ``pickup``.
    :param addresses: where it is sent from: ``countryName``, ``provinceName``, ``cityName``.
    """

    offer: Mapping[str, Any]
    shop_app_id: str
    has_coupon: bool
    sold: int
    shipping: tuple[str, ...]
    addresses: tuple[Mapping[str, str], ...]

    @property
    def price(self) -> int:
        """The lowest price, in fen."""
        return int(self.offer["product"]["info"]["minPrice"])

    @property
    def commission(self) -> int:
        """What a promoter gets for one, in fen."""
        return int(self.offer["leagueExInfo"]["commissionValue"])

    @property
    def ratio(self) -> int:
        """The commission in 1/10 000 of the price."""
        return int(self.offer["leagueExInfo"]["commissionRatio"])

    @property
    def categories(self) -> frozenset[str]:
        """The ids of all its categories, of every level."""
        return frozenset(category["catId"] for category in self.offer["product"]["info"]["category"])


SORTS: tuple[Callable[[Offer], int], ...] = (
    lambda _offer: 0,
    lambda offer: offer.price,
    lambda offer: -offer.price,
    lambda offer: offer.ratio,
    lambda offer: -offer.ratio,
    lambda offer: offer.commission,
    lambda offer: -offer.commission,
    lambda offer: offer.sold,
    lambda offer: -offer.sold,
)
"""The order of each ``sortType``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for. An empty tuple or text demands nothing.

    :param query: with ``query_type`` 0 part of the product's name, 1 part of the shop's name, 2 the SPU id.
    :param categories: one of them; a category of any level counts.
    :param shipping: all of them.
    :param addresses: one of them: the place, and how it is sent from there.
    """

    query: str = ""
    query_type: int = 0
    min_price: int = 0
    max_price: int | None = None
    min_commission: int = 0
    min_ratio: int = 0
    shop_app_ids: tuple[str, ...] = ()
    has_coupon: bool = False
    categories: tuple[str, ...] = ()
    no_categories: tuple[str, ...] = ()
    product_ids: tuple[str, ...] = ()
    shipping: tuple[str, ...] = ()
    addresses: tuple[tuple[Mapping[str, str], tuple[str, ...]], ...] = field(default=())

    def finds(self, offer: Offer) -> bool:
        """Say whether an offer is what is looked for."""
        return (
            self._finds_query(offer)
            and self.min_price <= offer.price
            and (self.max_price is None or offer.price <= self.max_price)
            and offer.commission >= self.min_commission
            and offer.ratio >= self.min_ratio
            and (not self.shop_app_ids or offer.shop_app_id in self.shop_app_ids)
            and (offer.has_coupon or not self.has_coupon)
            and (not self.categories or not offer.categories.isdisjoint(self.categories))
            and offer.categories.isdisjoint(self.no_categories)
            and (not self.product_ids or offer.offer["productId"] in self.product_ids)
            and set(self.shipping) <= set(offer.shipping)
            and self._finds_address(offer)
        )

    def _finds_query(self, offer: Offer) -> bool:
        if not self.query:
            return True
        if self.query_type == 2:
            return bool(offer.offer["productId"] == self.query)
        name = offer.offer["product"]["info"]["title"] if self.query_type == 0 else offer.offer["shopInfo"]["name"]
        return self.query.casefold() in name.casefold()

    def _finds_address(self, offer: Offer) -> bool:
        return not self.addresses or any(
            place.items() <= address.items() and set(ways) <= set(offer.shipping)
            for place, ways in self.addresses
            for address in offer.addresses
        )


class UnionShelf:
    """What a promoter finds in the union: the samples, to which more may be added.

    :ivar offers: in the default order.
    """

    def __init__(self) -> None:
        self.offers: list[Offer] = list(sample_offers())

    def show(self, picture_url: str) -> None:
        """Give a picture to the samples of the sandbox's own; those of the page keep theirs."""
        samples, shown = sample_offers(), sample_offers(picture_url)
        self.offers = [shown[samples.index(offer)] if offer in samples else offer for offer in self.offers]


@cache
def sample_offers(picture_url: str = "") -> tuple[Offer, ...]:
    """Return the sample offers.

    :param picture_url: of those that no page has; empty: addresses that lead nowhere.
    """
    written = (files("scanhook.sandbox") / "samples" / "union.json").read_text(encoding="utf-8")
    if picture_url:
        written = _NOWHERE.sub(lambda _found: json.dumps(picture_url), written)
    rows = json.loads(written)
    return tuple(
        Offer(**{**row, "shipping": tuple(row["shipping"]), "addresses": tuple(row["addresses"])}) for row in rows
    )
