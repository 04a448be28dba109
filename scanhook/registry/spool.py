"""Sorts more records than memory should hold: sorted runs on the disk, merged when they are read."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator
from typing import IO, Self

from scanhook.errors import StorageError

__all__ = ["Spool"]

RUN_RECORDS = 500_000
_BLOCK_RECORDS = 4096


class Spool:
    """Takes records of one length, and gives them back in order, as often as asked.

    :param record_bytes: the length of every record.

    Use it as a context manager: what lies on the disk is gone behind it.
    """

    def __init__(self, *, record_bytes: int) -> None:
        self._record_bytes = record_bytes
        self._fresh: list[bytes] = []
        self._runs: list[IO[bytes]] = []
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for run in self._runs:
            run.close()

    def __len__(self) -> int:
        return self._count

    def add(self, record: bytes) -> None:
        """Take one record."""
        self._fresh.append(record)
        self._count += 1
        if len(self._fresh) >= RUN_RECORDS:
            self._fresh.sort()
            try:
                run = tempfile.TemporaryFile(prefix="scanhook-import-")  # noqa: SIM115  (closed by __exit__)
                self._runs.append(run)
                run.write(b"".join(self._fresh))
                run.flush()
            except OSError as error:
                raise StorageError(
                    f"the codes cannot be sorted in {tempfile.gettempdir()}: {error.strerror}: make room there, "
                    "or name another folder in $TMPDIR"
                ) from None
            self._fresh = []

    def __iter__(self) -> Iterator[bytes]:
        """Yield every record, the smallest first. One walk at a time: the walks share the files."""
        self._fresh.sort()
        return heapq.merge(*(self._read(run) for run in self._runs), self._fresh)

    def _read(self, run: IO[bytes]) -> Iterator[bytes]:
        size = self._record_bytes
        run.seek(0)
        while block := run.read(size * _BLOCK_RECORDS):
            for start in range(0, len(block), size):
                yield block[start : start + size]
