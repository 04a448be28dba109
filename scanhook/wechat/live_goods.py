"""What live goods are made of (``live-goods-add.md``, facts.md 5.3). Performs no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import IntEnum
from typing import Any

from scanhook.errors import Refused
from scanhook.wechat.live_path import encode_page_path
from scanhook.wechat.live_price import GoodsPrice
from scanhook.wechat.width import text_width

__all__ = [
    "NAME_MAX_WIDTH",
    "AuditStatus",
    "Goods",
    "GoodsChange",
    "GoodsDraft",
    "written_id",
]

NAME_MAX_WIDTH = 28
"""Fourteen Chinese characters, of which each counts as two."""


class AuditStatus(IntEnum):
    """How far the review of goods is; a state that the pages do not have stays a plain number."""

    NOT_REVIEWED = 0
    IN_REVIEW = 1
    APPROVED = 2
    REJECTED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsDraft:
    """Goods that are to be added, and submitted for review with it.

    :param media_id: of the picture, from :meth:`~scanhook.wechat.live_keeper.LiveGoodsKeeper.upload_picture`; valid for
        three days.
    :param name: up to 14 Chinese characters wide. The page has no lower limit but that it must be there.
    :param path: the page in the mini program, such as ``pages/index/index``; what it needs of encoding it gets.
    :param third_party_app_id: of the mini program, when it is not the caller's own.
    :raises Refused: when the page does not allow it.
    """

    media_id: str
    name: str
    price: GoodsPrice
    path: str
    third_party_app_id: str = ""

    def __post_init__(self) -> None:
        _check_media_id(self.media_id)
        _check_name(self.name)
        encode_page_path(self.path)
        _check_app_id(self.third_party_app_id)

    def as_json(self) -> dict[str, Any]:
        """Return what is sent as ``goodsInfo``."""
        other = {"thirdPartyAppid": self.third_party_app_id} if self.third_party_app_id else {}
        return {
            "coverImgUrl": self.media_id,
            "name": self.name,
            **self.price.as_json(),
            "url": encode_page_path(self.path),
            **other,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsChange:
    """What is to be changed of goods; what is left out stays.

    Of approved goods WeChat changes the price alone, and of goods in review nothing (facts.md 5.3).

    :raises Refused: when nothing is given, or the page does not allow it.
    """

    media_id: str | None = None
    name: str | None = None
    price: GoodsPrice | None = None
    path: str | None = None
    third_party_app_id: str | None = None

    def __post_init__(self) -> None:
        if (self.media_id, self.name, self.price, self.path, self.third_party_app_id) == (None,) * 5:
            raise Refused("nothing is to be changed: give a name, a price, a picture or a path")
        if self.media_id is not None:
            _check_media_id(self.media_id)
        if self.name is not None:
            _check_name(self.name)
        if self.path is not None:
            encode_page_path(self.path)
        if self.third_party_app_id is not None:
            _check_app_id(self.third_party_app_id)

    def as_json(self) -> dict[str, Any]:
        """Return what is sent in ``goodsInfo`` besides the goods' id."""
        fields = {
            "coverImgUrl": self.media_id,
            "name": self.name,
            "url": None if self.path is None else encode_page_path(self.path),
            "thirdPartyAppid": self.third_party_app_id,
        }
        price = {} if self.price is None else self.price.as_json()
        return {**{name: value for name, value in fields.items() if value is not None}, **price}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """Goods as WeChat has them.

    :param image: the address of their picture.
    :param price_type: a :class:`~scanhook.wechat.live_price.PriceType` where the pages know it.
    :param price: in yuan, like ``price2``, which is ``None`` for a fixed price.
    :param status: an :class:`AuditStatus` where the pages know it; ``None`` when WeChat did not say it.
    :param by_api: whether they were added through the API: the console's cannot be changed through it.
    """

    id: str
    name: str
    image: str
    path: str
    price_type: int
    price: Decimal
    price2: Decimal | None
    status: int | None
    by_api: bool | None
    third_party_app_id: str

    @property
    def state(self) -> str:
        """The review's state in words."""
        if self.status is None:
            return "not told"
        if self.status not in list(AuditStatus):
            return f"unknown ({self.status})"
        return AuditStatus(self.status).name.lower().replace("_", " ")

    def in_state(self, status: int) -> Goods:
        """Return the same goods in a state."""
        return replace(self, status=status)


def written_id(id_: str) -> int | str:
    """Write an id of goods or of a review as WeChat takes it: as a number where it is one."""
    return int(id_) if re.fullmatch(r"0|[1-9][0-9]{0,63}", id_) else id_


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable():
        raise Refused("the name of the goods is empty, or holds what cannot be printed")
    if (width := text_width(name)) > NAME_MAX_WIDTH:
        raise Refused(
            f"the name is {width} wide, and {NAME_MAX_WIDTH} is all that WeChat takes: 14 Chinese characters, "
            "of which each counts as two letters"
        )


def _check_media_id(media_id: str) -> None:
    if not media_id.strip():
        raise Refused("the picture is missing: upload one, and give its media id")


def _check_app_id(app_id: str) -> None:
    if app_id and not re.fullmatch(r"wx[0-9A-Za-z]+", app_id):
        raise Refused("a mini program's app id is wx… followed by letters and digits; leave it out for your own")
