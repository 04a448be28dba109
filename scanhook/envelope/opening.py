"""Opens what WeChat sends: bytes and a query in, plaintext out. Performs no I/O and knows no clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from scanhook.envelope.cipher import decrypt
from scanhook.envelope.document import Document, Format, read_document
from scanhook.envelope.keys import AesKey, Keyring, Mode
from scanhook.envelope.query import PushQuery
from scanhook.envelope.signature import TIMESTAMP_WINDOW_S, verify_fresh, verify_signature
from scanhook.errors import Malformed, NotAuthentic, TooLarge

__all__ = ["BODY_MAX_BYTES", "OpenedPush", "open_echo", "open_push"]

BODY_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPush:
    """A push that was found authentic, and what its answer must be sealed with.

    :param document: the elements inside, not yet understood.
    :param format: the language of the push, and so of its answer.
    :param nonce: the push's own, which the answer repeats.
    :param token: the token that signed the push; the answer is signed with it.
    :param aes_key: the key that opened the push, or ``None`` when it came in the clear.
    """

    document: Document = field(repr=False)
    format: Format
    nonce: str
    token: str = field(repr=False)
    aes_key: AesKey | None


def open_echo(query: PushQuery, *, keys: Keyring, now: float, window_s: float = TIMESTAMP_WINDOW_S) -> bytes:
    """Check the console's URL verification and return ``echostr``, byte for byte (facts.md 3.1).

    :param now: seconds since 1970.
    :raises NotAuthentic: when the signature is missing or wrong, the timestamp is not near now, or there is no echostr.
    """
    _verify_plain(query, keys=keys, now=now, window_s=window_s)
    if query.echostr is None:
        raise NotAuthentic("`echostr` is missing from the query", kind="query")
    return query.echostr


def open_push(
    query: PushQuery, body: bytes, *, keys: Keyring, now: float, window_s: float = TIMESTAMP_WINDOW_S
) -> OpenedPush:
    """Verify a push, then decrypt it, then read it (facts.md 3.2 and 3.3).

    :param body: as it came over the wire.
    :param now: seconds since 1970.
    :raises NotAuthentic: when it is not signed with one of the account's tokens, not from now, not encrypted although
        the account's mode asks for it, or not to be decrypted with one of the account's keys.
    :raises Malformed: when the body, or the message inside, cannot be read.
    :raises TooLarge: when the body has more than ``BODY_MAX_BYTES``.
    """
    if len(body) > BODY_MAX_BYTES:
        raise TooLarge(f"the body has more than {BODY_MAX_BYTES} bytes", kind="size")
    if keys.mode is Mode.PLAIN:
        return _open_plain(query, body, keys=keys, now=now, window_s=window_s)
    return _open_sealed(query, body, keys=keys, now=now, window_s=window_s)


def _verify_plain(query: PushQuery, *, keys: Keyring, now: float, window_s: float) -> str:
    verify_fresh(query.timestamp, now=now, window_s=window_s)
    if not query.signature:
        raise NotAuthentic("`signature` is missing from the query", kind="signature")
    return verify_signature(query.signature, tokens=keys.tokens, signed=(query.timestamp, query.nonce))


def _open_plain(query: PushQuery, body: bytes, *, keys: Keyring, now: float, window_s: float) -> OpenedPush:
    token = _verify_plain(query, keys=keys, now=now, window_s=window_s)
    format_, document = read_document(body)
    if "Encrypt" in document and "MsgType" not in document:
        raise Malformed(
            "the push is encrypted, and this account's mode is plain: set the mode that the console shows", kind="mode"
        )
    return OpenedPush(document=document, format=format_, nonce=query.nonce, token=token, aes_key=None)


def _open_sealed(query: PushQuery, body: bytes, *, keys: Keyring, now: float, window_s: float) -> OpenedPush:
    verify_fresh(query.timestamp, now=now, window_s=window_s)
    if not query.msg_signature:
        raise NotAuthentic(_why_no_msg_signature(query), kind="signature")
    format_, outer = read_document(body)
    encrypted = outer.get("Encrypt")
    if not isinstance(encrypted, str) or not encrypted:
        raise NotAuthentic(
            f"the push is not encrypted, and this account's mode is {keys.mode}: set the mode that the console shows",
            kind="mode",
        )
    try:
        signed = (query.timestamp, query.nonce, encrypted)
        token = verify_signature(query.msg_signature, tokens=keys.tokens, signed=signed)
    except UnicodeEncodeError:
        raise Malformed("`Encrypt` is not text", kind="encoding") from None
    except NotAuthentic:
        if _is_plain_signature(query, keys):
            raise NotAuthentic(
                "`msg_signature` holds the value of `signature`, which does not cover the body", kind="signature"
            ) from None
        raise
    plaintext, aes_key = _decrypt_with_any(encrypted, keys=keys)
    _, document = read_document(plaintext)
    return OpenedPush(document=document, format=format_, nonce=query.nonce, token=token, aes_key=aes_key)


def _is_plain_signature(query: PushQuery, keys: Keyring) -> bool:
    """Tell whether ``msg_signature`` holds what belongs into ``signature``."""
    try:
        verify_signature(query.msg_signature or "", tokens=keys.tokens, signed=(query.timestamp, query.nonce))
    except NotAuthentic:
        return False
    return True


def _why_no_msg_signature(query: PushQuery) -> str:
    if query.signature:
        return (
            "`msg_signature` is missing and `signature` stands in its place, which does not cover the body: "
            "is the console set to plain mode (明文模式), and this account to another?"
        )
    return "`msg_signature` is missing from the query"


def _decrypt_with_any(encrypted: str, *, keys: Keyring) -> tuple[bytes, AesKey]:
    refusals = []
    for key in keys.aes_keys:
        try:
            return decrypt(encrypted, key=key, receive_id=keys.receive_id), key
        except NotAuthentic as error:
            refusals.append(error)
    # What the right key says of a wrong receive id is worth more than what a wrong key says of padding.
    raise max(refusals, key=lambda refusal: refusal.kind == "receive_id")
