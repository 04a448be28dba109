"""The verbs that change a state: activate, suspend, recall and their like, of codes, batches and products."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from scanhook.cli.common import OpenStorage, config_option, json_option, operator, show_json, storage_of, time_of, utc
from scanhook.errors import Refused
from scanhook.registry import Action, Change, Order, Scope, State
from scanhook.settings import House

__all__ = ["add_verbs", "as_dict", "change_options", "confirm", "tell"]

_TIMED = (Action.ACTIVATE, Action.EXPIRE)
_HELP = {
    Action.ACTIVATE: "Activate {what}: scans are answered `real`.",
    Action.SUSPEND: "Suspend {what} until activated again.",
    Action.RECALL: "Recall {what}.",
    Action.STOLEN: "Mark {what} as stolen.",
    Action.VOID: "Make {what} void for ever.",
    Action.EXPIRE: "Let {what} expire, now or at a set time.",
}

Chooser = Callable[[OpenStorage, House, dict[str, Any]], Sequence[Scope]]
"""Turns a command's arguments into what the change is about."""


def change_options(command: Any) -> Any:
    """Add the options that every change has."""
    for option in (
        click.option("--why", required=True, metavar="TEXT", help="Why, for the history."),
        click.option("--by", "who", metavar="NAME", help="Who, for the history; else the system's name of you."),
        click.option("--yes", is_flag=True, help="Do not ask, however many codes it touches."),
        json_option,
        config_option,
    ):
        command = option(command)
    return command


def add_verbs(group: click.Group, *, what: str, arguments: Callable[[Any], Any], choose: Chooser) -> None:
    """Add a command for each action to a group.

    :param what: for the help, such as ``batches``.
    :param arguments: adds what names the things to change.
    :param choose: makes scopes of them.
    """
    for action in Action:
        group.add_command(_verb(action, what, arguments, choose))


def _verb(action: Action, what: str, arguments: Callable[[Any], Any], choose: Chooser) -> click.Command:
    def run(house: House, *, why: str, who: str | None, yes: bool, as_json: bool, **given: Any) -> None:
        at = given.pop("at", None)
        with storage_of(house) as storage:
            order = Order(
                action=action,
                scopes=tuple(choose(storage, house, given)),
                who=who or operator(),
                why=why,
                at=None if at is None else int(time_of(at)),
            )
            confirm(house, storage.registry.size_of(order.scopes), yes=yes)
            change = storage.registry.change(order)
            tell(storage, change, as_json=as_json)

    command = change_options(run)
    if action in _TIMED:
        command = click.option("--at", metavar="TIME", help="When; else now. 2026-12-01 or 2026-12-01T08:00+08:00.")(
            command
        )
    return click.command(str(action), help=_HELP[action].format(what=what))(arguments(command))


def confirm(house: House, codes: int, *, yes: bool) -> None:
    """Ask before a change that touches many codes.

    :raises Refused: when nobody can be asked.
    """
    if yes or codes <= house.settings.registry.confirm_above:
        return
    if not sys.stdin.isatty():
        raise Refused(f"this changes {codes:,} codes: say --yes if that is what you want")
    if not click.confirm(f"This changes {codes:,} codes. Go on?", err=True):
        raise Refused("nothing was changed")


def tell(storage: OpenStorage, change: Change, *, as_json: bool) -> None:
    """Say what was changed, and what is stricter and stays in force."""
    if as_json:
        return show_json(as_dict(change))
    at = change.details.get("takes_effect_at")
    when = f", from {utc(at)} on" if isinstance(at, int) else ""
    where = f" of batch {change.batch}" if change.batch else ""
    click.echo(f"change {change.id}: {change.action}, {change.codes:,} codes{where}{when}. It holds from now on.")
    if change.action == Action.ACTIVATE and change.product is not None:
        for name, state in _stricter(storage, change):
            click.secho(f"note: {name} is {state}, and the strictest state is in force.", fg="yellow", err=True)
    click.echo(f"To take it back: scanhook batches undo {change.id} --why …", err=True)
    return None


def _stricter(storage: OpenStorage, change: Change) -> list[tuple[str, State]]:
    """Return what stays against an activation."""
    product, now = change.product, time.time()
    if product is None:
        return []
    found = [(f"the product {product.key_standard}/{product.key_str}", product.mark)]
    batch = storage.registry.find_batch(product, change.batch) if change.batch else None
    if batch is not None:
        found.append((f"the batch {batch.name}", batch.mark))
    return [
        (name, State.EXPIRED if mark.is_expired(now) else mark.state)
        for name, mark in found
        if mark.is_expired(now) or mark.state is not State.ACTIVE
    ]


def as_dict(change: Change) -> dict[str, object]:
    """Return a change for programs."""
    product = change.product
    return {
        "change": change.id,
        "at": utc(change.at),
        "who": change.who,
        "why": change.why,
        "action": change.action,
        "level": change.level,
        "account": product.account if product else None,
        "keystandard": product.key_standard if product else None,
        "keystr": product.key_str if product else None,
        "batch": change.batch,
        "codes": change.codes,
        "details": dict(change.details),
        "undoes": change.undoes,
        "undone_by": change.undone_by,
    }
