"""``scanhook pages publish``, ``unpublish``, ``clear`` and ``testers``: who sees a page."""

from __future__ import annotations

import sys

import click

from scanhook.cli.common import config_option, confirm_loss, json_option, show_json
from scanhook.cli.pages_call import key_argument, pages_of, who_option
from scanhook.settings import House
from scanhook.wechat.pages import TESTERS_MAX, PageKey, Whitelist

__all__ = ["clear", "publish", "testers", "unpublish"]


@click.command()
@key_argument
@who_option
@json_option
@config_option
def publish(house: House, account: str | None, key: PageKey, *, as_json: bool) -> None:
    """Submit a page for WeChat's review, after which it is published."""
    with pages_of(house, account) as client:
        client.publish(key)
    if as_json:
        return show_json({**key.body, "submitted": True})
    return click.echo(
        f"{key} is submitted for review. WeChat tells the outcome by the push user_scan_product_verify_action; "
        "until then nothing of it can be changed."
    )


@click.command()
@key_argument
@who_option
@json_option
@config_option
def unpublish(house: House, account: str | None, key: PageKey, *, as_json: bool) -> None:
    """Take a page off line: consumers who scan its codes do not see it any more."""
    with pages_of(house, account) as client:
        client.unpublish(key)
    if as_json:
        return show_json({**key.body, "status": "off"})
    return click.echo(f"{key} is not published any more.")


@click.command()
@key_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@who_option
@json_option
@config_option
def clear(house: House, account: str | None, key: PageKey, *, yes: bool, as_json: bool) -> None:
    """Clear a page: WeChat forgets it, and its printed codes lead nowhere. Nothing takes it back."""
    confirm_loss(
        f"This clears the page {key} at WeChat, and every code printed for it then leads nowhere; "
        f"`scanhook pages get {key} --json` keeps a copy",
        yes=yes,
    )
    with pages_of(house, account) as client:
        client.clear(key)
    if as_json:
        return show_json({**key.body, "cleared": True})
    return click.echo(f"{key} is cleared. The registry's product and its codes stay as they are.")


@click.command()
@click.option("--openid", "openids", metavar="OPENID", multiple=True, help="- reads them from standard input.")
@click.option("--username", "usernames", metavar="WECHAT_ID", multiple=True, help="A WeChat id.")
@click.option("--nobody", is_flag=True, help="Empty the list.")
@who_option
@json_option
@config_option
def testers(
    house: House,
    account: str | None,
    openids: tuple[str, ...],
    usernames: tuple[str, ...],
    *,
    nobody: bool,
    as_json: bool,
) -> None:
    """Say who sees pages that are not published: 10 at most. This replaces the whole list."""
    if nobody == bool(openids or usernames):
        raise click.UsageError("give --openid and --username, or --nobody to empty the list")
    if "-" in openids:  # an openid is personal, and would stay in the shell's history
        read = [line.strip() for line in sys.stdin.readlines(TESTERS_MAX * 200)]
        openids = (*(openid for openid in openids if openid != "-"), *filter(None, read))
    wanted = Whitelist(openids=openids, usernames=usernames)
    click.echo("This replaces the whole list of testers at WeChat; nobody can read the one before it.", err=True)
    with pages_of(house, account) as client:
        client.set_testers(wanted)
    if as_json:
        return show_json({"testers": wanted.count})
    return click.echo(f"The list of testers is replaced: {wanted.count} of {TESTERS_MAX}.")
