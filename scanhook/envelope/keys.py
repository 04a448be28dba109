"""What one account opens and seals its pushes with. Performs no I/O and knows no clock."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from enum import StrEnum

from scanhook.envelope.cbc import AesCbc

__all__ = ["AES_KEY_CHARS", "AesKey", "Keyring", "Mode"]

AES_KEY_CHARS = 43
_TOKEN = re.compile(r"[A-Za-z0-9]{3,32}", re.ASCII)
_ENCODED_KEY = re.compile(rf"[A-Za-z0-9]{{{AES_KEY_CHARS}}}", re.ASCII)


class Mode(StrEnum):
    """How an account's pushes travel, as the console names it (facts.md 3.2)."""

    SAFE = "safe"
    """安全模式: encrypted only."""
    COMPAT = "compat"
    """兼容模式: plain fields and the encrypted ones together; only the encrypted ones are trusted."""
    PLAIN = "plain"
    """明文模式: not encrypted, and the signature does not cover the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AesKey:
    """An EncodingAESKey: 43 letters and digits that stand for 32 bytes (facts.md 3.3).

    :raises ValueError: when it is anything else. The message does not repeat the key.
    """

    encoded: str = field(repr=False)
    raw: bytes = field(init=False, repr=False)
    cbc: AesCbc = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _ENCODED_KEY.fullmatch(self.encoded):
            raise ValueError(f"an EncodingAESKey is {AES_KEY_CHARS} letters and digits; this one is not")
        raw = base64.b64decode(self.encoded + "=")
        object.__setattr__(self, "raw", raw)
        object.__setattr__(self, "cbc", AesCbc(raw, raw[:16]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The secrets and names by which one account's pushes are known.

    :param mode: pinned here; a request cannot lower it.
    :param original_id: the account's ``gh_…`` id, which every push must be addressed to.
    :param receive_id: what must stand at the end of the envelope; on a third-party platform the component's app id.
    :param tokens: the current token, then previous ones that are still accepted.
    :param aes_keys: the current key, then previous ones; empty only in plain mode.
    :raises ValueError: when a part is missing or out of its range. The message repeats no secret.
    """

    mode: Mode
    original_id: str
    receive_id: str
    tokens: tuple[str, ...] = field(repr=False)
    aes_keys: tuple[AesKey, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not self.original_id:
            raise ValueError("the account's original id is empty")
        if not self.tokens or not all(_TOKEN.fullmatch(token) for token in self.tokens):
            raise ValueError("a token is 3 to 32 letters and digits; this one is not")
        if self.mode is not Mode.PLAIN and not (self.aes_keys and self.receive_id):
            raise ValueError(f"{self.mode} mode needs an EncodingAESKey and a receive id")
