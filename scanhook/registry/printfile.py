"""The printer's file: the one place where minted codes stand in the clear, or encrypted to the printer's key.

It has no name while it is written, or a hidden one on a disk that knows no files without; once it is complete it stands
by under its hidden name, and then gets its own. Whether a killed mint has handed it over can be told by that: see
:func:`has_appeared`.
"""

from __future__ import annotations

import csv
import errno
import fcntl
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
    "discard_hidden",
    "has_appeared",
    "hidden_name",
    "print_lines",
    "read_print_lines",
    "reveal",
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
    """Return the name that a file has before it appears."""
    return path.with_name(f".{path.name}.minting")


class PrintFile:
    """A file that is being written. Behind the ``with`` block nothing is left of it, unless it stands by or appeared.

    :param path: its name; nothing may lie there. What a killed mint has left under its hidden name is deleted.
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
            _clear(hidden_name(path))
            self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            self._stack.callback(os.close, self._folder)
            self._file = self._stack.enter_context(os.fdopen(self._open(), "wb", buffering=0))
            with suppress(OSError):  # a disk without locks
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
        """End the file, bring it onto the disk, and return its SHA-256 in hex."""
        with self._wording():
            self._sink.close()
            os.fsync(self._file.fileno())
        return self._digest.hexdigest()

    @property
    def folder(self) -> str:
        """Know the folder again that it is written to."""
        return _known_by(os.fstat(self._folder))

    def stand_by(self) -> None:
        """Let the complete file lie under its hidden name. From now on only :func:`discard_hidden` deletes it."""
        with self._wording():
            if self._hidden is None:
                # With a folder's descriptor, or Python would not follow the link in /proc.
                source = f"/proc/self/fd/{self._file.fileno()}"
                os.link(source, hidden_name(self.path).name, dst_dir_fd=self._folder, follow_symlinks=True)
            self._hidden = None
            _flush(self._folder)

    def appear(self) -> None:
        """Give a file that stands by its name, unless something else has got it meanwhile."""
        with self._wording():
            reveal(self.path)
            _flush(self._folder)

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

    @contextmanager
    def _wording(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError as error:
            there = error.filename if error.filename == str(hidden_name(self.path)) else self.path
            raise Refused(f"{there} is there already, and codes are never written over a file: name another") from None
        except OSError as error:
            raise Refused(f"{self.path} cannot be written: {error.strerror}; nothing was minted") from None


def has_appeared(path: Path, *, sha256: str, folder: str) -> bool | None:
    """Tell whether a file that stood by has got its name. Where it lies now does not matter: the printer may have it.

    :param folder: what :attr:`PrintFile.folder` was.
    :returns: ``None`` where we cannot know: we may not look, or see another folder there, such as that below a memory
        stick that was pulled out, or a service's own ``/tmp``.
    """
    try:
        if _sha256(hidden_name(path)) == sha256:
            return False
        if _known_by(path.parent.stat()) == folder or _sha256(path) == sha256:
            return True
    except OSError:
        pass
    return None


def reveal(path: Path) -> None:
    """Give a file that stands by its name, in one step.

    :raises OSError: when the name is taken, or the disk gives an error.
    """
    # Python cannot rename without writing over what is there: so the name is taken first.
    path.touch(mode=0o600, exist_ok=False)
    try:
        hidden_name(path).rename(path)
    except OSError:
        path.unlink()
        raise


def discard_hidden(path: Path) -> None:
    """Delete a file that has not appeared, and the empty one that held its name where a kill came in between."""
    hidden = hidden_name(path)
    with suppress(OSError):
        ours, there = hidden.stat(), path.lstat()
        if there.st_size == 0 and (there.st_mode, there.st_uid) == (ours.st_mode, ours.st_uid):
            path.unlink()
    with suppress(OSError):
        hidden.unlink()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _known_by(folder: os.stat_result) -> str:
    return f"{folder.st_dev:x}-{folder.st_ino:x}"


def _clear(hidden: Path) -> None:
    """Delete what a killed mint has left; its lock ended with it."""
    with suppress(FileNotFoundError), hidden.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileExistsError(errno.EEXIST, "File exists", str(hidden)) from None
        except OSError:
            pass  # a disk without locks
        hidden.unlink()


def _flush(folder: int) -> None:
    # What the disk says of it changes nothing: a name that was given is there, and a folder that cannot be flushed, as
    # on some network disks, is no reason to give up.
    with suppress(OSError):
        os.fsync(folder)


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
