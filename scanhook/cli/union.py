"""``scanhook union``: what may be promoted for a commission."""

from __future__ import annotations

import re
from dataclasses import asdict
from decimal import Decimal
from itertools import islice
from typing import Any

import click

from scanhook.cli.common import config_option, json_option, show_json, show_table
from scanhook.cli.progress import progress_bar
from scanhook.errors import Refused
from scanhook.office.calling import open_wechat
from scanhook.settings import House
from scanhook.wechat import Api, System
from scanhook.wechat.union import PAGE_DEFAULT, Union
from scanhook.wechat.union_filter import QueryType, ShipsFrom, ShipsHow, SortType, UnionFilter
from scanhook.wechat.union_product import UnionProduct
from scanhook.wechat.yuan import in_fen, in_yuan

__all__ = ["union"]

_account_option = click.option("--account", metavar="NAME", help="An account of the settings, not [catalog.union].")
_WAYS = ("express", "same-city", "pickup")
_SEARCHED = {"name": QueryType.PRODUCT_NAME, "shop": QueryType.SHOP_NAME, "id": QueryType.PRODUCT_ID}
_SORTS = {sort.name.lower().replace("_", "-"): sort for sort in SortType}
_FILTERS = (
    click.option("--query", metavar="TEXT", default="", help="What to search for."),
    click.option("--in", "searched", type=click.Choice(list(_SEARCHED)), default="name", help="What to search in."),
    click.option("--min-price", metavar="YUAN", help="The lowest price, such as 9.90."),
    click.option("--max-price", metavar="YUAN", help="The highest price."),
    click.option("--min-commission", metavar="YUAN", help="The lowest commission for one sale."),
    click.option("--min-commission-percent", metavar="PERCENT", help="The lowest commission, such as 12.5."),
    click.option("--category", metavar="ID", default="", help="One category; it counts before --categories."),
    click.option("--categories", metavar="ID,ID,…", default="", help="Any of several categories."),
    click.option("--without-categories", metavar="ID,ID,…", default="", help="None of these categories."),
    click.option(
        "--product", "products", metavar="ID", multiple=True, help="A product's SPU id. Several may be given."
    ),
    click.option("--shop", "shops", metavar="APPID", multiple=True, help="A shop's app id. Several may be given."),
    click.option("--coupon", is_flag=True, help="Only with a coupon of the union's."),
    click.option(
        "--ships", "ways", type=click.Choice(_WAYS), multiple=True, help="How it is sent. Several may be given."
    ),
    click.option(
        "--from",
        "places",
        metavar="PROVINCE[/CITY[/COUNTY]][:WAY,…]",
        multiple=True,
        help="Where it is sent from, and how from there: 广东省/深圳市:express. Several may be given.",
    ),
    click.option("--sort", type=click.Choice(list(_SORTS)), default="default", help="In which order."),
)


def _filter_options(command: Any) -> Any:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.group()
def union() -> None:
    """Union products (联盟商品): what shops let others promote for a commission.

    Who calls stands in [catalog.union].
    """


@union.command("list")
@_filter_options
@click.option("--start", type=click.IntRange(0), default=0, help="Leave out so many products of the list.")
@click.option("--max", "most", type=click.IntRange(1), help="Stop after so many products.")
@json_option
@_account_option
@config_option
def list_(
    house: House,
    account: str | None,
    start: int,
    most: int | None,
    *,
    as_json: bool,
    **given: Any,
) -> None:
    """List the products that fit, page by page to the end.

    Without a filter that is everything that anybody offers: give --max, too.
    """
    wanted = _filter_of(**given)
    if wanted.overruled:
        click.secho(f"note: {wanted.overruled}", fg="yellow", err=True)
    with open_wechat(house, System.UNION, account=account) as api:
        products, total = _found(api, wanted, start=start, most=most, quiet=as_json)
    if as_json:
        return show_json({"total": total, "products": [_as_dict(product) for product in products]})
    if products:
        columns = ("id", "title", "yuan", "commission", "stock", "SKUs", "shop")
        show_table(columns, list(map(_row, products)))
    return click.echo(f"{len(products):,} of {total:,} products.")


def _found(
    api: Api, wanted: UnionFilter, *, start: int, most: int | None, quiet: bool
) -> tuple[list[UnionProduct], int]:
    products: dict[str, UnionProduct] = {}
    total = 0
    with progress_bar({}, quiet=quiet) as tell:
        for page in Union(api).pages(wanted, start=start, limit=min(PAGE_DEFAULT, most or PAGE_DEFAULT)):
            products |= {product.id: product for product in page.products}
            total = page.total
            ahead = max(total - start, 0)
            tell("asking WeChat", len(products), ahead if most is None else min(ahead, most))
            if most is not None and len(products) >= most:
                break
    return list(islice(products.values(), most)), total


def _filter_of(**given: Any) -> UnionFilter:
    return UnionFilter(
        query=given["query"],
        query_type=_SEARCHED[given["searched"]],
        min_price_fen=_fen(given["min_price"]),
        max_price_fen=_fen(given["max_price"]),
        min_commission_fen=_fen(given["min_commission"]),
        min_commission_ratio=_ratio(given["min_commission_percent"]),
        sort=_SORTS[given["sort"]],
        category_id=given["category"],
        categories=_listed(given["categories"]),
        without_categories=_listed(given["without_categories"]),
        product_ids=given["products"],
        shop_app_ids=given["shops"],
        has_coupon=given["coupon"],
        ships_how=_ways(given["ways"]) if given["ways"] else None,
        ships_from=tuple(map(_place, given["places"])),
    )


def _fen(yuan: str | None) -> int | None:
    return None if yuan is None else in_fen(yuan)


def _ratio(percent: str | None) -> int | None:
    if percent is None:
        return None
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})?", percent):
        raise Refused(f"`{percent}` is no percentage: write it like 5 or 12.5")
    return int(Decimal(percent) * 100)


def _listed(ids: str) -> tuple[str, ...]:
    return tuple(id_.strip() for id_ in ids.split(",")) if ids else ()


def _ways(ways: tuple[str, ...]) -> ShipsHow:
    if unknown := set(ways) - set(_WAYS):
        raise Refused(f"`{min(unknown)}` is no way to send a product: write {', '.join(_WAYS)}")
    return ShipsHow(express="express" in ways, same_city="same-city" in ways, pickup="pickup" in ways)


def _place(text: str) -> ShipsFrom:
    names, _, ways = text.partition(":")
    levels = names.split("/")
    if len(levels) > 3:
        raise Refused(f"`{names}` has more than three levels: write PROVINCE, PROVINCE/CITY or PROVINCE/CITY/COUNTY")
    province, city, county = (*levels, "", "")[:3]
    return ShipsFrom(province=province, city=city, county=county, how=_ways(_listed(ways)) if ways else None)


def _row(product: UnionProduct) -> tuple[object, ...]:
    commission = product.commission
    earned = "" if commission.value_fen is None else in_yuan(commission.value_fen)
    share = "" if commission.percent is None else f" ({commission.percent.normalize():f} %)"
    price = "" if product.min_price_fen is None else in_yuan(product.min_price_fen)
    offered = earned + share if commission.offered else "none"
    return product.id, product.title, price, offered, product.stock, len(product.skus), product.shop.name


def _as_dict(product: UnionProduct) -> dict[str, Any]:
    return {**asdict(product), "parameters": [{"name": name, "value": value} for name, value in product.parameters]}
