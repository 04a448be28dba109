from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest

from scanhook.envelope import AesKey, Format, Keyring, Mode, PushQuery, open_echo, open_push
from scanhook.errors import NotAuthentic, PushError
from scanhook.sandbox import Push, compose_echo, compose_push, open_answer
from tests.conftest import APP_ID, ENCODED_KEY, OPENID, TOKEN
from tests.envelope.peer import NONCE, NOW, OTHER_KEY, RANDOM, SCAN_FIELDS, seal, signature, unseal, xml_body
from tests.reply.test_compose import SEED, SEED_JSON
from tests.reply.test_seal import ENVELOPES

FIELDS: dict[str, object] = {**SCAN_FIELDS, "CreateTime": 1447848568, "NeedAntiFake": True}
FORMATS = pytest.mark.parametrize("format_", list(Format))


def _push(keys: Keyring, format_: Format, fields: dict[str, object] = FIELDS, mode: Mode | None = None) -> Push:
    return compose_push(fields, keys=keys, format_=format_, timestamp=NOW, nonce=NONCE, random=RANDOM, mode=mode)


def _parameters(push: Push) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(push.query, strict_parsing=True).items()}


def _read(body: bytes, format_: Format) -> dict[str, object]:
    """Read a body with another parser than scanhook's."""
    if format_ is Format.JSON:
        members: dict[str, object] = json.loads(body)
        return members
    return {element.tag: element.text or "" for element in ET.fromstring(body)}


def _expected(format_: Format) -> dict[str, object]:
    return FIELDS if format_ is Format.JSON else dict(SCAN_FIELDS)


def test_the_official_url_verification_is_made(keys: Keyring) -> None:
    push = compose_echo(keys=keys, timestamp=1714036504, nonce="1514711492", echostr="4375120948345356249")
    assert push == Push(
        query="signature=f464b24fc39322e44b38aa78f5edd27bd1441696&echostr=4375120948345356249"
        "&timestamp=1714036504&nonce=1514711492"
    )


def test_an_odd_echostr_comes_through(keys: Keyring) -> None:
    push = compose_echo(keys=keys, timestamp=NOW, nonce=NONCE, echostr="a+b/c== &微")
    query = PushQuery.from_query_string(push.query.encode())
    assert open_echo(query, keys=keys, now=NOW) == "a+b/c== &微".encode()


@FORMATS
@pytest.mark.parametrize("mode", [Mode.SAFE, Mode.COMPAT])
def test_an_encrypted_push_has_the_parameters_that_wechat_sends(keys: Keyring, mode: Mode, format_: Format) -> None:
    push = _push(replace(keys, mode=mode), format_)
    encrypted = str(_read(push.body, format_)["Encrypt"])
    assert _parameters(push) == {
        "signature": "c48fd75d97fd67920fbda199ca5da2c8ad821e5f",
        "timestamp": "1447848568",
        "nonce": "415670741",
        "openid": OPENID,
        "encrypt_type": "aes",
        "msg_signature": signature(TOKEN, "1447848568", "415670741", encrypted),
    }


@FORMATS
def test_a_safe_push_shows_only_the_account_and_seals_the_rest(keys: Keyring, format_: Format) -> None:
    envelope = _read(_push(keys, format_).body, format_)
    assert list(envelope) == ["ToUserName", "Encrypt"]
    assert envelope["ToUserName"] == "gh_fbe8a958756e"
    random, message, receive_id = unseal(str(envelope["Encrypt"]))
    assert (random, receive_id) == (RANDOM, APP_ID)
    assert _read(message, format_) == _expected(format_)


@FORMATS
def test_a_compat_push_holds_everything_twice(keys: Keyring, format_: Format) -> None:
    envelope = _read(_push(replace(keys, mode=Mode.COMPAT), format_).body, format_)
    encrypted = envelope.pop("Encrypt")
    assert envelope == _expected(format_)
    assert _read(unseal(str(encrypted))[1], format_) == _expected(format_)


@FORMATS
def test_a_plain_push_is_not_encrypted(keys: Keyring, format_: Format) -> None:
    plain = replace(keys, mode=Mode.PLAIN, aes_keys=(), receive_id="")
    push = _push(plain, format_)
    assert _parameters(push) == {
        "signature": "c48fd75d97fd67920fbda199ca5da2c8ad821e5f",
        "timestamp": "1447848568",
        "nonce": "415670741",
        "openid": OPENID,
    }
    assert _read(push.body, format_) == _expected(format_)


@FORMATS
@pytest.mark.parametrize("mode", list(Mode))
def test_a_push_in_the_accounts_own_mode_is_opened(keys: Keyring, mode: Mode, format_: Format) -> None:
    account = replace(keys, mode=mode)
    sent = _push(account, format_)
    push = open_push(PushQuery.from_query_string(sent.query.encode()), sent.body, keys=account, now=NOW)
    assert (push.document, push.format) == (_expected(format_), format_)


@FORMATS
@pytest.mark.parametrize(
    ("own", "other"), [(Mode.SAFE, Mode.PLAIN), (Mode.COMPAT, Mode.PLAIN), (Mode.PLAIN, Mode.SAFE)]
)
def test_a_push_in_another_mode_is_refused(keys: Keyring, own: Mode, other: Mode, format_: Format) -> None:
    account = replace(keys, mode=own)
    sent = _push(account, format_, mode=other)
    with pytest.raises(PushError):
        open_push(PushQuery.from_query_string(sent.query.encode()), sent.body, keys=account, now=NOW)


