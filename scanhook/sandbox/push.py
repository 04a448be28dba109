"""Makes pushes as WeChat makes them, and opens the answers. Performs no I/O and knows no clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import urlencode

import xmltodict

from scanhook.envelope import Document, Format, Keyring, Mode, decrypt, encrypt, read_document, sign, verify_signature
from scanhook.errors import Malformed, NotAuthentic

__all__ = ["Push", "compose_echo", "compose_push", "open_answer", "unseal_answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One request.

    :param query: what stands behind the ``?``.
    :param body: empty for a URL verification.
    :param message: what the body holds, in the clear.
    """

    query: str = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    message: bytes = field(default=b"", repr=False)


def compose_echo(*, keys: Keyring, timestamp: int, nonce: str, echostr: str) -> Push:
    """Make the request by which the console verifies a URL (facts.md 3.1)."""
    signature = sign(keys.tokens[0], str(timestamp), nonce)
    return Push(query=urlencode({"signature": signature, "echostr": echostr, "timestamp": timestamp, "nonce": nonce}))


def compose_push(
    fields: dict[str, object],
    *,
    keys: Keyring,
    format_: Format,
    timestamp: int,
    nonce: str,
    random: bytes,
    mode: Mode | None = None,
) -> Push:
    """Make a push in any mode (facts.md 3.2).

    :param fields: what the message holds, by WeChat's names, in order.
    :param keys: the current token and key are used.
    :param random: 16 bytes.
    :param mode: another than the account's own, to see it refused.
    """
    token, stamp = keys.tokens[0], str(timestamp)
    query = {
        "signature": sign(token, stamp, nonce),
        "timestamp": stamp,
        "nonce": nonce,
        "openid": str(fields.get("FromUserName", "")),
    }
    mode = mode or keys.mode
    message = _write(fields, format_)
    if mode is Mode.PLAIN:
        return Push(query=urlencode(query), body=message, message=message)
    encrypted = encrypt(message, key=keys.aes_keys[0], receive_id=keys.receive_id, random=random)
    query |= {"encrypt_type": "aes", "msg_signature": sign(token, stamp, nonce, encrypted)}
    shown = fields if mode is Mode.COMPAT else {"ToUserName": fields["ToUserName"]}
    return Push(query=urlencode(query), body=_write({**shown, "Encrypt": encrypted}, format_), message=message)


def open_answer(body: bytes, *, keys: Keyring) -> Document | None:
    """Open an answer as WeChat would: ``None`` is ``success``, else what the reply says.

    :raises PushError: when it is neither ``success`` nor a reply in the clear or sealed with the account's keys.
    """
    message = unseal_answer(body, keys=keys)
    return None if message is None else read_document(message)[1]


def unseal_answer(body: bytes, *, keys: Keyring) -> bytes | None:
    """Return the reply that an answer holds, in the clear; ``None`` is ``success``, which is never sealed.

    :raises PushError: as :func:`open_answer`, except for what a sealed reply itself says.
    """
    if body in (b"", b"success"):
        return None
    _, document = read_document(body)
    encrypted = document.get("Encrypt")
    if not isinstance(encrypted, str):
        return body
    if not keys.aes_keys:
        raise NotAuthentic("the answer is sealed, and the account has no EncodingAESKey", kind="mode")
    signed = (str(document.get("TimeStamp")), str(document.get("Nonce")), encrypted)
    try:
        verify_signature(str(document.get("MsgSignature")), tokens=keys.tokens, signed=signed)
    except UnicodeEncodeError:  # JSON can hold half a character
        raise Malformed("the answer's envelope is not text", kind="encoding") from None
    return decrypt(encrypted, key=keys.aes_keys[0], receive_id=keys.receive_id)


def _write(fields: dict[str, object], format_: Format) -> bytes:
    if format_ is Format.JSON:
        return json.dumps(fields, ensure_ascii=False).encode()
    written: str = xmltodict.unparse({"xml": fields}, full_document=False)
    return written.replace("\r", "&#13;").encode()  # or a reader would take it for a line feed
