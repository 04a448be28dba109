"""What is no scan: how it is noted, and what of it is not kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from scanhook.envelope import Format
from scanhook.settings import House
from tests.conftest import OPENID, ORIGINAL_ID
from tests.receive.desk import NOW, Desk
from tests.serving import compose, journal_size, rows, traces

HEAD = {"ToUserName": ORIGINAL_ID, "FromUserName": OPENID, "CreateTime": 1438250110, "MsgType": "event"}


@pytest.mark.parametrize(
    ("said", "product", "fields"),
    [
        pytest.param(
            {
                "Event": "user_scan_product",
                "KeyStandard": "ean13",
                "KeyStr": "6901481811083",
                "Country": "中国",
                "Province": "广东",
                "City": "揭阳",
                "Sex": "1",
                "Scene": "2",
                "ExtInfo": "VISITED0004",
            },
            ("user_scan_product", "ean13", "6901481811083"),
            {"country": "中国", "province": "广东", "city": "揭阳", "sex": "1", "scene": "2"},
            id="page visit",
        ),
        pytest.param(
            {"Event": "subscribe", "EventKey": "scanbarcode|ean13|6901481811083|VISITED0004"},
            ("subscribe", "ean13", "6901481811083"),
            {"scene": "scanbarcode"},
            id="subscribe",
        ),
        pytest.param(
            {
                "Event": "user_scan_product_enter_session",
                "KeyStandard": "ena13",
                "KeyStr": "6954767461373",
                "ExtInfo": "",
            },
            ("user_scan_product_enter_session", "ena13", "6954767461373"),
            {},
            id="enter session",
        ),
        pytest.param(
            {
                "Event": "user_scan_product_async",
                "KeyStandard": "qrcode",
                "KeyStr": "lincolntest2",
                "ExtInfo": "VISITED0004",
                "RegionCode": "440105",
            },
            ("user_scan_product_async", "qrcode", "lincolntest2"),
            {"region_code": "440105"},
            id="region",
        ),
        pytest.param(
            {
                "Event": "user_scan_product_verify_action",
                "KeyStandard": "ean13",
                "KeyStr": "6901481811083",
                "Result": "verify_not_pass",
                "ReasonMsg": "图片不清晰",
            },
            ("user_scan_product_verify_action", "ean13", "6901481811083"),
            {"result": "verify_not_pass", "reason_msg": "图片不清晰"},
            id="review",
        ),
    ],
)
@pytest.mark.parametrize("format_", list(Format))
def test_the_other_events_are_noted_field_by_field_without_openid_or_code(
    desk: Desk,
    house: House,
    said: dict[str, str],
    product: tuple[str, str, str],
    fields: dict[str, str],
    format_: Format,
) -> None:
    push = compose({**HEAD, **said}, keys=desk.keys, at=NOW, format_=format_)
    for outcome in ("success", "repeated"):
        assert desk.receive(push).body == b"success"
        assert desk.told.pushed[-1] == (product[0], outcome)
    columns = "event, key_standard, key_str, received_at, account, create_time, fields"
    ((*noted, said_besides),) = rows(house, f"SELECT {columns} FROM events")
    assert noted == [*product, NOW * 1000, "main", 1438250110]
    assert json.loads(said_besides) == fields
    assert journal_size(house) == (0, 1)
    assert traces(house, product[2], OPENID, "VISITED0004") == [product[2]]


def test_a_visitor_is_kept_as_a_hash_and_a_reviewer_not_at_all(desk: Desk, house: House) -> None:
    product = {"KeyStandard": "qrcode", "KeyStr": "moment-frame"}
    visit = {**HEAD, **product, "Event": "user_scan_product", "ExtInfo": "GENUINE0001"}
    review = {**HEAD, **product, "Event": "user_scan_product_verify_action", "Result": "verify_ok"}
    for said in (visit, review):
        desk.receive(compose(said, keys=desk.keys, at=NOW))
    assert desk.scan() == "real"
    ((scanned_by, scanned),) = rows(house, "SELECT person, tag FROM scans")
    assert len(scanned_by) == 16
    assert rows(house, "SELECT person FROM events ORDER BY id") == [(scanned_by,), (None,)]
    assert rows(house, "SELECT tag FROM events WHERE event = 'user_scan_product'") == [(scanned,)]


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ({"MsgType": "event", "Event": "CLICK", "EventKey": "SECRETWORDS"}, "other"),
        ({"MsgType": "event", "Event": "subscribe", "EventKey": "qrscene_SECRETWORDS"}, "other"),
        ({"MsgType": "event", "Event": "SECRETWORDS"}, "other"),
        ({"MsgType": "text", "Content": "SECRETWORDS", "MsgId": "7017580092870066"}, "message_text"),
        ({"MsgType": "image", "PicUrl": "http://x/SECRETWORDS", "MsgId": "7017580092870067"}, "message_image"),
        ({"MsgType": "SECRETWORDS", "MsgId": "7017580092870068"}, "message_other"),
    ],
)
def test_anything_else_is_counted_and_leaves_no_trace(
    desk: Desk, house: House, caplog: pytest.LogCaptureFixture, said: dict[str, str], label: str
) -> None:
    answer = desk.receive(compose({**HEAD, **said}, keys=desk.keys, at=NOW))
    assert answer.body == b"success"
    assert desk.told.pushed == [(label, "success")]
    assert (desk.told.warned, caplog.records) == ([], [])
    assert journal_size(house) == (0, 0)
    assert traces(house, "SECRETWORDS", OPENID) == []


def test_the_openid_of_a_visitor_is_kept_where_it_is_asked_for_and_a_reviewers_never(desk: Desk, house: House) -> None:
    desk.receiver = replace(desk.receiver, keep_openid=True)
    product = {"KeyStandard": "qrcode", "KeyStr": "moment-frame"}
    visit = {**HEAD, **product, "Event": "user_scan_product", "ExtInfo": "GENUINE0001"}
    review = {**HEAD, **product, "Event": "user_scan_product_verify_action", "Result": "verify_ok"}
    for said in (visit, review):
        desk.receive(compose(said, keys=desk.keys, at=NOW))
    assert rows(house, "SELECT openid FROM events ORDER BY id") == [(OPENID,), (None,)]
