"""The printer's file: the one place where minted codes stand in the clear, or encrypted to the printer's key.

It has no name while it is written, so that a killed mint leaves nothing of it; it appears whole, or not at all.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import os
import re
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import count
from pathlib import Path
from typing import BinaryIO, Self

from scanhook.errors import CodeFileRefused, Refused
from scanhook.registry.agefile import Identities, Recipient, decrypted, encrypting, is_age_file
from scanhook.registry.serials import SERIAL_CHARS

__all__ = [
    "CONTENT_MAX_BYTES",
    "PRINT_COLUMNS",
    "PrintFile",
    "PrintLine",
    "hidden_name",
    "lies_there",
    "print_lines",
    "read_print_lines",
]

PRINT_COLUMNS = ("position", "serial", "content", "batch")
CONTENT_MAX_BYTES = 78
"""What a QR code of version 4, level L, holds: the largest that WeChat draws (facts.md 1.5)."""
_POSITION = re.compile("[0-9]{1,12}")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set('",\r\n') else text


def print_lines(first: int, serials: bytes, *, prefix: str, batch: str) -> bytes:
    """Write serials as lines of CSV (RFC 4180, UTF-8).

    :param first: the position of the first of them.
    :param serials: of ``SERIAL_CHARS`` characters each.
    :param prefix: the product's QR prefix.
    """
    text = serials.decode("ascii")
    before, after = ('"' + prefix.replace('"', '""'), '"') if _quoted(prefix) != prefix else (prefix, "")
    after += f",{_quoted(batch)}\r\n"
    each = (text[start : start + SERIAL_CHARS] for start in range(0, len(text), SERIAL_CHARS))
    return "".join([f"{at},{serial},{before}{serial}{after}" for at, serial in zip(count(first), each)]).encode()


def hidden_name(path: Path) -> Path:
    """Return the name that a file has while it is written, on a disk that knows no files without one."""
    return path.with_name(f".{path.name}.minting")


class PrintFile:
    """A file that is being written. Behind the ``with`` block nothing is left of it unless it has appeared.

    :param path: its name; nothing may lie there.
    :param recipient: who alone may open it; then no plain byte reaches the disk.
    :raises Refused: when it cannot be made there. Every method raises it too, when the disk gives an error.
    """

    def __init__(self, path: Path, *, recipient: Recipient | None = None) -> None:
        self.path = path
        self._digest = hashlib.sha256()
        self._hidden: Path | None = None
        self._stack = ExitStack()
        with self._wording():
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, "File exists")
            self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            self._stack.callback(os.close, self._folder)
            self._file = self._stack.enter_context(os.fdopen(self._open(), "wb", buffering=0))
            self._sink = self._stack.enter_context(ExitStack())
            # What is encrypted comes back to write(), to be counted into the digest.
            target: BinaryIO = self  # type: ignore[assignment]  # all that is asked of it is to write
            self._plain = self._sink.enter_context(encrypting(target, recipient)) if recipient else target

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # of a disk that is full: told already
            self._stack.close()
        if self._hidden:
            self._hidden.unlink(missing_ok=True)

    def add(self, lines: bytes) -> None:
        """Add lines."""
        with self._wording():
            try:
                self._plain.write(lines)
            except BrokenPipeError:
                self._sink.close()  # raises what the encryption has met
                raise

    def write(self, written: bytes) -> int:
        """Put bytes on the disk as they shall lie there."""
        view = memoryview(written)
        self._digest.update(view)
        while view:
            view = view[self._file.write(view) :]
        return len(written)

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def seal(self) -> str:
        """End the file, bring it onto the disk, and return its SHA-256 in hex. It still has no name."""
        with self._wording():
            self._sink.close()
            os.fsync(self._file.fileno())
        return self._digest.hexdigest()

    def appear(self) -> None:
        """Give the file its name, unless something else has got it meanwhile."""
        with self._wording():
            if self._hidden is None:
                # With a folder's descriptor, or Python would not follow the link in /proc.
                source = f"/proc/self/fd/{self._file.fileno()}"
                os.link(source, self.path.name, dst_dir_fd=self._folder, follow_symlinks=True)
            else:
                self._rename(self._hidden)
            os.fsync(self._folder)

    def _open(self) -> int:
        if hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").is_dir():
            try:
                return os.open(self.path.parent, os.O_TMPFILE | os.O_RDWR, 0o600)
            except OSError as error:
                if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL}:
                    raise
        hidden = hidden_name(self.path)
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._hidden = hidden
        return descriptor

    def _rename(self, hidden: Path) -> None:
        try:
            os.link(hidden, self.path)
        except FileExistsError:
            raise
        except OSError:
            # A disk without hard links, such as a memory stick.
            if os.path.lexists(self.path):
                raise FileExistsError(errno.EEXIST, "File exists") from None
            hidden.rename(self.path)

    @contextmanager
    def _wording(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError as error:
            hidden = self._hidden is None and error.filename == str(hidden_name(self.path))
            there = error.filename if hidden else self.path
            raise Refused(f"{there} is there already, and codes are never written over a file: name another") from None
        except OSError as error:
            raise Refused(f"{self.path} cannot be written: {error.strerror}; nothing was minted") from None


def lies_there(path: Path, *, sha256: str) -> bool | None:
    """Tell whether a file lies where it was written, unchanged.

    :returns: ``None`` where we cannot know: we may not read it, or its folder is not there, such as that of a memory
        stick or of another machine.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False if path.parent.is_dir() else None
    except OSError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintLine:
    """One line of a printer's file."""

    position: int
    serial: str = field(repr=False)
    content: str = field(repr=False)
    batch: str


