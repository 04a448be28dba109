"""``scanhook pages``: WeChat's scan product pages."""

from __future__ import annotations

import click

from scanhook.cli.common import config_option, json_option, show_json, show_table, utc
from scanhook.cli.pages_call import key_argument, pages_of, who_option
from scanhook.cli.pages_qrcode import qrcode
from scanhook.cli.pages_records import clear_scans
from scanhook.cli.pages_show import show_page
from scanhook.cli.pages_state import clear, publish, testers, unpublish
from scanhook.cli.pages_write import create, update
from scanhook.cli.progress import progress_bar
from scanhook.settings import House
from scanhook.wechat.pages import Category, MerchantInfo, PageKey, PageSummary, StatusFilter

__all__ = ["pages"]


@click.group()
def pages() -> None:
    """Show, write and publish WeChat's scan product pages."""


for _command in (create, update, clear, publish, unpublish, qrcode, testers, clear_scans):
    pages.add_command(_command)


@pages.command("list")
@click.option(
    "--status",
    type=click.Choice([str(status) for status in StatusFilter]),
    default=str(StatusFilter.ALL),
    show_default=True,
    help="on: published; off: not; check: in review; reject: not passed.",
)
@click.option("--containing", metavar="TEXT", default="", help="Only pages whose keystr contains this.")
@click.option("--offset", type=click.IntRange(min=0), help="Only one stretch: from which on, counted from 0.")
@click.option("--limit", type=click.IntRange(min=1), help="Only one stretch: how many at most.")
@who_option
@json_option
@config_option
def list_(
    house: House,
    account: str | None,
    status: str,
    containing: str,
    offset: int | None,
    limit: int | None,
    *,
    as_json: bool,
) -> None:
    """List the pages of an account: all of them, or one stretch."""
    wanted = StatusFilter(status)
    with pages_of(house, account) as client:
        if offset is None and limit is None:
            with progress_bar({"pages": "pages"}, quiet=as_json) as tell:
                found = list(
                    client.every(
                        status=wanted, containing=containing, tell=lambda seen, total: tell("pages", seen, total)
                    )
                )
            total = len(found)
        else:
            stretch = client.list(
                offset=offset or 0, status=wanted, containing=containing, **({} if limit is None else {"limit": limit})
            )
            found, total = list(stretch.pages), stretch.total
    rows = [_as_dict(page) for page in found]
    if as_json:
        return show_json({"total": total, "pages": rows})
    if not rows:
        click.echo("There is no such page." if total == 0 else f"There are {total:,} pages, and none from there on.")
        return None
    columns = ("keystandard", "keystr", "status", "category_name", "updated_at")
    return show_table(columns, [[row[column] for column in columns] for row in rows], title=f"{total:,} pages")


@pages.command()
@key_argument
@who_option
@json_option
@config_option
def get(house: House, account: str | None, key: PageKey, *, as_json: bool) -> None:
    """Show a page. With --json it is written as `pages update` reads it."""
    with pages_of(house, account) as client:
        page = client.get(key)
    if as_json:
        return show_json(page.as_wire())
    return show_page(page)


@pages.command()
@who_option
@json_option
@config_option
def merchant(house: House, account: str | None, *, as_json: bool) -> None:
    """Show which categories and barcodes WeChat has granted to an account."""
    with pages_of(house, account) as client:
        found = client.merchant()
    if as_json:
        return show_json(_merchant_as_dict(found))
    # Most segments are granted for the same categories.
    granted: dict[tuple[Category, ...], list[int]] = {}
    for right in found.rights:
        codes = found.firm_codes if right.firm_code is None else (right.firm_code,)
        granted.setdefault(right.categories, []).extend(codes)
    show_table(
        ("segments", "category_id", "category"),
        [
            (", ".join(map(str, codes)), category.id, category.name)
            for categories, codes in granted.items()
            for category in categories
        ],
    )
    click.echo(f"brand tags: {', '.join(found.brand_tags) or 'none yet'}")
    return None


def _as_dict(page: PageSummary) -> dict[str, object]:
    return {
        **page.key.body,
        "status": page.status,
        "category_id": page.category_id,
        "category_name": page.category_name,
        "updated_at": utc(page.update_time),
    }


def _merchant_as_dict(found: MerchantInfo) -> dict[str, object]:
    return {
        "brand_tags": list(found.brand_tags),
        "firm_codes": list(found.firm_codes),
        "rights": [
            {
                "firm_code": right.firm_code,
                "categories": [{"id": category.id, "name": category.name} for category in right.categories],
            }
            for right in found.rights
        ],
    }
