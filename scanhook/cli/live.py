"""``scanhook live``: goods of live broadcasts."""

from __future__ import annotations

from typing import Any

import click

from scanhook.cli.common import config_option, confirm_loss, json_option, show_json, show_table, utc
from scanhook.cli.live_desk import open_desk, picture_is_up, warn_of_quota
from scanhook.cli.live_fields import field_options, page_of, picture_of, price_of
from scanhook.cli.live_shown import shown_goods, shown_state
from scanhook.cli.progress import progress_bar
from scanhook.office.calling import open_wechat
from scanhook.settings import House
from scanhook.wechat import System
from scanhook.wechat.codes import known_code
from scanhook.wechat.live import LiveGoods
from scanhook.wechat.live_goods import AuditStatus, Goods, GoodsChange, GoodsDraft
from scanhook.wechat.live_ledger import SUBMISSIONS_A_DAY, KeptGoods

__all__ = ["live"]

_account_option = click.option("--account", metavar="NAME", help="An account of the settings, not [catalog.live].")
_STATES = {status.name.lower().replace("_", "-"): status for status in AuditStatus}
_goods_argument = click.argument("goods_id", metavar="GOODS_ID")


@click.group()
def live() -> None:
    """Goods of live broadcasts (小程序直播商品).

    Who calls stands in [catalog.live]: the mini program. The ids of what is added here are kept here: without them
    nothing can be done with the goods.
    """


@live.command()
@click.argument("name", metavar="NAME")
@click.option("--path", metavar="PAGE", required=True, help="The page of the goods, such as pages/index/index.")
@field_options
@json_option
@_account_option
@config_option
def add(house: House, account: str | None, name: str, path: str, *, as_json: bool, **given: Any) -> None:
    """Add goods called NAME (up to 14 Chinese characters), and submit them for review.

    It takes one of the day's 500 submissions.
    """
    picture, price = picture_of(given), price_of(given)
    if price is None:
        raise click.UsageError(
            "the price is missing: give --price, and --price-to or --price-now with it if it has two"
        )
    if picture is None:
        raise click.UsageError("the picture is missing: give --image or --media-id")

    def draft(of: str) -> GoodsDraft:
        return GoodsDraft(
            media_id=of,
            name=name,
            price=price,
            path=page_of(path, given["parameters"]),
            third_party_app_id=given["third_party_app_id"] or "",
        )

    draft("not up yet")  # nothing goes up for goods that cannot be added
    with open_desk(house, account) as desk:
        warn_of_quota(desk.keeper)
        with picture_is_up(desk.keeper, picture) as media_id:
            kept = desk.keeper.add(draft(media_id))
        used = desk.keeper.submissions_today()
    _tell_added(kept, used, as_json=as_json)


@live.command()
@click.argument("goods_ids", metavar="[GOODS_ID]...", nargs=-1)
@json_option
@_account_option
@config_option
def status(house: House, account: str | None, goods_ids: tuple[str, ...], *, as_json: bool) -> None:
    """Show how far the review is: of the goods that were added here, or of those given."""
    with open_desk(house, account) as desk, progress_bar({}, quiet=as_json) as tell:
        kept = {goods.goods_id: goods for goods in desk.kept()}
        asked = goods_ids or tuple(kept)
        found: dict[str, Goods] = {}
        for goods in LiveGoods(desk.api).states(asked):
            found[goods.id] = goods
            tell("asking WeChat", len(found), len(asked))
    rows = [shown_state(goods_id, found.get(goods_id), kept.get(goods_id)) for goods_id in dict.fromkeys(asked)]
    if as_json:
        return show_json(rows)
    if not rows:
        return click.echo("No goods were added from here: add some with `scanhook live add`, or give their ids.")
    columns = ("goods_id", "audit_id", "name", "state", "price", "path", "added")
    return show_table(columns, [[row[column] for column in columns] for row in rows])


@live.command("list")
@click.option(
    "--state", "states", type=click.Choice(list(_STATES)), multiple=True, help="Only these; several may be given."
)
@json_option
@_account_option
@config_option
def list_(house: House, account: str | None, states: tuple[str, ...], *, as_json: bool) -> None:
    """List the goods that WeChat has, whoever added them, by the state of their review.

    This finds goods again whose id was lost; it does not give their audit id.
    """
    found: list[dict[str, Any]] = []
    with open_wechat(house, System.LIVE, account=account) as api, progress_bar({}, quiet=as_json) as tell:
        for state in states or _STATES:
            before = len(found)
            for page in LiveGoods(api).pages(_STATES[state]):
                found += map(shown_goods, page.goods)
                tell(state.replace("-", " "), len(found) - before, page.total)
    if as_json:
        return show_json(found)
    if not found:
        return click.echo("WeChat has no such goods.")
    columns = ("goods_id", "name", "state", "price", "path", "by_api")
    return show_table(columns, [[goods[column] for column in columns] for goods in found])


