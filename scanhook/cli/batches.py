"""``scanhook batches``: batches and ranges of them, their life, and the history of all changes."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

import click

from scanhook.cli.common import (
    OpenStorage,
    account_name,
    account_option,
    config_option,
    console,
    every_batch,
    json_option,
    named_product,
    operator,
    show_json,
    show_table,
    storage_of,
    utc,
)
from scanhook.cli.states import add_verbs, as_dict, change_options, confirm, state_of, tell
from scanhook.errors import Refused
from scanhook.registry import Batch, Change, Mark, Scope, State
from scanhook.settings import House

__all__ = ["batches"]

_product_option = click.option(
    "--product", metavar="KEYSTANDARD/KEYSTR", help="Whose batches; needed where two products have one of that name."
)


@click.group()
def batches() -> None:
    """Show batches, change their state, see and undo what was changed."""


@batches.command("list")
@_product_option
@account_option
@json_option
@config_option
def list_(house: House, product: str | None, account: str | None, *, as_json: bool) -> None:
    """List the batches, with their codes by the state in force."""
    with storage_of(house) as storage:
        wanted = named_product(storage.registry, account_name(house, account), product) if product else None
        rows = [_as_dict(batch, time.time()) for batch in every_batch(storage.registry, wanted)]
    if as_json:
        return show_json(rows)
    if not rows:
        click.echo("There is no batch yet: import codes with `scanhook codes import`, or mint some.")
        return None
    shown = [
        {
            "account": row["account"],
            "product": f"{row['keystandard']}/{row['keystr']}",
            "batch": row["batch"],
            "codes": f"{row['codes']:,}",
            "states in force": _counts(row["states"], row["changed_apart"]),
            "made": str(row["made_at"])[:10],
            "activates": row["activates_at"],
            "expires": row["expires_at"],
        }
        for row in rows
    ]
    # What is the same for all, or in none, would only make the table too wide for a terminal.
    left_out = {name for name in ("activates", "expires") if not any(row[name] for row in shown)}
    if len(house.settings.accounts) == 1:
        left_out.add("account")
    columns = [name for name in shown[0] if name not in left_out]
    return show_table(columns, [[row[name] for name in columns] for row in shown])


@batches.command()
@click.argument("name", metavar="BATCH")
@_product_option
@account_option
@json_option
@config_option
def show(house: House, name: str, product: str | None, account: str | None, *, as_json: bool) -> None:
    """Show a batch: its codes, its state, and to whom a minted file was handed over."""
    with storage_of(house) as storage:
        batch = _batch(storage, house, account, product, name)
        described = _as_dict(batch, time.time())
        changes = storage.registry.changes(batch=batch, limit=10)
    described["handovers"] = [
        {
            "file": handover.path,
            "taken_by": handover.taken_by,
            "at": utc(handover.at),
            "encrypted_to": handover.recipient or None,
            "sha256": handover.sha256,
        }
        for handover in batch.handovers
    ]
    described["changes"] = [as_dict(change) for change in changes]
    if as_json:
        return show_json(described)
    described["states"] = _counts(described["states"], described["changed_apart"])
    lists = ("handovers", "changes")
    show_table(("", ""), [(key, value) for key, value in described.items() if key not in lists])
    for handover in described["handovers"]:
        show_table(("handed over", ""), list(handover.items()))
    return _show_changes(changes)


@batches.command()
@click.argument("name", metavar="[BATCH]", required=False)
@_product_option
@account_option
@click.option("-n", "--number", "count", type=click.IntRange(1, 100_000), default=50, show_default=True)
@click.option("--before", type=int, metavar="CHANGE", help="Only older ones: for the next page.")
@json_option
@config_option
def history(
    house: House,
    name: str | None,
    product: str | None,
    account: str | None,
    count: int,
    before: int | None,
    *,
    as_json: bool,
) -> None:
    """Show who changed what, when and why: of a batch, of a product, or of everything."""
    with storage_of(house) as storage:
        registry = storage.registry
        if name is not None:
            batch = _batch(storage, house, account, product, name)
            changes = registry.changes(batch=batch, before=before, limit=count)
        else:
            wanted = named_product(registry, account_name(house, account), product) if product else None
            changes = registry.changes(product=wanted, before=before, limit=count)
    if as_json:
        return show_json([as_dict(change) for change in changes])
    return _show_changes(changes)


@batches.command()
@click.argument("change_id", metavar="CHANGE", type=int)
@change_options
def undo(house: House, change_id: int, who: str | None, why: str, *, yes: bool, as_json: bool) -> None:
    """Take a change back by a new one; refused while a newer change overlaps it."""
    with storage_of(house) as storage:
        found = storage.registry.find_change(change_id)
        confirm(house, found.codes if found else 0, yes=yes)
        tell(storage, storage.registry.undo(change_id, who=who or operator(), why=why), as_json=as_json)


def _arguments(command: Any) -> Any:
    for option in (
        click.option("--range", "range_", metavar="FIRST-LAST", help="Only these positions; both belong to it."),
        _product_option,
        account_option,
        click.argument("names", metavar="BATCH…", nargs=-1, required=True),
    ):
        command = option(command)
    return command


def _choose(storage: OpenStorage, house: House, given: dict[str, Any]) -> list[Scope]:
    found = [_batch(storage, house, given["account"], given["product"], name) for name in given["names"]]
    if given["range_"] is None:
        return [Scope(product=batch.product, batch=batch.name) for batch in found]
    if len(found) != 1:
        raise click.UsageError("--range is about one batch: name just one")
    positions = re.fullmatch(r"(\d{1,15})-(\d{1,15})", given["range_"])
    if not positions:
        raise click.BadParameter("--range is written FIRST-LAST, such as 1-5000")
    first, last = map(int, positions.groups())
    return [Scope(product=found[0].product, batch=found[0].name, first=first, last=last)]


add_verbs(batches, what="batches, or a range of one", arguments=_arguments, choose=_choose)


def _batch(storage: OpenStorage, house: House, account: str | None, product: str | None, name: str) -> Batch:
    """Return the batch that is meant.

    :raises Refused: when there is none, or several products have one of that name.
    """
    owner = account_name(house, account)
    wanted = named_product(storage.registry, owner, product) if product else None
    found = [
        batch
        for batch in storage.registry.batches(wanted, name=name)
        if account is None or batch.product.account == owner
    ]
    if not found:
        raise Refused(f"there is no batch `{name}`: see `scanhook batches list`")
    if len(found) > 1:
        owners = ", ".join(f"{batch.product.key_standard}/{batch.product.key_str}" for batch in found[:5])
        raise Refused(f"several products have a batch `{name}` ({owners}): say --product (and --account)")
    return storage.registry.find_batch(found[0].product, name) or found[0]


def _as_dict(batch: Batch, now: float) -> dict[str, Any]:
    mark: Mark = batch.mark
    return {
        "account": batch.product.account,
        "keystandard": batch.product.key_standard,
        "keystr": batch.product.key_str,
        "batch": batch.name,
        "made_at": utc(batch.made_at),
        "codes": batch.codes,
        "positions": batch.positions,
        "states": {str(state): codes for state, codes in batch.states_at(now).items()},
        "own_state": _own_state(mark, now),
        "activates_at": utc(mark.activates_at),
        "expires_at": utc(mark.expires_at),
        "changed_apart": batch.apart,
        "pepper": batch.pepper_id,
    }


def _own_state(mark: Mark, now: float) -> str | None:
    """Return what the batch itself says of its codes; ``None`` as long as nobody has changed it."""
    if not mark.change_id:
        return None
    return State.ISSUED if mark.is_waiting(now) else state_of(mark, now)


def _counts(states: dict[str, int], apart: int) -> str:
    """Write how many codes are in each state, as far as product and batch say."""
    counts = ", ".join(f"{state} {codes:,}" for state, codes in states.items())
    return f"{counts}; {apart:,} of them changed by range or code" if apart else counts


def _show_changes(changes: list[Change]) -> None:
    if not changes:
        click.echo("Nothing was changed yet.")
        return
    for change in changes:
        product = f"{change.product.key_standard}/{change.product.key_str}" if change.product else ""
        ranges = change.details.get("ranges")
        names = change.details.get("batches")
        where = [
            product,
            change.batch or (", ".join(map(str, names)) if isinstance(names, list) else ""),
            " ".join(f"{first}-{last}" for first, last in ranges) if isinstance(ranges, list) else "",
            f"{change.codes:,} codes" if change.codes else "",
        ]
        when = datetime.fromtimestamp(change.at, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        action = f"{change.action} of {change.undoes}" if change.undoes else change.action
        at = change.details.get("takes_effect_at")
        undone = f"  (undone by {change.undone_by})" if change.undone_by else ""
        undone += f"  (from {utc(at)} on)" if isinstance(at, int) else ""
        console.print(f"[bold]{change.id:>6}[/]  {when}  [bold]{action}[/]{undone}  ", end="", soft_wrap=True)
        console.print("  ".join(filter(None, where)), markup=False, soft_wrap=True)
        console.print(f"        {change.who}: {change.why}" if change.why else f"        {change.who}", markup=False)
