"""Signature, cipher and document: bytes and a query in, plaintext out. Performs no I/O and knows no clock."""

from scanhook.envelope.cipher import BLOCK_BYTES, RANDOM_BYTES, decrypt, encrypt
from scanhook.envelope.document import DEPTH_MAX, Document, Format, read_document
from scanhook.envelope.keys import AES_KEY_CHARS, AesKey, Keyring, Mode
from scanhook.envelope.opening import BODY_MAX_BYTES, OpenedPush, open_echo, open_push
from scanhook.envelope.query import QUERY_FIELDS_MAX, PushQuery
from scanhook.envelope.signature import TIMESTAMP_WINDOW_S, sign, verify_fresh, verify_signature

__all__ = [
    "AES_KEY_CHARS",
    "BLOCK_BYTES",
    "BODY_MAX_BYTES",
    "DEPTH_MAX",
    "QUERY_FIELDS_MAX",
    "RANDOM_BYTES",
    "TIMESTAMP_WINDOW_S",
    "AesKey",
    "Document",
    "Format",
    "Keyring",
    "Mode",
    "OpenedPush",
    "PushQuery",
    "decrypt",
    "encrypt",
    "open_echo",
    "open_push",
    "read_document",
    "sign",
    "verify_fresh",
    "verify_signature",
]
