from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from scanhook.envelope import (
    BODY_MAX_BYTES,
    AesKey,
    Format,
    Keyring,
    Mode,
    PushQuery,
    encrypt,
    open_echo,
    open_push,
    opening,
)
from scanhook.errors import Malformed, NotAuthentic, PushError, TooLarge
from tests.conftest import APP_ID, ENCODED_KEY, OPENID, TOKEN, vectors_of
from tests.envelope.peer import (
    NONCE,
    NOW,
    OTHER_APP_ID,
    OTHER_KEY,
    OTHER_TOKEN,
    SCAN_FIELDS,
    SCAN_JSON,
    SCAN_XML,
    json_body,
    opened,
    packed,
    padded,
    plain_query,
    query,
    said,
    seal,
    seal_blocks,
    sealed_query,
    signature,
    xml_body,
)

CURRENT, PREVIOUS = AesKey(encoded=OTHER_KEY), AesKey(encoded=ENCODED_KEY)
DOCUMENTS: dict[str, dict[str, object]] = {
    "safe-json-push": {
        "ToUserName": "gh_97417a04a28d",
        "FromUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
        "CreateTime": 1714112445,
        "MsgType": "event",
        "Event": "debug_demo",
        "debug_str": "hello world",
    },
    "safe-xml-push": {
        "ToUserName": "gh_97417a04a28d",
        "FromUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
        "CreateTime": "1715943329",
        "MsgType": "event",
        "Event": "debug_demo",
        "debug_str": "hello world",
    },
    "scan-product-callback": dict(SCAN_FIELDS),
}


def _vector_keys(vector: dict[str, Any], **changes: Any) -> Keyring:
    keys = Keyring(
        mode=Mode.SAFE,
        original_id="gh_97417a04a28d",
        receive_id=vector["receive_id"],
        tokens=(vector["token"],),
        aes_keys=(AesKey(encoded=vector["encoding_aes_key"]),),
    )
    return replace(keys, **changes)


def _vector_push(vector: dict[str, Any]) -> tuple[PushQuery, bytes]:
    sent = query(
        timestamp=vector["timestamp"],
        nonce=vector["nonce"],
        encrypt_type="aes",
        msg_signature=vector["msg_signature"],
    )
    body = json_body if vector["format"] == "json" else xml_body
    return sent, body(vector["encrypt"])


def _refused(keys: Keyring, sent: PushQuery, body: bytes, kind: str, error: type[PushError] = NotAuthentic) -> str:
    with pytest.raises(error) as caught:
        open_push(sent, body, keys=keys, now=NOW)
    assert caught.value.kind == kind
    return said(caught)


# The console's URL verification


@pytest.fixture
def echo_query() -> PushQuery:
    return PushQuery.from_query_string(
        b"signature=f464b24fc39322e44b38aa78f5edd27bd1441696&echostr=4375120948345356249&timestamp=1714036504&nonce=1514711492"
    )


@pytest.mark.parametrize("mode", list(Mode))
def test_the_official_url_verification_is_answered(keys: Keyring, echo_query: PushQuery, mode: Mode) -> None:
    assert open_echo(echo_query, keys=replace(keys, mode=mode), now=1714036504.5) == b"4375120948345356249"


def test_echostr_comes_back_byte_for_byte(keys: Keyring, echo_query: PushQuery) -> None:
    odd = b"\x00\xff+ /=\r\n<b>\xe5\xbe\xae"
    assert open_echo(replace(echo_query, echostr=odd), keys=keys, now=1714036504) == odd
    assert open_echo(replace(echo_query, echostr=b""), keys=keys, now=1714036504) == b""


