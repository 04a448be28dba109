"""WeCom's product albums (``wecom-product-album.md``). Performs no I/O.

A tenant of the kind ``wecom`` is one application of a company; those of one company are made ``beside`` each other and
share the shelf. What an application is, stands in the shelf under the tenant's name: see
:func:`~scanhook.sandbox.album_shelf.application_of`. Pictures must come from ``upload_attachment`` with the attachment
type of product albums, as the page says.

The page has no table of errors. Here a parameter that it does not allow is 40035, an application that may not call
48002, a change of another application's product 60011, and a picture that is none 40007: WeCom's global codes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from scanhook.sandbox.album_shelf import Album, AlbumShelf
from scanhook.sandbox.route import Asked, Refusal, Right, Route
from scanhook.sandbox.tenant import Tenant
from scanhook.sandbox.wecom_media import AttachmentShelf

__all__ = ["ROUTES"]

_FAMILY = "/cgi-bin/externalcontact"
_DESCRIPTION_MAX_CHARACTERS = 300
_PRICE_MAX_FEN = 5_000_000
_PRODUCT_SN_MAX_BYTES = 128
_ATTACHMENTS_MAX = 9
_LIMIT_DEFAULT = 50
_LIMIT_MAX = 100


def _add(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(AlbumShelf)
    shelf.check_caller(asked.tenant, now=asked.now)
    album = shelf.add(
        description=_description(asked.body.get("description")),
        price=_price(asked.body.get("price")),
        product_sn=_product_sn(asked.body.get("product_sn", "")),
        media_ids=_media_ids(asked.body.get("attachments"), asked.tenant, now=asked.now),
        added_by=asked.tenant.name,
        now=asked.now,
    )
    _keep_pictures(asked.tenant, album)
    return {"product_id": album.product_id}


def _get(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(AlbumShelf)
    shelf.check_caller(asked.tenant, now=asked.now)
    album = shelf.find(asked.body.get("product_id"))
    return {"product": {**_written(album), "create_time": album.created_at}}


def _list(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(AlbumShelf)
    application = shelf.check_caller(asked.tenant, now=asked.now)
    after = _cursor(asked.body.get("cursor", ""))
    albums, more = shelf.page(application, after=after, limit=_limit(asked.body.get("limit", _LIMIT_DEFAULT)))
    next_cursor = base64.urlsafe_b64encode(b"album:%d" % albums[-1].number).decode() if more else ""
    return {"next_cursor": next_cursor, "product_list": [_written(album) for album in albums]}


def _update(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(AlbumShelf)
    shelf.check_caller(asked.tenant, now=asked.now)
    album = shelf.find_own(asked.body.get("product_id"), asked.tenant)
    given = asked.body
    # All is looked at before anything is changed.
    description = _description(given["description"]) if "description" in given else album.description
    price = _price(given["price"]) if "price" in given else album.price
    product_sn = _product_sn(given["product_sn"]) if "product_sn" in given else album.product_sn
    media_ids = album.media_ids
    if "attachments" in given:
        media_ids = _media_ids(given["attachments"], asked.tenant, now=asked.now)
    album.description, album.price, album.product_sn, album.media_ids = description, price, product_sn, media_ids
    _keep_pictures(asked.tenant, album)
    return {}


def _delete(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(AlbumShelf)
    shelf.check_caller(asked.tenant, now=asked.now)
    album = shelf.find_own(asked.body.get("product_id"), asked.tenant)
    del shelf.albums[album.product_id]
    return {}


def _written(album: Album) -> dict[str, Any]:
    return {
        "product_id": album.product_id,
        "description": album.description,
        "price": album.price,
        "product_sn": album.product_sn,
        "attachments": [{"type": "image", "image": {"media_id": media_id}} for media_id in album.media_ids],
    }


def _keep_pictures(tenant: Tenant, album: Album) -> None:
    for media_id in album.media_ids:
        tenant.shelf(AttachmentShelf).keep_for_good(media_id)


def _description(given: object) -> str:
    if not isinstance(given, str) or not 1 <= len(given) <= _DESCRIPTION_MAX_CHARACTERS:
        raise _bad("description")
    return given


def _price(given: object) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= _PRICE_MAX_FEN:
        raise _bad("price")
    return given


def _product_sn(given: object) -> str:
    if not isinstance(given, str) or not re.fullmatch(rf"[0-9A-Za-z]{{0,{_PRODUCT_SN_MAX_BYTES}}}", given):
        raise _bad("product_sn")
    return given


def _media_ids(given: object, tenant: Tenant, *, now: float) -> tuple[str, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= _ATTACHMENTS_MAX:
        raise _bad("attachments")
    return tuple(_media_id(attachment, tenant, now=now) for attachment in given)


def _media_id(attachment: object, tenant: Tenant, *, now: float) -> str:
    if not isinstance(attachment, dict) or attachment.get("type") != "image":
        raise _bad("attachments.type")
    image = attachment.get("image")
    media_id = image.get("media_id") if isinstance(image, dict) else None
    if not isinstance(media_id, str) or not tenant.shelf(AttachmentShelf).fits_albums(media_id, now=now):
        raise Refusal(40007, "invalid media_id")
    return media_id


def _limit(given: object) -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        raise _bad("limit")
    return given if 1 <= given <= _LIMIT_MAX else _LIMIT_DEFAULT


def _cursor(given: object) -> int:
    if given in ("", None):
        return 0
    try:
        found = re.fullmatch(rb"album:([0-9]{1,18})", base64.urlsafe_b64decode(str(given).encode()))
    except (binascii.Error, UnicodeEncodeError):
        found = None
    if found is None:
        raise _bad("cursor")
    return int(found[1])


def _bad(name: str) -> Refusal:
    return Refusal(40035, f"invalid parameter: {name}")


_PAGE = "wecom-product-album.md"
_LIMITS = "description 300 characters, price up to 5 000 000 fen, product_sn 128 letters and digits, 1 to 9 images"

ROUTES = (
    Route(
        method="POST",
        path=f"{_FAMILY}/add_product_album",
        handle=_add,
        right=Right.ALBUMS,
        rule=f"{_PAGE}, 创建商品图册: {_LIMITS}. That a price may be 0 is not said.",
    ),
    Route(
        method="POST",
        path=f"{_FAMILY}/get_product_album",
        handle=_get,
        right=Right.ALBUMS,
        rule=f"{_PAGE}, 获取商品图册: any of the company's, whoever added it; only here with create_time.",
    ),
    Route(
        method="POST",
        path=f"{_FAMILY}/get_product_album_list",
        handle=_list,
        right=Right.ALBUMS,
        rule=(
            f"{_PAGE}, 获取商品图册列表: limit 50 by default, above 100 taken for 50; an own application sees members "
            "of its range only. That the last page has an empty next_cursor is inferred (facts.md 5.1); that a limit "
            "below 1 is taken for 50, and the order, nobody says."
        ),
    ),
    Route(
        method="POST",
        path=f"{_FAMILY}/update_product_album",
        handle=_update,
        right=Right.ALBUMS,
        rule=f"{_PAGE}, 编辑商品图册: only what is given changes, and only what this application added. {_LIMITS}.",
    ),
    Route(
        method="POST",
        path=f"{_FAMILY}/delete_product_album",
        handle=_delete,
        right=Right.ALBUMS,
        rule=f"{_PAGE}, 删除商品图册: only what this application added.",
    ),
)
