"""``scanhook doctor``: is everything right? What is not, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import httpx2

from scanhook.cli.common import console, json_option, show_json
from scanhook.cli.doctor_forward import look_at_forwards
from scanhook.cli.doctor_wechat import wechat_checks
from scanhook.cli.serve import check_port
from scanhook.errors import ScanhookError, SettingsError
from scanhook.settings import House, find_config, load_settings
from scanhook.storage import Pepper
from scanhook.wire.attention import forgotten_batches, unfinished_imports
from scanhook.wire.ready import Check, check_ready
from scanhook.wire.roundnotes import LATE_S, round_age
from scanhook.wire.service import Service, open_service, storage_url
from scanhook.wire.uploads import Uploads

if TYPE_CHECKING:
    from scanhook.cli.doctor_hosts import HostSeen

__all__ = ["doctor"]

_OTHERS = 0o077
_NAMES_MAX = 3
_IMPORT_S = 86_400


@click.command()
@click.option("--config", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="The settings file.")
@json_option
@click.pass_context
def doctor(context: click.Context, config: Path | None, *, as_json: bool) -> None:
    """Look at settings, file modes, pepper, storage, clock, housekeeper and port, and at what waits for you.

    WeChat is asked whether the accounts may have scan product pages, and what is wrong with those of the registry.
    """
    checks = list(_look(find_config(config)))
    if as_json:
        show_json([{"check": check.name, "fault": check.fault, "asked": check.asked} for check in checks])
    else:
        for check in checks:
            console.print(_mark(check), end=" ")
            console.print(check.name + (f": {check.fault}" if check.fault else ""), markup=False, soft_wrap=True)
    if any(check.fault for check in checks):
        context.exit(1)


def _mark(check: Check) -> str:
    if check.fault:
        return "[red]✗[/]"
    return "[green]✓[/]" if check.asked else "[yellow]–[/]"  # noqa: RUF001  (a dash)


def _look(path: Path) -> Iterator[Check]:
    try:
        house = load_settings(path)
    except ScanhookError as error:
        yield Check(name="settings", fault=str(error))
        return
    yield Check(name="settings", fault=None)
    yield _file_modes(house)
    hosts: list[HostSeen] = []
    try:
        Pepper.load(house.pepper_path)
        yield Check(name="pepper", fault=None)
        hosts = _hosts(house)  # before we have connections of our own, which would be counted
        service = open_service(house)
    except ScanhookError as error:
        yield Check(name="pepper, storage and verifiers", fault=str(error))
        yield from _hosts_alone(house, hosts)
        return
    try:
        yield from check_ready(service)
        yield _office(service)
        yield _durability(service)
        yield from _server(service, hosts)
        yield _batches(service)
        yield _imports(service)
        is_served = _is_served(house)
        yield _housekeeper(service, is_served=is_served)
        yield from wechat_checks(service)
        yield from look_at_forwards(house, service.clock)
    finally:
        service.close()
    yield _port(house, is_served=is_served)
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


def _durability(service: Service) -> Check:
    try:
        return Check(name=f"durability ({service.journal.describe()})", fault=None)
    except ScanhookError as error:
        return Check(name="durability", fault=str(error))


def _hosts(house: House) -> list[HostSeen]:
    address = storage_url(house).address
    if address is None:
        return []
    from scanhook.cli.doctor_hosts import ask_hosts  # noqa: PLC0415  (psycopg is loaded only where it is used)

    return ask_hosts(address)


def _hosts_alone(house: House, hosts: Sequence[HostSeen]) -> Iterator[Check]:
    """Say what the servers are where the storage cannot be opened: that may be why."""
    if hosts and (address := storage_url(house).address):
        from scanhook.cli.doctor_hosts import look_at_hosts  # noqa: PLC0415

        yield from look_at_hosts(address, hosts)


def _server(service: Service, hosts: Sequence[HostSeen]) -> Iterator[Check]:
    address = storage_url(service.house).address
    if address:
        from scanhook.cli.doctor_postgres import look_at_server  # noqa: PLC0415

        yield from look_at_server(service.house, address, service.clock, hosts)


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
    uploads = Uploads(storage_url(service.house).folder)
    try:
        found = [
            f"{left.id} ({left.plan.file}{', uploaded' if uploads.path(left.id).exists() else ''})"
            for left in unfinished_imports(service.registry)
            if left.started_at + _IMPORT_S <= service.clock.now()
        ]
    except ScanhookError as error:
        return Check(name="imports", fault=str(error))
    fault = (
        f"begun more than a day ago and not at its end: {_some(found)}: what was uploaded goes on with "
        "`POST /api/v1/imports/NUMBER/resume`, the others when the same file is imported again; or give it up with "
        "`scanhook imports drop NUMBER`"
    )
    return Check(name="imports", fault=fault if found else None)


def _housekeeper(service: Service, *, is_served: bool) -> Check:
    """Find out whether somebody deletes what is too old, where that is asked for or the service runs."""
    kept = service.house.settings.journal
    try:
        age = round_age(storage_url(service.house), now=service.clock.now())
        is_wanted = is_served or (
            (kept.keep_openid_days or kept.keep_scans_days) and service.journal.newest_at() is not None
        )
    except ScanhookError as error:
        return Check(name="housekeeper", fault=str(error))
    if not is_wanted or (age is not None and age <= LATE_S):
        return Check(name="housekeeper", fault=None)
    since = "has ever ended a round here" if age is None else f"has ended a round for {age / 60:,.0f} minutes"
    fault = (
        f"no housekeeper {since}, so that nothing is deleted for its age and no erasure completed: `scanhook serve` "
        "starts one within a minute; beside another server run `scanhook housekeeper`. Where one runs, the log says "
        "what fails"
    )
    return Check(name="housekeeper", fault=fault)


def _some(names: Sequence[str]) -> str:
    """Name the first few, and count the others."""
    others = len(names) - _NAMES_MAX
    return ", ".join(names[:_NAMES_MAX]) + (f" and {others:,} more" if others > 0 else "")


def _is_served(house: House) -> bool:
    """Tell whether scanhook answers at the house's port."""
    try:
        return httpx2.get(f"http://{house.settings.service.bind}/healthz", trust_env=False, timeout=2).text == "ok\n"
    except httpx2.HTTPError:
        return False


def _port(house: House, *, is_served: bool) -> Check:
    bind = house.settings.service.bind
    if is_served:
        return Check(name=f"port {bind} (scanhook answers there)", fault=None)
    try:
        check_port(bind)
    except ScanhookError as error:
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
