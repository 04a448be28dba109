"""Reads a code file: CSV in UTF-8 or GBK, gzipped or not, with the header that the README shows.

The file is read in blocks of whole lines, so that several processes can work on it; a block is decoded and parsed by
:mod:`scanhook.registry.parsing`. What is wrong with a line is told by its number, and never shows the code in it.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from scanhook.errors import CodeFileRefused

__all__ = ["BLOCK_BYTES", "EXT_INFO_MAX_CHARS", "EXT_INFO_SIGNS", "HEADER", "Block", "CodeFile", "digest_of"]

HEADER = ("keystandard", "keystr", "extinfo", "status")
EXT_INFO_SIGNS = "-_().*"
"""What WeChat allows in an extinfo beside letters and digits."""
EXT_INFO_MAX_CHARS = 64
"""The largest QR code that WeChat draws holds 50 (facts.md 1.5)."""
BLOCK_BYTES = 2 << 20
_LINE_MAX_BYTES = 64 << 20
_DIGEST_BYTES = 32
_READ_BYTES = 1 << 20
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some whole lines of a file.

    :param number: counts the blocks, from 0.
    :param first_line: the number of its first line, counted from 1.
    :param last: whether the file ends with it.
    :param share: how much of the file it is, up to 1.
    """

    number: int
    first_line: int
    content: bytes = field(repr=False)
    last: bool
    share: float


class CodeFile:
    """A code file on the disk.

    :raises CodeFileRefused: when it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._stat = path.stat()
            with path.open("rb") as file:
                self.zipped = file.read(2) == b"\x1f\x8b"
        except OSError as error:
            raise CodeFileRefused(f"{path} cannot be read: {error.strerror}") from None
        self.size_bytes = self._stat.st_size
        self.digest = b""
        """BLAKE2b of the whole file as it lies there, once all blocks were read."""
        self.width = 0
        """How many fields a line has, once the first block was read."""

    def blocks(self, progress: Callable[[int], None]) -> Iterator[Block]:
        """Yield the lines below the header.

        :param progress: told now and then how many bytes of the file were read.
        :raises CodeFileRefused: when the header is another, the file is damaged, or it changed while it was read.
        """
        try:
            with self.path.open("rb") as raw:
                hashed = _Hashed(raw)
                content = gzip.GzipFile(fileobj=hashed) if self.zipped else hashed
                yield from self._blocks(_whole_lines(content, self.path), hashed, progress)
                digest, after = hashed.digest(), os.fstat(raw.fileno())
        except (OSError, EOFError, zlib.error) as error:
            why = getattr(error, "strerror", None) or "the gzip data ends early or is damaged"
            raise CodeFileRefused(f"{self.path} cannot be read: {why}") from None
        if (after.st_size, after.st_mtime_ns) != (self._stat.st_size, self._stat.st_mtime_ns):
            raise CodeFileRefused(f"{self.path} was changed while it was read: import it again")
        self.digest = digest
        progress(self.size_bytes)

    def _blocks(self, found: Iterator[bytes], hashed: _Hashed, progress: Callable[[int], None]) -> Iterator[Block]:
        content = next(found, b"")
        if content.startswith(_UTF_16):
            raise CodeFileRefused(f"{self.path} is UTF-16: save it as UTF-8 (in a spreadsheet: CSV UTF-8)")
        header, content = _first_line(content.removeprefix(codecs.BOM_UTF8))
        self.width = self._check_header(header)
        number, line, plain_bytes = 0, 2, len(content)
        while True:
            following = next(found, None)
            plain_bytes += len(following or b"")
            share = len(content) * hashed.bytes_read / max(plain_bytes * self.size_bytes, 1)
            yield Block(number=number, first_line=line, content=content, last=following is None, share=share)
            if following is None:
                return
            progress(hashed.bytes_read)
            number, line, content = number + 1, line + _count_lines(content), following

    def _check_header(self, line: bytes) -> int:
        try:
            rows = list(csv.reader([line.decode("utf-8")], strict=True))
            header = tuple(name.strip().lower() for name in rows[0])
        except (csv.Error, UnicodeDecodeError, IndexError):
            header = ()
        if header not in (HEADER, (*HEADER, "batch")):
            raise CodeFileRefused(
                f"{self.path}, line 1: the header must be `{','.join(HEADER)}`, with `,batch` behind it or not"
            )
        return len(header)


def digest_of(path: Path, progress: Callable[[int], None] = lambda _bytes: None) -> bytes:
    """Return the BLAKE2b of a whole file, by which an import knows it again.

    :param progress: told now and then how many bytes were read.
    :raises CodeFileRefused: when it cannot be read.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_READ_BYTES):
                digest.update(chunk)
                progress(file.tell())
    except OSError as error:
        raise CodeFileRefused(f"{path} cannot be read: {error.strerror}") from None
    return digest.digest()


class _Hashed(io.RawIOBase):
    """Hashes what is read through it."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        self.bytes_read = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        content = self._raw.read(size)
        self._digest.update(content)
        self.bytes_read += len(content)
        return content

    def digest(self) -> bytes:
        while self.read(_READ_BYTES):
            pass  # whatever may stand behind the end of the gzip data
        return self._digest.digest()


def _whole_lines(content: gzip.GzipFile | _Hashed, path: Path) -> Iterator[bytes]:
    """Cut what is read behind ends of lines; no byte of another character is one, in UTF-8 and in GBK."""
    rest = b""
    while chunk := content.read(BLOCK_BYTES):
        rest += chunk
        # A lone CR may be the first half of CR LF: so never behind the very last byte.
        end = rest.rfind(b"\n") + 1 or rest.rfind(b"\r", 0, len(rest) - 1) + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > _LINE_MAX_BYTES:
            raise CodeFileRefused(f"{path} has a line of more than {_LINE_MAX_BYTES >> 20} MB: it is no code file")
    if rest:
        yield rest


def _first_line(content: bytes) -> tuple[bytes, bytes]:
    ends = [end for end in (content.find(b"\n"), content.find(b"\r")) if end >= 0]
    if not ends:
        return content, b""
    end = min(ends)
    behind = end + 2 if content[end : end + 2] == b"\r\n" else end + 1
    return content[:end], content[behind:]


def _count_lines(content: bytes) -> int:
    lines = content.count(b"\n")
    carriage_returns = content.count(b"\r")
    return lines + carriage_returns - content.count(b"\r\n") if carriage_returns else lines
