from __future__ import annotations

import json
from dataclasses import replace

import pytest

from scanhook.envelope import AesKey, Format, Mode
from scanhook.errors import NotAuthentic
from scanhook.journal import erase_person
from scanhook.message import CodeResult
from scanhook.receive import Answer
from scanhook.registry import Reason
from scanhook.settings import House
from scanhook.verdict import Finding, Question
from tests.conftest import APP_ID, ENCODED_KEY, OPENID, ORIGINAL_ID, TOKEN, stock, vectors_of
from tests.receive.desk import NOW, Desk, finding
from tests.serving import compose, journal_size, scan_fields, scan_push, traces


@pytest.mark.parametrize("vector", [vector for vector in vectors_of("push") if vector.id == "scan-product-callback"])
def test_the_push_of_the_seed_is_answered_byte_for_byte(desk: Desk, house: House, vector: dict[str, str]) -> None:
    stock(house, codes="keystandard,keystr,extinfo,status\nqrcode,weixin_antifake,hyhy,active\n")
    query = "timestamp={timestamp}&nonce={nonce}&encrypt_type=aes&msg_signature={msg_signature}".format_map(vector)
    body = f"<xml><ToUserName>gh_fbe8a958756e</ToUserName><Encrypt>{vector['encrypt']}</Encrypt></xml>"
    answer = desk.receiver.receive(desk.account, query.encode(), body.encode())
    assert answer.content_type == "application/xml; charset=utf-8"
    assert answer.body.decode() == (
        "<xml><Encrypt><![CDATA["
        "uMMzGtqcnpOzXOYBwDQNrVIeUIrl6AINeAep5/vZnlHmcsMOJD9ETbGkno+JCfGUOE6K/+EeaRopeia3uMW39iI2UsyzlA/kzOuPUtB5xTZC"
        "+CCqYyyhtq9RCRu4iBqejm0SqtpaYy32JAjT8+JN8Xq8Nl94M4q3HSYyplGmmsk7zbpjR0V9iOY+v3bqrn25tJOb4SSOzc3/OFFd1vFpeDjf"
        "/yTxekJMirbVfK1snIcf8fAeXtAUEiyv8ZE+98N5b3XZDiNPvDl9ijDADnp5A/sR7j2JBRmLKX4jgiJlR2pumpvr8yPj6ntBLeDycC6wCZPJ"
        "e10g9s24CzojjOpBltQYPPJlouMZNs19PC6MgCMyqQ0AVYN5HFCRbIoaKIDUtd6KaJm9tQTfyMs8b0vimgGvb6ZFNs8Kw5iDSxrVwydHVmyl"
        "9oFpQjp/BsjFY4ErHWmsk9NXbR5IdqEk38a47EvMbO8pSWOC84NEBuz/+3Zez6SSFRcZpWuDhPnDRxE34t7J+Q4mO/cnDpH2Z5Lk/DbgAKiE"
        "WmhCAwaAw90XjKX534hh1SqCYopzGZrW2vTHe06bhpDkmEVqhKVdaII9ywabQdz0cTZi5iKWCs32Je1bM+W8sW/F62ieRoTyF4X1"
        "]]></Encrypt><MsgSignature><![CDATA[1ee4c28a120290e69fb90ab11d765db31b90abec]]></MsgSignature>"
        "<TimeStamp>1447848570</TimeStamp><Nonce><![CDATA[415670741]]></Nonce></xml>"
    )


@pytest.mark.parametrize("vector", [vector for vector in vectors_of("signature") if vector.id == "url-verification"])
def test_a_url_verification_gets_its_echostr_back(desk: Desk, vector: dict[str, str]) -> None:
    desk.clock.at = 1714036504 - 300
    query = "signature={signature}&echostr={echostr}&timestamp={timestamp}&nonce={nonce}".format_map(vector)
    answer = desk.receiver.echo(desk.account, query.encode())
    assert answer == Answer(body=b"4375120948345356249", content_type="text/plain; charset=utf-8")
    desk.clock.at -= 1
    with pytest.raises(NotAuthentic):
        desk.receiver.echo(desk.account, query.encode())


@pytest.mark.parametrize(
    ("ext_info", "verdict", "reason"),
    [
        ("GENUINE0001", "real", "active"),
        ("PRINTED0003", "not_active", "not_active"),
        ("COPIED99999", "fake", "unknown_code"),
        ("", "success", "no_code"),
    ],
)
def test_each_finding_has_its_answer(desk: Desk, ext_info: str, verdict: str, reason: str) -> None:
    assert desk.scan(ext_info) == verdict
    assert [(entry.reason, entry.received_at) for entry in desk.journal.tail(9)] == [(reason, NOW)]
    assert desk.told.judged == [reason]
    assert desk.told.pushed == [("scan_product_callback", verdict)]
    assert desk.told.commits == 1
    assert desk.told.warned == []


