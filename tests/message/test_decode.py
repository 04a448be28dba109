from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from scanhook.envelope import read_document
from scanhook.errors import Malformed
from scanhook.message import (
    TEXT_MAX_CHARS,
    ConsumerMessage,
    EnterSession,
    OtherEvent,
    PageSubscribe,
    PageVisit,
    ReviewResult,
    ScanProductCallback,
    ScanRegion,
    decode,
)
from tests.conftest import OPENID
from tests.envelope.peer import said
from tests.message.pushes import FIELDS, JSON, VALUES, XML

HEAD = {name: FIELDS[name] for name in ("ToUserName", "FromUserName", "CreateTime")}
EVENTS = pytest.mark.parametrize("event", list(VALUES))


def _callback(**changes: object) -> ScanProductCallback:
    message = decode({**FIELDS, **changes})
    assert isinstance(message, ScanProductCallback)
    return message


def _subscribe(event_key: str) -> object:
    return decode({**HEAD, "MsgType": "event", "Event": "subscribe", "EventKey": event_key})


def _refused(document: dict[str, object]) -> str:
    with pytest.raises(Malformed) as caught:
        decode(document)
    assert caught.value.kind == "field"
    return said(caught)


def _without(*names: str) -> dict[str, object]:
    return {name: value for name, value in FIELDS.items() if name not in names}


@EVENTS
@pytest.mark.parametrize("written", [XML, JSON], ids=["XML", "JSON"])
def test_the_six_events_are_read_field_by_field(event: str, written: dict[str, bytes]) -> None:
    _, document = read_document(written[event])
    message, expected = decode(document), VALUES[event]
    assert type(message) is type(expected)
    assert dataclasses.asdict(message) == dataclasses.asdict(expected)


@EVENTS
def test_an_event_knows_its_own_name(event: str) -> None:
    message = VALUES[event]
    assert not isinstance(message, ConsumerMessage)
    assert message.event == event


@EVENTS
def test_fields_that_nobody_knows_are_passed_over(event: str) -> None:
    _, document = read_document(XML[event])
    more = {"Unknown": "text", "Nested": {"a": ["b", None]}, "Number": 1.5, "Control": "\x00", "Long": "x" * 5000}
    assert decode({**document, **more}) == VALUES[event]


# NeedAntiFake


@pytest.mark.parametrize("value", ["true", "True", "TRUE", " true\n", "1", "yes", True, 1])
def test_any_way_to_say_yes_to_need_anti_fake_is_yes(value: object) -> None:
    assert _callback(NeedAntiFake=value).need_anti_fake is True


@pytest.mark.parametrize(
    "value",
    ["false", "False", "0", "no", "", "ture", "y", "\x00", "x" * 5000, False, 0, 2, -1, 1.5, None, [], ["true"], {}]
    + [pytest.param(10**5000, id="a huge number")],
)
def test_anything_else_in_need_anti_fake_is_no_and_never_an_error(value: object) -> None:
    assert _callback(NeedAntiFake=value).need_anti_fake is False


def test_an_absent_need_anti_fake_is_no() -> None:
    message = decode(_without("NeedAntiFake"))
    assert isinstance(message, ScanProductCallback)
    assert message.need_anti_fake is False


# The product and its code


@pytest.mark.parametrize(
    "key_standard", ["ean13", "ean8", "qrcode", "ena13", "barcode", "gs1 digital link", "微信", "x"]
)
def test_an_unknown_key_standard_is_kept(key_standard: str) -> None:
    assert _callback(KeyStandard=key_standard).key_standard == key_standard


@pytest.mark.parametrize("ext_info", ["", None])
def test_an_empty_ext_info_is_an_empty_text(ext_info: object) -> None:
    assert _callback(ExtInfo=ext_info).ext_info == ""


def test_an_absent_ext_info_is_an_empty_text() -> None:
    message = decode(_without("ExtInfo"))
    assert isinstance(message, ScanProductCallback)
    assert message.ext_info == ""


@pytest.mark.parametrize(
    "text", [" a ", "a\tb", "a\r\nb", "]]>", "<b>&amp;", "=1+1", "微信😀", "\u3000", "\x85\u2028", "0", "x" * 1024]
)
def test_a_text_is_kept_exactly(text: str) -> None:
    message = _callback(KeyStr=text, ExtInfo=text)
    assert (message.key_str, message.ext_info) == (text, text)


@pytest.mark.parametrize(
    ("number", "text"),
    [(123, "123"), (0, "0"), (-5, "-5"), (6901481811083, "6901481811083"), (2**64 - 1, "18446744073709551615")],
)
def test_a_number_in_json_is_read_as_its_digits(number: int, text: str) -> None:
    assert _callback(ExtInfo=number).ext_info == text


# MsgId


