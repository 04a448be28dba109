"""A lease: of several processes on one storage, only the one that holds it acts.

Every engine has its own way to hold one; it must give the lease back by itself when its holder dies.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, Self

from scanhook.storage.files import give_to_owner
from scanhook.storage.lock import make_folder
from scanhook.storage.sqlite_connection import wording
from scanhook.storage.url import StorageUrl

if TYPE_CHECKING:
    from scanhook.storage.postgres.lease import PostgresLease

__all__ = ["Lease", "read_lease", "take_lease", "take_machine_lease"]


class Lease(Protocol):
    """Held until it is closed. What its holder writes into it, the next holder reads."""

    def holds(self) -> bool:
        """Tell whether it still is ours, and the lease of this storage: it may have been lost or exchanged meanwhile.

        Answers within seconds, whatever the storage does.
        """

    def read(self) -> str:
        """Return what was written into it last; nothing when it is new.

        :raises StorageError: when it cannot be read.
        """

    def write(self, text: str) -> None:
        """Put a text in the place of what was written last.

        :raises StorageError: when it cannot be written.
        """

    def close(self) -> None:
        """Give it back."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def take_lease(url: StorageUrl, name: str) -> Lease | None:
    """Take the lease of that name, if nobody holds it.

    :raises StorageError: when the storage is not there, or cannot be written.
    """
    if url.address is None:
        return _FileLease.take(_path(url, name))
    return _postgres().take(url.address, name, connections=url.connections)


def take_machine_lease(url: StorageUrl, name: str) -> Lease | None:
    """Take the lease of that name among the processes of this machine, if none of them holds it.

    Where the storage is files of this machine, that is the same lease as :func:`take_lease` gives.

    :raises StorageError: when the folder of what belongs to this machine cannot be written.
    """
    if url.address is not None:
        make_folder(url.folder)
    return _FileLease.take(_path(url, name))


def read_lease(url: StorageUrl, name: str) -> str:
    """Return what stands in the lease of that name, whoever holds it; nothing when there never was one.

    :raises StorageError: when it cannot be read.
    """
    if url.address is None:
        return _FileLease.peek(_path(url, name))
    return _postgres().peek(url.address, name, connections=url.connections)


def _postgres() -> type[PostgresLease]:
    from scanhook.storage.postgres.lease import PostgresLease  # noqa: PLC0415  (psycopg is loaded only where it is used)

    return PostgresLease


def _path(url: StorageUrl, name: str) -> Path:
    return url.folder / f"{name}.lock"


class _FileLease:
    """A lock of the system's on a file, which it gives back when the process dies."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file

    @classmethod
    def take(cls, path: Path) -> _FileLease | None:
        with wording(path):
            new = not path.exists()
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
            if new:
                give_to_owner(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return cls(path, file)

    @staticmethod
    def peek(path: Path) -> str:
        with wording(path):
            return path.read_text(errors="replace") if path.exists() else ""

    def holds(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._file.fileno()))
        except OSError:
            return False

    def read(self) -> str:
        with wording(self._path):
            self._file.seek(0)
            return self._file.read().decode(errors="replace")

    def write(self, text: str) -> None:
        with wording(self._path):
            self._file.seek(0)
            self._file.write(text.encode())
            self._file.truncate()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