def test_a_url_verification_signed_with_a_previous_token_is_answered(keys: Keyring, echo_query: PushQuery) -> None:
    rotated = replace(keys, tokens=(OTHER_TOKEN, TOKEN))
    assert open_echo(echo_query, keys=rotated, now=1714036504) == b"4375120948345356249"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"signature": None}, "signature"),
        ({"signature": ""}, "signature"),
        ({"signature": "0" * 40}, "signature"),
        ({"nonce": "1514711493"}, "signature"),
        ({"timestamp": "1714036503"}, "signature"),
        ({"timestamp": "soon"}, "timestamp"),
        ({"echostr": None}, "query"),
    ],
)
def test_a_wrong_url_verification_is_refused(
    keys: Keyring, echo_query: PushQuery, changes: dict[str, Any], kind: str
) -> None:
    with pytest.raises(NotAuthentic) as caught:
        open_echo(replace(echo_query, **changes), keys=keys, now=1714036504)
    assert caught.value.kind == kind
    said(caught)


@pytest.mark.parametrize("away", [301, -301])
def test_a_stale_url_verification_is_refused(keys: Keyring, echo_query: PushQuery, away: int) -> None:
    with pytest.raises(NotAuthentic) as caught:
        open_echo(echo_query, keys=keys, now=1714036504 + away)
    assert caught.value.kind == "timestamp"
    assert open_echo(echo_query, keys=keys, now=1714036504 + away, window_s=301)


# Pushes in safe mode


@pytest.mark.parametrize("vector", vectors_of("push"))
def test_the_vectors_are_opened(vector: dict[str, Any]) -> None:
    sent, body = _vector_push(vector)
    keys = _vector_keys(vector)
    push = open_push(sent, body, keys=keys, now=int(vector["timestamp"]))
    assert push.document == DOCUMENTS[vector["id"]]
    assert push.format == vector["format"]
    assert push.nonce == vector["nonce"]
    assert push.token == vector["token"]
    assert push.aes_key == keys.aes_keys[0]


@pytest.mark.parametrize("vector", vectors_of("push"))
def test_the_vectors_are_refused_for_another_receive_id(vector: dict[str, Any]) -> None:
    # The official XML push ends with a third-party platform's component app id, and not with the account's own.
    other = APP_ID if vector["receive_id"] == OTHER_APP_ID else OTHER_APP_ID
    sent, body = _vector_push(vector)
    with pytest.raises(NotAuthentic) as caught:
        open_push(sent, body, keys=_vector_keys(vector, receive_id=other), now=int(vector["timestamp"]))
    assert caught.value.kind == "receive_id"
    assert "compare app_id (or receive_id) with the console" in said(caught)


@pytest.mark.parametrize("away", [300, -300])
def test_a_push_at_the_edge_of_the_window_is_opened(keys: Keyring, away: int) -> None:
    encrypted = seal(SCAN_XML)
    sent = sealed_query(encrypted, timestamp=NOW + away)
    assert open_push(sent, xml_body(encrypted), keys=keys, now=NOW).document == SCAN_FIELDS


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("away", "side"), [(-301, "301 s old"), (301, "301 s in the future")])
def test_a_push_from_outside_the_window_is_refused_although_rightly_signed(
    keys: Keyring, mode: Mode, away: int, side: str
) -> None:
    encrypted = seal(SCAN_XML)
    sent = sealed_query(encrypted, timestamp=NOW + away)
    why = _refused(replace(keys, mode=mode), sent, xml_body(encrypted), "timestamp")
    assert side in why
    if mode is not Mode.PLAIN:
        assert open_push(sent, xml_body(encrypted), keys=keys, now=NOW, window_s=301).document == SCAN_FIELDS


@pytest.mark.parametrize(
    ("body", "format_"), [(xml_body, Format.XML), (json_body, Format.JSON)], ids=["in XML", "in JSON"]
)
@pytest.mark.parametrize("inside", [SCAN_XML, SCAN_JSON], ids=["XML", "JSON"])
def test_the_format_of_a_push_is_the_envelopes(keys: Keyring, body: Any, format_: Format, inside: bytes) -> None:
    encrypted = seal(inside)
    push = open_push(sealed_query(encrypted), body(encrypted), keys=keys, now=NOW)
    assert push.format is format_
    assert push.document["ExtInfo"] == "hyhy"


