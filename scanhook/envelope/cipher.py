"""The cipher of safe and compat mode: AES-256-CBC with padding to 32. Performs no I/O.

What is encrypted is ``random(16) + length(4, network order) + message + receive id`` (facts.md 3.3).
"""

from __future__ import annotations

import base64
import binascii
import hmac

from Crypto.Cipher import AES

from scanhook.envelope.keys import AesKey
from scanhook.errors import NotAuthentic

__all__ = ["BLOCK_BYTES", "RANDOM_BYTES", "decrypt", "encrypt"]

RANDOM_BYTES = 16
BLOCK_BYTES = 32
_LENGTH_BYTES = 4
_HEAD_BYTES = RANDOM_BYTES + _LENGTH_BYTES


def encrypt(message: bytes, *, key: AesKey, receive_id: str, random: bytes) -> str:
    """Encrypt a message and return it as base64 text.

    :param random: 16 fresh random bytes; they make equal messages look different.
    """
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"random must be {RANDOM_BYTES} bytes")
    plain = random + len(message).to_bytes(_LENGTH_BYTES, "big") + message + receive_id.encode()
    # A text that already fills its blocks gets a whole block more, so that the last byte always tells the padding.
    pad = BLOCK_BYTES - len(plain) % BLOCK_BYTES
    cipher = AES.new(key.raw, AES.MODE_CBC, iv=key.raw[:16])
    return base64.b64encode(cipher.encrypt(plain + bytes([pad]) * pad)).decode()


def decrypt(encrypted: str, *, key: AesKey, receive_id: str) -> bytes:
    """Decrypt base64 text and return the message inside.

    Call it only after the signature was found right.

    :param receive_id: what must stand behind the message.
    :raises NotAuthentic: whatever is wrong: base64, size, padding, length or receive id. The answer is the same for
        all of them; only the log knows which.
    """
    try:
        ciphertext = base64.b64decode(encrypted, validate=True)
    except (binascii.Error, ValueError):
        raise NotAuthentic("`Encrypt` is not base64", kind="cipher") from None
    if not ciphertext or len(ciphertext) % AES.block_size:
        raise NotAuthentic("`Encrypt` is not a whole number of AES blocks", kind="cipher")
    plain = AES.new(key.raw, AES.MODE_CBC, iv=key.raw[:16]).decrypt(ciphertext)
    pad = plain[-1]
    if not 1 <= pad <= BLOCK_BYTES or len(plain) < pad or plain[-pad:] != plain[-1:] * pad:
        raise NotAuthentic("the padding inside `Encrypt` is wrong: is the EncodingAESKey the console's?", kind="cipher")
    plain = plain[:-pad]
    length = int.from_bytes(plain[RANDOM_BYTES:_HEAD_BYTES], "big")
    if len(plain) < _HEAD_BYTES or length > len(plain) - _HEAD_BYTES:
        raise NotAuthentic("the length inside `Encrypt` is wrong", kind="cipher")
    if not hmac.compare_digest(plain[_HEAD_BYTES + length :], receive_id.encode()):
        raise NotAuthentic(
            "the id at the end of `Encrypt` is not this account's: compare app_id (or receive_id) with the console",
            kind="receive_id",
        )
    return plain[_HEAD_BYTES : _HEAD_BYTES + length]
