"""The folder of one import: sorted tags that outlive a kill, and the manifest that says they are complete."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from scanhook.errors import StorageError
from scanhook.storage.files import flush, give_to_owner

__all__ = ["FolderLost", "Manifest", "WorkFolder", "remove_work", "storing"]

_MANIFEST = "manifest.json"


class FolderLost(StorageError):
    """A work folder, or a file in it, is gone or damaged: what it held can only be made again.

    :param path: what is gone.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is gone or damaged: without it, the import can only be begun again")
        self.path = path

    def __reduce__(self) -> tuple[type[FolderLost], tuple[Path]]:
        """Tell how it comes through the pipe from a helper process."""
        return type(self), (self.path,)


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Turn what the system says of a folder into a :class:`StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the codes cannot be sorted in {error.filename or folder}: {error.strerror}: make room there (about 30 "
            "bytes a code, besides what the registry needs), and see that scanhook's user may write there"
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

        :raises StorageError: when it cannot be made, or what lay there cannot be deleted.
        """
        work = cls(path=storage / name, stacks=stacks)
        work.remove()
        with storing(work.path):
            work.path.mkdir(mode=0o700)
            give_to_owner(work.path)
        return work

    @classmethod
    def open(cls, storage: Path, name: str) -> tuple[WorkFolder, Manifest]:
        """Open a folder that was sealed.

        :raises FolderLost: when it is not there, or not as it was sealed.
        :raises StorageError: when it cannot be read now.
        """
        path = storage / name
        try:
            written = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
            manifest = Manifest(
                records=tuple(written["records"]), codes=tuple(written["codes"]), refused=int(written["refused"])
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            raise FolderLost(path) from None
        except OSError as error:
            raise StorageError(
                f"{path / _MANIFEST} cannot be read: {error.strerror}: give it to the user that scanhook runs as, or "
                "look into the system's log; nothing of the import is lost"
            ) from None
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
            give_to_owner(fresh)
            flush(fresh)
            fresh.replace(target)
            flush(self.path)
            flush(self.path.parent)

    def remove(self) -> None:
        """Delete the folder, if it is there.

        :raises StorageError: when it cannot be deleted.
        """
        remove_work(self.path)


def remove_work(path: Path) -> None:
    """Delete the folder of an import, if it is there.

    :raises StorageError: when it cannot be deleted.
    """
    try:
        # The manifest goes first: a folder that is half deleted must never be taken for a complete one.
        (path / _MANIFEST).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            shutil.rmtree(path)
    except OSError as error:
        raise StorageError(
            f"{error.filename or path} cannot be deleted: {error.strerror}: delete the folder {path}, or give it to "
            "the user that scanhook runs as"
        ) from None
