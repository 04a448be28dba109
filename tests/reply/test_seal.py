from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from scanhook.envelope import AesKey, Format
from scanhook.reply import seal
from tests.conftest import APP_ID, ENCODED_KEY, vectors_of
from tests.envelope.peer import OTHER_KEY, OTHER_TOKEN, RANDOM, signature, unseal
from tests.reply.test_compose import SEED, SEED_JSON

# The official replies, in the layout that facts.md 3.3 prints (the XML without its line breaks).
ENVELOPES = {
    "json-reply": (
        b'{"Encrypt":"ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==",'
        b'"MsgSignature":"1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1","TimeStamp":1713424427,"Nonce":"415670741"}'
    ),
    "xml-reply": (
        b"<xml><Encrypt><![CDATA[hE8R6mGXHkJJjU72KxzKUd1GEkKJaEZq7vRL8XgK3o+00k8JGq6+pZJUIlTSyhsX+bxIBQ72g3GyvDdIZcr6"
        b"+3HAZbSvPT9t/o11MI7d6WELwqrGd7jMnV0zv3Zc9Nq7]]></Encrypt>"
        b"<MsgSignature><![CDATA[03e0812039325c2712ef5f0f980fd14c70d6e307]]></MsgSignature>"
        b"<TimeStamp>1713424427</TimeStamp><Nonce><![CDATA[415670741]]></Nonce></xml>"
    ),
}


def _fields(envelope: bytes, format_: Format) -> dict[str, Any]:
    if format_ is Format.JSON:
        fields: dict[str, Any] = json.loads(envelope)
        return fields
    return {element.tag: element.text for element in ET.fromstring(envelope)}


@pytest.mark.parametrize("vector", vectors_of("reply"))
def test_the_official_replies_are_sealed_byte_for_byte(vector: dict[str, Any]) -> None:
    sealed = seal(
        vector["message"].encode(),
        Format(vector["format"]),
        token=vector["token"],
        aes_key=AesKey(encoded=vector["encoding_aes_key"]),
        receive_id=vector["receive_id"],
        timestamp=int(vector["timestamp"]),
        nonce=vector["nonce"],
        random=vector["random"].encode(),
    )
    assert sealed == ENVELOPES[vector["id"]]


@pytest.mark.parametrize(("format_", "reply"), [(Format.XML, SEED), (Format.JSON, SEED_JSON)])
@pytest.mark.parametrize("key", [ENCODED_KEY, OTHER_KEY])
def test_a_sealed_reply_is_opened_by_another_implementation(format_: Format, reply: bytes, key: str) -> None:
    sealed = seal(
        reply,
        format_,
        token=OTHER_TOKEN,
        aes_key=AesKey(encoded=key),
        receive_id=APP_ID,
        timestamp=1447848570,
        nonce="415670741",
        random=RANDOM,
    )
    fields = _fields(sealed, format_)
    assert list(fields) == ["Encrypt", "MsgSignature", "TimeStamp", "Nonce"]
    assert unseal(fields["Encrypt"], key=key) == (RANDOM, reply, APP_ID)
    assert fields["MsgSignature"] == signature(OTHER_TOKEN, "1447848570", "415670741", fields["Encrypt"])
    assert fields["TimeStamp"] == (1447848570 if format_ is Format.JSON else "1447848570")
    assert fields["Nonce"] == "415670741"


@pytest.mark.parametrize("format_", list(Format))
@pytest.mark.parametrize("nonce", ["]]>", "<x>&amp;", '"}', "a b\\", "]]></Nonce><Encrypt>x</Encrypt><Nonce>"])
def test_a_nonce_cannot_break_out_of_the_envelope(format_: Format, nonce: str) -> None:
    sealed = seal(
        SEED,
        format_,
        token=OTHER_TOKEN,
        aes_key=AesKey(encoded=ENCODED_KEY),
        receive_id=APP_ID,
        timestamp=1,
        nonce=nonce,
        random=RANDOM,
    )
    fields = _fields(sealed, format_)
    assert list(fields) == ["Encrypt", "MsgSignature", "TimeStamp", "Nonce"]
    assert fields["Nonce"] == nonce
