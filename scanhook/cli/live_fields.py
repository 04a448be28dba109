"""The options that say what live goods are, and what they say."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from scanhook.cli.common import file_content
from scanhook.wechat import Upload
from scanhook.wechat.live_picture import live_picture
from scanhook.wechat.live_price import GoodsPrice, PriceType
from scanhook.wechat.picture import PICTURE_MAX_BYTES
from scanhook.wechat.yuan import read_yuan

__all__ = ["field_options", "page_of", "picture_of", "price_of"]

_FIELDS = (
    click.option(
        "--image",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The picture: PNG, JPEG or GIF, up to 300 × 300 pixels. It is uploaded first.",  # noqa: RUF001
    ),
    click.option("--media-id", metavar="ID", help="A picture that went up within the last three days, instead."),
    click.option("--price", metavar="YUAN", help="The price; of a range the lower one; of a discount the one before."),
    click.option("--price-to", metavar="YUAN", help="Makes it a range: the upper price."),
    click.option("--price-now", metavar="YUAN", help="Makes it a discount: the price now."),
    click.option(
        "--param",
        "parameters",
        metavar="NAME=VALUE",
        multiple=True,
        help="A parameter of the page; its value is percent-encoded. Several may be given.",
    ),
    click.option(
        "--third-party-app-id", metavar="APPID", help="Of the mini program that has the page, when it is not yours."
    ),
)


def field_options(command: Any) -> Any:
    """Give a command the options of goods."""
    for option in reversed(_FIELDS):
        command = option(command)
    return command


def picture_of(given: dict[str, Any]) -> Upload | str | None:
    """Return the picture that is given, as a file that was read or as a media id."""
    path: Path | None = given["image"]
    media_id: str | None = given["media_id"]
    if path is None:
        return media_id
    if media_id is not None:
        raise click.UsageError("--image and --media-id both name the picture: give one of them")
    return live_picture(str(path), file_content(path, max_bytes=PICTURE_MAX_BYTES))


def price_of(given: dict[str, Any]) -> GoodsPrice | None:
    """Return the price that is given, of the type that the options make it."""
    price, upper, now = given["price"], given["price_to"], given["price_now"]
    if upper is not None and now is not None:
        raise click.UsageError("--price-to makes a range and --price-now a discount: give one of them")
    if price is None:
        if upper is not None or now is not None:
            raise click.UsageError("--price is missing: the lower price, or the one before")
        return None
    type_ = PriceType.RANGE if upper is not None else PriceType.DISCOUNT if now is not None else PriceType.FIXED
    second: Decimal | None = None if upper is None and now is None else read_yuan(upper or now)
    return GoodsPrice(type=type_, price=read_yuan(price), price2=second)


def page_of(path: str, parameters: tuple[str, ...]) -> str:
    """Return a page with its parameters, percent-encoded."""
    for parameter in parameters:
        name, mark, value = parameter.partition("=")
        if not mark or not name:
            raise click.UsageError(f"`{parameter}` is no parameter: write NAME=VALUE")
        path += f"{'&' if '?' in path else '?'}{quote(name, safe='')}={quote(value, safe='')}"
    return path