@pytest.mark.parametrize(
    ("msg_id", "kept"),
    [
        ("23837438493543523", "23837438493543523"),
        (23837438493543523, "23837438493543523"),
        # WeChat's page on consumers' messages: 消息id,64位整型.
        (6054768590064713728, "6054768590064713728"),
        (2**63 - 1, "9223372036854775807"),
        ("", None),
        (None, None),
    ],
)
def test_a_msg_id_is_kept_as_text(msg_id: object, kept: str | None) -> None:
    assert _callback(MsgId=msg_id).msg_id == kept
    text: dict[str, object] = {**HEAD, "MsgType": "text", "Content": "hello", "MsgId": msg_id}
    assert decode(text).msg_id == kept


# Subscribing


@pytest.mark.parametrize(
    ("event_key", "scene", "key_standard", "key_str", "ext_info"),
    [
        ("scanbarcode|keystandard|keystr", "scanbarcode", "keystandard", "keystr", ""),
        ("scanbarcode|barcode|6901481811083|", "scanbarcode", "barcode", "6901481811083", ""),
        ("scanimage|qrcode|wxscandemo|123", "scanimage", "qrcode", "wxscandemo", "123"),
        ("scanimage|qrcode|wxscandemo|a|b||c", "scanimage", "qrcode", "wxscandemo", "a|b||c"),
    ],
)
def test_a_subscription_from_a_product_page_is_read(
    event_key: str, scene: str, key_standard: str, key_str: str, ext_info: str
) -> None:
    assert _subscribe(event_key) == PageSubscribe(
        to_user_name="gh_fbe8a958756e",
        from_user_name=OPENID,
        create_time=1447848568,
        scene=scene,
        key_standard=key_standard,
        key_str=key_str,
        ext_info=ext_info,
    )


@pytest.mark.parametrize(
    "event_key",
    [
        *(
            "",
            "qrscene_123123",
            "qrscene_scanbarcode|qrcode|a",
            "last_trade_no_4003752001201412250128500",
            "scanbarcode",
        ),
        *("scanbarcode|qrcode", "SCANBARCODE|qrcode|a", "scancover|qrcode|a|b", "|scanbarcode|qrcode|a"),
    ],
)
def test_any_other_subscription_is_an_event_that_is_only_counted(event_key: str) -> None:
    plain = OtherEvent(to_user_name="gh_fbe8a958756e", from_user_name=OPENID, create_time=1447848568, event="subscribe")
    assert _subscribe(event_key) == plain


@pytest.mark.parametrize("event_key", [{}, {"EventKey": None}])
def test_a_subscription_without_an_event_key_is_only_counted(event_key: dict[str, object]) -> None:
    message = decode({**HEAD, "MsgType": "event", "Event": "subscribe", **event_key})
    assert isinstance(message, OtherEvent)


# The other events' own fields


@pytest.mark.parametrize("name", ["Country", "Province", "City", "Sex", "Scene", "ExtInfo"])
@pytest.mark.parametrize("how", ["absent", "empty", "null"])
def test_a_page_visit_may_say_nothing_of_the_person(name: str, how: str) -> None:
    _, document = read_document(XML["user_scan_product"])
    changed = {key: value for key, value in document.items() if key != name}
    if how != "absent":
        changed[name] = "" if how == "empty" else None
    empty: dict[str, Any] = {"ext_info" if name == "ExtInfo" else name.lower(): ""}
    assert decode(changed) == dataclasses.replace(VALUES["user_scan_product"], **empty)


def test_a_review_that_did_not_pass_says_why() -> None:
    _, document = read_document(XML["user_scan_product_verify_action"])
    message = decode({**document, "Result": "verify_not_pass", "ReasonMsg": "图片不清晰"})
    assert isinstance(message, ReviewResult)
    assert (message.result, message.reason_msg) == ("verify_not_pass", "图片不清晰")


def test_a_review_may_leave_its_reason_out() -> None:
    _, document = read_document(XML["user_scan_product_verify_action"])
    message = decode({name: value for name, value in document.items() if name != "ReasonMsg"})
    assert message == VALUES["user_scan_product_verify_action"]


@pytest.mark.parametrize(
    ("event", "name"), [("user_scan_product_async", "RegionCode"), ("user_scan_product_verify_action", "Result")]
)
def test_what_an_event_is_about_must_be_there(event: str, name: str) -> None:
    _, document = read_document(XML[event])
    assert _refused({key: value for key, value in document.items() if key != name}) == f"{name} is missing"


# What scanhook does not know


@pytest.mark.parametrize("event", ["unsubscribe", "CLICK", "SCAN", "debug_demo", "scan_product_callback ", "新事件"])
def test_an_unknown_event_is_kept_by_its_name(event: str) -> None:
    more = {"EventKey": {"nested": ["x"]}, "KeyStr": None}
    assert decode({**HEAD, "MsgType": "event", "Event": event, **more}) == OtherEvent(
        to_user_name="gh_fbe8a958756e", from_user_name=OPENID, create_time=1447848568, event=event
    )


