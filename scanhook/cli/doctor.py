"""``scanhook doctor``: is everything right? What is not, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import httpx2

from scanhook.cli.common import console, json_option, show_json
from scanhook.cli.serve import check_port
from scanhook.errors import ScanhookError, SettingsError
from scanhook.settings import House, find_config, load_settings
from scanhook.storage import Pepper
from scanhook.wire.attention import forgotten_batches, unfinished_imports
from scanhook.wire.ready import Check, check_ready
from scanhook.wire.service import Service, open_service, storage_url

__all__ = ["doctor"]

_OTHERS = 0o077
_NAMES_MAX = 3
_IMPORT_S = 86_400


@click.command()
@click.option("--config", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="The settings file.")
@json_option
@click.pass_context
def doctor(context: click.Context, config: Path | None, *, as_json: bool) -> None:
    """Look at settings, file modes, pepper, storage, clock and port, and at batches and imports that wait for you."""
    checks = list(_look(find_config(config)))
    if as_json:
        show_json([{"check": check.name, "fault": check.fault} for check in checks])
    else:
        for check in checks:
            mark = "[red]✗[/]" if check.fault else "[green]✓[/]"
            console.print(f"{mark} {check.name}", end="")
            console.print(f": {check.fault}" if check.fault else "", markup=False, soft_wrap=True)
    if any(check.fault for check in checks):
        context.exit(1)


def _look(path: Path) -> Iterator[Check]:
    try:
        house = load_settings(path)
    except ScanhookError as error:
        yield Check(name="settings", fault=str(error))
        return
    yield Check(name="settings", fault=None)
    yield _file_modes(house)
    try:
        Pepper.load(house.pepper_path)
        yield Check(name="pepper", fault=None)
        service = open_service(house)
    except ScanhookError as error:
        yield Check(name="pepper, storage and verifiers", fault=str(error))
        return
    try:
        yield from check_ready(service)
        yield _office(service)
        yield Check(name=f"durability ({service.journal.describe()})", fault=None)
        yield _batches(service)
        yield _imports(service)
    finally:
        service.close()
    yield _port(house)
    yield _public_url(house)


def _file_modes(house: House) -> Check:
    open_to_others = [
        str(path)
        for path in (
            house.path,
            house.pepper_path,
            *sorted((house.base / "secrets").glob("*")),
            *_storage_files(house),
        )
        if path.exists() and path.stat().st_mode & _OTHERS
    ]
    fault = f"others can read or write secrets: chmod go-rwx {' '.join(dict.fromkeys(open_to_others))}"
    return Check(name="file modes", fault=fault if open_to_others else None)


def _storage_files(house: House) -> list[Path]:
    try:
        folder = storage_url(house).folder
    except SettingsError:
        return []  # whoever opens the storage says so
    return [*sorted(folder.glob("*.db")), folder / "erasures", folder / "uploads"]


def _office(service: Service) -> Check:
    try:
        service.office.probe()
    except ScanhookError as error:
        return Check(name="office", fault=str(error))
    return Check(name="office", fault=None)


def _batches(service: Service) -> Check:
    hours = service.house.settings.registry.unactivated_hours
    try:
        found = [batch.name for batch in forgotten_batches(service.registry, now=service.clock.now(), hours=hours)]
    except ScanhookError as error:
        return Check(name="batches", fault=str(error))
    fault = (
        f"minted more than {hours:g} hours ago, and nothing of it was ever activated: {_some(found)}; scans of it are "
        "answered `not_active`: activate what is for sale with `scanhook batches activate NAME …`, and call what was "
        "lost void with `scanhook batches void NAME …`"
    )
    return Check(name="batches", fault=fault if found else None)


def _imports(service: Service) -> Check:
    try:
        found = [
            f"{left.id} ({left.plan.file})"
            for left in unfinished_imports(service.registry)
            if left.started_at + _IMPORT_S <= service.clock.now()
        ]
    except ScanhookError as error:
        return Check(name="imports", fault=str(error))
    fault = (
        f"begun more than a day ago and not at its end: {_some(found)}: import the same file again, and it goes on "
        "where it was, or give it up with `scanhook imports drop NUMBER`"
    )
    return Check(name="imports", fault=fault if found else None)


def _some(names: Sequence[str]) -> str:
    """Name the first few, and count the others."""
    others = len(names) - _NAMES_MAX
    return ", ".join(names[:_NAMES_MAX]) + (f" and {others:,} more" if others > 0 else "")


def _port(house: House) -> Check:
    bind = house.settings.service.bind
    try:
        check_port(bind)
    except ScanhookError as error:
        try:
            if httpx2.get(f"http://{bind}/healthz", trust_env=False, timeout=2).text == "ok\n":
                return Check(name=f"port {bind} (scanhook answers there)", fault=None)
        except httpx2.HTTPError:
            pass
        return Check(name="port", fault=str(error))
    return Check(name=f"port {bind}", fault=None)


def _public_url(house: House) -> Check:
    url = house.settings.service.public_url
    if url:
        return Check(name=f"public_url {url}", fault=None)
    return Check(
        name="public_url",
        fault=f"{house.path}: service.public_url is empty: write the address that WeChat reaches (port 80 or 443), "
        'such as "https://scan.example.com"',
    )
