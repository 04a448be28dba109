"""The refused lines of a code file: as many as there are, sorted by line, and never all of them in memory."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

from scanhook.errors import CodeFileRefused, StorageError
from scanhook.registry.workfolder import flush_file, storing

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
        self._waiting: dict[int, list[bytes]] = {}
        self._waiting_count = 0
        self.count = 0

    def add(self, line: int, reason: str) -> None:
        """Take a refused line.

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
            self.flush()

    def flush(self) -> None:
        """Bring what is in memory to the disk, so that a killed import finds it again.

        :raises StorageError: when the disk cannot take it.
        """
        with storing(self._folder):
            for number, records in self._waiting.items():
                with self._file(number).open("ab") as file:
                    file.write(b"".join(records))
                    file.flush()
                    os.fsync(file.fileno())
            reasons = self._folder / "reasons.json"
            reasons.write_text(json.dumps(list(self._reasons)), encoding="utf-8")
            flush_file(reasons)
        self._waiting.clear()
        self._waiting_count = 0

    def take_up(self) -> None:
        """Find what a killed import has gathered in the folder.

        :raises StorageError: when it is not there.
        """
        with storing(self._folder):
            reasons = json.loads((self._folder / "reasons.json").read_text(encoding="utf-8"))
            self._reasons = {reason: number for number, reason in enumerate(reasons)}
            self.count = sum(file.stat().st_size // _RECORD.size for file in self._files())

    def write(self, path: Path) -> None:
        """Write all refused lines in order, with the reason of each; nobody else can read the file.

        :raises CodeFileRefused: when it cannot be written; the sentence names the first refused line.
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
        for file in self._files():
            try:
                content = file.read_bytes()
            except OSError as error:
                raise StorageError(f"{file} cannot be read: {error.strerror}") from None
            for line, reason, other in sorted(_RECORD.iter_unpack(content)):
                yield line, reasons[reason].format(other) if other else reasons[reason]

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("rejects-*"))

    def _file(self, number: int) -> Path:
        return self._folder / f"rejects-{number:05}"
