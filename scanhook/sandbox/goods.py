"""The goods of mini program live rooms: what a tenant has, and the rules that goods must keep. Performs no I/O.

Every rule is of ``live-goods-add.md`` unless a comment or docstring says otherwise.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from scanhook.sandbox.media import MediaShelf
from scanhook.sandbox.picture import size_of
from scanhook.sandbox.route import Refusal
from scanhook.sandbox.tenant import Tenant

__all__ = ["FIELDS", "Good", "LiveShelf", "check_good"]

FIELDS = ("coverImgUrl", "name", "priceType", "price", "price2", "url", "thirdPartyAppid")

_NAME_MAX_HALVES = 28
_COVER_MAX_PIXELS = 300

NOT_SUBMITTED, IN_REVIEW, APPROVED, REJECTED = range(4)


@dataclass(slots=True, kw_only=True)
class Good:
    """One of the goods.

    :param fields: as they were sent, by the names of the page.
    :param audit_id: of the latest submission.
    :param submitted_at: seconds since 1970; ``None`` when it was never submitted, or was taken back.
    """

    goods_id: int
    fields: dict[str, Any]
    audit_id: int
    submitted_at: float | None
    rejected: bool = False


class LiveShelf:
    """A tenant's goods, and how the sandbox reviews them: its attributes may be set.

    What WeChat's review forbids, and how long it takes, no page says. Here it goes by words in the name.

    :param review_s: how long a review takes, in seconds; 0 for at once.
    :param forbidden_words: in a name: answered with 300004, and nothing is added.
    :param rejected_words: in a name: the review ends with a rejection (status 3).
    :param failing_words: in a name: the goods are added, but cannot be submitted (300021, with both ids).
    :param picture_url: what is answered for every cover; empty: an address that leads nowhere.
    :param pages: what the paths of the mini program's released version begin with; others are answered with 300007.
    """

    def __init__(self) -> None:
        self.review_s = 5.0
        self.forbidden_words: tuple[str, ...] = ("违禁",)
        self.rejected_words: tuple[str, ...] = ("驳回",)
        self.failing_words: tuple[str, ...] = ("提审失败",)
        self.pages: tuple[str, ...] = ("pages/",)
        self.picture_url = ""
        self.goods: dict[int, Good] = {}
        self._next_goods_id = 51
        self._next_audit_id = 525022786

    def add(self, fields: Mapping[str, Any], *, now: float) -> Good:
        """Put goods on the shelf, and submit them."""
        good = Good(goods_id=self._next_goods_id, fields=dict(fields), audit_id=0, submitted_at=None)
        self._next_goods_id += 1
        self.goods[good.goods_id] = good
        self.submit(good, now=now)
        return good

    def submit(self, good: Good, *, now: float) -> None:
        """Submit goods for review; by a failing word of the name the submission fails."""
        name = str(good.fields["name"])
        good.audit_id = self._next_audit_id
        self._next_audit_id += 1
        good.rejected = any(word in name for word in self.rejected_words)
        good.submitted_at = None if any(word in name for word in self.failing_words) else now

    def status_of(self, good: Good, *, now: float) -> int:
        """Return 0 not reviewed, 1 in review, 2 approved, 3 rejected (facts.md 5.3)."""
        if good.submitted_at is None:
            return NOT_SUBMITTED
        if now < good.submitted_at + self.review_s:
            return IN_REVIEW
        return REJECTED if good.rejected else APPROVED


def check_good(tenant: Tenant, fields: Mapping[str, Any], *, now: float, given: Mapping[str, Any]) -> None:
    """Find out whether goods keep the rules.

    :param fields: all that they would have.
    :param given: what was sent: a cover that was taken before is not looked at again, since it may have expired since.
    :raises Refusal: when they do not.
    """
    shelf = tenant.shelf(LiveShelf)
    _check_name(fields.get("name"), shelf)
    _check_prices(fields)
    url = fields.get("url")
    if not isinstance(url, str) or not url:
        raise Refusal(200002, "invalid params: url")
    # Whether another mini program has a page WeChat cannot tell here, so that its paths are not looked at.
    if not fields.get("thirdPartyAppid") and not url.removeprefix("/").startswith(shelf.pages):
        raise Refusal(300007, "url not exist in the online version")
    if "coverImgUrl" in given:
        _check_cover(tenant, given["coverImgUrl"], now=now)


def _check_name(name: object, shelf: LiveShelf) -> None:
    if not isinstance(name, str):
        raise Refusal(200002, "invalid params: name")
    if not 1 <= _halves(name) <= _NAME_MAX_HALVES:  # that it may not be empty the page does not say
        raise Refusal(300002, "invalid name length")
    if any(word in name for word in shelf.forbidden_words):
        raise Refusal(300004, "name contains illegal content")


def _halves(name: str) -> int:
    """Count a Chinese character as 2. Of others the page says nothing: here as wide as a Chinese font draws them."""
    return sum(2 if unicodedata.east_asian_width(character) in "WFA" else 1 for character in name)


def _check_prices(fields: Mapping[str, Any]) -> None:
    kind = fields.get("priceType")
    if isinstance(kind, bool) or kind not in (1, 2, 3):
        raise Refusal(200002, "invalid params: priceType")
    price = _yuan(fields.get("price"))
    if kind == 1:
        # "price2不传"; what WeChat answers when it is sent all the same, the page does not say.
        if fields.get("price2") is not None:
            raise Refusal(200002, "invalid params: price2")
        return
    other = _yuan(fields.get("price2"))
    if (kind == 2 and price > other) or (kind == 3 and other > price):
        raise Refusal(300003, "invalid price")


def _yuan(value: object) -> Decimal:
    """Return a price: a number with two decimals at most. That it may not be negative the page does not say."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Refusal(300003, "invalid price")
    try:
        price = Decimal(repr(value) if isinstance(value, float) else value)
        exact = price.is_finite() and price >= 0 and price == price.quantize(Decimal("0.01"))
    except InvalidOperation:
        exact = False
    if not exact:
        raise Refusal(300003, "invalid price")
    return price


def _check_cover(tenant: Tenant, media_id: object, *, now: float) -> None:
    if not isinstance(media_id, str) or not media_id:
        raise Refusal(200002, "invalid params: coverImgUrl")
    material = tenant.shelf(MediaShelf).find(media_id, now=now)
    size = size_of(material.content) if material else None
    if size is None:
        raise Refusal(300006, "upload image fail")
    if max(size) > _COVER_MAX_PIXELS:
        raise Refusal(300018, "image size too large")
