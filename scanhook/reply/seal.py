"""Seals a reply the way its push was sealed (facts.md 3.3). Performs no I/O and knows no clock."""

from __future__ import annotations

import json

from scanhook.envelope import AesKey, Format, encrypt, sign
from scanhook.reply.compose import cdata

__all__ = ["seal"]


def seal(
    message: bytes,
    format_: Format,
    *,
    token: str,
    aes_key: AesKey,
    receive_id: str,
    timestamp: int,
    nonce: str,
    random: bytes,
) -> bytes:
    """Encrypt and sign a reply.

    :param token: the one that signed the push.
    :param aes_key: the one that opened the push: after a change of keys WeChat goes on with the old for a while.
    :param timestamp: our time, in seconds since 1970.
    :param nonce: the push's own.
    :param random: 16 fresh random bytes.
    :returns: the envelope in the language of the push.
    """
    encrypted = encrypt(message, key=aes_key, receive_id=receive_id, random=random)
    signature = sign(token, str(timestamp), nonce, encrypted)
    if format_ is Format.JSON:
        envelope = {"Encrypt": encrypted, "MsgSignature": signature, "TimeStamp": timestamp, "Nonce": nonce}
        return json.dumps(envelope, separators=(",", ":")).encode()
    # Base64 and hex digits need no `cdata`; the nonce is a stranger's text.
    return (
        f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce>{cdata(nonce)}</Nonce></xml>"
    ).encode()