def test_an_unknown_event_with_elements_in_elements_is_read_from_xml() -> None:
    body = XML["scan_product_callback"].replace(b"scan_product_callback", b"pic_weixin")
    nested = b"<SendPicsInfo><Count>1</Count><PicList><item><Md5>x</Md5></item></PicList></SendPicsInfo></xml>"
    _, document = read_document(body.replace(b"</xml>", nested))
    message = decode(document)
    assert isinstance(message, OtherEvent)
    assert message.event == "pic_weixin"


@pytest.mark.parametrize(
    "msg_type", ["text", "image", "voice", "video", "shortvideo", "location", "link", "miniprogram"]
)
def test_a_consumers_message_is_read_without_its_content(msg_type: str) -> None:
    body = {**HEAD, "MsgType": msg_type, "MsgId": "1234567890123456", "Content": "my secret", "MediaId": "secret"}
    message = decode(body)
    assert dataclasses.asdict(message) == {
        "to_user_name": "gh_fbe8a958756e",
        "from_user_name": OPENID,
        "create_time": 1447848568,
        "msg_id": "1234567890123456",
        "msg_type": msg_type,
    }


@pytest.mark.parametrize("content", ["x" * 5000, "\x00\x1b", "\ud800", None, 1.5, {"a": "b"}])
def test_whatever_a_consumers_message_holds_it_is_not_looked_at(content: object) -> None:
    document: dict[str, object] = {**HEAD, "MsgType": "text", "Content": content, "Event": "scan_product_callback"}
    assert isinstance(decode(document), ConsumerMessage)


# What is refused


@pytest.mark.parametrize(
    "name", ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "KeyStandard", "KeyStr"]
)
@pytest.mark.parametrize("how", ["absent", "null"])
def test_a_missing_field_is_refused_and_named(name: str, how: str) -> None:
    document = _without(name) if how == "absent" else {**FIELDS, name: None}
    assert _refused(document) == f"{name} is missing"


def test_an_empty_document_is_refused() -> None:
    assert _refused({}) == "MsgType is missing"


@pytest.mark.parametrize(
    "name", ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "KeyStandard", "KeyStr"]
)
def test_an_empty_field_is_refused(name: str) -> None:
    assert _refused({**FIELDS, name: ""}) == f"{name} is empty"


TEXTS = [name for name in FIELDS if name != "NeedAntiFake"]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [True, False, 1.5, [], ["a"], {}, {"a": "b"}, b"bytes", 2**64, -(2**64)], ids=repr)
def test_a_field_that_is_no_text_is_refused(name: str, value: object) -> None:
    assert _refused({**FIELDS, name: value}) == f"{name} is not a text"


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_too_long_is_refused(name: str) -> None:
    assert TEXT_MAX_CHARS == 1024
    assert _refused({**FIELDS, name: "1" * 1025}) == f"{name} has more than 1024 characters"


FORBIDDEN = [chr(code) for code in range(0x20) if chr(code) not in "\t\n\r"]
FORBIDDEN += ["\x7f", "\ud800", "\udbff", "\udc00", "\udfff", "\ufffe", "\uffff"]


@pytest.mark.parametrize("character", FORBIDDEN, ids=ascii)
def test_a_character_that_an_xml_answer_could_not_carry_is_refused(character: str) -> None:
    for name in TEXTS:
        assert _refused({**FIELDS, name: f"1{character}2"}) == f"{name} holds a control character"


@pytest.mark.parametrize("create_time", ["1447848568", " 1447848568\n", 1447848568, "0001447848568"[1:]])
def test_the_time_is_read_as_seconds(create_time: object) -> None:
    assert _callback(CreateTime=create_time).create_time == 1447848568


@pytest.mark.parametrize("create_time", ["0", "999999999999"])
def test_the_edges_of_the_time_are_read(create_time: str) -> None:
    assert _callback(CreateTime=create_time).create_time == int(create_time)


@pytest.mark.parametrize(
    "create_time",
    [
        " ",
        "soon",
        "-1",
        -1,
        "+1",
        "1.0",
        "1e9",
        "0x10",
        "1_000",
        "１４４７８４８５６８",
        "²",
        "1000000000000",
        10**12,
        "1 2",
    ],
)
def test_a_time_that_is_no_number_of_seconds_is_refused(create_time: Any) -> None:
    assert _refused({**FIELDS, "CreateTime": create_time}) == "CreateTime is not a number of seconds"


@pytest.mark.parametrize("name", ["Country", "Province", "City", "Sex", "Scene", "ExtInfo"])
def test_a_field_that_may_be_absent_is_still_checked(name: str) -> None:
    _, document = read_document(XML["user_scan_product"])
    assert _refused({**document, name: ["x"]}) == f"{name} is not a text"
    assert _refused({**document, name: "\x00"}) == f"{name} holds a control character"


def test_the_kinds_of_message_are_told_apart() -> None:
    kinds = [type(VALUES[event]) for event in VALUES]
    assert kinds == [ScanProductCallback, PageVisit, PageSubscribe, EnterSession, ScanRegion, ReviewResult]
