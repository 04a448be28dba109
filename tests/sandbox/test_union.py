from __future__ import annotations

import json
from typing import Any

import pytest

from scanhook.sandbox.offers import UnionShelf
from scanhook.sandbox.route import Right
from scanhook.sandbox.union import ROUTES
from tests.sandbox.calling import Shop, serve

PATH = "/union/promoter/product/list"
BED, WIG, FRAME, CUP, FLOWERS = "7554942", "6565746", "8100001", "8100002", "8100003"
EVERYTHING = [BED, WIG, FRAME, CUP, FLOWERS]


@pytest.fixture
def shop() -> Shop:
    return Shop(routes=ROUTES)


def _found(shop: Shop, **query: object) -> list[str]:
    answer = shop.get(PATH, **{"from": 0, "limit": 100, **query})
    ids = [product["productId"] for product in answer["productList"]]
    assert answer["total"] == len(ids)
    return ids


def test_the_samples_begin_with_the_pages_own(shop: Shop) -> None:
    answer = shop.get(PATH, **{"from": 0, "limit": 2})
    first, second = answer["productList"]
    assert (answer["errmsg"], answer["total"]) == ("", 5)
    assert first["product"]["info"]["title"] == "新增商品并保存case_UpProduct"
    assert first["product"]["info"]["category"][2]["catInfo"]["individualAuditInfo"] == {
        "qualification": "",
        "productQualification": "",
        "quaNeedAudit": "",
        "maxQualificationImg": 0,
    }
    assert first["leagueExInfo"] == {"hasCommission": 1, "commissionRatio": 8000, "commissionValue": 1600}
    assert second["shopInfo"] == {
        "name": "沅沅小可爱",
        "guaranteeFlag": 0,
        "headImgUrl": "http://wx.qlogo.cn/mmhead/574VdhMFwaETvsGUwOpJsHAWaM3UDznibq3MMMiaOPSt7Ir1ecTLOfJQ/0",
    }
    assert [sku["skuId"] for sku in second["product"]["skus"]] == ["11913889", "11915862"]


def test_pages_begin_at_0_and_go_to_the_end(shop: Shop) -> None:
    pages = [shop.get(PATH, **{"from": start, "limit": 2})["productList"] for start in (0, 2, 4, 6)]
    assert [[product["productId"] for product in page] for page in pages] == [[BED, WIG], [FRAME, CUP], [FLOWERS], []]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, EVERYTHING),
        ({"query": "茶杯"}, [CUP]),
        ({"query": "MOMENT", "queryType": 0}, [FRAME]),
        ({"query": "茶器", "queryType": 0}, []),
        ({"query": "小商店", "queryType": 1}, [BED, CUP]),
        ({"query": "8100001", "queryType": 2}, [FRAME]),
        ({"query": "810000", "queryType": 2}, []),
        ({"minPrice": 2000}, [BED, FRAME, CUP, FLOWERS]),
        ({"minPrice": 2001, "maxPrice": 9900}, [FRAME]),
        ({"maxPrice": 100}, [WIG]),
        ({"maxPrice": ""}, EVERYTHING),
        ({"minCommissionValue": 990}, [BED, FRAME, CUP]),
        ({"minCommissionRatio": 3300}, [BED, WIG]),
        ({"categoryId": 1247}, [BED, FRAME]),
        ({"categoryId": 1270, "category": "1001"}, [BED]),
        ({"category": "1270,1001"}, [BED, WIG]),
        ({"noCategory": "1247, 1420"}, [WIG, CUP]),
        ({"category": "1247", "noCategory": "1281"}, [BED]),
        ({"productId": "7554942,8100002,1"}, [BED, CUP]),
        ({"hasCoupon": 1}, [WIG, FRAME]),
        ({"hasCoupon": 0}, EVERYTHING),
        ({"shopAppIds": '["wxb0a1d4e6c2f35790"]'}, [WIG, FLOWERS]),
        ({"shopAppIds": "wx678687fa5226e237,wxb0a1d4e6c2f35790"}, [BED, WIG, FLOWERS]),
        ({"shopAppIds": "[]"}, EVERYTHING),
        ({"shippingMethods": '{"express":1,"sameCity":1,"pickup":0}'}, [WIG]),
        ({"shippingMethods": '{"pickup":1}'}, [FRAME, FLOWERS]),
        ({"addressList": '[{"addressInfo":{"provinceName":"广东省"}}]'}, [BED, FRAME]),
        (
            {
                "addressList": json.dumps(
                    [
                        {
                            "addressInfo": {"provinceName": "广东省", "cityName": "深圳市", "countryName": "中国"},
                            "addressType": {"express": 1, "sameCity": 0, "pickup": 1},
                        },
                        {"addressInfo": {"cityName": "上海市"}, "addressType": {"sameCity": 1}},
                    ]
                )
            },
            [FRAME, FLOWERS],
        ),
        ({"addressList": '[{"addressInfo":{"cityName":"上海市"},"addressType":{"express":1}}]'}, []),
        ({"later": "what no page speaks of"}, EVERYTHING),
    ],
    ids=str,
)
def test_every_filter_lets_through_what_the_page_says(shop: Shop, query: dict[str, Any], found: list[str]) -> None:
    assert _found(shop, **query) == found


