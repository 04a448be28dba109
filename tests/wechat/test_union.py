from __future__ import annotations

from typing import Any

import pytest

from scanhook.errors import Refused, WechatUnreachable
from scanhook.wechat.union import Union
from scanhook.wechat.union_filter import UnionFilter
from tests.wechat.scripted import Call, ScriptedApi
from tests.wechat.shifting import StuckApi
from tests.wechat.test_union_product import BED, EXAMPLE, WIG

PATH = "/union/promoter/product/list"


def _answer(total: int, *ids: int) -> dict[str, Any]:
    products = [{"productId": str(id_), "product": {"info": {"title": f"商品 {id_}"}}} for id_ in ids]
    return {"errcode": 0, "errmsg": "", "productList": products, "total": total}


def _asked(api: ScriptedApi) -> list[tuple[str, str]]:
    return [(call.query["from"], call.query["limit"]) for call in api.calls if call.query]


def test_a_page_is_asked_for_and_read_as_the_page_shows() -> None:
    api = ScriptedApi(EXAMPLE)
    page = Union(api).page(UnionFilter(query="床"), start=20, limit=10)
    assert api.calls == [Call(verb="read", path=PATH, query={"from": "20", "limit": "10", "query": "床"})]
    assert (page.products, page.total) == ((BED, WIG), 100)


def test_a_list_begins_at_0_and_goes_to_its_end() -> None:
    api = ScriptedApi(_answer(5, 1, 2), _answer(5, 3, 4), _answer(5, 5))
    assert [product.id for product in Union(api).products(limit=2)] == ["1", "2", "3", "4", "5"]
    assert _asked(api) == [("0", "2"), ("2", "2"), ("4", "2")]


def test_fewer_products_than_asked_for_leave_none_out() -> None:
    api = ScriptedApi(_answer(5, 1, 2, 3), _answer(5, 4, 5))
    assert [product.id for product in Union(api).products(limit=100)] == ["1", "2", "3", "4", "5"]
    assert _asked(api) == [("0", "100"), ("3", "100")]


def test_a_product_that_comes_twice_while_the_list_shifts_is_given_once() -> None:
    api = ScriptedApi(_answer(4, 1, 2), _answer(4, 2, 3))
    assert [product.id for product in Union(api).products(limit=2)] == ["1", "2", "3"]


@pytest.mark.parametrize("last", [_answer(5), {"errcode": 0, "total": 5}])
def test_an_empty_page_is_the_last(last: dict[str, Any]) -> None:
    api = ScriptedApi(_answer(5, 1, 2), last)
    assert [len(page.products) for page in Union(api).pages(limit=2)] == [2]


def test_a_list_that_repeats_itself_comes_to_an_end() -> None:
    api = StuckApi()
    with pytest.raises(WechatUnreachable, match=r"list repeats itself: 3 answers in a row .* 1,000,000,000 is what"):
        list(Union(api).products())
    assert len(api.calls) == 4


def test_products_without_a_total_are_not_taken_for_all() -> None:
    answer = _answer(100, *range(20))
    del answer["total"]
    with pytest.raises(WechatUnreachable, match="total is not there"):
        list(Union(ScriptedApi(answer)).pages())


def test_nothing_without_a_total_is_nothing() -> None:
    assert list(Union(ScriptedApi({"errcode": 0})).pages()) == []


def test_nothing_found_is_no_page() -> None:
    assert list(Union(ScriptedApi(_answer(0))).pages()) == []


@pytest.mark.parametrize(("start", "limit"), [(-1, 1), (0, 0), (0, -5)])
def test_a_page_that_makes_no_sense_is_refused(start: int, limit: int) -> None:
    with pytest.raises(Refused, match="a page starts at 0 or later"):
        Union(ScriptedApi()).page(start=start, limit=limit)


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"productList": {}}, "productList is not a list"),
        ({"productList": [5]}, r"productList\[0\] is not an object"),
        ({"productList": [], "total": "many"}, "total is not a whole number"),
    ],
    ids=range(3),
)
def test_an_answer_of_another_shape_cannot_be_used(answer: dict[str, Any], field: str) -> None:
    with pytest.raises(WechatUnreachable, match=f"{PATH}: the answer is not what the page says: {field}"):
        Union(ScriptedApi(answer)).page()
