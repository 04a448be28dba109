from __future__ import annotations

import io
from typing import Any

import pytest

from scanhook.sandbox import live, media
from scanhook.sandbox.goods import LiveShelf
from scanhook.sandbox.route import Right
from tests.sandbox.calling import AT, Shop, serve
from tests.sandbox.desk import Desk
from tests.sandbox.pictures import jpeg, png

ADD = "/wxaapi/broadcast/goods/add"
AUDIT = "/wxaapi/broadcast/goods/audit"
RESET = "/wxaapi/broadcast/goods/resetaudit"
DELETE = "/wxaapi/broadcast/goods/delete"
UPDATE = "/wxaapi/broadcast/goods/update"
WAREHOUSE = "/wxa/business/getgoodswarehouse"
APPROVED = "/wxaapi/broadcast/goods/getapproved"
DAY = 86400
MIDNIGHT = 1795363200.0
"""2026-11-23 00:00 in Beijing."""


@pytest.fixture
def shop() -> Shop:
    return Shop(routes=(*live.ROUTES, *media.ROUTES))


def _cover(shop: Shop, content: bytes | None = None) -> str:
    media_id: str = shop.upload("/cgi-bin/media/upload", content or png(300, 300), type="image")["media_id"]
    return media_id


def _goods(shop: Shop, **changed: Any) -> dict[str, Any]:
    """Write the request of the page's example."""
    goods = {"name": "TIT茶杯", "priceType": 1, "price": 99.5, "url": "pages/index/index", **changed}
    if "coverImgUrl" not in goods:
        goods["coverImgUrl"] = _cover(shop)
    return {"goodsInfo": {name: value for name, value in goods.items() if value is not None}}


def _status(shop: Shop, goods_id: int) -> int:
    [good] = shop.post(WAREHOUSE, {"goods_ids": [goods_id]})["goods"]
    return int(good["audit_status"])


def test_goods_are_added_as_the_page_shows(shop: Shop) -> None:
    assert shop.post(ADD, _goods(shop)) == {"goodsId": 51, "auditId": 525022786}
    assert shop.post(ADD, _goods(shop)) == {"goodsId": 52, "auditId": 525022787}


def test_a_review_takes_its_time_and_then_approves(shop: Shop) -> None:
    shop.post(ADD, _goods(shop))
    assert _status(shop, 51) == 1
    shop.now += 4.9
    assert _status(shop, 51) == 1
    shop.now += 0.1
    assert _status(shop, 51) == 2


def test_a_review_may_be_over_at_once(shop: Shop) -> None:
    shop.tenant.shelf(LiveShelf).review_s = 0
    shop.post(ADD, _goods(shop))
    assert _status(shop, 51) == 2


def test_a_word_in_the_name_lets_the_review_reject(shop: Shop) -> None:
    shop.post(ADD, _goods(shop, name="驳回茶杯"))
    shop.now += 5
    assert _status(shop, 51) == 3


def test_goods_whose_submission_fails_are_added_all_the_same(shop: Shop) -> None:
    answer = shop.post(ADD, _goods(shop, name="提审失败"))
    assert (answer["errcode"], answer["goodsId"], answer["auditId"]) == (300021, 51, 525022786)
    assert _status(shop, 51) == 0
    assert shop.code("POST", RESET, {"goodsId": 51, "auditId": 525022786}) == 300017