def read_print_lines(path: Path, *, identities: Identities | None = None) -> Generator[PrintLine, None, None]:
    """Read a printer's file, encrypted or not. Close what is returned, if it is not read to its end.

    :param identities: the keys to open it with.
    :raises Refused: when it is encrypted and no key is given.
    :raises CodeFileRefused: when it cannot be read, is for another's key, was changed, or is no printer's file.
    """
    try:
        with ExitStack() as stack:
            encrypted = is_age_file(path)
            if encrypted and identities is None:
                raise Refused(f"{path} is encrypted: name the file with the printer's secret key with --identity")
            raw: BinaryIO = stack.enter_context(path.open("rb"))
            if encrypted and identities is not None:
                raw = stack.enter_context(decrypted(raw, identities))
            text = stack.enter_context(TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
            yield from _read_rows(path, csv.reader(text, strict=True))
    except OSError as error:
        raise CodeFileRefused(f"{path} cannot be read: {error.strerror or error}") from None
    except (UnicodeDecodeError, csv.Error):
        raise CodeFileRefused(f"{path} is no printer's file: it is not CSV in UTF-8") from None


def _read_rows(path: Path, rows: Iterator[list[str]]) -> Iterator[PrintLine]:
    header = tuple(next(rows, ()))
    if header != PRINT_COLUMNS:
        raise CodeFileRefused(
            f"{path} is no printer's file: its first line must be `{','.join(PRINT_COLUMNS)}`, "
            "as `scanhook codes mint` writes it"
        )
    for number, row in enumerate(rows, start=2):
        if len(row) != len(PRINT_COLUMNS) or not _POSITION.fullmatch(row[0]):
            raise CodeFileRefused(f"{path}, line {number}: it has not the columns {', '.join(PRINT_COLUMNS)}")
        position, serial, content, batch = row
        if not serial or not content.isprintable() or not 0 < len(content.encode()) <= CONTENT_MAX_BYTES:
            raise CodeFileRefused(
                f"{path}, line {number}: its content is not 1 to {CONTENT_MAX_BYTES} printable bytes, "
                "which is what WeChat's QR codes hold"
            )
        yield PrintLine(position=int(position), serial=serial, content=content, batch=batch)
