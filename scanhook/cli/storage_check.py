"""``scanhook storage check``: whether the databases are whole, ours, and at one with themselves."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from scanhook.cli.common import config_option, console, json_option, show_json
from scanhook.cli.progress import progress_bar
from scanhook.errors import StorageError, StorageMoved
from scanhook.journal import sql_check as journal_check
from scanhook.registry import sql_check as registry_check
from scanhook.registry.sql_check import UnfinishedImport, unfinished_imports
from scanhook.settings import House
from scanhook.storage import Pepper, Session, StorageUrl, open_file, wording
from scanhook.storage.checking import Contradictions, Finding, check_file
from scanhook.storage.files import STORE_FILES, StoreFile, Telling
from scanhook.storage.lock import use_storage
from scanhook.storage.sqlite import check_not_moved
from scanhook.wire.storage import storage_url
from scanhook.wire.uploads import RESERVE_BYTES

__all__ = ["Place", "check", "counted", "why_gone"]


_SIZES_MAX = 10
_SIZES_A_LINE = 4
_CONTRADICTIONS: dict[str, Contradictions] = {
    "journal": journal_check.contradictions,
    "office": lambda _session, *, quick, tell: iter(()),  # noqa: ARG005  (nothing in it could)
    "registry": registry_check.contradictions,
}
_OF_ONE_STATE = frozenset({"journal"})
"""Scans go on, and are counted in several tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a house keeps its storage, and what opens it."""

    url: StorageUrl
    pepper: Pepper

    @classmethod
    def of(cls, house: House) -> Place:
        """Return a house's place.

        :raises SettingsError: when the pepper is missing, or the storage's URL names no engine.
        """
        return cls(url=storage_url(house), pepper=Pepper.load(house.pepper_path))


@click.command()
@click.option("--quick", is_flag=True, help="Leave out what reads every row of the largest tables.")
@json_option
@config_option
@click.pass_context
def check(context: click.Context, house: House, *, quick: bool, as_json: bool) -> None:
    """Look at every database: integrity, schema, pepper, and whether its counts are right. Scans go on."""
    place = Place.of(house)
    place.url.check_made()
    with closing(use_storage(place.url)):
        with progress_bar({}, quiet=as_json or not sys.stderr.isatty()) as tell:
            findings = list(_look(place, quick=quick, tell=tell))
        good = not any(finding.fault for finding in findings)
        counts, unfinished = _count(place) if good else ({}, [])
        sizes = _sizes(place) if good or place.url.address is None else {}
    if as_json:
        show_json(
            {
                "ok": good,
                "checks": [{"check": finding.name, "fault": finding.fault} for finding in findings],
                "counts": counts,
                "unfinished_imports": [_as_dict(one) for one in unfinished],
                "bytes": sizes,
                "free_bytes": shutil.disk_usage(place.url.folder).free,
            }
        )
    else:
        _tell(findings, counts, unfinished, sizes)
    if not good:
        context.exit(1)


def _look(place: Place, *, quick: bool, tell: Telling) -> Iterator[Finding]:
    if place.url.address:
        from scanhook.storage.postgres.checking import check_database  # noqa: PLC0415  (psycopg only where it is used)

        yield from check_database(
            place.url.address,
            pepper=place.pepper,
            quick=quick,
            contradictions=_CONTRADICTIONS,
            of_one_state=_OF_ONE_STATE,
            tell=tell,
        )
        return
    folder = place.url.folder
    for file in STORE_FILES:
        if (gone := why_gone(folder / file.name)) is not None:
            yield Finding(name=file.name, fault=gone)
            continue
        yield from check_file(
            file,
            folder,
            pepper=place.pepper,
            quick=quick,
            contradictions=_CONTRADICTIONS[_room(file)],
            one_state=_room(file) in _OF_ONE_STATE,
            tell=tell,
        )
    free = shutil.disk_usage(folder).free
    fault = f"{folder} has {free:,} bytes free: make room; when the disk is full, no scan is answered any more"
    yield Finding(name="free disk space", fault=fault if free < RESERVE_BYTES else None)


def why_gone(path: Path) -> str | None:
    """Say where a file's storage has gone, if it has; of a file that cannot be read the other looks speak."""
    try:
        with wording(path):
            opened = open_file(path)
            try:
                check_not_moved(opened, str(path))
            finally:
                opened.close()
    except StorageMoved as error:
        return str(error)
    except StorageError:
        return None
    return None