@pytest.mark.parametrize("name", ["茶" * 14, "a" * 28, "茶" * 13 + "ab", "茶"], ids=range(4))
def test_a_name_may_have_fourteen_wide_characters_or_twice_as_many_narrow_ones(shop: Shop, name: str) -> None:
    assert shop.code("POST", ADD, _goods(shop, name=name)) == 0


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"name": "茶" * 14 + "a"}, 300002),
        ({"name": "a" * 29}, 300002),
        ({"name": ""}, 300002),
        ({"name": None}, 200002),
        ({"name": "违禁茶杯"}, 300004),
        ({"priceType": None}, 200002),
        ({"priceType": 4}, 200002),
        ({"priceType": "1"}, 200002),
        ({"priceType": True}, 200002),
        ({"price": None}, 300003),
        ({"price": "99.5"}, 300003),
        ({"price": True}, 300003),
        ({"price": 99.555}, 300003),
        ({"price": -1}, 300003),
        ({"price": float("nan")}, 300003),
        ({"price": float("inf")}, 300003),
        ({"price": 10**40}, 300003),
        ({"price2": 1}, 200002),
        ({"priceType": 2}, 300003),
        ({"priceType": 2, "price": 2, "price2": 1}, 300003),
        ({"priceType": 3, "price": 1, "price2": 2}, 300003),
        ({"url": None}, 200002),
        ({"url": ""}, 200002),
        ({"url": 5}, 200002),
        ({"url": "index/index"}, 300007),
        ({"coverImgUrl": "never-given"}, 300006),
        ({"coverImgUrl": ""}, 200002),
        ({"coverImgUrl": None}, 200002),
    ],
    ids=str,
)
def test_goods_that_break_a_rule_are_refused_as_the_page_says(shop: Shop, changed: dict[str, Any], code: int) -> None:
    assert shop.code("POST", ADD, _goods(shop, **changed)) == code
    assert shop.tenant.shelf(LiveShelf).goods == {}


@pytest.mark.parametrize(
    "changed",
    [
        {"priceType": 2, "price": 1, "price2": 2},
        {"priceType": 2, "price": 1, "price2": 1},
        {"priceType": 3, "price": 150.5, "price2": 99.99},
        {"price": 0},
        {"price": 0.1},
        {"url": "/pages/index/index?id=1%2F2"},
        {"url": "shop/goods", "thirdPartyAppid": "wx307e399609946068"},
    ],
    ids=str,
)
def test_goods_that_keep_the_rules_are_taken(shop: Shop, changed: dict[str, Any]) -> None:
    assert shop.code("POST", ADD, _goods(shop, **changed)) == 0


@pytest.mark.parametrize("content", [png(301, 1), png(1, 301), jpeg(640, 320)], ids=["wide", "high", "jpeg"])
def test_a_cover_of_more_than_300_pixels_is_too_large(shop: Shop, content: bytes) -> None:
    assert shop.code("POST", ADD, _goods(shop, coverImgUrl=_cover(shop, content))) == 300018


def test_a_cover_is_good_for_three_days(shop: Shop) -> None:
    media_id = _cover(shop)
    shop.now = AT + 3 * DAY - 1
    assert shop.code("POST", ADD, _goods(shop, coverImgUrl=media_id)) == 0
    shop.now = AT + 3 * DAY
    assert shop.code("POST", ADD, _goods(shop, coverImgUrl=media_id)) == 300006


def test_a_request_without_goods_is_refused(shop: Shop) -> None:
    assert shop.code("POST", ADD, {"goods": {}}) == 200002


def test_a_day_has_500_submissions_of_both_kinds_together(desk: Desk) -> None:
    for _ in range(498):
        desk.world.quotas.use(desk.shop, ADD, daily=None, now=desk.clock.at)
    assert [desk.call(path, {}, name="shop")["errcode"] for path in (ADD, AUDIT, ADD, AUDIT)] == [
        200002,
        200002,
        45009,
        45009,
    ]
    assert desk.call("/cgi-bin/openapi/quota/get", {"cgi_path": AUDIT}, name="shop")["quota"]["remain"] == 0
    assert desk.call(DELETE, {}, name="shop")["errcode"] == 200002
    desk.clock.at = MIDNIGHT - 1
    assert desk.call(AUDIT, {}, name="shop")["errcode"] == 45009
    desk.clock.at = MIDNIGHT
    assert desk.call(AUDIT, {}, name="shop")["errcode"] == 200002


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/cgi-bin/clear_quota", {"appid": "wx5a0db0c0000000b2"}),
        ("/cgi-bin/openapi/quota/clear", {"cgi_path": ADD}),
        ("/cgi-bin/openapi/quota/clear", {"cgi_path": AUDIT}),
    ],
)
def test_the_submissions_begin_anew_when_the_quota_is_cleared(desk: Desk, path: str, body: dict[str, Any]) -> None:
    for _ in range(500):
        desk.world.quotas.use(desk.shop, AUDIT, daily=None, now=desk.clock.at)
    assert desk.call(ADD, {}, name="shop")["errcode"] == 45009
    assert desk.call(path, body, name="shop")["errcode"] == 0
    assert desk.call(ADD, {}, name="shop")["errcode"] == 200002


