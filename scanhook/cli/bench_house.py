"""The house that ``scanhook bench`` measures: its own secrets, products and codes, and a real house's settings."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scanhook.bench.plan import Plan
from scanhook.cli.common import storage_of
from scanhook.cli.init import NewHouse, make_house
from scanhook.errors import Refused, ScanhookError, SettingsError, StorageError
from scanhook.registry import import_codes
from scanhook.settings import House, ServiceSettings, StorageSettings, VerifierSettings, load_settings
from scanhook.storage import StorageUrl
from scanhook.storage.sqlite_connection import is_full

if TYPE_CHECKING:
    from scanhook.storage.postgres.address import Address

__all__ = ["Site", "Tell", "bench_house", "check_room", "room_bytes", "site_of"]

Tell = Callable[[str, int, int | None], None]

_APP_ID, _ORIGINAL_ID = "wxba5fad812f8e6fb9", "gh_fbe8a958756e"
_FIXED_BYTES = 64 << 20
_CODE_BYTES = 250
_SCAN_BYTES = 1_500
"""Of a scan's row, its indexes and counts, its place in the WAL, and its line in the log."""
_SCANS_PER_S = 10_000
_LOOK_S = 30.0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_LESS = "make room, or ask for less with --codes and --seconds"
_PREFIX, _LOCK = "scanhook-bench-", "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a bench takes place, and with which settings.

    :param folder: the house's own folder is made in it: on the disk that the settings' storage is on.
    :param address: of an empty database, where the storage is on PostgreSQL; ``url`` is the same as it was given.
    """

    folder: Path
    service: ServiceSettings
    storage: StorageSettings
    verifier: VerifierSettings
    mode: str
    workers: int
    address: Address | None = None
    url: str = field(default="", repr=False)

    @property
    def engine(self) -> str:
        """What keeps the storage, for people."""
        return "PostgreSQL" if self.address else "SQLite"

    @property
    def other_verifiers(self) -> bool:
        """Whether the settings name verifiers of others', which a bench does not ask."""
        return self.verifier.chain != ("registry://",)

    def environ(self) -> Mapping[str, str]:
        """Return the environment in which the service has these settings."""
        return {
            **os.environ,
            "SCANHOOK_SERVICE__THREADS": str(self.service.threads),
            "SCANHOOK_STORAGE__CONNECTIONS": str(self.storage.connections),
            "SCANHOOK_VERIFIER__TIMEOUT_S": str(self.verifier.timeout_s),
        }


def site_of(house: House | None, *, storage: str, workers: int | None) -> Site:
    """Return where a house is measured; without a house, here and with the defaults.

    :param storage: the URL of an empty PostgreSQL database, if one is given.
    :raises Refused: when the house is on PostgreSQL and no other database is named.
    :raises SettingsError: when a URL cannot be read.
    """
    settings = house.settings if house else None
    url = StorageUrl.of(house) if house else None
    address = _address(storage) if storage else None
    if url and url.address and not address:
        raise Refused(
            f"the storage is {url.name}, and a bench must not write into it: make an empty database beside it, with "
            "`createdb scanhook_bench`, and name it with --storage postgresql://USER@HOST/scanhook_bench (- reads the "
            "URL from standard input). Tables are made there, and dropped afterwards"
        )
    service = settings.service if settings else ServiceSettings()
    return Site(
        folder=Path(tempfile.gettempdir()) if address else _beside(url.folder) if url else Path.cwd(),
        service=service,
        storage=settings.storage if settings else StorageSettings(),
        verifier=settings.verifier if settings else VerifierSettings(),
        mode=next(iter(settings.accounts.values())).mode if settings else "safe",
        workers=workers or service.workers,
        address=address,
        url=storage,
    )


def room_bytes(*, codes: int, seconds: float) -> int:
    """Return how much disk a bench takes at most, about."""
    return int(_FIXED_BYTES + codes * _CODE_BYTES + seconds * _SCANS_PER_S * _SCAN_BYTES)


def check_room(site: Site, *, codes: int, seconds: float) -> None:
    """Find out whether the disk has room for a bench.

    :raises Refused: when it may not.
    """
    needed = room_bytes(codes=codes, seconds=seconds)
    free = shutil.disk_usage(site.folder).free
    if free < needed:
        raise Refused(f"{site.folder} has {free / 1e6:,.0f} MB free, and this may take {needed / 1e6:,.0f} MB: {_LESS}")


