from __future__ import annotations

from typing import Any

import pytest

from scanhook.errors import Refused, WechatUnreachable
from scanhook.wechat.window import ProductSource, Window, WindowFilter, WindowPage, WindowProduct
from tests.wechat.scripted import Call, ScriptedApi

OK: dict[str, Any] = {"errcode": 0, "errmsg": "ok"}
SELF_OPERATED: dict[str, Any] = {
    **OK,
    "products": [{"product_id": "100234056", "appid": "wxee9f94a3360ad25f"}],
    "last_buffer": "EB4YAg=",
    "total_num": 11,
}
PROMOTED: dict[str, Any] = {
    **OK,
    "products": [{"product_id": "439000124321", "out_product_id": "100234056", "product_source": 1}],
    "last_buffer": "EB4YAg=",
    "total_num": 11,
}


def _page(*product_ids: object, last_buffer: str | None) -> dict[str, Any]:
    buffer = {} if last_buffer is None else {"last_buffer": last_buffer}
    return {**OK, "products": [{"product_id": product_id} for product_id in product_ids], **buffer}


def test_a_shops_products_are_asked_for_and_read_as_the_page_shows() -> None:
    api = ScriptedApi(SELF_OPERATED)
    wanted = WindowFilter(app_id="wxee9f94a3360ad25f")
    page = Window(api).page(wanted, page_size=1, page_index=1, need_total=True)
    body = {"appid": "wxee9f94a3360ad25f", "page_size": 1, "page_index": 1, "need_total_num": True}
    assert api.calls == [Call(verb="read", path="/channels/ec/window/product/list/get", body=body)]
    product = WindowProduct(
        product_id="100234056", app_id="wxee9f94a3360ad25f", out_product_id="", source=ProductSource.SELF_OPERATED
    )
    assert page == WindowPage(products=(product,), last_buffer="EB4YAg=", total=11)


def test_promoted_products_are_asked_for_and_read_as_the_page_shows() -> None:
    api = ScriptedApi(PROMOTED)
    page = Window(api).page(WindowFilter(promoted_only=True), page_size=1, need_total=True)
    assert api.bodies == [{"page_size": 1, "page_index": 1, "need_total_num": True, "query_cps_product": True}]
    assert page.products == (
        WindowProduct(product_id="439000124321", app_id="", out_product_id="100234056", source=ProductSource.PROMOTED),
    )


@pytest.mark.parametrize(
    ("wanted", "sent", "wins"),
    [
        (WindowFilter(), {}, False),
        (WindowFilter(branch_id=0), {"branch_id": 0}, False),
        (WindowFilter(app_id="wx1", promoted_only=True), {"appid": "wx1", "query_cps_product": True}, True),
    ],
    ids=["none", "branch", "both"],
)
def test_a_filter_sends_what_it_holds_and_knows_what_wins(
    wanted: WindowFilter, sent: dict[str, Any], *, wins: bool
) -> None:
    assert (wanted.as_json(), wanted.app_id_wins) == (sent, wins)


def test_last_buffer_overrides_the_page_index() -> None:
    api = ScriptedApi(PROMOTED)
    Window(api).page(page_size=200, page_index=9999, last_buffer="EB4YAg=")
    assert api.bodies == [{"page_size": 200, "last_buffer": "EB4YAg="}]


@pytest.mark.parametrize(("page_size", "page_index"), [(200, 50), (1, 10_000), (199, 50)])
def test_pages_within_the_first_ten_thousand_are_asked_for(page_size: int, page_index: int) -> None:
    api = ScriptedApi(PROMOTED)
    Window(api).page(page_size=page_size, page_index=page_index)
    assert api.bodies == [{"page_size": page_size, "page_index": page_index}]


@pytest.mark.parametrize(
    ("page_size", "page_index", "why"),
    [
        (0, 1, "the page size is 0: WeChat gives 1 to 200"),
        (201, 1, "the page size is 201"),
        (200, 0, "the page index is 0: it begins with 1"),
        (200, 51, "page 51 with 200 products lies behind the first 10,000.*read on by last_buffer"),
        (1, 10_001, "page 10001 with 1 products lies behind"),
    ],
)
def test_what_wechat_would_not_take_is_refused_before_it_is_sent(page_size: int, page_index: int, why: str) -> None:
    with pytest.raises(Refused, match=why):
        Window(ScriptedApi()).page(page_size=page_size, page_index=page_index)


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (_page(last_buffer="c"), "no products"),
        (_page("3", last_buffer=""), "an empty last_buffer"),
        (_page("3", last_buffer=None), "no last_buffer"),
        (_page("3", last_buffer="b"), "the same last_buffer again"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_all_products_are_read_to_the_end(last: dict[str, Any], why: str) -> None:
    api = ScriptedApi(_page("1", last_buffer="a"), _page("2", last_buffer="b"), last)
    found = [product.product_id for product in Window(api).products()]
    assert found == ["1", "2"] + ["3"] * len(last["products"])
    assert api.bodies == [
        {"page_size": 200, "page_index": 1},
        {"page_size": 200, "last_buffer": "a"},
        {"page_size": 200, "last_buffer": "b"},
    ]


def test_a_full_page_with_a_last_buffer_that_was_there_is_no_end_and_no_ring() -> None:
    api = ScriptedApi(_page("1", last_buffer="a"), _page("2", last_buffer="a"))
    with pytest.raises(WechatUnreachable, match="the same last_buffer came twice"):
        list(Window(api).pages(page_size=1))


def test_the_total_is_asked_for_once_and_told_of_an_empty_window_too() -> None:
    api = ScriptedApi({**OK, "products": [], "last_buffer": "", "total_num": 0})
    assert [page.total for page in Window(api).pages(need_total=True)] == [0]
    api = ScriptedApi(SELF_OPERATED, _page(last_buffer=""))
    assert [page.total for page in Window(api).pages(page_size=1, need_total=True)] == [11]
    assert api.bodies[1] == {"page_size": 1, "last_buffer": "EB4YAg="}


def test_ids_keep_all_their_digits_also_as_numbers() -> None:
    found = {"product_id": 18446744073709551615, "out_product_id": 18446744073709551614, "product_source": 1}
    [product] = Window(ScriptedApi({**OK, "products": [found]})).page().products
    assert (product.product_id, product.out_product_id) == ("18446744073709551615", "18446744073709551614")


def test_a_source_that_no_page_knows_stays_readable() -> None:
    [product] = Window(ScriptedApi({**OK, "products": [{"product_id": "1", "product_source": 7}]})).page().products
    assert product.source == 7
    assert not isinstance(product.source, ProductSource)


@pytest.mark.parametrize(
    ("products", "field"),
    [
        ({}, "products is not a list"),
        ([{}], r"products\[0\]\.product_id is not there"),
        ([{"product_id": 1.0}], r"products\[0\]\.product_id is not an id"),
        ([{"product_id": "1", "product_source": "shop"}], r"products\[0\]\.product_source is not a whole number"),
    ],
    ids=range(4),
)
def test_an_answer_of_another_shape_is_no_answer(products: Any, field: str) -> None:
    with pytest.raises(WechatUnreachable, match=field):
        Window(ScriptedApi({**OK, "products": products})).page()