def test_json_may_write_the_slashes_of_base64_with_a_backslash(keys: Keyring) -> None:
    encrypted = next(each for each in (seal(SCAN_XML + b" " * n) for n in range(50)) if "/" in each)
    body = json.dumps({"Encrypt": encrypted}).replace("/", "\\/").encode()
    assert open_push(sealed_query(encrypted), body, keys=keys, now=NOW).document == SCAN_FIELDS


def test_what_the_query_says_of_encryption_changes_nothing(keys: Keyring) -> None:
    encrypted = seal(SCAN_XML)
    right = {"timestamp": str(NOW), "nonce": NONCE, "msg_signature": signature(TOKEN, str(NOW), NONCE, encrypted)}
    for more in ({}, {"encrypt_type": "raw"}, {"encrypt_type": "aes"}, {"signature": "0" * 40}):
        assert open_push(query(**right, **more), xml_body(encrypted), keys=keys, now=NOW).document == SCAN_FIELDS


@pytest.mark.parametrize(
    "changes",
    [
        {"msg_signature": "0" * 40},
        {"msg_signature": "44e4a2e56f7f7dea74e1e7e8291fee70d36a779"},
        {"nonce": "415670742"},
        {"timestamp": str(NOW + 1)},
    ],
)
def test_a_wrong_message_signature_is_refused_before_anything_is_decrypted(
    keys: Keyring, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "decrypt", lambda *_, **__: pytest.fail("decrypted before it was verified"))
    encrypted = seal(SCAN_XML)
    why = _refused(keys, replace(sealed_query(encrypted), **changes), xml_body(encrypted), "signature")
    assert why == "the signature was not made with this account's token"


def test_a_push_signed_with_a_strangers_token_is_refused(keys: Keyring) -> None:
    encrypted = seal(SCAN_XML)
    assert _refused(keys, sealed_query(encrypted, token=OTHER_TOKEN), xml_body(encrypted), "signature")


def test_another_ciphertext_than_the_signed_one_is_refused(keys: Keyring) -> None:
    encrypted = seal(SCAN_XML)
    assert _refused(keys, sealed_query(encrypted), xml_body(seal(SCAN_JSON)), "signature")
    assert _refused(keys, sealed_query(encrypted), xml_body(encrypted + " "), "signature")


def test_a_missing_message_signature_is_refused(keys: Keyring) -> None:
    encrypted = seal(SCAN_XML)
    for absent in (None, ""):
        sent = replace(sealed_query(encrypted), signature=None, msg_signature=absent)
        assert _refused(keys, sent, xml_body(encrypted), "signature") == "`msg_signature` is missing from the query"


def test_signature_where_the_message_signature_belongs_is_named_in_the_log(keys: Keyring) -> None:
    encrypted = seal(SCAN_XML)
    sent = replace(sealed_query(encrypted), msg_signature=None)
    why = _refused(keys, sent, xml_body(encrypted), "signature")
    assert why.startswith("`msg_signature` is missing and `signature` stands in its place")
    assert "明文模式" in why


@pytest.mark.parametrize("signer", [TOKEN, OTHER_TOKEN])
def test_the_value_of_signature_under_the_other_name_is_named_in_the_log(keys: Keyring, signer: str) -> None:
    encrypted = seal(SCAN_XML)
    sent = sealed_query(encrypted, token=signer)
    rotated = replace(keys, tokens=(TOKEN, OTHER_TOKEN))
    why = _refused(rotated, replace(sent, msg_signature=sent.signature), xml_body(encrypted), "signature")
    assert why == "`msg_signature` holds the value of `signature`, which does not cover the body"


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(b"\x00" * 32, id="padding"),
        pytest.param(padded(packed(SCAN_XML, length=5000)), id="length"),
        pytest.param(padded(packed(SCAN_XML, receive_id=OTHER_APP_ID)), id="receive id"),
        pytest.param(b"\x01" * 15, id="blocks"),
    ],
)
def test_after_a_right_signature_every_failure_of_the_cipher_is_the_same_403(keys: Keyring, plain: bytes) -> None:
    encrypted = seal_blocks(plain) if len(plain) % 16 == 0 else "AAAA"
    with pytest.raises(NotAuthentic) as caught:
        opened(encrypted, keys=keys)
    assert (caught.value.status_hint, caught.value.answer) == (403, "not authentic")
    said(caught)


