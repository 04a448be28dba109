"""``scanhook albums``: the products in WeCom's product albums."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from scanhook.cli.common import (
    config_option,
    confirm_loss,
    file_content,
    json_option,
    new_file,
    show_json,
    show_table,
    utc,
)
from scanhook.errors import Refused, WechatError, WechatRefused
from scanhook.office.calling import open_wechat
from scanhook.settings import House
from scanhook.wechat import System, Upload
from scanhook.wechat.album import AlbumChange, AlbumDraft, AlbumProduct
from scanhook.wechat.albums import Albums
from scanhook.wechat.picture import PICTURE_MAX_BYTES, image_upload
from scanhook.wechat.yuan import in_fen, in_yuan

__all__ = ["albums"]

_INVALID_PARAMETER = 40035
_product_argument = click.argument("product_id", metavar="PRODUCT_ID")


@click.group()
def albums() -> None:
    """Products in WeCom's product albums (企业微信商品图册).

    Who calls stands in [catalog.albums]: a WeCom application that may call 客户联系. It can fetch every product of the
    company, lists what concerns the people it can see, and changes and deletes only what it has added itself. An id
    that begins with a hyphen goes behind `--`, and options before it.
    """


def _fields(*, required: bool) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for option in (
            click.option("--media-id", "media_ids", multiple=True, metavar="ID", help="An image that is uploaded."),
            click.option(
                "--image",
                "files",
                multiple=True,
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="A PNG or JPEG file; it is uploaded first. Up to 9 images in all.",
            ),
            click.option("--product-sn", metavar="TEXT", help="Your own number for it: up to 128 letters and digits."),
            click.option("--price-fen", type=int, metavar="FEN", help="The same in fen: 29990."),
            click.option("--price-yuan", metavar="YUAN", help="The price in yuan, such as 299.90; up to 50000."),
            click.option(
                "--description",
                metavar="TEXT",
                required=required,
                help="The product's name and what is special about it: up to 300 characters.",
            ),
        ):
            command = option(command)
        return command

    return decorate


@albums.command()
@_fields(required=True)
@json_option
@config_option
def add(house: House, description: str, product_sn: str | None, *, as_json: bool, **given: Any) -> None:
    """Add a product, with 1 to 9 images and a price."""
    price = _price(given)
    if price is None:
        raise click.UsageError("the price is missing: give --price-yuan or --price-fen")
    files = _files(given["files"])

    def draft(images: tuple[str, ...]) -> AlbumDraft:
        return AlbumDraft(description=description, price_fen=price, product_sn=product_sn or "", images=images)

    draft(_planned(files, given["media_ids"]))  # nothing goes up for a product that cannot be added
    with open_wechat(house, System.ALBUMS) as api:
        client = Albums(api)
        images = _uploaded(client, files, given["media_ids"])
        product_id = _kept(files, images, lambda: client.add(draft(images)))
    if as_json:
        return show_json({"product_id": product_id, "price_fen": price, "images": images})
    return click.echo(f"The product {product_id} is added, for {in_yuan(price)} yuan.")


@albums.command()
@_product_argument
@_fields(required=False)
@json_option
@config_option
def update(
    house: House, product_id: str, description: str | None, product_sn: str | None, *, as_json: bool, **given: Any
) -> None:
    """Change a product that this application has added: only what is given.

    Images that are given take the place of all that it has.
    """
    price, files = _price(given), _files(given["files"])

    def change(images: tuple[str, ...]) -> AlbumChange:
        return AlbumChange(description=description, price_fen=price, product_sn=product_sn, images=images or None)

    change(_planned(files, given["media_ids"]))
    with open_wechat(house, System.ALBUMS) as api:
        client = Albums(api)
        images = _uploaded(client, files, given["media_ids"])
        with _perhaps_not_there(product_id):
            _kept(files, images, lambda: client.update(product_id, change(images)))
    if as_json:
        return show_json({"product_id": product_id, "changed": sorted(change(images).as_json())})
    return click.echo(f"The product {product_id} is changed: {', '.join(sorted(change(images).as_json()))}.")


@albums.command()
@_product_argument
@json_option
@config_option
def get(house: House, product_id: str, *, as_json: bool) -> None:
    """Show a product: any of the company's, whichever application added it."""
    with open_wechat(house, System.ALBUMS) as api, _perhaps_not_there(product_id):
        described = _as_dict(Albums(api).get(product_id))
    return show_json(described) if as_json else show_table(("", ""), _rows(described))


