"""The verbs that change a state: activate, suspend, recall and their like, of codes, batches and products."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

from scanhook.cli.common import (
    OpenStorage,
    config_option,
    every_batch,
    json_option,
    operator,
    show_json,
    storage_of,
    time_of,
    utc,
)
from scanhook.errors import Refused
from scanhook.registry import Action, Change, Level, Mark, Order, Scope, State, strictest
from scanhook.settings import House

__all__ = ["add_verbs", "as_dict", "change_options", "confirm", "state_of", "tell"]

_TIMED = (Action.ACTIVATE, Action.EXPIRE)
_HELP = {
    Action.ACTIVATE: "Activate {what}: scans are answered `real`, unless something stricter is in force.",
    Action.SUSPEND: "Suspend {what} until activated again; to lift only the suspension, undo it.",
    Action.RECALL: "Recall {what}; only an undo takes it back.",
    Action.STOLEN: "Mark {what} as stolen; only an undo takes it back.",
    Action.VOID: "Make {what} void; only an undo takes it back.",
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


def add_verbs(
    group: click.Group,
    *,
    what: str,
    arguments: Callable[[Any], Any],
    choose: Chooser,
    helps: Mapping[Action, str] = _HELP,
    timed: Sequence[Action] = _TIMED,
) -> None:
    """Add a command for each action to a group.

    :param what: for the help, such as ``batches``.
    :param arguments: adds what names the things to change.
    :param choose: makes scopes of them.
    :param helps: what is said of an action, where it is something else for these things.
    :param timed: which actions can be set for a time.
    """
    for action in Action:
        text = {**_HELP, **helps}[action].format(what=what)
        group.add_command(_verb(action, text, arguments, choose, timed=action in timed))


def _verb(action: Action, text: str, arguments: Callable[[Any], Any], choose: Chooser, *, timed: bool) -> click.Command:
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
    if timed:
        command = click.option(
            "--at", metavar="TIME", help="When; else now. 2026-12-01T08:00+08:00; without a zone, in this machine's."
        )(command)
    return click.command(str(action), help=text)(arguments(command))


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
    holds = f"It holds from {utc(at)} on." if isinstance(at, int) else "It holds from now on."
    where = f" of batch {change.batch}" if change.batch else ""
    action = f"{change.action} of change {change.undoes}" if change.undoes else change.action
    click.echo(f"change {change.id}: {action}, {change.codes:,} codes{where}. {holds}")
    for note in _notes(storage, change) if change.action == Action.ACTIVATE else ():
        click.secho(f"note: {note}", fg="yellow", err=True)
    if not change.undoes:
        click.echo(f"To take it back: scanhook batches undo {change.id} --why …", err=True)
    return None


def _notes(storage: OpenStorage, change: Change) -> Iterator[str]:
    """Say what an activation leaves as it is."""
    product, now = change.product, time.time()
    if product is None:
        return
    found = [(f"the product {product.key_standard}/{product.key_str}", product.mark)]
    batch = storage.registry.find_batch(product, change.batch) if change.batch else None
    if batch is not None:
        found.append((f"the batch {batch.name}", batch.mark))
    for name, mark in found:
        if state_of(mark, now) is not State.ACTIVE:
            yield f"{name} is {state_of(mark, now)}, and the strictest state is in force."
    if batch is not None and change.details.get("takes_effect_at") and batch.states_at(now).get(State.ACTIVE):
        yield f"{batch.states_at(now)[State.ACTIVE]:,} codes of the batch are active already, and stay so."
    if change.level is Level.PRODUCT:
        issued = sum(each.states_at(now).get(State.ISSUED, 0) for each in every_batch(storage.registry, product))
        if issued:
            yield f"{issued:,} issued codes stay issued: activate their batches."


def state_of(mark: Mark, now: float) -> State:
    """Return what a level says by itself: its state, or that it is expired by now."""
    return strictest(mark.state, State.EXPIRED if mark.is_expired(now) else State.ACTIVE)


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
