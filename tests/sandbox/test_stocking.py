from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scanhook.sandbox.offers import UnionShelf
from scanhook.sandbox.stocking import stock
from tests.sandbox.desk import Desk

LISTS = [
    ("main", "/scan/product/getlist", {"offset": 0, "limit": 10}, "total", 5),
    ("assistant", "/channels/ec/window/product/list/get", {"page_size": 10, "need_total_num": True}, "total_num", 3),
    ("shop", "/wxa/business/getgoodswarehouse", {"goods_ids": [51, 52]}, "total", 2),
]


@pytest.mark.parametrize(("name", "path", "body", "field", "count"), LISTS)
def test_no_list_of_a_sandbox_with_samples_is_empty(
    desk: Desk, name: str, path: str, body: dict[str, object], field: str, count: int
) -> None:
    stock(desk.world)
    stock(desk.world)
    assert desk.call(path, body, name=name)[field] == count


@pytest.mark.parametrize(
    ("name", "path", "body", "picture"),
    [
        ("shop", LISTS[2][1], LISTS[2][2], lambda said: said["goods"][0]["cover_img_url"]),
        (
            "assistant",
            "/channels/ec/window/product/get",
            {"product_id": "100234056", "appid": "wxee9f94a3360ad25f"},
            lambda said: said["product"]["img_url"],
        ),
    ],
    ids=["live", "window"],
)
def test_samples_show_a_picture_that_the_sandbox_serves(
    desk: Desk, name: str, path: str, body: dict[str, object], picture: Callable[[Any], str]
) -> None:
    stock(desk.world)
    assert picture(desk.call(path, body, name=name)) == f"{desk.world.base_url}/sandbox/picture.png"


def test_the_sandboxs_own_offers_show_its_picture_and_the_pages_keep_theirs() -> None:
    shelf = UnionShelf()
    shelf.show("http://127.0.0.1:9000/sandbox/picture.png")
    heads = [offer.offer["product"]["info"]["headImg"] for offer in shelf.offers]
    assert heads[2:] == [["http://127.0.0.1:9000/sandbox/picture.png"]] * 3
    assert shelf.offers[:2] == UnionShelf().offers[:2]


def test_a_companys_applications_see_the_same_albums(desk: Desk) -> None:
    stock(desk.world)
    path = "/cgi-bin/externalcontact/get_product_album_list"
    goods, other = (
        desk.ask("POST", path, {}, query={"access_token": desk.gettoken(name)["access_token"]})["product_list"]
        for name in ("goods", "other")
    )
    assert len(goods) == 3
    assert other == goods
    path, changed = "/cgi-bin/externalcontact/update_product_album", {"product_id": goods[0]["product_id"], "price": 1}
    codes = [
        desk.ask("POST", path, changed, query={"access_token": desk.gettoken(name)["access_token"]})["errcode"]
        for name in ("goods", "other")
    ]
    assert codes == [0, 60011]
