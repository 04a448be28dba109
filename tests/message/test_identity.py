from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from scanhook.envelope import read_document
from scanhook.message import ConsumerMessage, OtherEvent, decode, identity
from tests.message.pushes import FIELDS, JSON, VALUES, XML

SCAN = VALUES["scan_product_callback"]
HEAD: dict[str, Any] = {"to_user_name": "gh_fbe8a958756e", "from_user_name": "o", "create_time": 1447848568}


def test_an_event_is_known_by_account_person_time_event_and_code() -> None:
    assert identity(SCAN) == (
        "gh_fbe8a958756e",
        "otAzGjrJVN21mpDF4ZWQiYZwdK0Y",
        "1447848568",
        "scan_product_callback",
        "qrcode",
        "weixin_antifake",
        "hyhy",
    )


def test_a_message_that_has_an_id_is_known_by_it() -> None:
    text = ConsumerMessage(**HEAD, msg_type="text", msg_id="23837438493543523")
    assert identity(text) == ("gh_fbe8a958756e", "MsgId", "23837438493543523")


@pytest.mark.parametrize("event", list(VALUES))
def test_the_same_push_is_the_same_in_xml_and_in_json(event: str) -> None:
    (_, xml), (_, json) = read_document(XML[event]), read_document(JSON[event])
    assert identity(decode(xml)) == identity(decode(json)) == identity(VALUES[event])


@pytest.mark.parametrize(
    "changes",
    [{"NeedAntiFake": "false"}, {"Unknown": "field"}, {"CreateTime": 1447848568}, {"MsgId": ""}, {"MsgId": "1"}],
)
def test_what_does_not_tell_pushes_apart_is_left_out(changes: dict[str, object]) -> None:
    assert identity(decode({**FIELDS, **changes})) == identity(SCAN)


def test_two_codes_are_two_pushes_whatever_their_msg_id() -> None:
    pushes = [decode({**FIELDS, "MsgId": "0", "ExtInfo": code}) for code in ("GENUINE0001", "COPIED99999")]
    assert identity(pushes[0]) != identity(pushes[1])


def test_an_absent_code_is_the_same_as_an_empty_one() -> None:
    absent = {name: value for name, value in FIELDS.items() if name != "ExtInfo"}
    assert identity(decode(absent)) == identity(decode({**FIELDS, "ExtInfo": ""}))


@pytest.mark.parametrize(
    "changes",
    [
        {"ToUserName": "gh_4e47c9c9ecad"},
        {"FromUserName": "okkeXs1nI-xU4ql8-5BXkv1f0gDo"},
        {"CreateTime": "1447848569"},
        {"Event": "user_scan_product"},
        {"KeyStandard": "ean13"},
        {"KeyStr": "weixin_antifak"},
        {"ExtInfo": "hyhy2"},
        {"ExtInfo": "HYHY"},
        {"ExtInfo": " hyhy"},
        {"ExtInfo": ""},
        {"KeyStr": "weixin_antifakeh", "ExtInfo": "yhy"},
    ],
)
def test_what_tells_pushes_apart_is_in_it(changes: dict[str, object]) -> None:
    assert identity(decode({**FIELDS, **changes})) != identity(SCAN)


def test_the_events_of_one_scan_are_different_pushes() -> None:
    head: dict[str, Any] = {name: getattr(SCAN, name) for name in ("to_user_name", "from_user_name", "create_time")}
    product: dict[str, Any] = {"key_standard": "qrcode", "key_str": "weixin_antifake", "ext_info": "hyhy"}
    known = {identity(dataclasses.replace(value, **head, **product)) for value in VALUES.values()}
    assert len(known) == len(VALUES) == 6


def test_messages_with_different_ids_in_one_second_are_different() -> None:
    texts = [ConsumerMessage(**HEAD, msg_type="text", msg_id=msg_id) for msg_id in ("1", "2", None)]
    assert len({identity(text) for text in texts}) == 3


def test_a_msg_id_counts_only_within_its_account() -> None:
    here = ConsumerMessage(**HEAD, msg_type="text", msg_id="1")
    assert identity(here) != identity(dataclasses.replace(here, to_user_name="gh_other"))
    assert identity(here) == identity(dataclasses.replace(here, create_time=1447848569))


def test_events_that_are_only_counted_are_told_apart_by_name() -> None:
    assert identity(OtherEvent(**HEAD, event="CLICK")) == ("gh_fbe8a958756e", "o", "1447848568", "CLICK")
    assert identity(ConsumerMessage(**HEAD, msg_type="text")) == ("gh_fbe8a958756e", "o", "1447848568", "text")
