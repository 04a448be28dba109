"""``scanhook tickets``: who came with a wxticket, and what may be told of their item."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import click

from scanhook.cli.common import account_name, account_option, config_option, json_option, show_json, show_table
from scanhook.settings import House
from scanhook.tickets import Unbound
from scanhook.wire.api.tickets import told_of
from scanhook.wire.service import open_service

__all__ = ["tickets"]

_PATIENCE_S = 30.0
_UNBOUND = {
    Unbound.NO_EXTINFO: "no: give the link's wxextinfo with --extinfo",
    Unbound.NOT_SCANNED: "no: by our journal, this person has not scanned this code in the last {minutes:g} minutes",
}


@click.group()
def tickets() -> None:
    """Ask WeChat who came with a wxticket."""


@tickets.command()
@click.argument("ticket")
@click.option("--extinfo", help="The link's wxextinfo: without it nothing is told of an item.")
@account_option
@json_option
@config_option
def check(house: House, ticket: str, extinfo: str | None, account: str | None, *, as_json: bool) -> None:
    """Say what WeChat says of TICKET, the wxticket of a link, and whether the item is genuine.

    A verdict is given only on a code that this same person has scanned a short while ago, as the journal says: anybody
    can write a wxextinfo into a link. Nothing is counted. `-` instead of the ticket reads it from standard input.
    """
    if ticket == "-":  # so that it stands neither in the shell's history nor in the list of processes
        ticket = sys.stdin.readline()
    name = account_name(house, account)
    with closing(open_service(house)) as service:
        checked = service.desk.check(name, ticket, extinfo, wait_s=_PATIENCE_S)
        shown = told_of(service, name, checked).model_dump(mode="json")
    if as_json:
        return show_json(shown)
    minutes = house.settings.wechat.ticket_window_s / 60
    unbound = checked.unbound
    bound = _UNBOUND[unbound].format(minutes=minutes) if unbound else "yes: this person has scanned it"
    return show_table(("", ""), list(_rows(shown, bound=bound)))


def _rows(shown: Mapping[str, Any], *, bound: str) -> Iterator[tuple[str, object]]:
    """Yield the lines of the table; what lies within another is named with it."""
    for name, value in shown.items():
        if name == "bound":
            yield name, bound
        elif isinstance(value, Mapping):
            yield from ((f"{name} {within}", of_it) for within, of_it in _rows(value, bound=bound))
        elif name not in ("unbound", "item"):
            yield name, ("yes" if value else "no") if isinstance(value, bool) else value
