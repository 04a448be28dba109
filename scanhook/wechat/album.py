"""What a product of WeCom's product album is made of (``wecom-product-album.md``). Performs no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scanhook.errors import Refused
from scanhook.wechat.yuan import in_yuan

__all__ = [
    "DESCRIPTION_MAX_CHARACTERS",
    "IMAGES_MAX",
    "PRICE_MAX_FEN",
    "PRODUCT_SN_MAX_BYTES",
    "AlbumChange",
    "AlbumDraft",
    "AlbumPage",
    "AlbumProduct",
]

DESCRIPTION_MAX_CHARACTERS = 300
PRICE_MAX_FEN = 5_000_000
PRODUCT_SN_MAX_BYTES = 128
IMAGES_MAX = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumDraft:
    """A product that is to be added.

    :param description: its name, what is special about it: 1 to 300 characters.
    :param price_fen: in fen (1/100 yuan), up to 50 000 yuan.
    :param product_sn: the brand's own number: up to 128 letters and digits; empty for none.
    :param images: 1 to 9 media ids, from :meth:`~scanhook.wechat.albums.Albums.upload_image`.
    :raises Refused: when the page does not allow it.
    """

    description: str
    price_fen: int
    product_sn: str = ""
    images: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_description(self.description)
        _check_price(self.price_fen)
        _check_product_sn(self.product_sn)
        _check_images(self.images)

    def as_json(self) -> dict[str, Any]:
        """Return what is sent."""
        number = {"product_sn": self.product_sn} if self.product_sn else {}
        return {
            "description": self.description,
            "price": self.price_fen,
            **number,
            "attachments": _attachments(self.images),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumChange:
    """What is to be changed of a product: only the fields that are given are sent.

    :param product_sn: an empty one is sent as such.
    :param images: all images that the product is to have.
    :raises Refused: when nothing is given, or the page does not allow it.
    """

    description: str | None = None
    price_fen: int | None = None
    product_sn: str | None = None
    images: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if (self.description, self.price_fen, self.product_sn, self.images) == (None, None, None, None):
            raise Refused("nothing is to be changed: give a description, a price, a product_sn or images")
        if self.description is not None:
            _check_description(self.description)
        if self.price_fen is not None:
            _check_price(self.price_fen)
        if self.product_sn is not None:
            _check_product_sn(self.product_sn)
        if self.images is not None:
            _check_images(self.images)

    def as_json(self) -> dict[str, Any]:
        """Return what is sent."""
        fields: Mapping[str, Any] = {
            "description": self.description,
            "price": self.price_fen,
            "product_sn": self.product_sn,
            "attachments": None if self.images is None else _attachments(self.images),
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumProduct:
    """A product of the album.

    :param price_fen: in fen.
    :param product_sn: empty when it has none.
    :param images: media ids, for :meth:`~scanhook.wechat.albums.Albums.image`.
    :param created_at: seconds since 1970; a list does not say it.
    """

    product_id: str
    description: str
    price_fen: int
    product_sn: str
    images: tuple[str, ...]
    created_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumPage:
    """One page of the list.

    :param next_cursor: for the next page; empty on the last one.
    """

    products: tuple[AlbumProduct, ...]
    next_cursor: str


def _check_description(description: str) -> None:
    if not description.strip():
        raise Refused("the description is empty: it is the product's name, and WeCom asks for it")
    if len(description) > DESCRIPTION_MAX_CHARACTERS:
        raise Refused(
            f"the description has {len(description)} characters: WeCom takes {DESCRIPTION_MAX_CHARACTERS} at most"
        )


def _check_price(price_fen: int) -> None:
    if not 0 <= price_fen <= PRICE_MAX_FEN:
        raise Refused(
            f"the price is {in_yuan(price_fen)} yuan ({price_fen} fen): WeCom takes 0 to {in_yuan(PRICE_MAX_FEN)} yuan"
        )


def _check_product_sn(product_sn: str) -> None:
    if not re.fullmatch(r"[0-9A-Za-z]*", product_sn):
        raise Refused("the product_sn may hold only the letters A to Z and a to z and the digits 0 to 9")
    if len(product_sn) > PRODUCT_SN_MAX_BYTES:
        raise Refused(f"the product_sn has {len(product_sn)} bytes, and {PRODUCT_SN_MAX_BYTES} is all that WeCom takes")


def _check_images(images: tuple[str, ...]) -> None:
    if not 1 <= len(images) <= IMAGES_MAX:
        raise Refused(f"the product has {len(images)} images: WeCom takes 1 to {IMAGES_MAX}")
    if not all(images):
        raise Refused("a media id is empty: it is what uploading an image answers")


def _attachments(images: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"type": "image", "image": {"media_id": media_id}} for media_id in images]
