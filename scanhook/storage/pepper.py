"""The pepper: the key without which a registry's tags say nothing.

It lives in a file outside the database, so that whoever steals the database cannot print one genuine code. Whoever
loses it has lost every code that is already printed: no backup of the storage is worth anything without it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scanhook.errors import SettingsError

__all__ = ["PEPPER_BYTES", "PERSON_BYTES", "TAG_BYTES", "Pepper"]

PEPPER_BYTES = 32
TAG_BYTES = 10
"""An 8-byte tag would call a random code genuine every two days under a flood of 10⁴ a second (antifake.md)."""
PERSON_BYTES = 16
_IDENTITY_BYTES = 16
_AT_BYTES = 4
_AT_MASK = 0xFFFF_FFFF
_API_KEY_BYTES = 32
_SEAL_BYTES = 32
_TOKEN_KEY_BYTES = 32
_EVERY_SCAN = (
    ("_code", b"code", TAG_BYTES),
    ("_stray_code", b"stray-code", TAG_BYTES),
    ("_openid", b"openid", PERSON_BYTES),
    ("_push", b"push", _IDENTITY_BYTES),
)

_Begin = Callable[[], hashlib.blake2b]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pepper:
    """A secret of 32 bytes, and the keyed hashes that are made with it.

    Every hash is BLAKE2b, keyed with the pepper, over length-prefixed texts; a different ``person`` for each purpose
    keeps the hash of one thing from ever being taken for the hash of another.

    :raises ValueError: when it is not ``PEPPER_BYTES`` long.
    """

    secret: bytes = field(repr=False)
    # What every scan is hashed with is keyed once, and each hash goes on from a copy: nothing is ever added to these.
    _code: _Begin = field(init=False, repr=False, compare=False)
    _stray_code: _Begin = field(init=False, repr=False, compare=False)
    _openid: _Begin = field(init=False, repr=False, compare=False)
    _push: _Begin = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.secret) != PEPPER_BYTES:
            raise ValueError(f"a pepper is {PEPPER_BYTES} bytes")
        for name, purpose, size in _EVERY_SCAN:
            object.__setattr__(self, name, self._begun(purpose, size=size).copy)

    def __reduce__(self) -> tuple[Callable[[bytes], Pepper], tuple[bytes]]:
        # The children that mint and import get a pepper by pickle, which knows no hashes that have begun.
        return _of, (self.secret,)

    @classmethod
    def create(cls, path: Path) -> Pepper:
        """Make a new pepper and write it to a file that only its owner can read.

        :raises SettingsError: when there is a file already: a pepper is never replaced.
        """
        pepper = cls(secret=secrets.token_bytes(PEPPER_BYTES))
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise SettingsError(f"{path} is there already, and a pepper is never replaced") from None
        with os.fdopen(descriptor, "w") as file:
            file.write(pepper.secret.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        return pepper

    @classmethod
    def load(cls, path: Path) -> Pepper:
        """Read a pepper from its file.

        :raises SettingsError: when the file is missing, cannot be read, or holds something else.
        """
        try:
            text = path.read_text(encoding="ascii").strip()
            return cls(secret=bytes.fromhex(text))
        except FileNotFoundError:
            raise SettingsError(
                f"the pepper {path} is missing: put back the file that this registry was made with "
                "(a new one would make every printed code unknown), or run `scanhook init` for a new house"
            ) from None
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else f"it does not hold {2 * PEPPER_BYTES} hex digits"
            raise SettingsError(f"the pepper {path} cannot be read: {why}") from None

    @property
    def id(self) -> str:
        """Eight hex digits that name this pepper and tell nothing of it."""
        return self._hash(b"pepper-id", b"", size=4).hex()

    @property
    def check(self) -> bytes:
        """What every store keeps, to be compared at every start."""
        return self._hash(b"pepper-check", b"", size=16)

    def tag(self, product_id: bytes, ext_info: str) -> bytes:
        """Return the tag of a code: 10 bytes.

        :param product_id: the registry's own, random id of the product.
        :param ext_info: normalised as the product says.
        """
        return _finished(self._code(), _prefixed_bytes(product_id) + _prefixed(ext_info))

    def tags(self, product_id: bytes, ext_infos: Iterable[str]) -> Iterator[bytes]:
        """Return what :meth:`tag` returns for each of many codes of one product, in half the time."""
        keyed = self._code()
        keyed.update(_prefixed_bytes(product_id))
        begun: dict[int, _Begin] = {}
        for ext_info in ext_infos:
            text = ext_info.encode()
            begin = begun.get(len(text))
            if begin is None:
                # Key, product and length are hashed once: codes of one length go on from there.
                ahead = keyed.copy()
                ahead.update(len(text).to_bytes(4, "big"))
                begin = begun[len(text)] = ahead.copy
            message = begin()
            message.update(text)
            yield message.digest()

    def stray_tag(self, account: str, key_standard: str, key_str: str, ext_info: str) -> bytes:
        """Return a tag to count a code by that belongs to no known product: 10 bytes."""
        return _finished(self._stray_code(), _prefixed(account, key_standard, key_str, ext_info))

    def person(self, openid: str) -> bytes:
        """Return the hash by which a person is counted: 16 bytes."""
        return _finished(self._openid(), openid.encode())

    def identity(self, parts: tuple[str, ...], *, at: int | None = None) -> bytes:
        """Return what a push is known by: 16 bytes.

        :param at: when it was made, in seconds since 1970, if all its repeats say the same. It stands before the hash,
            so that what comes together lies together in an index: else every scan would be written somewhere else in
            it, and would wait for the disk once it is larger than the memory.
        """
        hashed = _finished(self._push(), _prefixed(*parts))
        return hashed if at is None else (at & _AT_MASK).to_bytes(_AT_BYTES, "big") + hashed[:-_AT_BYTES]

    def api_key(self, presented: str) -> bytes:
        """Return the hash by which an API key is known: 32 bytes.

        Not a slow hash such as argon2, as a password needs: a key is 256 random bits, which nobody can try out, and
        every request would pay for it.
        """
        return self._hash(b"api-key", presented.encode(), size=_API_KEY_BYTES)

    @property
    def token_key(self) -> bytes:
        """The key that seals WeChat's access tokens: 32 bytes."""
        return self._hash(b"token-key", b"", size=_TOKEN_KEY_BYTES)

    def seal(self, text: bytes) -> bytes:
        """Return what nobody without the pepper can write under a backup's manifest: 32 bytes."""
        return self._hash(b"manifest", text, size=_SEAL_BYTES)

    def _hash(self, purpose: bytes, message: bytes, *, size: int) -> bytes:
        return _finished(self._begun(purpose, size=size), message)

    def _begun(self, purpose: bytes, *, size: int) -> hashlib.blake2b:
        return hashlib.blake2b(digest_size=size, key=self.secret, person=purpose)


def _of(secret: bytes) -> Pepper:
    return Pepper(secret=secret)


def _finished(begun: hashlib.blake2b, message: bytes) -> bytes:
    begun.update(message)
    return begun.digest()


def _prefixed(*texts: str) -> bytes:
    return b"".join([len(part := text.encode()).to_bytes(4, "big") + part for text in texts])


def _prefixed_bytes(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part