@pytest.mark.parametrize(
    ("sort_type", "found"),
    [
        (0, EVERYTHING),
        (1, [WIG, BED, FRAME, FLOWERS, CUP]),
        (2, [CUP, FLOWERS, FRAME, BED, WIG]),
        (3, [FLOWERS, CUP, FRAME, WIG, BED]),
        (4, [BED, WIG, FRAME, CUP, FLOWERS]),
        (5, [FLOWERS, WIG, FRAME, CUP, BED]),
        (6, [BED, CUP, FRAME, WIG, FLOWERS]),
        (7, [FLOWERS, BED, CUP, WIG, FRAME]),
        (8, [FRAME, WIG, CUP, BED, FLOWERS]),
    ],
)
def test_every_order_is_as_the_page_says(shop: Shop, sort_type: int, found: list[str]) -> None:
    assert _found(shop, sortType=sort_type) == found


def test_what_is_sorted_is_paged_in_that_order(shop: Shop) -> None:
    answer = shop.get(PATH, **{"from": 1, "limit": 1, "sortType": 1, "minPrice": 2000})
    assert ([product["productId"] for product in answer["productList"]], answer["total"]) == ([FRAME], 4)


@pytest.mark.parametrize(
    "query",
    [
        {"from": ""},
        {"from": "-1"},
        {"limit": ""},
        {"limit": "0"},
        {"limit": "ten"},
        {"sortType": 9},
        {"queryType": 3},
        {"hasCoupon": 2},
        {"minPrice": "1.5"},
        {"minPrice": "９"},
        {"maxPrice": "9" * 19},
        {"category": "1,a"},
        {"categoryId": "1,2"},
        {"shopAppIds": "[1]"},
        {"shopAppIds": "[" * 100_000},
        {"shippingMethods": "express"},
        {"shippingMethods": "[]"},
        {"shippingMethods": '{"express":"yes"}'},
        {"addressList": "{}"},
        {"addressList": "[5]"},
        {"addressList": '[{"addressInfo":[]}]'},
        {"addressList": '[{"addressInfo":{"cityName":5}}]'},
        {"addressList": '[{"addressType":5}]'},
    ],
    ids=lambda query: str(query)[:60],
)
def test_a_parameter_that_cannot_be_read_is_refused(shop: Shop, query: dict[str, Any]) -> None:
    assert shop.code("GET", PATH, **{"from": 0, "limit": 10, **query}) == 200020


@pytest.mark.parametrize("missing", ["from", "limit"])
def test_paging_must_be_asked_for(shop: Shop, missing: str) -> None:
    given = "limit" if missing == "from" else "from"
    assert shop.code("GET", PATH, None, **{given: "5"}) == 200020


def test_one_tenants_shelf_is_not_anothers(shop: Shop) -> None:
    shop.tenant.shelf(UnionShelf).offers.clear()
    assert _found(shop) == []
    assert _found(Shop(routes=ROUTES)) == EVERYTHING


def test_the_call_needs_the_right() -> None:
    [route] = ROUTES
    assert (route.right, route.quota) == (Right.UNION, None)


def test_products_are_found_through_the_whole_sandbox() -> None:
    client, token = serve(frozenset({"union"}))
    query = {"access_token": token, "from": "0", "limit": "1", "query": "茶杯", "shopAppIds": '["wx307e399609946068"]'}
    answer = client.get(PATH, query_string=query).get_json()
    assert (answer["errcode"], answer["errmsg"], answer["total"]) == (0, "", 1)
    assert answer["productList"][0]["productId"] == CUP


def test_a_tenant_without_the_right_finds_nothing() -> None:
    client, token = serve(frozenset())
    assert client.get(PATH, query_string={"access_token": token}).get_json()["errcode"] == 48001