def _room(file: StoreFile) -> str:
    return file.name.removesuffix(".db")


def _count(place: Place) -> tuple[dict[str, int], list[UnfinishedImport]]:
    counts: dict[str, int] = {}
    unfinished: list[UnfinishedImport] = []
    for file in STORE_FILES:
        with _session(place, file) as session:
            counts |= {name: session.value(statement) for name, statement in file.counts.items()}
            if _room(file) == "registry":
                unfinished = unfinished_imports(session)
    return counts, unfinished


@contextmanager
def _session(place: Place, file: StoreFile) -> Iterator[Session]:
    if place.url.address:
        from scanhook.storage.postgres.checking import reading_all  # noqa: PLC0415

        with reading_all(place.url.address) as session:
            yield session
        return
    path = place.url.folder / file.name
    with wording(path):
        opened = open_file(path)
        try:
            yield opened
        finally:
            opened.close()


def _sizes(place: Place) -> dict[str, int]:
    if place.url.address:
        from scanhook.storage.postgres.checking import sizes_of_tables  # noqa: PLC0415

        return sizes_of_tables(place.url.address)
    names = [name for file in STORE_FILES for name in (file.name, f"{file.name}-wal")]
    paths = {name: place.url.folder / name for name in names}
    return {name: path.stat().st_size for name, path in paths.items() if path.exists()}


def _as_dict(unfinished: UnfinishedImport) -> dict[str, Any]:
    return {
        "import": unfinished.id,
        "kind": unfinished.kind,
        "file": unfinished.file,
        "phase": unfinished.phase,
        "remedy": _remedy(unfinished),
    }


def _remedy(unfinished: UnfinishedImport) -> str:
    if unfinished.kind == "mint":
        return "if it does not run any more, mint again: what is left of it is taken back"
    return (
        "if it does not run any more, import the same file again: it goes on where it was, or "
        "begins anew if the file was not read to its end; "
        f"or give it up with `scanhook imports drop {unfinished.id}`"
    )


def _tell(
    findings: list[Finding], counts: dict[str, int], unfinished: list[UnfinishedImport], sizes: dict[str, int]
) -> None:
    for finding in findings:
        console.print("[red]✗[/]" if finding.fault else "[green]✓[/]", end=" ")
        said = finding.name + (f": {finding.fault}" if finding.fault else "")
        console.print(said, markup=False, soft_wrap=True)
    for one in unfinished:
        click.secho(f"The {one.kind} {one.id} of {one.file} is not finished: {_remedy(one)}.", fg="yellow")
    if counts:
        click.echo(", ".join(counted(what, count) for what, count in sorted(counts.items())))
    largest = sorted(sizes.items(), key=lambda each: -each[1])
    shown = [f"{name} {size:,} bytes" for name, size in largest[:_SIZES_MAX]]
    if others := largest[_SIZES_MAX:]:
        shown.append(f"{len(others)} others {sum(size for _, size in others):,} bytes")
    for begin in range(0, len(shown), _SIZES_A_LINE):
        click.echo(", ".join(shown[begin : begin + _SIZES_A_LINE]))


def counted(what: str, count: int) -> str:
    """Write a count; the names are plurals."""
    words = what.replace("_", " ")
    one = words.removesuffix("es") if words.endswith("ches") else words.removesuffix("s")
    return f"{count:,} {one if count == 1 else words}"
