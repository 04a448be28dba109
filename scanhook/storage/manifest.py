"""What a backup says of itself: ``manifest.json``, sealed with the pepper."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanhook.errors import PepperMismatch, Refused, StorageError
from scanhook.storage.files import ERASURES, STORE_FILES
from scanhook.storage.pepper import Pepper

__all__ = ["MANIFEST", "CopiedFile", "Manifest"]

MANIFEST = "manifest.json"
_NAMES = frozenset({ERASURES, *(file.name for file in STORE_FILES)})
_NEEDED = frozenset({"registry.db", "journal.db"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedFile:
    """A file of a backup.

    :param size: in bytes.
    :param sha256: in hex.
    :param schema: its version; ``None`` of what is no database.
    """

    size: int
    sha256: str
    schema: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A backup as it was made.

    :param version: scanhook's.
    :param made_at: ISO 8601; what was scanned before it is in the backup.
    :param files: by name.
    :param counts: products, batches, codes, scans …
    :raises ValueError: when a file's name is none of a storage's, or a needed file is missing.
    """

    version: str
    made_at: str
    pepper_id: str
    files: Mapping[str, CopiedFile]
    counts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NEEDED <= set(self.files) <= _NAMES:
            raise ValueError("a backup has the files of a storage")

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return sum(file.size for file in self.files.values())

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs, without its seal."""
        return {
            "version": self.version,
            "made_at": self.made_at,
            "pepper_id": self.pepper_id,
            "counts": dict(self.counts),
            "files": {
                name: {"bytes": file.size, "sha256": file.sha256, "schema": file.schema}
                for name, file in self.files.items()
            },
        }

    def sealed(self, pepper: Pepper) -> str:
        """Return the file's text."""
        return json.dumps({**self.as_dict(), "seal": self.seal(pepper)}, indent=2) + "\n"

    def seal(self, pepper: Pepper) -> str:
        """Return what only the pepper's owner can write under it, in hex."""
        return pepper.seal(json.dumps(self.as_dict(), sort_keys=True).encode()).hex()

    @classmethod
    def read(cls, folder: Path, *, pepper: Pepper) -> Manifest:
        """Read the manifest of a backup.

        :raises Refused: when there is none, or it is not as it was written.
        :raises PepperMismatch: when the backup was made with another pepper.
        :raises StorageError: when it cannot be read.
        """
        path = folder / MANIFEST
        try:
            written = json.loads(path.read_bytes())
            manifest = cls._from_dict(written)
            seal = str(written["seal"])
        except (FileNotFoundError, NotADirectoryError):
            raise Refused(f"{folder} is no backup: it has no {MANIFEST}; name a folder scanhook-backup-…") from None
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Refused(f"{path} is not what a backup wrote: take another backup") from None
        if manifest.pepper_id != pepper.id:
            raise PepperMismatch(
                f"{folder} was made with the pepper {manifest.pepper_id!r}, and `pepper_file` holds {pepper.id}: put "
                "back the pepper that was kept apart from it; without it the backup is worthless"
            )
        if not hmac.compare_digest(manifest.seal(pepper).encode(), seal.encode(errors="replace")):
            raise Refused(f"{path} was changed since the backup was made: take another backup")
        return manifest

    @classmethod
    def _from_dict(cls, written: dict[str, Any]) -> Manifest:
        return cls(
            version=written["version"],
            made_at=written["made_at"],
            pepper_id=written["pepper_id"],
            counts=written["counts"],
            files={
                name: CopiedFile(size=file["bytes"], sha256=file["sha256"], schema=file["schema"])
                for name, file in written["files"].items()
            },
        )
