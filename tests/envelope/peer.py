"""WeChat's side once more, written from facts.md 3.3 alone, so that ours is not tested against itself."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import urlencode

import pytest
from Crypto.Cipher import AES
from Crypto.Cipher._mode_cbc import CbcMode

from scanhook.envelope import Keyring, OpenedPush, PushQuery, open_push
from scanhook.errors import PushError
from tests.conftest import APP_ID, ENCODED_KEY, OPENID, TOKEN

NOW = 1447848568
NONCE = "415670741"
RANDOM = b"0123456789abcdef"
OTHER_TOKEN = "BBBBBB"
OTHER_KEY = "B" * 43
OTHER_APP_ID = "wx134c8103faa5a59e"

SCAN_XML = (
    b"<xml><ToUserName><![CDATA[gh_fbe8a958756e]]></ToUserName>"
    b"<FromUserName><![CDATA[otAzGjrJVN21mpDF4ZWQiYZwdK0Y]]></FromUserName>"
    b"<CreateTime>1447848568</CreateTime><MsgType><![CDATA[event]]></MsgType>"
    b"<Event><![CDATA[scan_product_callback]]></Event><KeyStandard><![CDATA[qrcode]]></KeyStandard>"
    b"<KeyStr><![CDATA[weixin_antifake]]></KeyStr><ExtInfo><![CDATA[hyhy]]></ExtInfo>"
    b"<NeedAntiFake>true</NeedAntiFake></xml>"
)
SCAN_JSON = (
    b'{"ToUserName":"gh_fbe8a958756e","FromUserName":"otAzGjrJVN21mpDF4ZWQiYZwdK0Y","CreateTime":1447848568,'
    b'"MsgType":"event","Event":"scan_product_callback","KeyStandard":"qrcode","KeyStr":"weixin_antifake",'
    b'"ExtInfo":"hyhy","NeedAntiFake":true}'
)
SCAN_FIELDS = {
    "ToUserName": "gh_fbe8a958756e",
    "FromUserName": "otAzGjrJVN21mpDF4ZWQiYZwdK0Y",
    "CreateTime": "1447848568",
    "MsgType": "event",
    "Event": "scan_product_callback",
    "KeyStandard": "qrcode",
    "KeyStr": "weixin_antifake",
    "ExtInfo": "hyhy",
    "NeedAntiFake": "true",
}


def signature(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def _cipher(key: str) -> CbcMode:
    raw = base64.b64decode(key + "=")
    return AES.new(raw, AES.MODE_CBC, iv=raw[:16])


def seal_blocks(plain: bytes, *, key: str = ENCODED_KEY) -> str:
    """Encrypt whole blocks as they are, however wrong what stands in them is."""
    return base64.b64encode(_cipher(key).encrypt(plain)).decode()


def packed(message: bytes, *, receive_id: str = APP_ID, length: int | None = None) -> bytes:
    """Return what is encrypted, without its padding; ``length`` may lie."""
    claimed = len(message) if length is None else length
    return RANDOM + claimed.to_bytes(4, "big") + message + receive_id.encode()


def padded(plain: bytes) -> bytes:
    pad = 32 - len(plain) % 32
    return plain + bytes([pad]) * pad


def seal(message: bytes, *, key: str = ENCODED_KEY, receive_id: str = APP_ID) -> str:
    return seal_blocks(padded(packed(message, receive_id=receive_id)), key=key)


def unseal(encrypted: str, *, key: str = ENCODED_KEY) -> tuple[bytes, bytes, str]:
    """Return random, message and receive id."""
    plain = _cipher(key).decrypt(base64.b64decode(encrypted))
    plain = plain[: -plain[-1]]
    length = int.from_bytes(plain[16:20], "big")
    return plain[:16], plain[20 : 20 + length], plain[20 + length :].decode()


def query(**parameters: str) -> PushQuery:
    return PushQuery.from_query_string(urlencode(parameters).encode())


def sealed_query(encrypted: str, *, token: str = TOKEN, timestamp: int = NOW) -> PushQuery:
    """Return the query that WeChat sends in safe and compat mode."""
    stamp = str(timestamp)
    return query(
        signature=signature(token, stamp, NONCE),
        timestamp=stamp,
        nonce=NONCE,
        openid=OPENID,
        encrypt_type="aes",
        msg_signature=signature(token, stamp, NONCE, encrypted),
    )


def plain_query(*, token: str = TOKEN, timestamp: int = NOW) -> PushQuery:
    """Return the query that WeChat sends in plain mode."""
    return query(signature=signature(token, str(timestamp), NONCE), timestamp=str(timestamp), nonce=NONCE)


def xml_body(encrypted: str) -> bytes:
    account = "<ToUserName><![CDATA[gh_fbe8a958756e]]></ToUserName>"
    return f"<xml>{account}<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()


def json_body(encrypted: str) -> bytes:
    return f'{{"ToUserName":"gh_fbe8a958756e","Encrypt":"{encrypted}"}}'.encode()


def opened(encrypted: str, *, keys: Keyring, token: str = TOKEN) -> OpenedPush:
    """Open an envelope that came with a right signature, just now, as XML."""
    return open_push(sealed_query(encrypted, token=token), xml_body(encrypted), keys=keys, now=NOW)


def said(caught: pytest.ExceptionInfo[PushError]) -> str:
    """Return what the log will say, after a look that it gives nothing away."""
    for secret in (TOKEN, OTHER_TOKEN, ENCODED_KEY, OTHER_KEY, OPENID, "hyhy"):
        assert secret not in caught.value.why
    return caught.value.why