@pytest.mark.parametrize(
    "inside",
    [b"", b"hello", b"<xml>", b"\xff\xfe", b"<!DOCTYPE xml><xml><a>b</a></xml>", b'{"a":1,"a":2}', b"<xml/>"],
)
def test_a_message_inside_that_cannot_be_read_is_malformed(keys: Keyring, inside: bytes) -> None:
    with pytest.raises(Malformed):
        opened(seal(inside), keys=keys)


# Rotation


def test_a_push_signed_with_a_previous_token_is_opened_and_names_that_token(keys: Keyring) -> None:
    rotated = replace(keys, tokens=(OTHER_TOKEN, TOKEN))
    assert opened(seal(SCAN_XML), keys=rotated, token=TOKEN).token == TOKEN
    assert opened(seal(SCAN_XML), keys=rotated, token=OTHER_TOKEN).token == OTHER_TOKEN


@pytest.mark.parametrize("key", [CURRENT, PREVIOUS], ids=["current", "previous"])
def test_a_push_is_opened_with_the_key_that_sealed_it_and_names_that_key(keys: Keyring, key: AesKey) -> None:
    rotated = replace(keys, aes_keys=(CURRENT, PREVIOUS))
    push = opened(seal(SCAN_XML, key=key.encoded), keys=rotated)
    assert push.document == SCAN_FIELDS
    assert push.aes_key == key


def test_token_and_key_may_be_rotated_apart(keys: Keyring) -> None:
    rotated = replace(keys, tokens=(OTHER_TOKEN, TOKEN), aes_keys=(CURRENT, PREVIOUS))
    push = opened(seal(SCAN_XML, key=ENCODED_KEY), keys=rotated, token=OTHER_TOKEN)
    assert (push.token, push.aes_key) == (OTHER_TOKEN, PREVIOUS)


@pytest.mark.parametrize("order", [(CURRENT, PREVIOUS), (PREVIOUS, CURRENT)], ids=["right key last", "right key first"])
def test_a_wrong_receive_id_is_told_from_a_wrong_key_whatever_the_order(
    keys: Keyring, order: tuple[AesKey, ...]
) -> None:
    with pytest.raises(NotAuthentic) as caught:
        opened(seal(SCAN_XML, key=ENCODED_KEY, receive_id=OTHER_APP_ID), keys=replace(keys, aes_keys=order))
    assert caught.value.kind == "receive_id"


def test_a_push_that_no_key_opens_is_refused(keys: Keyring) -> None:
    rotated = replace(keys, aes_keys=(CURRENT, PREVIOUS))
    with pytest.raises(NotAuthentic) as caught:
        opened(seal(SCAN_XML, key="C" * 43), keys=rotated)
    assert caught.value.kind == "cipher"
    assert "is the EncodingAESKey the console's?" in said(caught)


# The mode is pinned


@pytest.mark.parametrize("mode", [Mode.SAFE, Mode.COMPAT])
@pytest.mark.parametrize("body", [SCAN_XML, SCAN_JSON], ids=["XML", "JSON"])
def test_a_plain_push_to_an_account_that_encrypts_is_refused(keys: Keyring, mode: Mode, body: bytes) -> None:
    why = _refused(replace(keys, mode=mode), plain_query(), body, "signature")
    assert "is the console set to plain mode (明文模式)" in why


