"""``scanhook imports``: what was brought in, what is not finished, and giving up what never will be."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import click

from scanhook.cli.common import config_option, json_option, show_json, show_table, storage_of, utc
from scanhook.cli.progress import IMPORT_STEPS, progress_bar
from scanhook.errors import Refused
from scanhook.registry import RegistryStore
from scanhook.registry.importstore import Import, Phase, is_elsewhere
from scanhook.registry.loading import drop_import
from scanhook.settings import House

__all__ = ["imports", "tell_audit", "tell_warnings"]

_UNFINISHED = (Phase.QUEUED, Phase.READING, Phase.LOADING)
_COUNTED = (Phase.LOADING, Phase.DONE)
_number = click.argument("number", type=click.IntRange(min=1))


@click.group()
def imports() -> None:
    """List, show and give up imports and mints."""


@imports.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, the newest first."
)
@json_option
@config_option
def list_(house: House, limit: int, *, as_json: bool) -> None:
    """List imports, the newest first."""
    with storage_of(house) as storage:
        found = storage.registry.imports(limit=limit)
    if as_json:
        return show_json([_as_dict(each) for each in found])
    if not found:
        click.echo("Nothing was imported yet: begin with `scanhook codes import FILE.csv`.")
        return None
    columns: dict[str, list[object]] = {
        "import": [each.id for each in found],
        "kind": [each.plan.kind for each in found],
        "file": [each.plan.file for each in found],
        "machine": [each.machine.name if each.machine else None for each in found],
        "state": [_state(each, where=False) for each in found],
        "codes": [_figure(each.report.get("codes", each.total if each.phase in _COUNTED else None)) for each in found],
        "begun": [(utc(each.started_at) or "")[:10] for each in found],
        "warnings": [len(_warnings(each.report)) or "" for each in found],
    }
    if not any(columns["machine"]):
        del columns["machine"]
    return show_table(tuple(columns), list(zip(*columns.values(), strict=True)))


@imports.command()
@_number
@json_option
@config_option
def show(house: House, number: int, *, as_json: bool) -> None:
    """Show an import, and what the audit found in its file."""
    with storage_of(house) as storage:
        found = _wanted(storage.registry, number)
    if as_json:
        return show_json(_as_dict(found))
    show_table(
        ("", ""),
        [
            ("import", found.id),
            ("kind", found.plan.kind),
            ("file", found.plan.file),
            ("machine", found.machine.name if found.machine else None),
            ("state", _state(found)),
            ("begun", utc(found.started_at)),
            ("ended", utc(found.ended_at)),
            ("by", found.plan.who),
            ("why", found.plan.why),
            ("change", found.change_id or None),
            ("stopped by", found.report.get("why")),
        ],
    )
    return tell_audit(found.report)


@imports.command()
@_number
@config_option
def drop(house: House, number: int) -> None:
    """Give up an import that is not finished: what it has stored is deleted. Nobody has ever seen it."""
    with storage_of(house) as storage:
        registry = storage.registry
        # One that waits behind another holds no place yet.
        waits = _wanted(registry, number).phase is Phase.QUEUED
        with nullcontext() if waits else registry.importing():
            with progress_bar(IMPORT_STEPS, quiet=False) as progress:
                drop_import(registry, _wanted(registry, number), progress=progress)
            left = _wanted(registry, number)
        elsewhere = is_elsewhere(registry, left)
    click.echo(f"The import {number} is given up.")
    if left.first_part and left.machine and elsewhere:
        click.echo(
            f"Its sorted codes lie on the machine {left.machine.name}, and without them its rows cannot be found: run "
            "the same command there, which deletes them. Until then, or until the same codes are imported again, they "
            "stay in the registry, where nobody sees them."
        )
    elif left.first_part:
        click.echo(
            "Its folder is gone, so its rows could not be found; they stay in the registry, where nobody sees them, "
            "until the same codes are imported again."
        )


def tell_audit(report: Mapping[str, object]) -> None:
    """Print what an audit found: a short table, and the warnings."""
    lengths, guesses = _part(report, "lengths"), _part(report, "guesses")
    running, entropy = _part(report, "running"), _part(report, "entropy")
    if lengths:
        span = str(lengths["min"]) if lengths["min"] == lengths["max"] else f"{lengths['min']} to {lengths['max']}"
        show_table(
            ("the file", ""),
            [
                ("lines", _figure(report.get("lines"))),
                ("codes", _figure(report.get("codes"))),
                ("lines whose code stands in an earlier one", _figure(report.get("doubles"))),
                ("lines whose code is registered already", _figure(report.get("registered"))),
                ("characters a code", span),
                ("alphabet", report.get("alphabet")),
                ("running numbers", f"{running.get('share', 0):.1%}"),
                ("random bits, estimated", f"{entropy.get('bits', 0):.0f}"),
                ("guesses that hit, of all kinds", f"{guesses.get('hits', 0):,} of {guesses.get('made', 0):,}"),
            ],
        )
    tell_warnings(report)


def tell_warnings(report: Mapping[str, object]) -> None:
    """Print what an audit warns of."""
    for warning in _warnings(report):
        click.secho(f"warning: {warning}", fg="yellow", err=True)


def _wanted(registry: RegistryStore, number: int) -> Import:
    found = registry.find_import(number)
    if found is None:
        raise Refused(f"there is no import {number}: see `scanhook imports list`")
    return found


def _state(found: Import, *, where: bool = True) -> str:
    there = f" on {found.machine.name}" if where and found.machine and found.phase in _UNFINISHED else ""
    if found.phase in (Phase.READING, Phase.LOADING) and found.total:
        return f"{found.phase}{there}, {found.done / found.total:.0%}"
    return f"{found.phase}{there}"


def _warnings(report: Mapping[str, object]) -> list[str]:
    found = report.get("warnings")
    return [str(warning) for warning in found] if isinstance(found, list) else []


def _part(report: Mapping[str, object], name: str) -> Mapping[str, Any]:
    found = report.get(name)
    return found if isinstance(found, dict) else {}


def _figure(number: object) -> str:
    return f"{number:,}" if isinstance(number, int) else ""


def _as_dict(found: Import) -> dict[str, Any]:
    return {
        "import": found.id,
        "kind": found.plan.kind,
        "file": found.plan.file,
        "machine": found.machine.name if found.machine else None,
        "phase": found.phase,
        "who": found.plan.who,
        "why": found.plan.why,
        "options": dict(found.plan.options),
        "started_at": utc(found.started_at),
        "ended_at": utc(found.ended_at),
        "done": found.done,
        "total": found.total,
        "change": found.change_id or None,
        "report": dict(found.report),
    }
