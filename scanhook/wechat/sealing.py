"""Seals access tokens with a key of the pepper's (AES-256-GCM). Performs no I/O."""

from __future__ import annotations

import hashlib
import secrets

from Crypto.Cipher import AES

from scanhook.storage import Pepper

__all__ = ["open_token", "seal_token", "token_name"]

_NONCE_BYTES = 12
_TAG_BYTES = 16


def token_name(pepper: Pepper, *parts: str) -> str:
    """Return the name under which a token is kept: 32 hex digits that tell nothing of who calls.

    :param parts: who calls, where, and with which secret: another secret is another name, so that nothing which was
        kept or remembered of a wrong one holds up the right one.
    """
    message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hashlib.blake2b(message, digest_size=16, key=pepper.token_key, person=b"token-name").hexdigest()


def seal_token(pepper: Pepper, name: str, token: str) -> bytes:
    """Seal a token under its name: nonce, ciphertext, tag."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    cipher = AES.new(pepper.token_key, AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
    cipher.update(name.encode())
    sealed, tag = cipher.encrypt_and_digest(token.encode())
    return nonce + sealed + tag


def open_token(pepper: Pepper, name: str, sealed: bytes) -> str | None:
    """Open a sealed token; ``None`` when it was sealed with another pepper, for another name, or is damaged."""
    nonce, text, tag = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:-_TAG_BYTES], sealed[-_TAG_BYTES:]
    try:
        cipher = AES.new(pepper.token_key, AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
        cipher.update(name.encode())
        return cipher.decrypt_and_verify(text, tag).decode()
    except ValueError:
        return None