@pytest.mark.parametrize("mode", [Mode.SAFE, Mode.COMPAT])
@pytest.mark.parametrize(
    "body",
    [
        SCAN_XML,
        SCAN_JSON,
        b"<xml><Encrypt/></xml>",
        b"<xml><Encrypt><a>b</a></Encrypt></xml>",
        b'{"Encrypt":""}',
        b'{"Encrypt":null}',
        b'{"Encrypt":1}',
        b'{"Encrypt":["AAAA"]}',
    ],
)
@pytest.mark.parametrize("encrypt_type", ["raw", "aes", ""])
def test_a_body_without_ciphertext_is_refused_whatever_the_query_says(
    keys: Keyring, mode: Mode, body: bytes, encrypt_type: str
) -> None:
    sent = query(
        timestamp=str(NOW),
        nonce=NONCE,
        signature=signature(TOKEN, str(NOW), NONCE),
        msg_signature=signature(TOKEN, str(NOW), NONCE),
        encrypt_type=encrypt_type,
    )
    why = _refused(replace(keys, mode=mode), sent, body, "mode")
    assert why == (
        f"the push is not encrypted, and this account's mode is {mode.value}: set the mode that the console shows"
    )


@pytest.mark.parametrize("body", [xml_body, json_body], ids=["XML", "JSON"])
def test_an_encrypted_push_to_a_plain_account_is_refused(keys: Keyring, body: Any) -> None:
    encrypted = seal(SCAN_XML)
    why = _refused(replace(keys, mode=Mode.PLAIN), sealed_query(encrypted), body(encrypted), "mode", Malformed)
    assert why == ("the push is encrypted, and this account's mode is plain: set the mode that the console shows")


@pytest.mark.parametrize(
    ("body", "format_", "document"),
    [
        (SCAN_XML, Format.XML, SCAN_FIELDS),
        (SCAN_JSON, Format.JSON, {**SCAN_FIELDS, "CreateTime": 1447848568, "NeedAntiFake": True}),
    ],
    ids=["XML", "JSON"],
)
def test_a_plain_push_to_a_plain_account_is_opened(
    keys: Keyring, body: bytes, format_: Format, document: dict[str, object]
) -> None:
    plain = replace(keys, mode=Mode.PLAIN, aes_keys=(), receive_id="")
    push = open_push(plain_query(), body, keys=plain, now=NOW)
    assert (push.document, push.format, push.nonce) == (document, format_, NONCE)
    assert (push.token, push.aes_key) == (TOKEN, None)


def test_of_a_compat_push_to_a_plain_account_the_plain_part_is_read(keys: Keyring) -> None:
    body = SCAN_XML.replace(b"</xml>", f"<Encrypt><![CDATA[{seal(SCAN_JSON)}]]></Encrypt></xml>".encode())
    push = open_push(plain_query(), body, keys=replace(keys, mode=Mode.PLAIN), now=NOW)
    assert {name: push.document[name] for name in SCAN_FIELDS} == SCAN_FIELDS
    assert push.aes_key is None


def test_a_plain_body_is_opened_even_if_the_decoder_will_refuse_it(keys: Keyring) -> None:
    push = open_push(plain_query(), b'{"a":"b"}', keys=replace(keys, mode=Mode.PLAIN), now=NOW)
    assert push.document == {"a": "b"}


def test_the_official_plain_post_is_verified(keys: Keyring) -> None:
    sent = query(signature="899cf89e464efb63f54ddac96b0a0a235f53aa78", timestamp="1714037059", nonce="486452656")
    push = open_push(sent, SCAN_XML, keys=replace(keys, mode=Mode.PLAIN), now=1714037059)
    assert push.document == SCAN_FIELDS


@pytest.mark.parametrize(
    "changes",
    [{"signature": None}, {"signature": ""}, {"signature": "0" * 40}, {"nonce": "1"}, {"timestamp": str(NOW + 1)}],
)
def test_a_plain_push_with_a_wrong_signature_is_refused(keys: Keyring, changes: dict[str, Any]) -> None:
    plain = replace(keys, mode=Mode.PLAIN)
    assert _refused(plain, replace(plain_query(), **changes), SCAN_XML, "signature")


