"""Reads a code file: CSV in UTF-8 or GBK, gzipped or not, with the header that the README shows.

The file is read as a stream; what is wrong with a line is told by its number, and never shows the code in it.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from scanhook.errors import CodeFileRefused
from scanhook.registry.life import State
from scanhook.registry.product import KEY_MAX_CHARS

if TYPE_CHECKING:
    from _csv import Reader

__all__ = ["BATCH_MAX_CHARS", "EXT_INFO_MAX_CHARS", "HEADER", "CodeFile", "CodeLine", "LineRefused"]

HEADER = ("keystandard", "keystr", "extinfo", "status")
EXT_INFO_MAX_CHARS = 64
"""The largest QR code that WeChat draws holds 50 (facts.md 1.5)."""
BATCH_MAX_CHARS = 64
_STATES = {"active": State.ACTIVE, "inactive": State.ISSUED}
_ENCODINGS = ("utf-8-sig", "gbk")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLine:
    """One line of a code file that can be used.

    :param batch: empty when the file does not say.
    """

    key_standard: str
    key_str: str
    ext_info: str = field(repr=False)
    state: State
    batch: str


class LineRefused(ValueError):
    """A line cannot be used; the message says why, without showing the code."""


class CodeFile:
    """A code file on the disk.

    :raises CodeFileRefused: when it cannot be opened, or is neither UTF-8 nor GBK.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.size_bytes = path.stat().st_size
            with path.open("rb") as file:
                self._zipped = file.read(2) == b"\x1f\x8b"
            self.encoding = self._find_encoding()
        except (OSError, EOFError, zlib.error) as error:
            why = getattr(error, "strerror", None) or "the gzip data ends early or is damaged"
            raise CodeFileRefused(f"{path} cannot be read: {why}") from None

    def lines(self, progress: Callable[[int], None]) -> Iterator[tuple[int, CodeLine | LineRefused]]:
        """Yield every line below the header with its number, counted from 1; empty lines are passed over.

        :param progress: told now and then how many bytes of the file were read.
        :raises CodeFileRefused: when the header is another, or the file ends within a quoted field.
        """
        with self.path.open("rb") as raw:
            text = io.TextIOWrapper(self._unzipped(raw), encoding=self.encoding, newline="")
            try:
                yield from self._rows(csv.reader(text, strict=True), raw, progress)
            except (OSError, EOFError, UnicodeDecodeError, zlib.error):
                raise CodeFileRefused(f"{self.path} was changed while it was read: import it again") from None

    def _rows(
        self, reader: Reader, raw: IO[bytes], progress: Callable[[int], None]
    ) -> Iterator[tuple[int, CodeLine | LineRefused]]:
        width = self._check_header(reader)
        last = reader.line_num
        while True:
            try:
                row = next(reader, None)
                line: CodeLine | LineRefused | None = _read_row(row, width) if row else None
            except csv.Error as error:
                row, line = [], LineRefused(f"it is not CSV: {error}")
            if reader.line_num > last + 1:
                # Its neighbours would vanish inside it, unread and unnamed.
                raise CodeFileRefused(f"{self.path}, line {last + 1}: a quoted field runs over the end of its line")
            last = reader.line_num
            if row is None:
                break
            if line is not None:
                yield last, line
            if not last & 0x3FFF:
                progress(raw.tell())
        progress(self.size_bytes)

    def _check_header(self, reader: Reader) -> int:
        try:
            header = tuple(name.strip().lower() for name in next(reader, []))
        except csv.Error:
            header = ()
        if header not in (HEADER, (*HEADER, "batch")):
            raise CodeFileRefused(
                f"{self.path}, line 1: the header must be `{','.join(HEADER)}`, with `,batch` behind it or not"
            )
        return len(header)

    def _unzipped(self, raw: IO[bytes]) -> IO[bytes]:
        return gzip.open(raw) if self._zipped else raw  # type: ignore[return-value]  # GzipFile is an IO[bytes] in all but name

    def _find_encoding(self) -> str:
        for encoding in _ENCODINGS:
            with self.path.open("rb") as raw:
                file = self._unzipped(raw)
                decoder = codecs.getincrementaldecoder(encoding)()
                try:
                    while chunk := file.read(_CHUNK_BYTES):
                        decoder.decode(chunk)
                    decoder.decode(b"", final=True)
                except UnicodeDecodeError:
                    continue
                return encoding
        raise CodeFileRefused(f"{self.path} is neither UTF-8 nor GBK: save it as UTF-8")


def _read_row(row: list[str], width: int) -> CodeLine | LineRefused:
    if len(row) != width:
        return LineRefused(f"it has {len(row)} fields, and the header has {width}")
    key_standard, key_str, ext_info, status, batch = (*row, "")[:5]
    state = _STATES.get(status.strip().lower())
    if state is None:
        return LineRefused("its status is neither `active` nor `inactive`")
    for name, value, longest in (
        ("keystandard", key_standard, KEY_MAX_CHARS),
        ("keystr", key_str, KEY_MAX_CHARS),
        ("extinfo", ext_info, EXT_INFO_MAX_CHARS),
        ("batch", batch, BATCH_MAX_CHARS),
    ):
        if not value and name != "batch":
            return LineRefused(f"its {name} is empty")
        if len(value) > longest:
            return LineRefused(f"its {name} has more than {longest} characters")
        if not value.isprintable():
            return LineRefused(f"its {name} holds a character that cannot be printed")
    return CodeLine(key_standard=key_standard, key_str=key_str, ext_info=ext_info, state=state, batch=batch)
