from __future__ import annotations

import json
from typing import Any

import pytest

from scanhook.sandbox import window
from scanhook.sandbox.tenant import Tenant
from scanhook.sandbox.window_shelf import WindowShelf
from tests.sandbox.calling import Shop
from tests.sandbox.desk import Desk

FAMILY = "/channels/ec/window/product"
LIST, GET, ADD, OFF = f"{FAMILY}/list/get", f"{FAMILY}/get", f"{FAMILY}/add", f"{FAMILY}/off"
SHOP = "wxee9f94a3360ad25f"

# The examples of channels-window-list.md, mended as facts.md section 0 says of its like: commas and a bracket.
ASKED_OWN = '{"appid": "wxee9f94a3360ad25f", "page_size": 1, "page_index": 1, "need_total_num": true}'
ASKED_PROMOTED = '{"page_size": 1, "page_index": 1, "need_total_num": true, "query_cps_product": true}'
OWN = '{"product_id": "100234056", "appid": "wxee9f94a3360ad25f"}'
PROMOTED = '{"product_id": "439000124321", "out_product_id": "100234056", "product_source": 1}'


@pytest.fixture
def assistant() -> Shop:
    """Return a Channels assistant with two own products of a shop, one of another, and two promoted ones."""
    shop = Shop(routes=window.ROUTES, tenant=Tenant("wx5a0db0c0000000c3", secret="s", rights=frozenset({"window"})))
    shelf = shop.tenant.shelf(WindowShelf)
    shelf.put_own(SHOP, "100234056")
    shelf.put_promoted("439000124321", "100234056")
    shelf.put_own(SHOP, "100234057", branch_id=7)
    shelf.put_own("wx1111111111111111", "100234058")
    shelf.put_promoted("18446744073709551615", "18446744073709551614")
    return shop


def _ids(shop: Shop, **asked: Any) -> list[str]:
    return [product["product_id"] for product in shop.post(LIST, {"page_size": 200, **asked})["products"]]


def _stock(shop: Shop, products: int) -> None:
    for number in range(products):
        shop.tenant.shelf(WindowShelf).put_own("wx2222222222222222", str(500_000 + number))


@pytest.mark.parametrize(("asked", "listed", "total"), [(ASKED_OWN, OWN, 2), (ASKED_PROMOTED, PROMOTED, 2)])
def test_a_page_has_the_shape_of_the_pages_examples(assistant: Shop, asked: str, listed: str, total: int) -> None:
    answer = assistant.post(LIST, json.loads(asked))
    assert answer.pop("last_buffer")
    assert answer == {"products": [json.loads(listed)], "total_num": total}


def test_the_total_comes_only_when_it_is_asked_for(assistant: Shop) -> None:
    assert "total_num" not in assistant.post(LIST, {"page_size": 1})
    assert "total_num" not in assistant.post(LIST, {"page_size": 1, "need_total_num": False})
    assert assistant.post(LIST, {"page_size": 1, "need_total_num": True})["total_num"] == 5


def test_the_appid_counts_before_query_cps_product(assistant: Shop) -> None:
    both = assistant.post(LIST, {"page_size": 200, "appid": SHOP, "query_cps_product": True, "need_total_num": True})
    assert [product["product_id"] for product in both["products"]] == ["100234056", "100234057"]
    assert both["total_num"] == 2


def test_the_filters_give_what_they_say(assistant: Shop) -> None:
    assert _ids(assistant) == ["100234056", "439000124321", "100234057", "100234058", "18446744073709551615"]
    assert _ids(assistant, query_cps_product=True) == ["439000124321", "18446744073709551615"]
    assert _ids(assistant, branch_id=7) == ["100234057"]
    assert _ids(assistant, appid=SHOP, branch_id=8) == []
    assert _ids(assistant, appid="wx9999999999999999") == []


def test_pages_go_by_their_index(assistant: Shop) -> None:
    pages = [_ids(assistant, page_size=2, page_index=index) for index in (1, 2, 3, 4)]
    assert pages == [["100234056", "439000124321"], ["100234057", "100234058"], ["18446744073709551615"], []]


def test_pages_go_on_by_last_buffer_whatever_the_index_says(assistant: Shop) -> None:
    found, last_buffer = [], ""
    while True:
        answer = assistant.post(LIST, {"page_size": 2, "page_index": 9, "last_buffer": last_buffer})
        if not last_buffer:
            answer = assistant.post(LIST, {"page_size": 2})
        if not answer["products"]:
            break
        found.append([product["product_id"] for product in answer["products"]])
        last_buffer = answer["last_buffer"]
    assert found == [["100234056", "439000124321"], ["100234057", "100234058"], ["18446744073709551615"]]
    assert answer == {"products": []}


