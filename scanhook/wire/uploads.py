"""Code files that were uploaded: where they lie until they are imported, and which process imports which.

They hold plain codes, so they are private to their owner and gone as soon as their import is through.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from scanhook.errors import Refused, StorageError
from scanhook.storage.files import UPLOADS

__all__ = ["Uploads"]

KEPT_S = 7 * 86400
"""So long a file stays whose import failed, so that it can be resumed; and a list of refused lines."""

RESERVE_BYTES = 1 << 30
"""So much of the disk is left to scans; ``scanhook storage check`` wants as much."""
_PIECE_BYTES = 1 << 18
_TRIES = 5
_PAUSE_S = 0.02


class Uploads:
    """The folder ``uploads`` in a storage's.

    :param folder: the storage's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / UPLOADS

    def path(self, import_id: int) -> Path:
        """Return where the file of an import lies."""
        return self._folder / f"{import_id}.csv"

    def rejects(self, import_id: int) -> Path:
        """Return where the refused lines of an import are listed."""
        return self._folder / f"{import_id}.rejects.csv"

    @contextmanager
    def receiving(self, read: Callable[[int], bytes]) -> Iterator[Path]:
        """Take a file in, piece by piece. It is deleted behind the block, unless it was adopted.

        :param read: gives up to so many bytes; nothing at the end.
        :raises Refused: when it is empty.
        :raises StorageError: when the disk cannot take it.
        """
        with self._wording():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._folder / f"{secrets.token_hex(8)}.part"
            file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        try:
            with file:
                fcntl.flock(file, fcntl.LOCK_EX)
                size = self._copy(read, file)
                if not size:
                    raise Refused("the body is empty: send the code file as it is")
                with self._wording():
                    file.flush()
                    os.fsync(file.fileno())
                yield path
        finally:
            path.unlink(missing_ok=True)

    def adopt(self, path: Path, import_id: int) -> None:
        """Keep a received file as that of an import."""
        with self._wording():
            path.rename(self.path(import_id))

    def claim(self, import_id: int) -> IO[bytes]:
        """Take the right to run an import; whoever holds the open file, in whichever process, has it.

        :raises Refused: when it is running.
        :raises StorageError: when the folder cannot be written.
        """
        for _ in range(_TRIES):
            with self._wording():
                file = os.fdopen(os.open(self._lock(import_id), os.O_RDWR | os.O_CREAT, 0o600), "r+b")
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_in_place(file, import_id):
                    return file
            # Somebody who only looks, or clears it away, holds it for an instant.
            file.close()
            time.sleep(_PAUSE_S)
        raise Refused(f"the import {import_id} is running: there is nothing to resume")

    def is_running(self, import_id: int) -> bool:
        """Tell whether a process holds the right to run an import."""
        try:
            with self._lock(import_id).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def running(self) -> int:
        """Return how many imports have a process."""
        numbers = [path.stem for path in self._folder.glob("*.lock")]
        return sum(self.is_running(int(number)) for number in numbers if number.isdecimal())

    def has_room(self, size: int) -> bool:
        """Tell whether the disk can take so many bytes and still has what scans need."""
        with self._wording():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            return shutil.disk_usage(self._folder).free >= RESERVE_BYTES + size

    def is_here(self, import_id: int) -> bool:
        """Tell whether an import's file is still there."""
        return self.path(import_id).exists()

    def began_here(self, import_id: int) -> bool:
        """Tell whether an import is one of an upload."""
        return self._lock(import_id).exists()

    def forget(self, import_id: int) -> None:
        """Delete an import's file."""
        with self._wording():
            self.path(import_id).unlink(missing_ok=True)

    def _lock(self, import_id: int) -> Path:
        return self._folder / f"{import_id}.lock"

    def _is_in_place(self, file: IO[bytes], import_id: int) -> bool:
        """Tell whether a lock is the one that others find: that of an ended import is deleted in time."""
        with suppress(FileNotFoundError):
            return os.path.samestat(self._lock(import_id).stat(), os.fstat(file.fileno()))
        return False

    def _copy(self, read: Callable[[int], bytes], file: IO[bytes]) -> int:
        size = 0
        while piece := read(_PIECE_BYTES):
            size += len(piece)
            with self._wording():
                file.write(piece)
        return size

    @contextmanager
    def _wording(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"the upload cannot be kept in {self._folder}: {error.strerror}: make room there, and see that "
                "scanhook's user may write there"
            ) from None
