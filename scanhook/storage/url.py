"""Storage is chosen by a URL; its scheme names the engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scanhook.errors import SettingsError, StorageError

__all__ = ["UNFINISHED_RESTORE", "StorageUrl"]

UNFINISHED_RESTORE = "restore.json"
"""Lies in a storage whose files are just being exchanged: some may be the old ones, and some the new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageUrl:
    """Where registry and journal are kept.

    :param engine: the URL's scheme.
    :param folder: of an engine that keeps files: absolute, or relative to the settings file.
    """

    engine: str
    folder: Path

    @classmethod
    def parse(cls, url: str, *, base: Path) -> StorageUrl:
        """Read ``sqlite:///FOLDER``; ``sqlite:////FOLDER`` is an absolute one.

        :param base: the folder of the settings file, which a relative folder starts from.
        :raises SettingsError: when the scheme names no engine, or there is no folder.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            raise SettingsError("storage.url is no URL: write sqlite:///data") from None
        if parts.scheme != "sqlite":
            raise SettingsError(
                f"storage.url starts with `{parts.scheme}:`, and this version keeps its storage in `sqlite:///FOLDER`"
            )
        if parts.netloc or len(parts.path) < 2 or parts.query or parts.fragment:
            raise SettingsError("storage.url needs three slashes and a folder, and nothing behind it: sqlite:///data")
        return cls(engine=parts.scheme, folder=base / parts.path[1:])

    def check_whole(self) -> None:
        """Find out whether there is a storage, of whatever version.

        :raises StorageError: when a file was lost, or a restore was interrupted.
        """
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
        if not (self.folder / "office.db").exists():
            raise StorageError(
                f"{self.folder / 'office.db'} is missing: an older version made this storage: "
                "run `scanhook storage upgrade`"
            )
