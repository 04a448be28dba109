"""Storage is chosen by a URL; its scheme names the engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scanhook.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from scanhook.settings import House
    from scanhook.storage.postgres.address import Address

__all__ = ["CONNECTIONS", "POSTGRESQL", "SQLITE", "UNFINISHED_RESTORE", "StorageUrl"]

SQLITE, POSTGRESQL = "sqlite", "postgresql"
CONNECTIONS = 8
"""So many connections a process has to a database at most, where the settings say nothing."""
_WORK_FOLDER = "data"

UNFINISHED_RESTORE = "restore.json"
"""Lies in a storage whose files are just being exchanged: some may be the old ones, and some the new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageUrl:
    """Where registry, journal and office are kept.

    :param engine: the URL's scheme.
    :param folder: where an engine that keeps files has them, and every engine what belongs to this machine: sorted
        tags of imports, uploads, the list of erasures. Absolute, or relative to the settings file.
    :param address: of an engine on another machine.
    :param connections: how many each process may have to it.
    """

    engine: str
    folder: Path
    address: Address | None = None
    connections: int = CONNECTIONS

    @classmethod
    def of(cls, house: House) -> StorageUrl:
        """Return where a house's storage lies.

        :raises SettingsError: when the settings' URL names no engine, or cannot be read.
        """
        storage = house.settings.storage
        return cls.parse(storage.url.get_secret_value(), base=house.base, connections=storage.connections)

    @classmethod
    def parse(cls, url: str, *, base: Path, connections: int = CONNECTIONS) -> StorageUrl:
        """Read ``sqlite:///FOLDER`` (``sqlite:////FOLDER`` is an absolute one) or ``postgresql://…/DATABASE``.

        :param base: the folder of the settings file, which a relative folder starts from.
        :raises SettingsError: when the scheme names no engine, or the rest cannot be read.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            raise SettingsError("storage.url is no URL: write sqlite:///data") from None
        if parts.scheme in {POSTGRESQL, "postgres"}:
            return cls(engine=POSTGRESQL, folder=base / _WORK_FOLDER, address=_address(url), connections=connections)
        if parts.scheme != SQLITE:
            raise SettingsError(
                f"storage.url starts with `{parts.scheme}:`, and scanhook keeps its storage in `sqlite:///FOLDER` or "
                "`postgresql://USER@HOST/DATABASE`"
            )
        if parts.netloc or len(parts.path) < 2 or parts.query or parts.fragment:
            raise SettingsError("storage.url needs three slashes and a folder, and nothing behind it: sqlite:///data")
        return cls(engine=SQLITE, folder=base / parts.path[1:])

    @property
    def name(self) -> str:
        """What people are told of it; no password stands in it."""
        return self.address.place if self.address else str(self.folder)

    def check_whole(self) -> None:
        """Find out whether there is a storage, of whatever version.

        :raises StorageError: when a file was lost, or a restore was interrupted.
        """
        if self.engine != SQLITE:
            return  # whoever opens it finds out
        if (self.folder / UNFINISHED_RESTORE).exists():
            raise StorageError(
                f"{self.folder} is being restored: if that was interrupted, run `scanhook storage restore` again"
            )
        for name in ("registry.db", "journal.db"):
            if not (self.folder / name).exists():
                raise StorageError(
                    f"{self.folder / name} is missing: is the disk mounted? Put the file back from a backup, "
                    "or make a new house with `scanhook init`"
                )

    def check_made(self) -> None:
        """Find out whether there is a storage to work with: only ``init`` makes one.

        A service that made an empty one in the place of a lost one would know no product any more.

        :raises StorageError: when a file is missing, or a restore was interrupted.
        """
        self.check_whole()
        if self.engine == SQLITE and not (self.folder / "office.db").exists():
            raise StorageError(
                f"{self.folder / 'office.db'} is missing: an older version made this storage: "
                "run `scanhook storage upgrade`"
            )


def _address(url: str) -> Address:
    from scanhook.storage.postgres.address import Address  # noqa: PLC0415  (psycopg is loaded only where it is used)

    return Address.parse(url)
