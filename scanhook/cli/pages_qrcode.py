"""``scanhook pages qrcode``: what the QR codes of a page say, and a picture of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from scanhook.cli.common import (
    CodeName,
    code_argument,
    config_option,
    json_option,
    new_file,
    operator,
    show_json,
    storage_of,
)
from scanhook.cli.pages_call import pages_of, registry_account, who_option
from scanhook.errors import Refused
from scanhook.settings import House
from scanhook.wechat.pages import PageKey, QrCode, ext_info_advice
from scanhook.wechat.pages.drawing import fetch_drawing

__all__ = ["qrcode"]


@click.command()
@code_argument
@click.option("--size", type=click.IntRange(min=1), metavar="PIXELS", help="The picture's edge; else WeChat's 100.")
@click.option("--picture", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Save the picture.")
@who_option
@json_option
@config_option
def qrcode(
    house: House, account: str | None, code: CodeName, size: int | None, picture: Path | None, *, as_json: bool
) -> None:
    """Ask WeChat what the QR code of a page says; with an EXTINFO, that of one item.

    What stands before the ExtInfo is kept as the registry product's QR prefix, which `codes mint` prints.
    """
    if picture is not None and picture.exists():
        raise Refused(f"{picture} is there already: name another file, or move it away")
    key = PageKey(key_standard=code.key_standard, key_str=code.key_str)
    advice = ext_info_advice(code.ext_info)
    if advice:
        click.secho(f"note: {advice}", fg="yellow", err=True)
    with pages_of(house, account) as client:
        found = client.qrcode(key, ext_info=code.ext_info, size=size)
    not_kept = _keep_prefix(house, account, key, found)
    saved = None
    try:
        if picture is not None:
            new_file(picture, fetch_drawing(found.pic_url, timeout_s=house.settings.wechat.timeout_s))
            saved = picture
    finally:  # what the code says is known, whatever becomes of its picture
        _tell(key, found, not_kept, saved, as_json=as_json)


def _tell(key: PageKey, found: QrCode, not_kept: str | None, saved: Path | None, *, as_json: bool) -> None:
    if as_json:
        return show_json(
            {
                **key.body,
                "qrcode_url": found.qrcode_url,
                "pic_url": found.pic_url,
                "qr_prefix": found.prefix,
                "kept": not_kept is None,
                "picture": None if saved is None else str(saved),
            }
        )
    click.echo(found.qrcode_url)
    click.echo(f"picture: {found.pic_url}" if saved is None else f"picture: saved as {saved}", err=True)
    return click.echo(not_kept or f"{key}: the QR prefix is kept in the registry: {found.prefix}", err=True)


def _keep_prefix(house: House, account: str | None, key: PageKey, found: QrCode) -> str | None:
    """Keep the QR prefix with the registry's product; else say why it is not."""
    if found.prefix is None:
        return f"{key}: no QR prefix is kept, as the code does not end with the ExtInfo"
    name = registry_account(house, account)
    if name is None:
        return f"{key}: no QR prefix is kept, as these pages belong to no account of the settings"
    with storage_of(house) as storage:
        product = storage.registry.find_product(name, key.key_standard, key.key_str)
        if product is None:
            return (
                f"{key}: no QR prefix is kept, as the registry has no such product: "
                f"`scanhook products add {key.key_standard} {key.key_str} --account {name}`, and ask again"
            )
        if product.qr_prefix != found.prefix:
            wanted = replace(product, qr_prefix=found.prefix)
            storage.registry.save_product(wanted, was=product, who=operator(), why="WeChat's getqrcode")
    return None