def test_goods_in_review_can_be_taken_back_and_submitted_again(shop: Shop) -> None:
    added = shop.post(ADD, _goods(shop))
    assert shop.post(RESET, {"goodsId": 51, "auditId": added["auditId"]}) == {}
    assert _status(shop, 51) == 0
    assert shop.post(AUDIT, {"goodsId": 51}) == {"auditId": 525022787}
    assert _status(shop, 51) == 1


@pytest.mark.parametrize(
    ("path", "body", "waited", "code"),
    [
        (RESET, {"goodsId": 51, "auditId": 1}, 0, 300009),
        (RESET, {"goodsId": 51, "auditId": 525022786}, 5, 300009),
        (RESET, {"goodsId": 52, "auditId": 525022786}, 0, 1003),
        (AUDIT, {"goodsId": 51}, 0, 300010),
        (AUDIT, {"goodsId": 51}, 5, 300010),
        (AUDIT, {}, 0, 200002),
        (DELETE, {"goodsId": 51}, 0, 300014),
        (DELETE, {"goodsId": True}, 0, 200002),
        (UPDATE, {"goodsInfo": {"goodsId": 51, "price": 1}}, 0, 300010),
        (UPDATE, {"goodsInfo": {"goodsId": 51, "name": "新"}}, 5, 300010),
        (UPDATE, {"goodsInfo": {"goodsId": 51, "priceType": 2}}, 5, 300003),
        (UPDATE, {"goodsInfo": {"price": 1}}, 5, 200002),
        (UPDATE, {}, 5, 200002),
        (WAREHOUSE, {"goods_ids": 51}, 0, 200002),
    ],
    ids=range(14),
)
def test_what_the_state_forbids_is_refused(shop: Shop, path: str, body: dict[str, Any], waited: int, code: int) -> None:
    shop.post(ADD, _goods(shop))
    shop.now += waited
    assert shop.code("POST", path, body) == code


def test_approved_goods_can_be_deleted(shop: Shop) -> None:
    shop.post(ADD, _goods(shop))
    shop.now += 5
    assert shop.post(DELETE, {"goodsId": 51}) == {}
    assert shop.post(WAREHOUSE, {"goods_ids": [51]}) == {"goods": [], "total": 0}


def test_of_approved_goods_the_prices_can_be_changed(shop: Shop) -> None:
    shop.post(ADD, _goods(shop))
    shop.now += 5 + 3 * DAY  # the cover has expired, and is not looked at
    shop.post(UPDATE, {"goodsInfo": {"goodsId": 51, "priceType": 2, "price": 1, "price2": 2.5}})
    [good] = shop.post(WAREHOUSE, {"goods_ids": [51]})["goods"]
    assert (good["priceType"], good["price"], good["price2"], good["audit_status"]) == (2, 1, 2.5, 2)
    shop.post(UPDATE, {"goodsInfo": {"goodsId": 51, "priceType": 1}})
    [good] = shop.post(WAREHOUSE, {"goods_ids": [51]})["goods"]
    assert "price2" not in good


def test_rejected_goods_can_be_changed_and_submitted_again(shop: Shop) -> None:
    shop.post(ADD, _goods(shop, name="驳回茶杯"))
    shop.now += 5
    shop.post(UPDATE, {"goodsInfo": {"goodsId": 51, "name": "茶杯"}})
    assert _status(shop, 51) == 0
    shop.post(AUDIT, {"goodsId": 51})
    shop.now += 5
    assert _status(shop, 51) == 2


def test_the_warehouse_tells_of_the_goods_that_are_asked_for(shop: Shop) -> None:
    shop.post(ADD, _goods(shop, thirdPartyAppid="wx307e399609946068"))
    answer = shop.post(WAREHOUSE, {"goods_ids": [51, 51, 99]})
    assert answer == {
        "goods": [
            {
                "goods_id": 51,
                "name": "TIT茶杯",
                "cover_img_url": "https://mmbiz.invalid/live/51.jpg",
                "url": "pages/index/index",
                "price_type": 1,
                "priceType": 1,
                "price": 99.5,
                "audit_status": 1,
                "third_party_tag": 2,
                "thirdPartyAppid": "wx307e399609946068",
            }
        ],
        "total": 1,
    }