@FORMATS
@pytest.mark.parametrize("ext_info", ["", "]]>", "<a>&amp;", " a ", "微信😀", '"\\'])
def test_odd_texts_come_through(keys: Keyring, format_: Format, ext_info: str) -> None:
    sent = _push(keys, format_, {**FIELDS, "ExtInfo": ext_info})
    push = open_push(PushQuery.from_query_string(sent.query.encode()), sent.body, keys=keys, now=NOW)
    assert push.document["ExtInfo"] == ext_info


def test_the_current_token_and_key_are_used(keys: Keyring) -> None:
    rotated = replace(
        keys, tokens=("CurrentToken", TOKEN), aes_keys=(AesKey(encoded=OTHER_KEY), AesKey(encoded=ENCODED_KEY))
    )
    sent = _push(rotated, Format.XML)
    push = open_push(PushQuery.from_query_string(sent.query.encode()), sent.body, keys=rotated, now=NOW)
    assert (push.token, push.aes_key) == ("CurrentToken", AesKey(encoded=OTHER_KEY))


def test_a_push_does_not_show_the_person_when_it_is_printed(keys: Keyring) -> None:
    assert OPENID not in repr(_push(replace(keys, mode=Mode.PLAIN), Format.XML))


# Answers


@pytest.mark.parametrize("body", [b"success", b""])
def test_an_answer_that_says_nothing_is_none(keys: Keyring, body: bytes) -> None:
    assert open_answer(body, keys=keys) is None


def _answer_xml(encrypted: str, *, signed: str = "") -> bytes:
    made = signed or signature(TOKEN, "1713424427", NONCE, encrypted)
    return (
        f"<xml><Encrypt>{encrypted}</Encrypt><MsgSignature>{made}</MsgSignature>"
        f"<TimeStamp>1713424427</TimeStamp><Nonce>{NONCE}</Nonce></xml>"
    ).encode()


def _answer_json(encrypted: str) -> bytes:
    made = signature(TOKEN, "1713424427", NONCE, encrypted)
    envelope = {"Encrypt": encrypted, "MsgSignature": made, "TimeStamp": 1713424427, "Nonce": NONCE}
    return json.dumps(envelope).encode()


@pytest.mark.parametrize("name", list(ENVELOPES))
def test_the_official_replies_are_opened(keys: Keyring, name: str) -> None:
    receive_id, said = {
        "json-reply": (APP_ID, "good luck"),
        "xml-reply": ("wx134c8103faa5a59e", "[CDATA[good luck]]"),
    }[name]
    assert open_answer(ENVELOPES[name], keys=replace(keys, receive_id=receive_id)) == {"demo_resp": said}


@pytest.mark.parametrize(("reply", "create_time"), [(SEED, "1447848568"), (SEED_JSON, 1447848568)], ids=["XML", "JSON"])
def test_a_reply_in_the_clear_and_one_that_is_sealed_say_the_same(
    keys: Keyring, reply: bytes, create_time: object
) -> None:
    body = _answer_json if reply is SEED_JSON else _answer_xml
    expected = {
        "ToUserName": "otAzGjrJVN21mpDF4ZWQiYZwdK0Y",
        "FromUserName": "gh_fbe8a958756e",
        "CreateTime": create_time,
        "MsgType": "scanproduct",
        "ScanProduct": {
            "KeyStandard": "qrcode",
            "KeyStr": "weixin_antifake",
            "ExtInfo": "hyhy",
            "AntiFake": {"CodeResult": "real"},
        },
    }
    assert open_answer(reply, keys=keys) == expected
    assert open_answer(body(seal(reply)), keys=keys) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"try again",
        b"Success",
        b"success\n",
        b"<html>",
        b"{}}",
        b"\xff",
        _answer_xml("AAAA"),
        _answer_xml(seal(b"success")),
    ],
)
def test_an_answer_that_wechat_could_not_read_is_refused(keys: Keyring, body: bytes) -> None:
    with pytest.raises(PushError):
        open_answer(body, keys=keys)


@pytest.mark.parametrize("encrypted", [seal(SEED, key=OTHER_KEY), seal(SEED, receive_id="wx134c8103faa5a59e")])
def test_an_answer_that_was_sealed_otherwise_is_refused(keys: Keyring, encrypted: str) -> None:
    with pytest.raises(NotAuthentic):
        open_answer(_answer_xml(encrypted), keys=keys)


def test_a_sealed_answer_to_an_account_without_a_key_is_refused(keys: Keyring) -> None:
    plain = replace(keys, mode=Mode.PLAIN, aes_keys=(), receive_id="")
    with pytest.raises(PushError):
        open_answer(_answer_xml(seal(SEED)), keys=plain)


@pytest.mark.parametrize("signed", ["0" * 40, "-", signature("OTHER", "1713424427", NONCE, seal(SEED))])
def test_an_answer_that_was_signed_otherwise_is_refused(keys: Keyring, signed: str) -> None:
    with pytest.raises(NotAuthentic):
        open_answer(_answer_xml(seal(SEED), signed=signed), keys=keys)


def test_an_answer_without_a_signature_is_refused(keys: Keyring) -> None:
    with pytest.raises(NotAuthentic):
        open_answer(xml_body(seal(SEED)), keys=keys)