def test_need_anti_fake_changes_nothing(desk: Desk) -> None:
    assert desk.scan(NeedAntiFake="false") == "real"
    assert desk.scan(NeedAntiFake=None, CreateTime=NOW + 1) == "real"


def test_a_reply_repeats_the_push_and_is_addressed_to_the_person(desk: Desk) -> None:
    reply = desk.open(desk.receive(scan_push("  ＣＯＰＩＥＤ]]><x>&\n", keys=desk.keys, at=NOW)))
    assert reply == {
        "ToUserName": OPENID,
        "FromUserName": ORIGINAL_ID,
        "CreateTime": "1447848570",
        "MsgType": "scanproduct",
        "ScanProduct": {
            "KeyStandard": "qrcode",
            "KeyStr": "moment-frame",
            "ExtInfo": "  ＣＯＰＩＥＤ]]><x>&\n",
            "AntiFake": {"CodeResult": "fake"},
        },
    }


def test_a_repeat_gets_the_first_verdict_although_the_registry_changed(desk: Desk) -> None:
    assert desk.scan() == "real"
    product = desk.service.registry.find_product("main", "qrcode", "moment-frame")
    assert product is not None
    fake = replace(product, verdicts={Reason.ACTIVE: CodeResult.FAKE})
    desk.service.registry.save_product(fake, was=product)
    assert [desk.scan(), desk.scan()] == ["real", "real"]
    assert desk.scan(CreateTime=NOW + 1) == "fake"
    assert [outcome for _, outcome in desk.told.pushed] == ["real", "repeated", "repeated", "fake"]
    assert desk.told.judged == ["active", "active"]
    tag = desk.journal.tail(1)[0].tag
    assert tag is not None
    tally = desk.journal.tally(tag)
    assert tally is not None
    assert (tally.scans, tally.persons) == (2, 1)


def test_a_repeat_is_not_judged_again(desk: Desk) -> None:
    asked: list[Question] = []

    def answer(question: Question) -> Finding:
        asked.append(question)
        return Finding(reason=Reason.ACTIVE)

    desk.ask(answer)
    assert [desk.scan(), desk.scan()] == ["real", "real"]
    assert [(question.account, question.ext_info, question.asked_at) for question in asked] == [
        ("main", "GENUINE0001", NOW)
    ]


def test_a_reply_bears_the_time_of_its_verdict_and_its_envelope_the_present(desk: Desk) -> None:
    push = scan_push(keys=desk.keys, at=NOW)
    first = desk.receive(push)
    desk.clock.at = NOW + 5
    repeated = desk.receive(push)
    assert [desk.open(answer)["CreateTime"] for answer in (first, repeated)] == ["1447848570", "1447848570"]
    assert b"<TimeStamp>1447848570</TimeStamp>" in first.body
    assert b"<TimeStamp>1447848575</TimeStamp>" in repeated.body


def test_a_push_for_another_account_is_refused(desk: Desk, house: House) -> None:
    with pytest.raises(NotAuthentic) as refused:
        desk.scan(ToUserName="gh_somebodyelse")
    assert refused.value.kind == "to_user_name"
    assert journal_size(house) == (0, 0)
    assert desk.told.pushed == []


def test_only_what_is_sealed_counts_in_compat_mode(desk: Desk) -> None:
    keys = replace(desk.keys, mode=Mode.COMPAT)
    push = compose(scan_fields("COPIED99999", at=NOW), keys=keys, at=NOW)
    forged = replace(push, body=push.body.replace(b"COPIED99999", b"GENUINE0001"))
    assert forged.body != push.body
    answer = desk.receive(forged, account=replace(desk.account, keys=keys))
    reply = desk.open(answer)
    assert reply["ScanProduct"]["AntiFake"]["CodeResult"] == "fake"
    assert reply["ScanProduct"]["ExtInfo"] == "COPIED99999"


