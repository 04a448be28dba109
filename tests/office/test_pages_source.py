from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from scanhook.errors import WechatRefused
from scanhook.office import CatalogEntry, Listed
from scanhook.office.pages_source import PagesSource
from scanhook.wechat import System
from scanhook.wechat.pages import ScanPages
from tests.office.directory import AT, OWNER, nothing_known, refused, unreachable
from tests.wechat.pages_samples import GET
from tests.wechat.scripted import ScriptedApi

LIST: dict[str, Any] = json.loads("""
{
 "errcode": 0,
 "errmsg": "ok",
 "total": 2,
 "key_list": [
  {
   "keystandard": "ean13",
   "keystr": "6390000000000",
   "category_id": 537117576,
   "category_name": "果泥/菜泥/肉泥",
   "update_time": 1413181580,
   "status": "on"
  },
  {
   "keystandard": "ean13",
   "keystr": "6390000000002",
   "category_id": 537117576,
   "category_name": "果泥/菜泥/肉泥",
   "update_time": 1412834605,
   "status": "on"
  }
 ]
}
""")
IDS = ("ean13/6390000000000", "ean13/6390000000002")
NAME = "扫一扫动态主页demo"
IMAGE = "http://mmbiz.qpic.cn/mmbiz/AhrnkhhK7rWevHib2pmq1phtply6JicADNrX6Yrvd7LzKERyic3kn3VdSsmFr5F5ibXzj9Al65yWFudmjqcWic1Qe9g/0"


def page(**base: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(GET)
    found["brand_info"]["base_info"] |= base
    return found


def source(api: ScriptedApi) -> PagesSource:
    return PagesSource(owner=OWNER, pages=ScanPages(api))


def keeping(*listed: Listed) -> Callable[[Iterable[str]], Mapping[str, CatalogEntry]]:
    entries = {
        one.id: CatalogEntry(system=System.PAGES, owner=OWNER, listed=one, first_seen=AT, seen_at=AT, seen_in=1)
        for one in listed
    }
    return lambda ids: {id_: entries[id_] for id_ in ids if id_ in entries}


def test_a_page_gives_its_title_and_picture_and_the_time_of_its_change() -> None:
    api = ScriptedApi(LIST, page(), page(status="check"))

    (portion,) = source(api).portions("", nothing_known)

    assert portion.listed == (
        Listed(id=IDS[0], name=NAME, image=IMAGE, state="on", revision="1413181580"),
        Listed(id=IDS[1], name=NAME, image=IMAGE, state="check", revision="1412834605"),
    )
    assert (portion.place, portion.total) == ("1:2:2:ean13/6390000000002", 2)


@pytest.mark.parametrize(
    ("retail_price", "actions", "fen"),
    [
        ("0.00", [], None),
        ("12.00", [], 1200),
        ("0.00", [{"type": "price", "retail_price": "9.9"}], 990),
        ("12.00", [{"type": "price", "retail_price": "9.90"}], 990),
        ("about 5", [], None),
        ("9.999", [], None),
        ("٣", [], None),
    ],
)
def test_the_price_is_the_one_that_consumers_see(
    retail_price: str, actions: list[dict[str, str]], fen: int | None
) -> None:
    found = page(retail_price=retail_price)
    found["brand_info"]["action_info"] = {"action_list": actions}
    one = LIST | {"total": 1, "key_list": LIST["key_list"][:1]}

    (portion,) = source(ScriptedApi(one, found)).portions("", nothing_known)

    assert portion.listed[0].price == fen


def test_a_page_that_has_not_changed_is_not_asked_for_again() -> None:
    api = ScriptedApi(LIST, page())
    known = keeping(
        Listed(id=IDS[0], name="kept", price=5, image="https://x.example/k.png", state="check", revision="1413181580"),
        Listed(id=IDS[1], name="old", revision="1"),
    )

    (portion,) = source(api).portions("", known)

    assert portion.listed[0] == Listed(
        id=IDS[0], name="kept", price=5, image="https://x.example/k.png", state="on", revision="1413181580"
    )
    assert portion.listed[1].name == NAME
    assert [call.path for call in api.calls] == ["/scan/product/getlist", "/scan/product/get"]


@pytest.mark.parametrize("error", [refused(61334), unreachable()])
def test_a_page_that_cannot_be_had_keeps_what_was_known_and_is_asked_for_again(error: Exception) -> None:
    known = keeping(Listed(id=IDS[0], name="kept", state="off", revision="1"))

    (portion,) = source(ScriptedApi(LIST, error, page())).portions("", known)

    assert portion.listed[0] == Listed(id=IDS[0], name="kept", state="on", revision=None)
    assert portion.listed[1].name == NAME


def test_a_list_that_is_not_permitted_is_an_error() -> None:
    with pytest.raises(WechatRefused):
        list(source(ScriptedApi(refused(48001))).portions("", nothing_known))


def stretch(*numbers: int, total: int) -> dict[str, Any]:
    rows = [{"keystandard": "qrcode", "keystr": str(number), "update_time": 1, "status": "on"} for number in numbers]
    return {"errcode": 0, "errmsg": "ok", "total": total, "key_list": rows}


def known_all(ids: Iterable[str]) -> Mapping[str, CatalogEntry]:
    return keeping(*(Listed(id=id_, revision="1") for id_ in ids))(ids)


def offsets(api: ScriptedApi) -> list[int]:
    return [body["offset"] for body in api.bodies]


def test_a_page_that_jumped_to_the_front_meanwhile_is_found_in_a_second_round() -> None:
    api = ScriptedApi(stretch(1, 2, total=4), stretch(2, 3, total=4), stretch(4, 1, total=4), stretch(2, 3, total=4))

    portions = list(source(api).portions("", known_all))

    assert [listed.id for portion in portions for listed in portion.listed] == [
        *("qrcode/1", "qrcode/2", "qrcode/3", "qrcode/4"),
    ]
    assert offsets(api) == [0, 2, 0, 2]
