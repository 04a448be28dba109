"""``scanhook scans erase`` and ``prune``: persons, and what is old, go from the journal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import click

from scanhook.cli.common import config_option, json_option, show_json, storage_of
from scanhook.cli.progress import progress_bar
from scanhook.errors import Refused
from scanhook.journal import erase_person, erasures_path, retain
from scanhook.settings import House
from scanhook.storage import StorageUrl

__all__ = ["erase", "openid_option", "openid_wanted", "prune", "walking"]

_STEPS = {"scans": "scans", "events": "other events", "scanners": "persons by code"}
_PERSON_CHARS = 128


_AFTER_ERASING = (
    "What knows the repeats of the last hour's pushes, and what was under way just now, follows in an hour, by the "
    "service or `scanhook housekeeper`. Keep a copy of {path} with your backups: where it is missing, a backup that is "
    "restored brings the person back."
)


def openid_option(**more: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option that names a person."""
    return click.option("--openid", metavar="OPENID", **more)


def openid_wanted(given: str) -> str:
    """Return the openid that is meant: the one given, or for ``-`` the first line of standard input.

    Whoever asks over the API may name persons with any text that can be printed.

    :raises click.BadParameter: when it is none.
    """
    if given == "-":
        given = click.prompt("openid", hide_input=True, err=True) if _asks() else sys.stdin.readline()
    openid = str(given).rstrip("\r\n")
    if not (0 < len(openid) <= _PERSON_CHARS and openid.isprintable()):
        raise click.BadParameter(f"that is no openid: it has 1 to {_PERSON_CHARS} characters that can be printed")
    return openid


@click.command()
@openid_option(required=True, help="Who. - reads it from standard input, so that no shell remembers it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@config_option
def erase(house: House, openid: str, *, yes: bool, as_json: bool) -> None:
    """Erase a person: scans and counts stay, and nothing leads from them to the person any more.

    It cannot be undone. A backup that is restored later is cleaned of the person again. It can be run again if it was
    interrupted. The last traces of the last hour's pushes go in an hour.
    """
    if not (yes or _asks()):
        raise Refused("an erasure cannot be undone, and nobody is there to ask: confirm it with --yes")
    person = openid_wanted(openid)
    if not yes:
        click.confirm("Erase this person for ever?", abort=True, err=True)
    url = StorageUrl.of(house)
    with storage_of(house) as storage, walking(quiet=as_json) as progress:
        count = erase_person(
            storage.journal,
            person,
            pepper=storage.pepper,
            erasures=erasures_path(url),
            now=time.time(),
            progress=progress,
        )
    if as_json:
        return show_json({"scans": count})
    if count:
        click.echo(f"The person is erased; {count:,} scans were concerned.")
    else:
        click.echo("No scan of such a person was found: is the openid right? The erasure is noted all the same.")
    return click.echo(_AFTER_ERASING.format(path=erasures_path(url)), err=True)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@json_option
@config_option
def prune(house: House, *, dry_run: bool, as_json: bool) -> None:
    """Delete scans and openids that are older than the settings allow: [journal] keep_scans_days, keep_openid_days.

    The counts of codes stay. Run it once a day.
    """
    kept = house.settings.journal
    with storage_of(house) as storage, walking(quiet=as_json) as progress:
        gone = retain(
            storage.journal,
            now=time.time(),
            keep_openid_days=kept.keep_openid_days,
            keep_scans_days=kept.keep_scans_days,
            dry_run=dry_run,
            progress=progress,
        )
    if as_json:
        return show_json({"scans": gone.scans, "events": gone.events, "openids": gone.openids, "dry_run": dry_run})
    if not kept.keep_scans_days:
        click.echo("Scans are kept for ever: [journal] keep_scans_days is 0.")
    said = f"{gone.scans:,} scans, {gone.events:,} other events and {gone.openids:,} openids"
    return click.echo(f"{said} {'would be' if dry_run else 'are'} deleted.")


def walking(*, quiet: bool = False) -> AbstractContextManager[Callable[[str, int, int], None]]:
    """Show on a terminal how far a walk through the journal is."""
    return progress_bar(_STEPS, quiet=quiet or not sys.stderr.isatty())


def _asks() -> bool:
    """Tell whether somebody is there to answer."""
    return sys.stdin.isatty()