@albums.command("list")
@json_option
@config_option
def list_(house: House, *, as_json: bool) -> None:
    """List the products, to the end.

    A company's own application sees only what concerns the people in its visible range. `get` also tells when a product
    was made; the list does not.
    """
    found: list[AlbumProduct] = []
    with open_wechat(house, System.ALBUMS) as api, Console(stderr=True).status("asking WeCom") as status:
        for page in Albums(api).pages():
            found += page.products
            status.update(f"asking WeCom: {len(found):,} products so far")
    if as_json:
        return show_json([_as_dict(product) for product in found])
    if not found:
        return click.echo("There is no product that this application can see: add one with `scanhook albums add`.")
    columns = ("product_id", "description", "yuan", "fen", "product_sn", "images")
    return show_table(
        columns,
        [
            (
                item.product_id,
                item.description,
                in_yuan(item.price_fen),
                item.price_fen,
                item.product_sn,
                len(item.images),
            )
            for item in found
        ],
    )


@albums.command()
@_product_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@config_option
def delete(house: House, product_id: str, *, yes: bool, as_json: bool) -> None:
    """Delete a product that this application has added. There is no way back."""
    confirm_loss(f"This deletes the product {product_id} for good", yes=yes)
    with open_wechat(house, System.ALBUMS) as api, _perhaps_not_there(product_id):
        Albums(api).delete(product_id)
    return show_json({"product_id": product_id}) if as_json else click.echo(f"The product {product_id} is deleted.")


@albums.command()
@click.argument("media_id", metavar="MEDIA_ID")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
@config_option
def image(house: House, media_id: str, file: Path, *, as_json: bool) -> None:
    """Write an image of a product to FILE; `get` shows their media ids."""
    if file.exists():
        raise Refused(f"{file} is there already: name another file, or move it away")
    with open_wechat(house, System.ALBUMS) as api:
        found = Albums(api).image(media_id)
    new_file(file, found.content)
    if as_json:
        return show_json({"file": str(file), "bytes": len(found.content), "content_type": found.content_type})
    return click.echo(f"{file}: {len(found.content):,} bytes, {found.content_type}.")


@contextmanager
def _perhaps_not_there(product_id: str) -> Iterator[None]:
    """Say of a wrong parameter that it may be the id: WeCom does not say which one it is."""
    try:
        yield
    except WechatRefused as refused:
        if refused.code == _INVALID_PARAMETER:
            said = f"note: perhaps there is no product {product_id}: `scanhook albums list` shows those that there are"
            click.secho(said, fg="yellow", err=True)
        raise


def _price(given: dict[str, Any]) -> int | None:
    yuan, fen = given["price_yuan"], given["price_fen"]
    if yuan is not None and fen is not None:
        raise click.UsageError("--price-yuan and --price-fen say the same: give one of them")
    return fen if yuan is None else in_fen(yuan)


def _files(paths: tuple[Path, ...]) -> list[Upload]:
    """Read the images, before anything is sent."""
    return [image_upload(str(path), file_content(path, max_bytes=PICTURE_MAX_BYTES)) for path in paths]


def _planned(files: list[Upload], media_ids: tuple[str, ...]) -> tuple[str, ...]:
    return (*(file.filename for file in files), *media_ids)


def _uploaded(client: Albums, files: list[Upload], media_ids: tuple[str, ...]) -> tuple[str, ...]:
    done: list[str] = []
    for file in files:
        done.append(_kept(files, tuple(done), lambda file=file: client.upload_image(file)))  # type: ignore[misc]
    return (*done, *media_ids)


def _kept(files: list[Upload], images: tuple[str, ...], act: Callable[[], Any]) -> Any:
    """Do something; when it fails, say what went up already, so that it need not go up again."""
    try:
        return act()
    except WechatError:
        if files and images:
            again = " ".join(f"--media-id {shlex.quote(media_id)}" for media_id in images)
            click.secho(f"note: these images are up, and can be used for three days: {again}", fg="yellow", err=True)
        raise


def _as_dict(product: AlbumProduct) -> dict[str, Any]:
    return {
        "product_id": product.product_id,
        "description": product.description,
        "price_fen": product.price_fen,
        "price_yuan": in_yuan(product.price_fen),
        "product_sn": product.product_sn,
        "images": list(product.images),
        "created_at": utc(product.created_at),
    }


def _rows(described: dict[str, Any]) -> list[tuple[str, object]]:
    images = [("image", media_id) for media_id in described.pop("images")]
    return [*((name, value) for name, value in described.items() if value is not None), *images]
