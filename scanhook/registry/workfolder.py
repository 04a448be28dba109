"""The folder of one import: sorted tags that outlive a kill, and the manifest that says they are complete."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from scanhook.errors import StorageError

__all__ = ["Manifest", "WorkFolder", "flush_file", "storing"]

_MANIFEST = "manifest.json"


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Turn what the system says of a folder into a :class:`StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the codes cannot be sorted in {folder.parent}: {error.strerror}: make room there (about 30 bytes a code, "
            "besides what the registry needs), and see that scanhook's user may write there"
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a work folder holds, once it is complete.

    :param records: how many codes each stack has.
    :param codes: how many codes each pile has.
    :param refused: how many lines of the file are refused.
    """

    records: tuple[int, ...]
    codes: tuple[int, ...]
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFolder:
    """The folder of one import, private to its owner.

    :param stacks: how many stacks of tags it holds.
    """

    path: Path
    stacks: int

    @classmethod
    def create(cls, storage: Path, name: str, *, stacks: int) -> WorkFolder:
        """Make an empty folder in the storage's; what lay there under that name is deleted.

        :raises StorageError: when it cannot be made.
        """
        work = cls(path=storage / name, stacks=stacks)
        work.remove()
        with storing(work.path):
            work.path.mkdir(mode=0o700)
        return work

    @classmethod
    def open(cls, storage: Path, name: str) -> tuple[WorkFolder, Manifest]:
        """Open a folder that was sealed.

        :raises StorageError: when it is not there, or not as it was sealed.
        """
        path = storage / name
        try:
            written = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
            manifest = Manifest(
                records=tuple(written["records"]), codes=tuple(written["codes"]), refused=int(written["refused"])
            )
        except (OSError, ValueError, KeyError, TypeError):
            raise StorageError(f"{path} is gone or damaged: without it, the import can only be begun again") from None
        return cls(path=path, stacks=len(manifest.records)), manifest

    def sorted_stack(self, stack: int) -> Path:
        """Return where a stack lies once it is sorted."""
        return self.path / f"sorted-{stack:03}"

    def seal(self, manifest: Manifest) -> None:
        """Say that the folder is complete; it is on the disk when this returns.

        :raises StorageError: when the disk cannot take it.
        """
        target = self.path / _MANIFEST
        fresh = target.with_suffix(".new")
        with storing(self.path):
            fresh.write_text(json.dumps(asdict(manifest)), encoding="utf-8")
            flush_file(fresh)
            fresh.replace(target)
            flush_file(self.path)
            flush_file(self.path.parent)

    def remove(self) -> None:
        """Delete the folder, if it is there."""
        # The manifest goes first: a folder that is half deleted must never be taken for a complete one.
        with storing(self.path):
            (self.path / _MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(self.path, ignore_errors=True)


def flush_file(path: Path) -> None:
    """Wait until a file, or what is listed in a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
