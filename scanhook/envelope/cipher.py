"""The cipher of safe and compat mode: AES-256-CBC with padding to 32. Performs no I/O.

What is encrypted is ``random(16) + length(4, network order) + message + receive id`` (facts.md 3.3).
"""

from __future__ import annotations

import binascii
import hmac

from scanhook.envelope.keys import AesKey
from scanhook.errors import NotAuthentic

__all__ = ["BLOCK_BYTES", "RANDOM_BYTES", "decrypt", "encrypt"]

RANDOM_BYTES = 16
BLOCK_BYTES = 32
_AES_BLOCK_BYTES = 16
_LENGTH_BYTES = 4
_HEAD_BYTES = RANDOM_BYTES + _LENGTH_BYTES
_PADDINGS = {size: bytes([size]) * size for size in range(1, BLOCK_BYTES + 1)}


def encrypt(message: bytes, *, key: AesKey, receive_id: str, random: bytes) -> str:
    """Encrypt a message and return it as base64 text.

    :param random: 16 fresh random bytes; they make equal messages look different.
    """
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"random must be {RANDOM_BYTES} bytes")
    plain = random + len(message).to_bytes(_LENGTH_BYTES, "big") + message + receive_id.encode()
    # A text that already fills its blocks gets a whole block more, so that the last byte always tells the padding.
    ciphertext = key.cbc.encrypt(plain + _PADDINGS[BLOCK_BYTES - len(plain) % BLOCK_BYTES])
    return binascii.b2a_base64(ciphertext, newline=False).decode()


def decrypt(encrypted: str, *, key: AesKey, receive_id: str) -> bytes:
    """Decrypt base64 text and return the message inside.

    Call it only after the signature was found right.

    :param receive_id: what must stand behind the message.
    :raises NotAuthentic: whatever is wrong: base64, size, padding, length or receive id. The answer is the same for
        all of them; only the log knows which.
    """
    try:
        ciphertext = binascii.a2b_base64(encrypted, strict_mode=True)
    except ValueError:
        raise NotAuthentic("`Encrypt` is not base64", kind="cipher") from None
    if not ciphertext or len(ciphertext) % _AES_BLOCK_BYTES:
        raise NotAuthentic("`Encrypt` is not a whole number of AES blocks", kind="cipher")
    plain = key.cbc.decrypt(ciphertext)
    padding = _PADDINGS.get(plain[-1])
    if padding is None or not plain.endswith(padding):
        raise NotAuthentic("the padding inside `Encrypt` is wrong: is the EncodingAESKey the console's?", kind="cipher")
    end = len(plain) - len(padding)
    message_end = _HEAD_BYTES + int.from_bytes(plain[RANDOM_BYTES:_HEAD_BYTES], "big")
    if message_end > end:
        raise NotAuthentic("the length inside `Encrypt` is wrong", kind="cipher")
    if not hmac.compare_digest(plain[message_end:end], receive_id.encode()):
        raise NotAuthentic(
            "the id at the end of `Encrypt` is not this account's: compare app_id (or receive_id) with the console",
            kind="receive_id",
        )
    return plain[_HEAD_BYTES:message_end]
