"""``scanhook codes import``: a code file into the registry."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from scanhook.cli.common import (
    account_name,
    account_option,
    config_option,
    json_option,
    operator,
    show_json,
    show_table,
    storage_of,
)
from scanhook.cli.imports import tell_audit, tell_warnings
from scanhook.cli.progress import IMPORT_STEPS, progress_bar
from scanhook.errors import Refused
from scanhook.registry import ImportReport, RegistryStore, import_codes
from scanhook.registry.importstore import Phase
from scanhook.settings import House

__all__ = ["import_"]

_NICE = 10
"""Scans come first."""


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@account_option
@click.option("--batch", metavar="NAME", default="", help="Of lines that name no batch; else the file's name.")
@click.option("--skip-bad", is_flag=True, help="Take the good lines although others are refused.")
@click.option("--rejects", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Lists refused lines.")
@click.option("--dry-run", is_flag=True, help="Read, check, audit and compare the file; store nothing.")
@click.option("--why", metavar="TEXT", default="", help="For the history of the batch.")
@json_option
@config_option
@click.pass_context
def import_(
    context: click.Context, /, house: House, file: Path, account: str | None, *, as_json: bool, **options: Any
) -> None:
    """Import a code file: CSV with the header keystandard,keystr,extinfo,status[,batch].

    The codes become visible all at once, or not at all: one refused line refuses the file, unless --skip-bad.
    An import that was stopped goes on when the same command is run again.
    """
    with suppress(OSError):
        os.nice(_NICE)
    started = time.monotonic()
    run = _Run(quiet=as_json)
    with storage_of(house) as storage:
        try:
            with progress_bar(IMPORT_STEPS, quiet=as_json) as progress:
                report = import_codes(
                    storage.registry,
                    file,
                    pepper=storage.pepper,
                    account=account_name(house, account),
                    who=operator(),
                    progress=progress,
                    begun=run.begun,
                    **options,
                )
        except KeyboardInterrupt:
            raise Refused(run.stopped(storage.registry, file)) from None
    dry_run = bool(options["dry_run"])
    if as_json:
        show_json(_as_dict(report, dry_run=dry_run))
    else:
        _tell(report, file, time.monotonic() - started, dry_run=dry_run)
    if not (report.finished or (dry_run and _would_pass(report, skip_bad=bool(options["skip_bad"])))):
        context.exit(1)


class _Run:
    """What is known of an import while it runs.

    :param quiet: say nothing when it begins.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._number = 0

    def begun(self, number: int, went_on_at: float | None) -> None:
        self._number = number
        if went_on_at is not None and not self._quiet:
            click.echo(f"going on with import {number}, {went_on_at:.0%} were loaded", err=True)

    def stopped(self, registry: RegistryStore, file: Path) -> str:
        """Say what came of an import that somebody stopped."""
        found = registry.find_import(self._number)
        if found is not None and found.phase is Phase.DONE:
            return (
                f"stopped, but all of {file} is visible already, as import {found.id}: there is nothing to go on with"
            )
        return f"stopped: nothing of {file} is visible; run the same command again to go on"


def _would_pass(report: ImportReport, *, skip_bad: bool) -> bool:
    return bool(report.codes) and (skip_bad or not report.refused)


def _tell(report: ImportReport, file: Path, seconds: float, *, dry_run: bool) -> None:
    for number in report.others:
        click.secho(
            f"The import {number} of another file of this name is not finished: go on with it by importing that file "
            f"again, or give it up with `scanhook imports drop {number}`.",
            fg="yellow",
            err=True,
        )
    if report.refused:
        click.secho(
            f"{report.refused:,} lines are refused; {report.rejects} says which and why.", fg="yellow", err=True
        )
    if not (report.finished or dry_run):
        tell_warnings(report.audit)
        click.secho(
            f"error: nothing of {file} was imported: mend the refused lines, or take the others with --skip-bad",
            fg="red",
            err=True,
        )
        return
    rate = report.codes / max(seconds, 0.001)
    done = (
        "would be imported; nothing was stored"
        if dry_run
        else f"are imported in {seconds:.1f} s ({rate:,.0f} a second)"
    )
    click.echo(f"{report.codes:,} codes {done}:")
    show_table(
        ("keystandard", "keystr", "batch", "state", "codes"),
        [
            (pile.product.key_standard, pile.product.key_str, pile.batch, pile.state, f"{pile.codes:,}")
            for pile in report.piles
        ],
    )
    tell_audit(report.audit)


def _as_dict(report: ImportReport, *, dry_run: bool) -> dict[str, Any]:
    return {
        "finished": report.finished,
        "dry_run": dry_run,
        "import": report.import_id or None,
        "went_on_at": report.went_on_at,
        "codes": report.codes,
        "refused": report.refused,
        "rejects": click.format_filename(report.rejects) if report.rejects else None,
        "batches": [
            {
                "keystandard": pile.product.key_standard,
                "keystr": pile.product.key_str,
                "batch": pile.batch,
                "state": pile.state,
                "codes": pile.codes,
            }
            for pile in report.piles
        ],
        "audit": dict(report.audit),
    }
