"""``scanhook catalog sync``: asks WeChat's product systems what they have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import click

from scanhook.cli.common import (
    account_name,
    account_option,
    config_option,
    json_option,
    show_json,
    show_table,
)
from scanhook.cli.progress import progress_bar
from scanhook.errors import Refused, ScanhookError
from scanhook.office import CatalogStore
from scanhook.office.calling import office_of
from scanhook.office.catalog import ORDER, CatalogSync
from scanhook.office.directory import check_meant, open_source
from scanhook.office.syncing import sync_system
from scanhook.settings import House
from scanhook.wechat import System, TokenKeep
from scanhook.wire.cataloguing import take_catalog
from scanhook.wire.storage import storage_url

__all__ = ["SYSTEMS", "sync"]

SYSTEMS = click.Choice([system.value for system in ORDER])


@contextmanager
def _alone(house: House) -> Iterator[None]:
    lease = take_catalog(storage_url(house))
    if lease is None:
        raise Refused("another sync is at work on this storage, perhaps the housekeeper's: try again in a minute")
    with lease:
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one system.

    :param word: ``done``, ``failed`` or ``skipped``.
    :param why: of a failure or a skip.
    :param left_out: how many products the directory cannot keep.
    """

    system: System
    word: str
    sync: CatalogSync | None = None
    why: str | None = None
    left_out: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        told = {name: getattr(self.sync, name, None) for name in ("owner", "seen", "added", "changed", "gone")}
        return {"system": self.system.value, "outcome": self.word, **told, "left_out": self.left_out, "why": self.why}


@click.command()
@click.option("--system", "systems", type=SYSTEMS, multiple=True, help="Only this one. Several may be given.")
@account_option
@json_option
@config_option
@click.pass_context
def sync(context: click.Context, house: House, systems: tuple[str, ...], account: str | None, *, as_json: bool) -> None:
    """Ask the systems what they have. One that was stopped goes on where it was, for a day.

    Systems that the settings do not speak of are skipped. One that fails does not keep the others from their turn.
    """
    if account is not None:
        account_name(house, account)
        systems = systems or (System.PAGES.value,)
    chosen = [System(name) for name in systems or ORDER]
    with office_of(house) as office, _alone(house), progress_bar({}, quiet=as_json) as tell:
        outcomes = [
            _sync(
                house, system, office.store.catalog, keep=office.keep, account=account, tell=tell, asked=bool(systems)
            )
            for system in chosen
        ]
    if as_json:
        show_json([outcome.as_dict() for outcome in outcomes])
    else:
        _show_outcomes(outcomes)
    if any(outcome.word == "failed" for outcome in outcomes):
        context.exit(1)


def _sync(
    house: House,
    system: System,
    store: CatalogStore,
    *,
    keep: TokenKeep,
    account: str | None,
    tell: Callable[[str, int, int | None], None],
    asked: bool,
) -> Outcome:
    settings, clock = house.settings, keep.clock
    begun: list[CatalogSync] = []
    left_out: list[int] = []

    def note(sync: CatalogSync, total: int | None) -> None:
        begun[:] = [sync]
        tell(system.value, sync.seen, None if total is None else max(total, sync.seen))

    try:
        check_meant(settings, system, account=account)
    except Refused as error:
        return Outcome(system=system, word="failed" if asked else "skipped", why=str(error))
    try:
        api, source = open_source(settings, system, keep=keep, clock=clock, account=account)
        with closing(api):
            done = sync_system(store, source, clock=clock, tell=note, leave_out=left_out.append)
    except ScanhookError as error:
        return Outcome(
            system=system, word="failed", sync=begun[0] if begun else None, why=str(error), left_out=sum(left_out)
        )
    everything = max(done.seen, 1)
    tell(system.value, everything, everything)
    return Outcome(system=system, word="done", sync=done, left_out=sum(left_out))


def _show_outcomes(outcomes: list[Outcome]) -> None:
    show_table(
        ("system", "owner", "outcome", "seen", "added", "changed", "gone"),
        [
            (
                outcome.system.value,
                outcome.sync and outcome.sync.owner,
                outcome.word,
                *((outcome.sync.seen, outcome.sync.added, outcome.sync.changed) if outcome.sync else (None,) * 3),
                outcome.sync.gone if outcome.sync and outcome.word == "done" else None,
            )
            for outcome in outcomes
        ],
    )
    for outcome in outcomes:
        if outcome.left_out:
            click.secho(
                f"{outcome.system}: {outcome.left_out:,} left out, whose ids the directory cannot keep",
                fg="yellow",
                err=True,
            )
        if outcome.why:
            failed = outcome.word == "failed"
            click.secho(f"{outcome.system} {outcome.word}: {outcome.why}", fg="red" if failed else None, err=True)
