"""``scanhook scans``: what was scanned."""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from scanhook.cli.common import config_option, console, json_option, storage_of
from scanhook.errors import Refused
from scanhook.journal import Entry, as_dict, write_csv, write_jsonl
from scanhook.settings import House

__all__ = ["scans"]

_FOLLOW_S = 0.5
_TAIL_MAX = 1_000_000
_COLORS = {"real": "green", "fake": "red", "not_active": "yellow"}


@click.group()
def scans() -> None:
    """Show what was scanned."""


@scans.command()
@click.option(
    "-n", "--number", "count", type=click.IntRange(0, 1_000_000), default=20, show_default=True, help="How many."
)
@click.option("-f", "--follow", is_flag=True, help="Stay, and show each scan as it comes.")
@json_option
@config_option
def tail(house: House, count: int, *, follow: bool, as_json: bool) -> None:
    """Show the newest scans."""
    with storage_of(house) as storage:
        last = 0
        for entry in storage.journal.tail(count):
            _show(entry, as_json=as_json)
            last = entry.number
        if not last:
            last = max((entry.number for entry in storage.journal.tail(1)), default=0)
            if not last and not follow and not as_json:
                click.echo("There is no scan yet.", err=True)
        with suppress(KeyboardInterrupt):
            while follow:
                time.sleep(_FOLLOW_S)
                for entry in storage.journal.entries(after=last):
                    _show(entry, as_json=as_json)
                    last = entry.number


@scans.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="-")
@click.option("--format", "format_", type=click.Choice(["csv", "jsonl"]), help="Else what the file's name ends with.")
@click.option("--since", metavar="TIME", help="Received then or later: 2026-11-22 or 2026-11-22T08:00:00+08:00.")
@click.option("--until", metavar="TIME", help="Received before.")
@config_option
def export(house: House, file: Path, format_: str | None, since: str | None, until: str | None) -> None:
    """Write scans as CSV (opens in a spreadsheet) or JSON lines, to FILE or standard output."""
    write = write_jsonl if (format_ or file.suffix.lstrip(".")) == "jsonl" else write_csv
    with storage_of(house) as storage:
        entries = storage.journal.entries(since=_time(since), until=_time(until))
        try:
            with nullcontext(sys.stdout) if str(file) == "-" else file.open("w", encoding="utf-8", newline="") as out:
                count = write(entries, out)
        except OSError as error:
            raise Refused(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"{count:,} scans are written.", err=True)


def _show(entry: Entry, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(as_dict(entry), ensure_ascii=False))
        return
    when = datetime.fromtimestamp(entry.received_at, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    result = "-" if not entry.decided else entry.code_result or "success"
    where = f"{entry.batch} #{entry.position}" if entry.batch else ""
    console.print(
        f"{when}  [{_COLORS.get(result, 'default')}]{result:10}[/]  {entry.reason:16}", end="", soft_wrap=True
    )
    console.print(f"{entry.key_standard}/{entry.key_str}  {where}", markup=False, soft_wrap=True)


def _time(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
        return max(when.astimezone().timestamp(), 0)  # without a zone it is local time
    except (ValueError, OverflowError):
        raise click.BadParameter(f"`{text}` is no time: write 2026-11-22 or 2026-11-22T08:00:00+08:00") from None
