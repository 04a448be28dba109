"""``scanhook codes``: import codes, look one up, count them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from scanhook.cli.common import (
    CodeName,
    account_name,
    account_option,
    code_argument,
    config_option,
    json_option,
    show_json,
    show_table,
    storage_of,
    utc,
)
from scanhook.registry import ImportReport, State, import_codes, strictest
from scanhook.registry import Progress as ImportProgress
from scanhook.settings import House
from scanhook.verdict import Finding, Verdict, reason_of

__all__ = ["codes"]


@click.group()
def codes() -> None:
    """Import codes, look one up, count them."""


@codes.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@account_option
@click.option("--batch", metavar="NAME", default="", help="Of lines that name no batch; else the file's name.")
@click.option("--skip-bad", is_flag=True, help="Take the good lines although others are refused.")
@click.option("--rejects", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Lists refused lines.")
@json_option
@config_option
@click.pass_context
def import_(
    context: click.Context, /, house: House, file: Path, account: str | None, *, as_json: bool, **options: Any
) -> None:
    """Import a code file: CSV with the header keystandard,keystr,extinfo,status[,batch].

    The codes become visible all at once, or not at all: one refused line refuses the file, unless --skip-bad.
    """
    started = time.monotonic()
    with storage_of(house) as storage, _progress_bar(quiet=as_json) as progress:
        report = import_codes(
            storage.registry,
            file,
            pepper=storage.pepper,
            account=account_name(house, account),
            progress=progress,
            **options,
        )
    if as_json:
        show_json(_as_dict(report))
    else:
        _tell(report, file, time.monotonic() - started)
    if not report.finished:
        context.exit(1)


@codes.command()
@code_argument
@account_option
@json_option
@config_option
def check(house: House, code: CodeName, account: str | None, *, as_json: bool) -> None:
    """Say what the registry knows of a code, and what it answers a scan with."""
    name = account_name(house, account)
    with storage_of(house) as storage:
        now = time.time()
        found = storage.registry.look_up(name, code.key_standard, code.key_str, code.ext_info)
        stray = storage.pepper.stray_tag(name, code.key_standard, code.key_str, code.ext_info)
        tally = storage.journal.tally(found.tag or stray)
    verdict = Verdict.of(Finding(reason=reason_of(found, now=now)), verifier="registry", look_up=found)
    others = [url for url in house.settings.verifier.chain if url != "registry://"]
    described = {
        "account": name,
        "verdict": verdict.code_result or "success",
        "reason": verdict.reason,
        "batch": found.code.batch if found.code else None,
        "position": found.code.position if found.code else None,
        "state": found.code.state_at(now) if found.code else None,
        "scans": tally.scans if tally else 0,
        "persons": tally.persons if tally else 0,
        "first_scan": utc(tally.first_at) if tally else None,
        "last_scan": utc(tally.last_at) if tally else None,
    }
    if others:
        described["note"] = f"this is what the registry says; not asked: {', '.join(others)}"
    if as_json:
        return show_json(described)
    return show_table(("", ""), list(described.items()))


@codes.command()
@json_option
@config_option
def stats(house: House, *, as_json: bool) -> None:
    """Count the codes of each batch, by the state in force."""
    counts: dict[tuple[str, str, str, str], Counter[State]] = {}
    with storage_of(house) as storage:
        for batch in storage.registry.stats():
            product = batch.product
            key = (product.account, product.key_standard, product.key_str, batch.batch)
            counts.setdefault(key, Counter())[strictest(*batch.states)] += batch.codes
    names = ("account", "keystandard", "keystr", "batch")
    if as_json:
        return show_json([{**dict(zip(names, key, strict=True)), **count} for key, count in counts.items()])
    if not counts:
        click.echo("There are no codes yet: import some with `scanhook codes import FILE.csv`.")
        return None
    used = [state for state in State if any(state in count for count in counts.values())]
    rows = [(*key, *(f"{count[state]:,}" for state in used), f"{count.total():,}") for key, count in counts.items()]
    return show_table((*names, *used, "in all"), rows)


@contextmanager
def _progress_bar(*, quiet: bool) -> Iterator[ImportProgress]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task({"read": "reading", "load": "loading"}[what], total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield tell


def _tell(report: ImportReport, file: Path, seconds: float) -> None:
    if report.refused:
        click.secho(
            f"{report.refused:,} lines are refused; {report.rejects} says which and why.", fg="yellow", err=True
        )
    if not report.finished:
        click.secho(
            f"error: nothing of {file} was imported: mend the refused lines, or take the others with --skip-bad",
            fg="red",
            err=True,
        )
        return
    rate = report.codes / max(seconds, 0.001)
    click.echo(f"{report.codes:,} codes are imported in {seconds:.1f} s ({rate:,.0f} a second):")
    show_table(
        ("keystandard", "keystr", "batch", "state", "codes"),
        [
            (pile.product.key_standard, pile.product.key_str, pile.batch, pile.state, f"{pile.codes:,}")
            for pile in report.piles
        ],
    )


def _as_dict(report: ImportReport) -> dict[str, Any]:
    return {
        "finished": report.finished,
        "codes": report.codes,
        "refused": report.refused,
        "rejects": str(report.rejects) if report.rejects else None,
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
    }
