"""Files that only the printer can open: the age format, with X25519 keys.

age and no password in a mail: the printer makes a key pair and sends the public half, so that no secret ever travels.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader, BufferedWriter, FileIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

import pyrage
from pyrage import x25519

from scanhook.errors import Refused

__all__ = ["AGE_SUFFIX", "Identities", "Recipient", "decrypted", "encrypting", "is_age_file"]

AGE_SUFFIX = ".age"
IDENTITY_FILE_MAX_BYTES = 64 * 1024
_MAGIC = b"age-encryption.org/"
_PUBLIC_PREFIX = "age1"
_SECRET_PREFIX = "AGE-SECRET-KEY-"  # noqa: S105  (what such a line begins with, not one)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """The public key of whoever may open a file.

    :param text: as the printer has sent it, ``age1…``.
    :raises Refused: when it is no public age key. The sentence does not repeat it, since it may be the secret half.
    """

    text: str

    def __post_init__(self) -> None:
        if self.text.upper().startswith(_SECRET_PREFIX):
            raise Refused(
                "this is the secret half of an age key, which only the printer may have: ask for the public half, "
                f"which begins with {_PUBLIC_PREFIX}; the printer should make a new pair"
            )
        try:
            x25519.Recipient.from_str(self.text)
        except pyrage.RecipientError:
            raise Refused(
                f"this is no public age key: the printer makes a pair with `age-keygen` and sends the line that "
                f"begins with {_PUBLIC_PREFIX}"
            ) from None

    @classmethod
    def read(cls, given: str) -> Recipient:
        """Read a key as it is given to a command: itself, or ``@FILE`` with one key in it.

        :raises Refused: when the file cannot be read or holds anything but one key.
        """
        if not given.startswith("@"):
            return cls(text=given.strip())
        lines = _lines_of(Path(given[1:]))
        if len(lines) != 1:
            raise Refused(f"{given[1:]} holds {len(lines)} lines with keys: a file is encrypted to one printer's key")
        return cls(text=lines[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """The secret keys of whoever opens a file."""

    keys: tuple[Any, ...] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Identities:
        """Read an identity file, as ``age-keygen`` writes it.

        :raises Refused: when it cannot be read, or holds anything but secret age keys and comments.
        """
        try:
            keys = tuple(x25519.Identity.from_str(line) for line in _lines_of(path))
        except pyrage.IdentityError:
            keys = ()
        if not keys:
            raise Refused(f"{path} is no identity file: `age-keygen` writes one, with a line {_SECRET_PREFIX}…")
        return cls(keys=keys)


def _lines_of(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            text = file.read(IDENTITY_FILE_MAX_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path} is no file of keys: it is not text") from None
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def is_age_file(path: Path) -> bool:
    """Tell whether a file is encrypted, by how it begins."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


@contextmanager
def encrypting(target: BinaryIO, recipient: Recipient) -> Iterator[BinaryIO]:
    """Give a file to write to; what is written reaches ``target`` encrypted, and only so.

    :raises OSError: when ``target`` cannot be written.
    """
    keys = [x25519.Recipient.from_str(recipient.text)]
    source, sink = _pipe()

    def encrypt() -> None:
        with source:
            pyrage.encrypt_io(source, target, keys)

    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(encrypt)
        try:
            with sink:
                yield sink
        except BrokenPipeError:
            pass  # the thread has failed, and says itself why
        try:
            work.result()
        except pyrage.EncryptError as error:
            # It says `OSError: [Errno 28]` first, and then what people understand.
            raise OSError(0, str(error).rpartition("] ")[2]) from None


def decrypted(source: BinaryIO, identities: Identities) -> BinaryIO:
    """Return a file to read the plain bytes of ``source`` from; it need not be read to its end.

    Reading raises ``OSError`` when the file is for another's key, cut off or changed.
    """
    return BufferedReader(_Decrypted(source, identities))


class _Decrypted(RawIOBase):
    """The end of a pipe that a thread decrypts into."""

    def __init__(self, source: BinaryIO, identities: Identities) -> None:
        self._plain, sink = _pipe()

        def decrypt() -> None:
            with sink:
                pyrage.decrypt_io(source, sink, list(identities.keys))

        self._pool = ThreadPoolExecutor(1)
        self._work = self._pool.submit(decrypt)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._plain.readinto(buffer)
        if not count:
            try:
                self._work.result()
            except pyrage.DecryptError as error:
                raise OSError(0, str(error)) from None
        return count

    def close(self) -> None:
        # With nobody to read, the thread ends at its next write.
        self._plain.close()
        self._pool.shutdown()
        super().close()


def _pipe() -> tuple[BufferedReader, BufferedWriter]:
    read_end, write_end = os.pipe()
    return BufferedReader(FileIO(read_end, "rb")), BufferedWriter(FileIO(write_end, "wb"))
