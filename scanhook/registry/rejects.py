"""The refused lines of a code file: as many as there are, sorted by line, and never all of them in memory."""

from __future__ import annotations

import csv
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

from scanhook.errors import CodeFileRefused, StorageError
from scanhook.registry.workfolder import FolderLost, storing
from scanhook.storage.files import flush, give_to_owner

__all__ = ["Rejects"]

_RECORD = Struct(">IHI")
"""Line, number of the reason, and the other line that the reason names; 0 if none."""
_LINES_A_FILE = 1 << 18
_WAITING_MAX = 50_000
_REASONS_MAX = 1000
_OTHER_REASON = "it cannot be read"
_DOUBLE = "its code stands in line {} already"


class Rejects:
    """Gathers refused lines in a work folder, and writes them where staff want them.

    :param folder: what is gathered lies there; a killed import finds it again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reasons: dict[str, int] = {}
        self._reasons_kept = -1
        self._waiting: dict[int, list[bytes]] = {}
        self._waiting_count = 0
        self._unflushed: set[Path] = set()
        self.count = 0
        """How many lines there are; see :meth:`recount` where one may have been taken twice."""

    def add(self, line: int, reason: str) -> None:
        """Take a refused line; taking it for the same reason twice does no harm.

        :raises StorageError: when the disk cannot take it.
        """
        if reason not in self._reasons and len(self._reasons) >= _REASONS_MAX:
            reason = _OTHER_REASON
        self._add(line, self._reasons.setdefault(reason, len(self._reasons)), 0)

    def add_double(self, line: int, first: int) -> None:
        """Take a line whose code stands in an earlier one.

        :raises StorageError: when the disk cannot take it.
        """
        self._add(line, self._reasons.setdefault(_DOUBLE, len(self._reasons)), first)

    def _add(self, line: int, reason: int, other: int) -> None:
        self._waiting.setdefault(line // _LINES_A_FILE, []).append(_RECORD.pack(line, reason, other))
        self.count += 1
        self._waiting_count += 1
        if self._waiting_count >= _WAITING_MAX:
            self._write_waiting()

    def flush(self) -> None:
        """Bring what is in memory to the disk, so that a killed import finds it again.

        :raises StorageError: when the disk cannot take it.
        """
        self._write_waiting()
        with storing(self._folder):
            for file in self._unflushed:
                flush(file)
            if self._unflushed:
                flush(self._folder)
        self._unflushed.clear()

    def _write_waiting(self) -> None:
        with storing(self._folder):
            if self._reasons_kept != len(self._reasons):
                self._keep_reasons()  # first: no line on the disk may have a reason that is not
            for number, records in self._waiting.items():
                path = self._file(number)
                with path.open("ab") as file:
                    file.write(b"".join(records))
                give_to_owner(path)
                self._unflushed.add(path)
        self._waiting.clear()
        self._waiting_count = 0

    def _keep_reasons(self) -> None:
        target = self._folder / "reasons.json"
        fresh = target.with_suffix(".new")
        fresh.write_text(json.dumps(list(self._reasons)), encoding="utf-8")
        give_to_owner(fresh)
        flush(fresh)
        fresh.replace(target)
        self._reasons_kept = len(self._reasons)

    def take_up(self) -> None:
        """Find what a killed import has gathered in the folder.

        :raises FolderLost: when it is not there, or damaged.
        :raises StorageError: when it cannot be read now.
        """
        path = self._folder / "reasons.json"
        with storing(self._folder):
            try:
                reasons = json.loads(path.read_text(encoding="utf-8"))
                self._reasons = {str(reason): number for number, reason in enumerate(reasons)}
            except (FileNotFoundError, ValueError, TypeError):
                raise FolderLost(path) from None
            self._reasons_kept = len(self._reasons)
            for file in self._files():
                # Half a record at its end was being written when the import was killed: its line comes again.
                size = file.stat().st_size
                if size % _RECORD.size:
                    os.truncate(file, size - size % _RECORD.size)
        self.recount()

    def recount(self) -> None:
        """Count the lines that were taken, each of them once.

        :raises StorageError: when they cannot be written or read.
        """
        self.flush()
        self.count = sum(len(records) for records in self._records())

    def write(self, path: Path) -> None:
        """Write all refused lines in order, with the reason of each; nobody else can read the file.

        :raises CodeFileRefused: when it cannot be written; the sentence names the first refused line.
        :raises StorageError: when what was gathered cannot be read.
        """
        self.flush()
        lines = self._lines()
        first = next(lines, None)
        if first is None:
            return
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                os.fchmod(descriptor, 0o600)  # also of a file that was there
                writer = csv.writer(file)
                writer.writerow(("line", "reason"))
                writer.writerow(first)
                writer.writerows(lines)
        except OSError as error:
            raise CodeFileRefused(
                f"line {first[0]} is refused ({first[1]}), and {path} cannot be written: {error.strerror}; "
                "name another file with --rejects"
            ) from None

    def _lines(self) -> Iterator[tuple[int, str]]:
        reasons = list(self._reasons)
        for records in self._records():
            for line, reason, other in sorted(records):
                if reason >= len(reasons):
                    raise FolderLost(self._folder / "reasons.json")
                yield line, reasons[reason].format(other) if other else reasons[reason]

    def _records(self) -> Iterator[set[tuple[int, int, int]]]:
        for file in self._files():
            try:
                yield set(_RECORD.iter_unpack(file.read_bytes()))
            except struct.error:
                raise FolderLost(file) from None
            except OSError as error:
                raise StorageError(f"{file} cannot be read: {error.strerror}") from None

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("rejects-*"))

    def _file(self, number: int) -> Path:
        return self._folder / f"rejects-{number:05}"
