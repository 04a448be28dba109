"""``scanhook window``: the products in a Channels account's window."""

from __future__ import annotations

import shlex
from typing import Any

import click

from scanhook.cli.common import config_option, json_option, show_json, show_table
from scanhook.cli.progress import progress_bar
from scanhook.office.calling import open_wechat
from scanhook.settings import House
from scanhook.wechat import Api, System
from scanhook.wechat.window import PAGE_SIZE_MAX, REACH_MAX, ProductSource, Window, WindowFilter, WindowProduct

__all__ = ["window"]

_SOURCES = {ProductSource.SELF_OPERATED: "self-operated", ProductSource.PROMOTED: "promoted"}


@click.group()
def window() -> None:
    """Products in a Channels account's window (视频号橱窗).

    Who calls stands in [catalog.window]: the 视频号助手 account. A shop's own token is refused with 48001.
    """


@window.command("list")
@click.option("--appid", "app_id", metavar="APPID", default="", help="Only self-operated products of this shop.")
@click.option("--branch-id", type=int, metavar="ID", help="Only products of this branch of a shop.")
@click.option("--promoted", is_flag=True, help="Only products sold for a commission (带货商品). --appid wins over it.")
@click.option(
    "--page",
    "page_index",
    type=click.IntRange(1),
    metavar="N",
    help=f"One page; up to the first {REACH_MAX:,} products.",
)
@click.option("--page-size", type=click.IntRange(1, PAGE_SIZE_MAX), default=PAGE_SIZE_MAX, show_default=True)
@click.option("--last-buffer", metavar="TEXT", default="", help="One page: the one behind that which gave this text.")
@json_option
@click.option("--account", metavar="NAME", help="An account of the settings, not [catalog.window].")
@config_option
def list_(
    house: House,
    account: str | None,
    page_index: int | None,
    page_size: int,
    last_buffer: str,
    *,
    as_json: bool,
    **given: Any,
) -> None:
    """List the products: all of them, or one page with --page or --last-buffer.

    A self-operated product comes with its shop's app id, a promoted one with its id in the shop that supplies it.
    """
    wanted = WindowFilter(app_id=given["app_id"], branch_id=given["branch_id"], promoted_only=given["promoted"])
    if wanted.app_id_wins:
        _note("--appid and --promoted exclude each other: WeChat goes by --appid, and gives self-operated products")
    if last_buffer and page_index is not None:
        _note("--last-buffer is given, so that --page has no effect")
    with open_wechat(house, System.WINDOW, account=account) as api:
        if last_buffer or page_index is not None:
            found = _one_page(api, wanted, page_index or 1, page_size, last_buffer)
        else:
            found = _all_pages(api, wanted, page_size, quiet=as_json)
    if as_json:
        return show_json(found)
    products = found["products"]
    if products:
        columns = ("product_id", "source", "appid", "out_product_id")
        show_table(columns, [[product[column] for column in columns] for product in products])
    in_all = "" if found["total"] is None else f" of {found['total']:,}"
    click.echo(f"{len(products):,}{in_all} products.")
    if found["last_buffer"]:
        click.echo(f"The next page: --last-buffer {shlex.quote(found['last_buffer'])}")
    return None


def _one_page(api: Api, wanted: WindowFilter, page_index: int, page_size: int, last_buffer: str) -> dict[str, Any]:
    page = Window(api).page(
        wanted, page_size=page_size, page_index=page_index, last_buffer=last_buffer, need_total=True
    )
    return {"products": list(map(_as_dict, page.products)), "total": page.total, "last_buffer": page.last_buffer}


def _all_pages(api: Api, wanted: WindowFilter, page_size: int, *, quiet: bool) -> dict[str, Any]:
    products: list[dict[str, Any]] = []
    total: int | None = None
    with progress_bar({}, quiet=quiet) as tell:
        for page in Window(api).pages(wanted, page_size=page_size, need_total=True):
            products += map(_as_dict, page.products)
            total = page.total if total is None else total
            tell("asking WeChat", len(products), max(total or 0, len(products)))
    return {"products": products, "total": total, "last_buffer": ""}


def _note(text: str) -> None:
    click.secho(f"note: {text}", fg="yellow", err=True)


def _as_dict(product: WindowProduct) -> dict[str, Any]:
    source = product.source
    return {
        "product_id": product.product_id,
        "source": _SOURCES[source] if isinstance(source, ProductSource) else f"unknown ({source})",
        "product_source": int(source),
        "appid": product.app_id or None,
        "out_product_id": product.out_product_id or None,
    }