def test_a_plain_account_is_not_opened_by_a_message_signature(keys: Keyring) -> None:
    sent = query(timestamp=str(NOW), nonce=NONCE, msg_signature=signature(TOKEN, str(NOW), NONCE))
    why = _refused(replace(keys, mode=Mode.PLAIN), sent, SCAN_XML, "signature")
    assert why == "`signature` is missing from the query"


def test_a_plain_push_with_a_wrong_signature_is_not_even_parsed(keys: Keyring) -> None:
    sent = replace(plain_query(), signature="0" * 40)
    assert _refused(replace(keys, mode=Mode.PLAIN), sent, b"<!DOCTYPE", "signature")


@pytest.mark.parametrize("mode", [Mode.COMPAT, Mode.SAFE])
def test_of_a_push_in_compat_mode_only_the_decrypted_part_is_trusted(keys: Keyring, mode: Mode) -> None:
    encrypted = seal(SCAN_XML)
    forged = SCAN_XML.replace(b"hyhy", b"forged").replace(b"gh_fbe8a958756e", b"gh_forged")
    body = forged.replace(b"</xml>", f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode())
    push = open_push(sealed_query(encrypted), body, keys=replace(keys, mode=mode), now=NOW)
    assert push.document == SCAN_FIELDS


def test_of_a_json_push_in_compat_mode_only_the_decrypted_part_is_trusted(keys: Keyring) -> None:
    encrypted = seal(SCAN_JSON)
    body = json.dumps({**SCAN_FIELDS, "ExtInfo": "forged", "Forged": 1, "Encrypt": encrypted}).encode()
    push = open_push(sealed_query(encrypted), body, keys=replace(keys, mode=Mode.COMPAT), now=NOW)
    assert push.document == {**SCAN_FIELDS, "CreateTime": 1447848568, "NeedAntiFake": True}


# Limits and oddities


def test_a_body_as_large_as_allowed_is_opened(keys: Keyring) -> None:
    assert BODY_MAX_BYTES == 65536
    encrypted = seal(SCAN_XML)
    body = xml_body(encrypted)
    full = body + b"\n" * (65536 - len(body))
    assert open_push(sealed_query(encrypted), full, keys=keys, now=NOW).document == SCAN_FIELDS


@pytest.mark.parametrize("mode", list(Mode))
def test_a_body_that_is_one_byte_larger_is_refused_before_anything_else(keys: Keyring, mode: Mode) -> None:
    nothing_right = PushQuery(timestamp="1", nonce="1")
    why = _refused(replace(keys, mode=mode), nothing_right, b" " * 65537, "size", TooLarge)
    assert why == "the body has more than 65536 bytes"


def test_ciphertext_that_is_no_text_is_refused(keys: Keyring) -> None:
    sent = query(timestamp=str(NOW), nonce=NONCE, msg_signature="0" * 40)
    assert _refused(keys, sent, b'{"Encrypt":"\\ud800"}', "encoding", Malformed) == "`Encrypt` is not text"


def test_a_doubled_ciphertext_is_refused(keys: Keyring) -> None:
    encrypted = seal(SCAN_XML)
    body = f"<xml><Encrypt>{encrypted}</Encrypt><Encrypt>{seal(SCAN_JSON)}</Encrypt></xml>".encode()
    assert _refused(keys, sealed_query(encrypted), body, "doubled", Malformed)


def test_nothing_secret_or_personal_shows_when_a_push_is_printed(keys: Keyring) -> None:
    encrypted = encrypt(SCAN_XML, key=PREVIOUS, receive_id=APP_ID, random=bytes(16))
    shown = repr(opened(encrypted, keys=keys))
    for secret in (TOKEN, ENCODED_KEY, OPENID, "hyhy"):
        assert secret not in shown
