"""``scanhook storage``: look after the databases."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scanhook.cli.common import config_option, json_option, show_json
from scanhook.cli.progress import progress_bar
from scanhook.cli.storage_check import Place, check, counted
from scanhook.cli.storage_copy import copy
from scanhook.clock import SystemClock
from scanhook.errors import Refused
from scanhook.journal import open_journal
from scanhook.journal.people import erasures_path, read_erasures, reapply_erasures, remember_erasures
from scanhook.settings import House
from scanhook.storage import StorageUrl
from scanhook.storage.backup import make_backup
from scanhook.storage.lock import use_storage
from scanhook.storage.restore import restore_backup
from scanhook.storage.upgrading import upgrade_storage

if TYPE_CHECKING:
    from scanhook.storage.postgres.address import Address

__all__ = ["storage"]

_LOOK_S = 30.0
_PROGRAMS = {
    "backup": "pg_dump, or pg_basebackup with the archived WAL",
    "restore": "pg_restore, or the base backup with the archived WAL",
}


@click.group()
def storage() -> None:
    """Upgrade, check, back up and restore the databases."""


storage.add_command(check)
storage.add_command(copy)


@storage.command()
@click.option("--make", is_flag=True, help="Make a new storage in a PostgreSQL database that holds none.")
@json_option
@config_option
def upgrade(house: House, *, make: bool, as_json: bool) -> None:
    """Bring the databases of an older version up to this one; on PostgreSQL with --make, make the tables of a new one.

    Make a backup and stop the service first. Run it as often as you like: what is up to date is left alone.
    """
    place = Place.of(house)
    place.url.check_whole()
    if place.url.address and not make:
        _check_made(place.url.address)
    done = upgrade_storage(place.url, pepper=place.pepper)
    if as_json:
        return show_json({file.name: {"before": file.before, "after": file.after} for file in done})
    for file in done:
        how = f"schema {file.before} is now {file.after}" if file.before else f"made, schema {file.after}"
        click.echo(f"{file.name}: {how if file.before != file.after else f'schema {file.after}, up to date'}")
    if any(file.before != file.after for file in done):
        click.echo(
            "Start the service of this version now. An older one must not be started again on this storage: it would "
            "not know what was suspended or recalled. The way back is the backup that was made with it."
        )
    return None


@storage.command()
@click.argument("into", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@json_option
@config_option
def backup(house: House, into: Path, *, as_json: bool) -> None:
    """Copy the databases into a new folder in DIR, while scans and imports go on.

    The pepper is not copied: keep it apart. A backup is worthless without it, and must not be stolen together with it.
    """
    place = _place_of_files(house, "backup")
    place.url.check_whole()
    with closing(use_storage(place.url)), progress_bar({}, quiet=as_json) as tell:
        made, manifest = make_backup(
            place.url.folder, into.absolute(), pepper=place.pepper, now=SystemClock().now(), tell=tell
        )
    if as_json:
        return show_json({"folder": str(made), **manifest.as_dict()})
    counts = ", ".join(counted(what, count) for what, count in sorted(manifest.counts.items()))
    click.echo(f"{made} is made: {manifest.size:,} bytes; {counts}.")
    return click.secho(
        f"The pepper {place.pepper.id} ({house.pepper_path}) is not in it. Keep a copy of the pepper apart from the "
        "backups: without it this backup is worthless, and whoever has both can try out guesses of codes.",
        fg="yellow",
    )


@storage.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@config_option
def restore(house: House, folder: Path, *, yes: bool, as_json: bool) -> None:
    """Put the backup in DIR (scanhook-backup-…) in the place of the databases.

    Stop the service first. The present databases are moved aside, not deleted. Whoever was erased stays erased.
    """
    place = _place_of_files(house, "restore")
    if not yes:
        _confirm(place, folder)
    now = SystemClock().now()
    with progress_bar({}, quiet=as_json) as tell:

        def reapply(ready: Path) -> None:
            ready_url = StorageUrl(engine=place.url.engine, folder=ready)
            list_ = erasures_path(ready_url)
            remember_erasures(list_, read_erasures(erasures_path(place.url)))
            with closing(open_journal(ready_url, pepper=place.pepper)) as journal:
                reapply_erasures(journal, list_, pepper=place.pepper, now=now, progress=tell)

        done = restore_backup(
            folder.absolute(), place.url.folder, pepper=place.pepper, now=now, reapply=reapply, tell=tell
        )
    if as_json:
        return show_json({"made_at": done.made_at, "aside": str(done.aside) if done.aside else None})
    click.echo(f"The storage is again as it was at {done.made_at}.")
    if done.aside:
        click.echo(
            f"What was there before lies in {done.aside}: delete it when you need it no more. "
            "Whoever is erased from now on is still in it."
        )
    return click.secho(
        f"What came after {done.made_at} is not in it: scans, imports, recalls and other changes of codes, API keys "
        "that were made or revoked. Do again what must hold, then start the service.",
        fg="yellow",
    )


def _check_made(address: Address) -> None:
    """Find out whether a database holds a storage, of whatever version, or somebody wants a new one there.

    :raises Refused: when neither is so: an empty registry in the place of one that is elsewhere knows no product.
    """
    from scanhook.storage.postgres.pool import Connections  # noqa: PLC0415  (psycopg is loaded only where it is used)
    from scanhook.storage.postgres.tables import has_tables  # noqa: PLC0415

    with Connections(address, most=1).apart(within_s=_LOOK_S) as connection:
        if has_tables(connection):
            return
    if not sys.stdin.isatty():
        raise Refused(
            f"{address.place} holds no storage of scanhook's: does `[storage] url` name the right database? A new one, "
            "which knows no product and no code, is made there with --make"
        )
    if not click.confirm(
        f"{address.place} holds no storage of scanhook's. Make a new one there, which knows no product and no code?",
        err=True,
    ):
        raise Refused("nothing was changed")


def _place_of_files(house: House, what: str) -> Place:
    """Return the place of a storage whose files are ours to copy.

    :raises Refused: on PostgreSQL, which has programs of its own for that.
    """
    place = Place.of(house)
    if place.url.address:
        raise Refused(
            f"{place.url.name} is looked after with PostgreSQL's own programs: {_PROGRAMS[what]}. What belongs to it "
            f"and lies not in it: the settings ({house.path}), the pepper ({house.pepper_path}), without which it is "
            f"worthless, and the list of those who were erased ({erasures_path(place.url)}). deploy/postgresql.md "
            "tells how"
        )
    return place


def _confirm(place: Place, folder: Path) -> None:
    if not sys.stdin.isatty():
        raise Refused("a restore puts a backup in the place of the databases: say --yes if that is what you want")
    if not click.confirm(f"Put {folder} in the place of the databases in {place.url.folder}?", err=True):
        raise Refused("nothing was changed")