def test_last_buffer_reaches_where_no_index_does(assistant: Shop) -> None:
    answer = assistant.post(LIST, {"page_size": 200, "page_index": 50})
    assert answer == {"products": []}
    assert assistant.code("POST", LIST, {"page_size": 200, "page_index": 51}) == 10022006
    last_buffer = assistant.post(LIST, {"page_size": 1})["last_buffer"]
    assert assistant.code("POST", LIST, {"page_size": 200, "page_index": 51, "last_buffer": last_buffer}) == 0


def test_a_full_page_holds_two_hundred(assistant: Shop) -> None:
    _stock(assistant, 200)
    assert len(_ids(assistant)) == 200
    assert assistant.code("POST", LIST, {"page_size": 201}) == 10022006


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"page_size": 0},
        {"page_size": -1},
        {"page_size": "1"},
        {"page_size": True},
        {"page_size": 1, "page_index": 0},
        {"page_size": 1, "page_index": 10_001},
        {"page_size": 1, "page_index": "1"},
        {"page_size": 1, "last_buffer": "EB4YAg="},
        {"page_size": 1, "last_buffer": "d2luZG93Ong="},
        {"page_size": 1, "last_buffer": 5},
        {"page_size": 1, "branch_id": "7"},
        {"page_size": 1, "appid": 7},
        {"page_size": 1, "query_cps_product": 1},
        {"page_size": 1, "need_total_num": "true"},
    ],
    ids=range(15),
)
def test_what_is_beyond_the_limits_is_refused(assistant: Shop, body: dict[str, Any]) -> None:
    assert assistant.code("POST", LIST, body) == 10022006


def test_a_product_that_is_added_stands_in_the_window_once(assistant: Shop) -> None:
    added = {"product_id": "100999", "appid": SHOP, "is_hide_for_window": True}
    assert assistant.post(ADD, added) == {}
    assert assistant.post(ADD, {**added, "is_hide_for_window": False}) == {}
    assert _ids(assistant, appid=SHOP) == ["100234056", "100234057", "100999"]
    product = assistant.post(GET, {"product_id": "100999", "appid": SHOP})["product"]
    assert (product["product_id"], product["appid"], product["is_hide_for_window"]) == ("100999", SHOP, False)


@pytest.mark.parametrize(
    "body",
    [
        {"product_id": "100999"},
        {"product_id": "100999", "appid": "shop"},
        {"appid": SHOP},
        {"product_id": "0", "appid": SHOP},
        {"product_id": "18446744073709551616", "appid": SHOP},
        {"product_id": "１", "appid": SHOP},
    ],
    ids=range(6),
)
def test_a_product_without_its_ids_is_not_added(assistant: Shop, body: dict[str, Any]) -> None:
    assert assistant.code("POST", ADD, body) == 10022006
    assert len(_ids(assistant)) == 5


def test_a_shop_that_is_not_bound_is_refused(assistant: Shop) -> None:
    assistant.tenant.shelf(WindowShelf).bound_shops = frozenset({SHOP})
    assert assistant.code("POST", ADD, {"product_id": "1", "appid": "wx1111111111111111"}) == 10022008
    assert assistant.code("POST", OFF, {"product_id": "1", "appid": "wx1111111111111111"}) == 10022008
    assert assistant.code("POST", ADD, {"product_id": "1", "appid": SHOP}) == 0


def test_taking_off_does_nothing_any_more(assistant: Shop) -> None:
    before = _ids(assistant)
    assert assistant.post(OFF, {"product_id": "100234056", "appid": SHOP}) == {}
    assert _ids(assistant) == before
    assert assistant.code("POST", OFF, {"product_id": "100", "appid": SHOP}) == 10022003
    assert assistant.code("POST", OFF, {"product_id": "439000124321", "appid": SHOP}) == 10022007


def test_a_product_is_got_by_the_id_that_the_page_says(assistant: Shop) -> None:
    assert assistant.post(GET, {"product_id": "100234056", "appid": SHOP})["product"]["title"] == "商品 100234056"
    assert assistant.code("POST", GET, {"product_id": "100234056"}) == 10022006
    assert assistant.code("POST", GET, {"product_id": "100", "appid": SHOP}) == 10022003


@pytest.mark.parametrize("product_id", ["439000124321", "100234056"])
def test_a_promoted_product_is_got_by_either_of_its_ids(assistant: Shop, product_id: str) -> None:
    [product] = assistant.post(GET, {"product_id": product_id, "need_cps_product": True})["cps_products"]
    assert (product["product_id"], product["out_product_id"]) == ("439000124321", "100234056")
    assert assistant.post(GET, {"product_id": "5", "need_cps_product": True}) == {"cps_products": []}


def test_no_other_account_has_a_window(desk: Desk) -> None:
    assert desk.call(LIST, {"page_size": 1}, name="assistant") == {"errcode": 0, "errmsg": "ok", "products": []}
    assert desk.call(LIST, {"page_size": 1}, name="shop")["errcode"] == 48001
