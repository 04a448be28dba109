from __future__ import annotations

import json
from typing import Any

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import WechatRefused
from scanhook.office import CatalogEntry, Listed
from scanhook.office.sources import AlbumsSource, LiveSource, UnionSource, WindowSource
from scanhook.office.syncing import Portion
from scanhook.wechat import System
from scanhook.wechat.albums import Albums
from scanhook.wechat.live import LiveGoods
from scanhook.wechat.union import Union
from scanhook.wechat.union_filter import UnionFilter
from tests.office.directory import AT, OWNER, nothing_known, refused, unreachable
from tests.wechat.scripted import ScriptedApi

ALBUMS: dict[str, Any] = json.loads("""
{
  "errcode":0,
  "errmsg":"ok",
  "next_cursor":"CURSOR",
  "product_list":[
    {
      "product_id" : "xxxxxxxxxx",
      "description":"世界上最好的商品",
      "price":30000,
      "product_sn":"xxxxxx",
      "attachments":[{"type": "image", "image": {"media_id": "MEDIA_ID"}}]
    }
  ]
}
""")
WINDOW: dict[str, Any] = json.loads("""
{
  "errcode": 0,
  "errmsg": "ok",
  "products": [
    {"product_id": "100234056", "appid": "wxee9f94a3360ad25f"},
    {"product_id": "439000124321", "out_product_id": "100234056", "product_source": 1}
  ],
  "total_num": 2
}
""")
UNION: dict[str, Any] = json.loads("""
{
  "errcode": 0,
  "errmsg": "",
  "productList": [{
    "productId": "7554942",
    "product": {
      "productId": "7554942",
      "status": 5,
      "info": {
        "title": "新增商品并保存case_UpProduct",
        "headImg": ["https://wxamusic.wx.qq.com/wxasr/getminipic/zncFu89"],
        "minPrice": 2000
      }
    }
  }],
  "total": 1
}
""")
TEA = {
    "errcode": 0,
    "product": {"title": "茶", "img_url": "https://x.example/t.png", "selling_price": 990, "status": 1},
}


def window(api: ScriptedApi) -> WindowSource:
    return WindowSource(owner=OWNER, api=api, clock=FixedClock(AT))


def test_albums_give_name_price_and_the_material_of_a_picture() -> None:
    api = ScriptedApi(ALBUMS, {"errcode": 0, "product_list": []})

    portions = list(AlbumsSource(owner="wwcorp", albums=Albums(api)).portions("", nothing_known))

    assert portions == [
        Portion(
            listed=(Listed(id="xxxxxxxxxx", name="世界上最好的商品", price=30000, image="MEDIA_ID"),), place="CURSOR"
        ),
        Portion(listed=(), place=""),
    ]


def test_albums_go_on_from_a_cursor() -> None:
    api = ScriptedApi({"errcode": 0, "product_list": []})

    list(AlbumsSource(owner="wwcorp", albums=Albums(api)).portions("CURSOR", nothing_known))

    assert api.bodies == [{"limit": 100, "cursor": "CURSOR"}]


def test_union_products_give_everything() -> None:
    api = ScriptedApi(UNION)
    source = UnionSource(owner=OWNER, union=Union(api), wanted=UnionFilter(query="床"))

    (portion,) = source.portions("", nothing_known)

    assert portion.listed == (
        Listed(
            id="7554942",
            name="新增商品并保存case_UpProduct",
            price=2000,
            image="https://wxamusic.wx.qq.com/wxasr/getminipic/zncFu89",
            state="5",
        ),
    )
    assert (portion.place, portion.total) == ("1:1:1:7554942", 1)
    assert api.calls[0].query == {"from": "0", "limit": "20", "query": "床"}


GOODS = {"goodsId": 42, "name": "茶杯", "coverImgUrl": "https://x.example/c.png", "priceType": 2}
NO_GOODS = {"errcode": 0, "total": 0, "goods": []}


def live_answers(total: int, *goods: dict[str, Any]) -> dict[str, Any]:
    return {"errcode": 0, "total": total, "goods": list(goods)}


def test_live_goods_are_read_state_by_state() -> None:
    first, second = GOODS | {"price": 99.5, "price2": 120}, GOODS | {"goodsId": 43, "price": 9, "price2": 1}
    round_ = (NO_GOODS, live_answers(2, first), live_answers(2, second), NO_GOODS, NO_GOODS)
    api = ScriptedApi(*round_, NO_GOODS, live_answers(2, first), NO_GOODS, NO_GOODS)

    portions = list(LiveSource(owner=OWNER, goods=LiveGoods(api)).portions("", nothing_known))

    assert [listed for portion in portions for listed in portion.listed] == [
        Listed(id="42", name="茶杯", price=9950, image="https://x.example/c.png", state="in_review"),
        Listed(id="43", name="茶杯", price=100, image="https://x.example/c.png", state="in_review"),
    ]
    asked = [(call.query["status"], call.query["offset"], call.query["limit"]) for call in api.calls if call.query]
    assert asked == [
        *(("0", "0", "100"), ("1", "0", "100"), ("1", "1", "100"), ("2", "0", "100"), ("3", "0", "100")),
        *((str(status), "0", "1") for status in range(4)),
    ]


