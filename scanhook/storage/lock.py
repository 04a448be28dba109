"""Who has a storage open: many at once to use it, or one alone to exchange its files.

A lock of the system's on ``storage.lock``: it is gone when its last process is, however that ended.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from scanhook.errors import Refused
from scanhook.storage.files import give_to_owner
from scanhook.storage.sqlite_connection import wording
from scanhook.storage.url import SQLITE, StorageUrl

__all__ = ["StorageInUse", "alone_with", "make_folder", "settle", "use_files", "use_storage"]

_NAME = "storage.lock"


class StorageInUse:
    """Says that a storage is in use until it is closed. Processes that are forked off say so too, until they end.

    :param descriptor: of the lock; ``None`` where there are no files that anybody could exchange.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor: int | None = descriptor

    def close(self) -> None:
        """Give the storage back; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)  # never LOCK_UN: that would take the lock from the other processes too

    def __del__(self) -> None:
        # An application that is mounted somewhere is never closed, only forgotten.
        self.close()


def use_storage(url: StorageUrl) -> StorageInUse:
    """Say that a storage is in use: whatever would exchange its files is refused meanwhile.

    A server guards its own files, so that on PostgreSQL nothing is locked; only the folder of what belongs to this
    machine is made where it is missing.

    :raises Refused: when its files are being exchanged.
    :raises StorageError: when the folder cannot be written.
    """
    if url.engine == SQLITE:
        return use_files(url.folder)
    make_folder(url.folder)
    return StorageInUse(None)


def make_folder(folder: Path) -> None:
    """Make the folder of what belongs to this machine, private, where it is missing.

    :raises StorageError: when it cannot be made.
    """
    if not folder.is_dir():
        with wording(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            give_to_owner(folder)


def use_files(folder: Path) -> StorageInUse:
    """Say that the files of a storage are in use, as :func:`use_storage` does.

    :raises Refused: when they are being exchanged.
    :raises StorageError: when the folder cannot be written.
    """
    return StorageInUse(
        _lock(folder, fcntl.LOCK_SH, f"{folder} is being restored or upgraded: try again when that has ended")
    )


@contextmanager
def alone_with(folder: Path) -> Iterator[None]:
    """Hold a storage alone.

    :raises Refused: when somebody uses it.
    :raises StorageError: when the folder cannot be written.
    """
    alone = StorageInUse(_lock(folder, fcntl.LOCK_EX, _in_use(folder)))
    try:
        yield
    finally:
        alone.close()


def settle(path: Path) -> None:
    """Bring everything that was written into the file itself, so that it can be moved; nobody else may have it open.

    This finds those too who take no lock: services of versions before this one.

    :raises Refused: when another process has it open.
    :raises StorageError: when it cannot be read or written.
    """
    with wording(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            # Leaving WAL needs the file for oneself alone; every opening goes back to it.
            connection.execute("PRAGMA journal_mode=DELETE")
        except apsw.BusyError:
            raise Refused(_in_use(path.parent)) from None
        finally:
            connection.close()


def _in_use(folder: Path) -> str:
    return f"the service or a command has {folder} open: stop the service, wait for imports, and run this again"


def _lock(folder: Path, kind: int, refusal: str) -> int:
    path = folder / _NAME
    with wording(path):
        new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if new:
            give_to_owner(path)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Refused(refusal) from None
    return descriptor