@pytest.mark.parametrize(
    ("format_", "content_type", "begin"),
    [
        (Format.XML, "application/xml; charset=utf-8", b"<xml><ToUserName><![CDATA[otAz"),
        (Format.JSON, "application/json", b'{"ToUserName":"otAz'),
    ],
)
def test_a_plain_push_is_answered_plainly_in_its_own_language(
    desk: Desk, format_: Format, content_type: str, begin: bytes
) -> None:
    keys = replace(desk.keys, mode=Mode.PLAIN, aes_keys=())
    push = compose(scan_fields(at=NOW), keys=keys, at=NOW, format_=format_)
    answer = desk.receive(push, account=replace(desk.account, keys=keys))
    assert answer.content_type == content_type
    assert answer.body.startswith(begin)
    assert desk.open(answer)["ScanProduct"]["AntiFake"] == {"CodeResult": "real"}


def test_a_push_with_previous_secrets_is_answered_with_them(desk: Desk) -> None:
    new = AesKey(encoded="B" * 42 + "A")
    both = replace(desk.keys, tokens=("Newer1", TOKEN), aes_keys=(new, AesKey(encoded=ENCODED_KEY)))
    push = compose(scan_fields(at=NOW), keys=desk.keys, at=NOW, format_=Format.JSON)
    answer = desk.receive(push, account=replace(desk.account, keys=both))
    assert desk.open(answer)["ScanProduct"]["AntiFake"] == {"CodeResult": "real"}
    with pytest.raises(NotAuthentic):
        desk.open(answer, keys=replace(both, aes_keys=(new,)))
    # SHA-1 over the old token, 1447848570, 415670741 and Encrypt.
    assert json.loads(answer.body)["MsgSignature"] == "9746633464ff8f4912444ec770ad5e7792a0960f"


def test_a_push_with_the_new_secrets_is_answered_with_the_new_ones(desk: Desk) -> None:
    new = AesKey(encoded="B" * 42 + "A")
    both = replace(desk.keys, tokens=("Newer1", TOKEN), aes_keys=(new, AesKey(encoded=ENCODED_KEY)))
    answer = desk.receive(scan_push(keys=both, at=NOW), account=replace(desk.account, keys=both))
    assert desk.open(answer, keys=both)["ScanProduct"]["AntiFake"] == {"CodeResult": "real"}


def test_an_unknown_product_is_answered_success_and_staff_are_told_once(desk: Desk) -> None:
    for _ in range(2):
        assert desk.scan(KeyStr="nobody-knows") == "success"
    ((account, why),) = desk.told.warned
    assert account == "main"
    assert why == (
        "a product page asks for qrcode/nobody-knows, which the registry does not know: "
        "add it with `scanhook products add`, or import its codes"
    )
    assert [(entry.reason, entry.code_result) for entry in desk.journal.tail(9)] == [("unknown_product", None)]


def test_neither_openid_nor_a_genuine_code_reaches_the_disk(desk: Desk, house: House) -> None:
    assert [desk.scan(code) for code in ("GENUINE0001", "PRINTED0003", "COPIED99999")] == ["real", "not_active", "fake"]
    assert traces(house, "GENUINE0001", "PRINTED0003", "COPIED99999", OPENID, APP_ID) == ["COPIED99999"]


def test_a_receiver_does_not_show_its_pepper(desk: Desk, house: House) -> None:
    shown = repr(desk.receiver) + repr(desk.account)
    for secret in (house.pepper_path.read_text().strip(), repr(bytes.fromhex(house.pepper_path.read_text())), TOKEN):
        assert secret not in shown


def test_no_openid_is_kept_unless_it_is_asked_for(desk: Desk) -> None:
    for keep_openid, at in ((False, NOW), (True, NOW + 1)):
        desk.receiver = replace(desk.receiver, keep_openid=keep_openid)
        assert desk.scan(at=at) == "real"
    assert [entry.openid for entry in desk.journal.tail(9)] == [None, OPENID]


@pytest.mark.parametrize(("said", "kept"), [("true", True), ("false", False)])
def test_what_wechat_says_of_its_window_is_kept(desk: Desk, *, said: str, kept: bool) -> None:
    assert desk.scan(NeedAntiFake=said) == "real"
    (entry,) = desk.journal.tail(9)
    assert (entry.need_anti_fake, entry.source) == (kept, None)


def test_who_was_erased_within_the_minute_is_answered_the_same_again(desk: Desk, house: House) -> None:
    assert desk.scan() == "real"
    erase_person(
        desk.journal, OPENID, pepper=desk.receiver.pepper, erasures=house.base / "data" / "erasures", now=NOW + 1
    )
    desk.ask(finding(Reason.VOID))
    assert desk.scan() == "real"
    (entry,) = desk.journal.tail(9)
    assert entry.person != desk.receiver.pepper.person(OPENID)
    assert entry.tag is not None
    tally = desk.journal.tally(entry.tag)
    assert tally is not None
    assert (tally.scans, tally.persons) == (1, 1)