def test_goods_that_go_back_into_a_state_that_was_read_are_found_in_a_second_round() -> None:
    one = live_answers(1, GOODS | {"price": 9, "price2": 10})
    again = (NO_GOODS, one, NO_GOODS, NO_GOODS)
    api = ScriptedApi(*(NO_GOODS,) * 4, *again, *again, *again)

    portions = list(LiveSource(owner=OWNER, goods=LiveGoods(api)).portions("", nothing_known))

    assert [listed.id for portion in portions for listed in portion.listed] == ["42"]


def test_live_goods_begin_anew() -> None:
    api = ScriptedApi(*(NO_GOODS,) * 8)

    portions = list(LiveSource(owner=OWNER, goods=LiveGoods(api)).portions("2:100", nothing_known))

    assert [portion.place for portion in portions] == [""] * 4
    assert api.calls[0].query == {"offset": "0", "limit": "100", "status": "0"}


@pytest.mark.parametrize("price", [10**14, 1.234])
def test_goods_whose_price_cannot_be_kept_are_listed_without(price: float) -> None:
    one = live_answers(1, GOODS | {"priceType": 1, "price": price})
    round_ = (NO_GOODS, one, NO_GOODS, NO_GOODS)

    portions = list(LiveSource(owner=OWNER, goods=LiveGoods(ScriptedApi(*round_, *round_))).portions("", nothing_known))

    assert [(listed.id, listed.price) for portion in portions for listed in portion.listed] == [("42", None)]


def test_one_bad_product_keeps_no_other_out() -> None:
    products = [{"productId": id_, "product": {"info": {"minPrice": -1}}} for id_ in ("1", "x" * 257)]
    answer = {"errcode": 0, "productList": products, "total": 2}

    (portion,) = UnionSource(owner=OWNER, union=Union(ScriptedApi(answer)), wanted=UnionFilter(query="床")).portions(
        "", nothing_known
    )

    assert (portion.listed, portion.left_out) == ((Listed(id="1"),), 1)


def test_a_window_product_whose_id_cannot_be_kept_is_left_out_and_not_asked_for() -> None:
    api = ScriptedApi({"errcode": 0, "products": [{"product_id": "x" * 257}]})

    (portion,) = window(api).portions("", nothing_known)

    assert (portion.listed, portion.left_out, len(api.calls)) == ((), 1, 1)


def test_the_details_of_a_window_are_asked_for() -> None:
    api = ScriptedApi(WINDOW, TEA, {"errcode": 0, "cps_products": [TEA["product"]]})

    (portion,) = window(api).portions("", nothing_known)

    assert portion.listed == tuple(
        Listed(id=id_, name="茶", price=990, image="https://x.example/t.png", state="1", revision=str(AT))
        for id_ in ("100234056", "439000124321")
    )
    assert api.bodies[1:] == [
        {"product_id": "100234056", "appid": "wxee9f94a3360ad25f"},
        {"product_id": "439000124321", "appid": "", "need_cps_product": True},
    ]


@pytest.mark.parametrize(("asked_at", "calls"), [(AT, 1), (AT - 7 * 86_400 + 1, 1), (AT - 7 * 86_400, 3), (AT + 60, 3)])
def test_the_details_of_a_window_are_kept_for_a_week(asked_at: int, calls: int) -> None:
    api = ScriptedApi(WINDOW, TEA, TEA)
    kept = {
        id_: CatalogEntry(
            system=System.WINDOW,
            owner=OWNER,
            listed=Listed(id=id_, name="茶", revision=str(asked_at)),
            first_seen=AT,
            seen_at=AT,
            seen_in=1,
        )
        for id_ in ("100234056", "439000124321")
    }

    (portion,) = window(api).portions("", lambda _ids: kept)

    assert [listed.name for listed in portion.listed] == ["茶", "茶"]
    assert len(api.calls) == calls


@pytest.mark.parametrize("error", [refused(10022003), refused(10022007), unreachable()])
def test_a_product_without_details_is_listed_all_the_same_and_asked_for_tomorrow(error: Exception) -> None:
    (portion,) = window(ScriptedApi(WINDOW, error, TEA)).portions("", nothing_known)

    assert [(listed.id, listed.name, listed.revision) for listed in portion.listed] == [
        ("100234056", None, str(AT - 6 * 86_400)),
        ("439000124321", "茶", str(AT)),
    ]


def test_details_that_are_not_permitted_are_not_asked_for_again() -> None:
    api = ScriptedApi(WINDOW, refused(48001))

    (portion,) = window(api).portions("", nothing_known)

    assert [listed.name for listed in portion.listed] == [None, None]
    assert len(api.calls) == 2


def test_a_window_that_is_not_permitted_is_an_error() -> None:
    with pytest.raises(WechatRefused):
        list(window(ScriptedApi(refused(48001))).portions("", nothing_known))