@contextmanager
def bench_house(site: Site, plan: Plan, *, bind: str, tell: Tell) -> Iterator[House]:
    """Make a house and import its codes; when the block is left, nothing stays of it, nor of a bench that was killed.

    :param bind: HOST:PORT, where the service will listen.
    :param tell: is told how far the import is.
    :raises Refused: when the folder cannot be written, its disk becomes full, or the database is not empty.
    :raises StorageError: when the storage cannot be made.
    """
    _sweep(site.folder)
    with _folder(site) as folder, _worded(site), _held(Path(folder)), _only_for_now(site.address):
        new = NewHouse(
            app_id=_APP_ID,
            original_id=_ORIGINAL_ID,
            app_secret=secrets.token_hex(16),
            mode=site.mode,
            bind=bind,
            storage=site.url or "sqlite:///data",
        )
        house = load_settings(make_house(Path(folder) / "house", new))
        _import(house, plan, Path(folder) / "codes.csv", tell)
        yield house


def _folder(site: Site) -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix=_PREFIX, dir=site.folder)
    except OSError as error:
        remedy = _LESS if error.errno in _NO_ROOM else "run the bench as the user that the service runs as"
        raise Refused(f"{site.folder} cannot be written ({error.strerror}): {remedy}") from None


@contextmanager
def _worded(site: Site) -> Iterator[None]:
    """Say how to mend what goes wrong, to who gave the command: while the folder is there, which may fill the disk."""
    try:
        yield
    except (ScanhookError, OSError) as error:
        if is_full(site.folder) or (isinstance(error, OSError) and error.errno in _NO_ROOM):
            raise Refused(f"the disk of {site.folder} is full: {_LESS}\n{error}") from None
        if site.address and isinstance(error, StorageError):
            raise type(error)(str(error).replace("`[storage] url`", "`--storage`")) from None
        raise


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Show that somebody works in a folder; the lock has its name only when it is held, so no sweep comes first."""
    with (folder / f"{_LOCK}.new").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / f"{_LOCK}.new").rename(folder / _LOCK)
        yield


def _sweep(folder: Path) -> None:
    """Delete the folders of benches that were killed: nobody holds their locks."""
    for left in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError), (left / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)


def _import(house: House, plan: Plan, file: Path, tell: Tell) -> None:
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(plan.code_file())
    with storage_of(house) as storage:
        import_codes(
            storage.registry, file, pepper=storage.pepper, account=next(iter(house.settings.accounts)), progress=tell
        )
    file.unlink()


def _address(storage: str) -> Address:
    if not storage.startswith(("postgresql:", "postgres:")):
        raise SettingsError(
            "--storage names an empty PostgreSQL database, postgresql://USER@HOST/DATABASE; on SQLite a bench makes a "
            "folder of its own beside the storage that the settings name"
        )
    try:
        found = StorageUrl.parse(storage, base=Path.cwd()).address
    except SettingsError as error:
        raise SettingsError(str(error).replace("storage.url", "--storage")) from None
    if found is None:
        raise SettingsError("--storage names no database")
    return found


def _beside(folder: Path) -> Path:
    """Return a folder on the same disk as the storage: beside it, unless it is a disk of its own."""
    try:
        same = folder.stat().st_dev == folder.parent.stat().st_dev
    except OSError as error:
        raise Refused(f"{folder} cannot be found ({error.strerror}): is the disk mounted?") from None
    return folder.parent if same else folder


@contextmanager
def _only_for_now(address: Address | None) -> Iterator[None]:
    """Make sure that a database is empty, and that it is again when the block is left."""
    if address is None:
        yield
        return
    from scanhook.storage.postgres.address import SCHEMA  # noqa: PLC0415  (psycopg is loaded only where it is used)
    from scanhook.storage.postgres.connection import PostgresSession  # noqa: PLC0415
    from scanhook.storage.postgres.pool import Connections  # noqa: PLC0415

    with Connections(address, most=1).apart(within_s=_LOOK_S) as connection:
        if PostgresSession(connection).value("SELECT to_regnamespace(?)", (SCHEMA,)) is not None:
            raise Refused(
                f"{address.place} has a schema `{SCHEMA}` already: a bench takes an empty database, so that it can "
                f"drop all that it has made. If a bench was killed there, empty it: DROP SCHEMA {SCHEMA} CASCADE"
            )
    try:
        yield
    finally:
        with Connections(address, most=1).apart(within_s=_LOOK_S) as connection:
            PostgresSession(connection).change(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