@live.command()
@_goods_argument
@json_option
@_account_option
@config_option
def submit(house: House, account: str | None, goods_id: str, *, as_json: bool) -> None:
    """Submit goods for review again, whose review was withdrawn. It takes one of the day's 500 submissions."""
    with open_desk(house, account) as desk:
        warn_of_quota(desk.keeper)
        audit_id = desk.keeper.submit_again(goods_id)
    if as_json:
        return show_json({"goods_id": goods_id, "audit_id": audit_id})
    return click.echo(f"The goods {goods_id} are submitted for review: audit {audit_id}.")


@live.command()
@_goods_argument
@click.option("--audit-id", metavar="ID", help="Of the review; else the one that is kept here.")
@json_option
@_account_option
@config_option
def withdraw(house: House, account: str | None, goods_id: str, audit_id: str | None, *, as_json: bool) -> None:
    """Take goods out of review, so that they can be changed. The submission does not come back."""
    with open_desk(house, account) as desk:
        desk.keeper.withdraw(goods_id, audit_id)
    if as_json:
        return show_json({"goods_id": goods_id})
    return click.echo(f"The goods {goods_id} are out of review. `scanhook live submit {goods_id}` submits them again.")


@live.command()
@_goods_argument
@click.option("--name", metavar="NAME", help="Up to 14 Chinese characters.")
@click.option("--path", metavar="PAGE", help="The page of the goods.")
@field_options
@json_option
@_account_option
@config_option
def update(
    house: House, account: str | None, goods_id: str, name: str | None, path: str | None, *, as_json: bool, **given: Any
) -> None:
    """Change goods; what is not given stays. Of approved goods WeChat changes only the price, in review nothing."""
    picture, price = picture_of(given), price_of(given)
    if given["parameters"] and path is None:
        raise click.UsageError("--param needs --path: the page that it belongs to")

    def change(of: str | None) -> GoodsChange:
        return GoodsChange(
            media_id=of,
            name=name,
            price=price,
            path=None if path is None else page_of(path, given["parameters"]),
            third_party_app_id=given["third_party_app_id"],
        )

    changed = sorted(change("not up yet" if picture else None).as_json())
    with open_desk(house, account) as desk, picture_is_up(desk.keeper, picture) as media_id:
        desk.keeper.update(goods_id, change(media_id or None))
    if as_json:
        return show_json({"goods_id": goods_id, "changed": changed})
    return click.echo(f"The goods {goods_id} are changed: {', '.join(changed)}.")


@live.command()
@_goods_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@_account_option
@config_option
def delete(house: House, account: str | None, goods_id: str, *, yes: bool, as_json: bool) -> None:
    """Delete goods, out of every broadcast, too. There is no way back."""
    confirm_loss(f"This deletes the goods {goods_id} for good, out of every broadcast, too", yes=yes)
    with open_desk(house, account) as desk:
        desk.keeper.delete(goods_id)
    return show_json({"goods_id": goods_id}) if as_json else click.echo(f"The goods {goods_id} are deleted.")


def _tell_added(kept: KeptGoods, used: int, *, as_json: bool) -> None:
    if as_json:
        show_json({**_kept(kept), "submissions_today": used, "submissions_a_day": SUBMISSIONS_A_DAY})
    else:
        click.echo(
            f"{kept.name} is added: goods {kept.goods_id}, audit {kept.audit_id or 'not told'}."
            + ("" if kept.errcode else " It is in review: see `scanhook live status`.")
        )
        click.echo(f"{used} of today's {SUBMISSIONS_A_DAY} submissions went out from here.")
    if kept.errcode:
        code = known_code(kept.errcode)
        click.secho(
            f"The review failed at once: WeChat answers {code.number} ({code.name}): {code.meaning}. The goods are "
            f"there and their ids are kept. Mend them with `scanhook live update {kept.goods_id}`, then submit them "
            f"with `scanhook live submit {kept.goods_id}`.",
            fg="red",
            err=True,
        )
        click.get_current_context().exit(1)


def _kept(goods: KeptGoods) -> dict[str, Any]:
    return {
        "goods_id": goods.goods_id,
        "audit_id": goods.audit_id,
        "name": goods.name,
        "errcode": goods.errcode,
        "added": utc(goods.added_at),
    }
