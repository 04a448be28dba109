"""``scanhook scans``: what was scanned."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import click

from scanhook.cli.common import config_option, console, json_option, storage_of, time_of
from scanhook.cli.scans_people import erase, openid_option, openid_wanted, prune, walking
from scanhook.errors import Refused
from scanhook.journal import (
    ANSWERS,
    PERSON_COLUMNS,
    REASONS,
    Entry,
    Wanted,
    as_dict,
    kept_of,
    write_csv,
    write_jsonl,
)
from scanhook.settings import House

__all__ = ["scans"]

_FOLLOW_S = 0.5
_TAIL_MAX = 1_000_000
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_COLORS = {"real": "green", "fake": "red", "not_active": "yellow"}


@click.group()
def scans() -> None:
    """Show what was scanned; erase persons and what is old."""


scans.add_command(erase)
scans.add_command(prune)


def _product(_context: click.Context, _parameter: click.Parameter, name: str | None) -> tuple[str, str] | None:
    if name is None:
        return None
    key_standard, _, key_str = name.partition("/")
    if not (key_standard and key_str):
        raise click.BadParameter(f"`{name}` is no product: write KEYSTANDARD/KEYSTR, such as qrcode/moment-frame")
    return key_standard, key_str


def _choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose scans."""
    for option in (
        click.option("--product", metavar="KEYSTANDARD/KEYSTR", callback=_product, help="Only of this product."),
        click.option("--batch", metavar="NAME", help="Only of this batch."),
        click.option("--reason", type=click.Choice(REASONS), metavar="REASON", help="Only with this reason."),
        click.option("--verdict", type=click.Choice(ANSWERS), help="Only with this verdict."),
    ):
        command = option(command)
    return command


def _wanted(product: tuple[str, str] | None, **chosen: str | None) -> Wanted:
    key_standard, key_str = product or (None, None)
    return Wanted(key_standard=key_standard, key_str=key_str, **chosen)


@scans.command()
@click.option(
    "-n", "--number", "count", type=click.IntRange(0, _TAIL_MAX), default=20, show_default=True, help="How many."
)
@click.option("-f", "--follow", is_flag=True, help="Stay, and show each scan as it comes.")
@_choosing
@json_option
@config_option
def tail(house: House, count: int, *, follow: bool, as_json: bool, **chosen: Any) -> None:
    """Show the newest scans."""
    wanted = _wanted(**chosen)
    with storage_of(house) as storage:
        last = max((entry.number for entry in storage.journal.tail(1)), default=0)
        if not (last or follow or as_json):
            click.echo("There is no scan yet.", err=True)
        for entry in storage.journal.tail(count, wanted=wanted):
            _show(entry, as_json=as_json)
            last = max(last, entry.number)
        with suppress(KeyboardInterrupt):
            while follow:
                time.sleep(_FOLLOW_S)
                for entry in storage.journal.entries(after=last, wanted=wanted):
                    _show(entry, as_json=as_json)
                    last = entry.number


@scans.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="-")
@click.option("--format", "format_", type=click.Choice(["csv", "jsonl"]), help="Else what the file's name ends with.")
@click.option("--since", metavar="TIME", help="Received then or later: 2026-11-22 or 2026-11-22T08:00:00+08:00.")
@click.option("--until", metavar="TIME", help="Received before.")
@_choosing
@openid_option(help="What is kept of one person instead: scans and other events. - reads it from standard input.")
@config_option
def export(
    house: House,
    file: Path,
    format_: str | None,
    since: str | None,
    until: str | None,
    openid: str | None,
    **chosen: Any,
) -> None:
    """Write scans as CSV (opens in a spreadsheet) or JSON lines, to FILE or standard output."""
    as_jsonl = (format_ or file.suffix.lstrip(".")) == "jsonl"
    start, end = (time_of(text) if text else None for text in (since, until))
    if openid is not None:
        if any((since, until, *chosen.values())):
            raise click.UsageError("--openid exports everything that is kept of a person: leave the other options out")
        return _export_person(house, openid_wanted(openid), file, as_jsonl=as_jsonl)
    with storage_of(house) as storage:
        rows = map(as_dict, storage.journal.entries(since=start, until=end, wanted=_wanted(**chosen)))
        count = _write(write_jsonl if as_jsonl else write_csv, rows, file)
    return click.echo(f"{count:,} scans are written.", err=True)


def _export_person(house: House, openid: str, file: Path, *, as_jsonl: bool) -> None:
    write = write_jsonl if as_jsonl else partial(write_csv, columns=PERSON_COLUMNS)
    with storage_of(house) as storage, walking() as progress:
        rows = kept_of(storage.journal, storage.pepper.person(openid), progress=progress)
        count = _write(write, rows, file, mode=0o600)
    click.echo(f"{count:,} lines are written. They are personal data: hand them over, and keep no copy.", err=True)


def _write(
    write: Callable[[Iterable[Mapping[str, object]], TextIO], int],
    rows: Iterable[Mapping[str, object]],
    file: Path,
    *,
    mode: int = 0o666,
) -> int:
    """Write rows to a file, or to standard output, and return how many.

    :param mode: of a file that is made.
    :raises Refused: when it cannot be written.
    """
    if str(file) == "-":
        return write(rows, sys.stdout)
    try:
        with os.fdopen(os.open(file, _NEW_FILE, mode), "w", encoding="utf-8", newline="") as out:
            return write(rows, out)
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from None


def _show(entry: Entry, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(as_dict(entry), ensure_ascii=False))
        return
    when = datetime.fromtimestamp(entry.received_at, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    result = "-" if not entry.decided else entry.code_result or "success"
    where = f"{entry.batch} #{entry.position}" if entry.batch else ""
    asked = f"  ({entry.source})" if entry.source else ""
    console.print(
        f"{when}  [{_COLORS.get(result, 'default')}]{result:10}[/]  {entry.reason:16}", end="", soft_wrap=True
    )
    console.print(f"{entry.key_standard}/{entry.key_str}  {where}{asked}", markup=False, soft_wrap=True)
