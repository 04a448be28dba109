"""What the commands on scan product pages share: whose pages, and which page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from scanhook.cli.common import account_name
from scanhook.errors import Refused
from scanhook.office.calling import open_wechat
from scanhook.settings import House
from scanhook.wechat import System
from scanhook.wechat.pages import PageKey, Remark, ScanPages

__all__ = ["key_argument", "pages_of", "registry_account", "say", "who_option"]

who_option = click.option(
    "--account", metavar="NAME", help="An account of the settings; else what [catalog.pages] says, else the first one."
)


class _KeyType(click.ParamType[PageKey]):
    name = "page"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> PageKey:
        if isinstance(value, PageKey):
            return value
        try:
            return PageKey.parse(str(value))
        except Refused as refused:
            self.fail(str(refused), param, ctx)


key_argument = click.argument("key", metavar="KEYSTANDARD/KEYSTR", type=_KeyType())


@contextmanager
def pages_of(house: House, account: str | None) -> Iterator[ScanPages]:
    """Open the scan product pages of an account for one command.

    :raises Refused: when the settings do not say who calls.
    """
    with open_wechat(house, System.PAGES, account=account) as api:
        yield ScanPages(api, clear_path=house.settings.wechat.clear_path)


def registry_account(house: House, given: str | None) -> str | None:
    """Return the account whose pushes are about these pages; ``None`` where none of the settings is.

    :raises Refused: when the settings have none of that name.
    """
    pages, accounts = house.settings.catalog.pages, house.settings.accounts
    if given is None and pages.app_id:
        return next((name for name, account in accounts.items() if account.app_id == pages.app_id), None)
    return account_name(house, given or pages.account or None)


def say(remarks: Iterable[Remark]) -> None:
    """Tell staff what they should know of a page before it is sent."""
    for remark in remarks:
        # Names of fields and types may have come from WeChat.
        said = "".join(character if character.isprintable() else "?" for character in f"note: {remark}")
        click.secho(said, fg="yellow", err=True)
