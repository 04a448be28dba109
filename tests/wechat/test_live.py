from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from scanhook.errors import Refused, WechatUnreachable
from scanhook.wechat.live import LiveGoods
from scanhook.wechat.live_goods import AuditStatus, Goods
from tests.wechat.scripted import Call, ScriptedApi
from tests.wechat.shifting import StuckApi

# The answers of the sibling pages (facts.md 5.3), mended where a comma is missing.
STATE = {
    "errcode": 0,
    "errmsg": "ok",
    "goods": [
        {
            "goods_id": 9,
            "cover_img_url": "xxxx",
            "name": "xxxxx",
            "price": 12300,
            "url": "xxxxxxx",
            "price_type": 1,
            "price2": 0,
            "audit_status": 1,
            "third_party_tag": 0,
        }
    ],
    "total": 0,
}
APPROVED = {
    "errcode": 0,
    "total": 68,
    "goods": [
        {
            "goodsId": 9,
            "coverImgUrl": "xxxx",
            "name": "xxxxx",
            "price": 12300,
            "url": "xxxxxxx",
            "priceType": 1,
            "price2": 0,
            "thirdPartyTag": 0,
        }
    ],
}
READ = Goods(
    id="9",
    name="xxxxx",
    image="xxxx",
    path="xxxxxxx",
    price_type=1,
    price=Decimal(12300),
    price2=None,
    status=1,
    by_api=False,
    third_party_app_id="",
)


def test_the_state_of_goods_is_read_as_the_page_shows() -> None:
    api = ScriptedApi(STATE)
    assert list(LiveGoods(api).states(["9"])) == [READ]
    assert api.calls == [Call(verb="read", path="/wxa/business/getgoodswarehouse", body={"goods_ids": [9]})]


def test_the_types_of_the_newer_page_are_read_alike() -> None:
    goods = {**STATE["goods"][0], "goods_id": "9", "audit_status": "1", "priceType": 1}  # type: ignore[index]
    del goods["price_type"]
    assert list(LiveGoods(ScriptedApi({"goods": [goods]})).states(["9"])) == [READ]


def test_twenty_goods_are_asked_for_at_a_time() -> None:
    api = ScriptedApi({"goods": []}, {"goods": []}, {"goods": []})
    assert list(LiveGoods(api).states([str(number) for number in range(1, 42)])) == []
    assert [len(body["goods_ids"]) for body in api.bodies] == [20, 20, 1]


def test_no_goods_are_asked_for_by_no_call() -> None:
    assert list(LiveGoods(ScriptedApi()).states([])) == []


def test_a_page_of_the_list_is_read_as_the_page_shows() -> None:
    api = ScriptedApi(APPROVED)
    page = LiveGoods(api).page(AuditStatus.IN_REVIEW, offset=30, limit=30)
    assert (page.goods, page.total) == ((READ,), 68)
    query = {"offset": "30", "limit": "30", "status": "1"}
    assert api.calls == [Call(verb="read", path="/wxaapi/broadcast/goods/getapproved", query=query)]


def test_the_list_goes_through_every_state_to_its_end() -> None:
    def answer(total: int, *ids: int) -> dict[str, Any]:
        return {"goods": [{"goodsId": id_, "priceType": 2, "price": 1.1, "price2": 2.2} for id_ in ids], "total": total}

    api = ScriptedApi(answer(0), answer(3, 1, 2), answer(3, 3), answer(1, 4), answer(0))
    found = list(LiveGoods(api).goods())
    assert [(goods.id, goods.status) for goods in found] == [("1", 1), ("2", 1), ("3", 1), ("4", 2)]
    assert (found[0].price, found[0].price2) == (Decimal("1.1"), Decimal("2.2"))
    asked = [(call.query["status"], call.query["offset"]) for call in api.calls if call.query]
    assert asked == [("0", "0"), ("1", "0"), ("1", "2"), ("2", "0"), ("3", "0")]


def test_a_list_that_repeats_itself_comes_to_an_end() -> None:
    api = StuckApi()
    with pytest.raises(WechatUnreachable, match="list repeats itself"):
        list(LiveGoods(api).goods())
    assert len(api.calls) == 4


def test_goods_without_a_total_are_not_taken_for_all() -> None:
    with pytest.raises(WechatUnreachable, match="total is not there"):
        LiveGoods(ScriptedApi({"errcode": 0, "goods": [{"goodsId": 1}]})).page(AuditStatus.APPROVED)


def test_no_goods_without_a_total_are_none() -> None:
    assert LiveGoods(ScriptedApi({"errcode": 0, "goods": []})).page(AuditStatus.APPROVED).total == 0


@pytest.mark.parametrize(("offset", "limit"), [(-1, 1), (0, 0), (0, 101)])
def test_a_page_that_the_page_does_not_allow_is_refused(offset: int, limit: int) -> None:
    with pytest.raises(Refused, match="a page starts at 0 or later, with 1 to 100 goods"):
        LiveGoods(ScriptedApi()).page(AuditStatus.APPROVED, offset=offset, limit=limit)


@pytest.mark.parametrize(
    ("ask", "goods"),
    [
        (lambda live: list(live.states(["9"])), {"name": "x"}),
        (lambda live: list(live.states(["9"])), {"goods_id": 9, "price": "cheap"}),
        (lambda live: list(live.states(["9"])), {"goods_id": 9, "audit_status": []}),
        (lambda live: live.page(AuditStatus.APPROVED), {"goods_id": 9}),
        (lambda live: live.page(AuditStatus.APPROVED), {"goodsId": 9, "price": True}),
    ],
    ids=range(5),
)
def test_goods_of_another_shape_cannot_be_used(ask: Callable[[LiveGoods], object], goods: dict[str, Any]) -> None:
    with pytest.raises(WechatUnreachable, match=r"goods\[0\]\."):
        ask(LiveGoods(ScriptedApi({"goods": [goods]})))