def test_goods_are_listed_by_state_and_page(shop: Shop) -> None:
    for _ in range(31):
        shop.post(ADD, _goods(shop, coverImgUrl=_cover(shop)))
    assert shop.get(APPROVED, offset=0, status=2) == {"goods": [], "total": 0}
    shop.now += 5
    answer = shop.get(APPROVED, offset=0, status=2)
    assert (len(answer["goods"]), answer["total"], answer["goods"][0]["goodsId"]) == (30, 31, 51)
    assert answer["goods"][0] == {
        "goodsId": 51,
        "name": "TIT茶杯",
        "coverImgUrl": "https://mmbiz.invalid/live/51.jpg",
        "url": "pages/index/index",
        "priceType": 1,
        "price": 99.5,
        "thirdPartyTag": 2,
        "thirdPartyAppid": "",
    }
    assert [good["goodsId"] for good in shop.get(APPROVED, offset=30, limit=100, status=2)["goods"]] == [81]
    assert [good["goodsId"] for good in shop.get(APPROVED, offset=1, limit=1, status=2)["goods"]] == [52]


@pytest.mark.parametrize(
    "query",
    [
        {"status": 2},
        {"offset": 0},
        {"offset": 0, "status": 4},
        {"offset": 0, "status": 2, "limit": 101},
        {"offset": 0, "status": 2, "limit": 0},
        {"offset": "-1", "status": 2},
    ],
    ids=str,
)
def test_a_list_that_is_asked_for_wrongly_is_refused(shop: Shop, query: dict[str, Any]) -> None:
    assert shop.code("GET", APPROVED, **query) == 200002


def test_every_call_needs_the_right_and_has_its_quota() -> None:
    assert {route.path: (route.right, route.quota) for route in live.ROUTES} == {
        ADD: (Right.LIVE, 500),
        RESET: (Right.LIVE, 500),
        AUDIT: (Right.LIVE, 500),
        DELETE: (Right.LIVE, 1000),
        UPDATE: (Right.LIVE, 1000),
        WAREHOUSE: (Right.LIVE, 1000),
        APPROVED: (Right.LIVE, 10_000),
    }


def test_goods_are_added_through_the_whole_sandbox() -> None:
    client, token = serve(frozenset({"live"}))
    query = f"?access_token={token}"
    posted = {"media": (io.BytesIO(png(300, 300)), "a.png", "image/png")}
    uploaded = client.post(f"/cgi-bin/media/upload{query}&type=image", data=posted).get_json()
    assert (uploaded["errcode"], uploaded["type"], uploaded["created_at"]) == (0, "image", int(AT))
    down = client.get(f"/cgi-bin/media/get{query}&media_id={uploaded['media_id']}")
    assert (down.data, down.content_type) == (png(300, 300), "image/png")
    goods = {
        "coverImgUrl": uploaded["media_id"],
        "name": "TIT茶杯",
        "priceType": 1,
        "price": 99.5,
        "url": "pages/index/index",
    }
    added = client.post(f"{ADD}{query}", json={"goodsInfo": goods}).get_json()
    assert (added["goodsId"], added["auditId"], added["errcode"]) == (51, 525022786, 0)
    failed = client.post(f"{ADD}{query}", json={"goodsInfo": {**goods, "name": "提审失败"}}).get_json()
    assert (failed["goodsId"], failed["auditId"], failed["errcode"]) == (52, 525022787, 300021)
    listed = client.get(f"{APPROVED}{query}&offset=0&status=1").get_json()
    assert [good["goodsId"] for good in listed["goods"]] == [51]
    refused = client.post(f"{ADD}{query}", json={"goodsInfo": {**goods, "name": "a" * 29}}).get_json()
    assert refused["errcode"] == 300002


def test_a_tenant_without_the_right_adds_nothing() -> None:
    client, token = serve(frozenset())
    assert client.post(f"{ADD}?access_token={token}", json={}).get_json()["errcode"] == 48001
