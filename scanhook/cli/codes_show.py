"""What is known of codes: ``scanhook codes check``, ``stats`` and ``export``."""

from __future__ import annotations

import csv
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from scanhook.cli.common import (
    CodeName,
    OpenStorage,
    account_name,
    account_option,
    code_argument,
    config_option,
    every_batch,
    json_option,
    named_product,
    show_json,
    show_table,
    storage_of,
    utc,
)
from scanhook.errors import Refused
from scanhook.journal import Reset, harmless
from scanhook.registry import Batch, Change, LookUp, State, find_nearest
from scanhook.settings import House
from scanhook.verdict import Finding, Verdict, reason_of

__all__ = ["check", "export", "stats"]

_COLUMNS = ("account", "keystandard", "keystr", "batch", "position", "state", "tag")


@click.command()
@code_argument
@account_option
@json_option
@config_option
def check(house: House, code: CodeName, account: str | None, *, as_json: bool) -> None:
    """Say what the registry knows of a code, and what it answers a scan with.

    Of a code that it does not know, it names the genuine one that differs in one place, if there is one. `-` instead of
    the code reads it from standard input.
    """
    name = account_name(house, account)
    with storage_of(house) as storage:
        now = time.time()
        found = storage.registry.look_up(name, code.key_standard, code.key_str, code.ext_info)
        described = _describe(storage, house, name, code, found, now)
    if as_json:
        return show_json(described)
    changes = described.pop("changes")
    reset = described.pop("counts_reset")
    rows = [(key, value) for key, value in described.items() if key != "nearest"]
    if reset:
        before = f"scans until then: {reset['scans']:,} (persons: {reset['persons']:,})"
        why = f" ({reset['why']})" if reset["why"] else ""
        rows.append(("counted since", f"{reset['at']} by {reset['who']}{why}; {before}"))
    near = described["nearest"]
    if near:
        where = f"{near['batch']} #{near['position']}"
        rows.append(("nearest", f"{where}, {near['edit']} at {near['place']}; rather a {near['cause']}: {near['why']}"))
    rows += [("changed", f"{change['at']} {change['who']}: {change['action']} ({change['why']})") for change in changes]
    return show_table(("", ""), rows)


def _describe(
    storage: OpenStorage, house: House, account: str, code: CodeName, found: LookUp, now: float
) -> dict[str, Any]:
    stray = storage.pepper.stray_tag(account, code.key_standard, code.key_str, code.ext_info)
    tally, reset = storage.journal.tally(found.tag or stray), storage.journal.last_reset(found.tag or stray)
    verdict = Verdict.of(Finding(reason=reason_of(found, now=now)), verifier="registry", look_up=found)
    others = [url for url in house.settings.verifier.chain if url != "registry://"]
    described: dict[str, Any] = {
        "account": account,
        "verdict": verdict.code_result or "success",
        "reason": verdict.reason,
        "batch": found.code.batch if found.code else None,
        "position": found.code.position if found.code else None,
        "state": found.code.state_at(now) if found.code else None,
        "scans": tally.scans if tally else 0,
        "persons": tally.persons if tally else 0,
        "first_scan": utc(tally.first_at) if tally else None,
        "last_scan": utc(tally.last_at) if tally else None,
        "counts_reset": _told_reset(reset) if reset else None,
    }
    if others:
        described["note"] = f"this is what the registry says; not asked: {', '.join(others)}"
    near = find_nearest(storage.registry, found, pepper=storage.pepper)
    described["nearest"] = asdict(near) if near else None
    changes = storage.registry.changes(tag=found.tag, limit=5) if found.tag and found.code else []
    described["changes"] = [_told(change) for change in changes]
    return described


def _told(change: Change) -> dict[str, Any]:
    return {"change": change.id, "at": utc(change.at), "who": change.who, "action": change.action, "why": change.why}


def _told_reset(reset: Reset) -> dict[str, Any]:
    was = reset.was
    return {
        "at": utc(reset.at),
        "who": reset.who,
        "why": reset.why,
        "scans": was.scans if was else 0,
        "persons": was.persons if was else 0,
    }


@click.command()
@json_option
@config_option
def stats(house: House, *, as_json: bool) -> None:
    """Count the codes of each batch by the state in force, as far as product and batch say.

    Codes that were changed by range or one by one are counted again as "changed apart"; `codes export` tells each.
    """
    with storage_of(house) as storage:
        counts = [(batch, batch.states_at(time.time())) for batch in every_batch(storage.registry)]
    rows = [
        (*_named(batch), *(count.get(state, 0) for state in State), batch.apart, batch.codes) for batch, count in counts
    ]
    names = ("account", "keystandard", "keystr", "batch")
    if as_json:
        return show_json(
            [
                {
                    **dict(zip(names, _named(batch), strict=True)),
                    **{str(state): codes for state, codes in count.items()},
                    **({"changed_apart": batch.apart} if batch.apart else {}),
                }
                for batch, count in counts
            ]
        )
    if not rows:
        click.echo("There are no codes yet: import some with `scanhook codes import FILE.csv`.")
        return None
    apart = ["changed apart"] if any(row[-2] for row in rows) else []
    used = [index for index, _ in enumerate(State) if any(row[4 + index] for row in rows)]
    return show_table(
        (*names, *(list(State)[index] for index in used), *apart, "in all"),
        [
            (*row[:4], *(f"{row[4 + index]:,}" for index in used), *(f"{row[-2]:,}" for _ in apart), f"{row[-1]:,}")
            for row in rows
        ],
    )


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="-")
@click.option("--product", metavar="KEYSTANDARD/KEYSTR", help="With --batch: whose batch.")
@click.option("--batch", "batch_name", metavar="NAME", help="Only this batch.")
@account_option
@config_option
def export(house: House, file: Path, product: str | None, batch_name: str | None, account: str | None) -> None:
    """Write every code as CSV to FILE or standard output: its batch, position, state and tag.

    Never the code itself: the registry does not know it. The file is in the order of the tags.
    """
    if bool(product) is not bool(batch_name):
        raise click.UsageError("--product and --batch belong together")
    with storage_of(house) as storage:
        batch = None
        if product and batch_name:
            owner = named_product(storage.registry, account_name(house, account), product)
            batch = storage.registry.find_batch(owner, batch_name)
            if batch is None:
                raise Refused(f"there is no batch `{batch_name}`: see `scanhook batches list`")
        now, count = time.time(), 0
        try:
            with nullcontext(sys.stdout) if str(file) == "-" else file.open("w", encoding="utf-8", newline="") as out:
                writer = csv.writer(out)
                writer.writerow(_COLUMNS)
                for tag, owner, code in storage.registry.codes(batch):
                    names = (owner.account, owner.key_standard, owner.key_str, code.batch)
                    writer.writerow((*map(harmless, names), code.position, code.state_at(now), tag.hex()))
                    count += 1
        except OSError as error:
            raise Refused(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"{count:,} codes are written.", err=True)


def _named(batch: Batch) -> tuple[str, str, str, str]:
    return batch.product.account, batch.product.key_standard, batch.product.key_str, batch.name
