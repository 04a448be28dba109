from __future__ import annotations

import pytest

from scanhook.sandbox.tenant import Tenant
from scanhook.wechat import System
from scanhook.wechat.codes import refusal
from tests.cli.conftest import run, run_json
from tests.cli.scripts import Script, sandbox_calls, script_for
from tests.wechat.test_union_product import EXAMPLE, WIG

END = {"errcode": 0, "errmsg": "", "productList": [], "total": 100}


@pytest.fixture
def wechat(monkeypatch: pytest.MonkeyPatch) -> Script:
    return script_for(monkeypatch, System.UNION)


def test_products_are_listed_down_to_their_skus(wechat: Script) -> None:
    api = wechat(EXAMPLE, END)
    said = run_json("union", "list")
    assert said["total"] == 100
    bed, wig = said["products"]
    assert (bed["id"], bed["categories"][2]["name"], bed["commission"]["value_fen"]) == ("7554942", "儿童床", 1600)
    assert wig["skus"][0] == {
        "id": "11913889",
        "status": 5,
        "code": "",
        "image": "",
        "sale_price_fen": 100,
        "market_price_fen": 100,
        "stock": 20000,
        "parameters": [
            {"name_id": "35245", "name": "选择产品", "value_id": "1000000000000", "value": "111"},
            {"name_id": "35246", "name": "选择颜色", "value_id": "1000000000001", "value": "3333"},
        ],
    }
    assert wig["shop"]["name"] == WIG.shop.name
    asked = [(call.query["from"], call.query["limit"]) for call in api.calls if call.query]
    assert asked == [("0", "20"), ("2", "20")]


def test_people_see_a_table_and_how_many_there_are(wechat: Script) -> None:
    wechat(EXAMPLE, END)
    said = run("union", "list").stdout
    assert all(word in said for word in ("6565746", "测试假发", "1.00", "0.33", "(33 %)", "39995"))
    assert said.endswith("2 of 100 products.\n")


def test_nothing_found_is_said(wechat: Script) -> None:
    wechat({**END, "total": 0})
    assert run("union", "list").stdout == "0 of 0 products.\n"


def test_a_list_stops_where_it_is_told_to(wechat: Script) -> None:
    api = wechat(EXAMPLE)
    assert [product["id"] for product in run_json("union", "list", "--max", "1", "--start", "40")["products"]] == [
        "7554942"
    ]
    assert api.calls[0].query == {"from": "40", "limit": "1"}


def test_every_filter_is_sent(wechat: Script) -> None:
    api = wechat(END)
    run(
        *("union", "list", "--query", "小店", "--in", "shop", "--min-price", "9.90", "--max-price", "20"),
        *("--min-commission", "1", "--min-commission-percent", "12.5", "--category", "1270"),
        *("--categories", "1247, 1267", "--without-categories", "1030", "--product", "7554942", "--product", "6565746"),
        *("--shop", "wxee9f94a3360ad25f", "--coupon", "--ships", "express", "--ships", "pickup"),
        *("--from", "广东省/深圳市/南山区:same-city", "--from", "北京市", "--sort", "sales-descending"),
    )
    assert api.calls[0].query == {
        "from": "0",
        "limit": "20",
        "query": "小店",
        "queryType": "1",
        "minPrice": "990",
        "maxPrice": "2000",
        "minCommissionValue": "100",
        "minCommissionRatio": "1250",
        "categoryId": "1270",
        "category": "1247,1267",
        "noCategory": "1030",
        "productId": "7554942,6565746",
        "shopAppIds": '["wxee9f94a3360ad25f"]',
        "hasCoupon": "1",
        "shippingMethods": '{"express":1,"sameCity":0,"pickup":1}',
        "addressList": (
            '[{"addressInfo":{"provinceName":"广东省","cityName":"深圳市","countryName":"南山区"},'
            '"addressType":{"express":0,"sameCity":1,"pickup":0}},{"addressInfo":{"provinceName":"北京市"}}]'
        ),
        "sortType": "8",
    }


def test_it_is_said_that_one_category_counts_before_several(wechat: Script) -> None:
    wechat(END)
    said = run("union", "list", "--category", "1270", "--categories", "1247").stderr
    assert "note: both one category (1270) and a list of categories (1247) are given" in said


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--in", "id"), "not what for"),
        (("--min-price", "2", "--max-price", "1"), "nothing can fit"),
        (("--min-price", "-1"), "`-1` is no price in yuan"),
        (("--min-commission-percent", "1.005"), "`1.005` is no percentage"),
        (("--min-commission-percent", "100.01"), "more than the price itself"),
        (("--category", "bed"), "`bed` is no category id"),
        (("--shop", "shop"), "a shop's app id is wx"),
        (("--from", "广东省/深圳市/南山区/1"), "more than three levels"),
        (("--from", "广东省:boat"), "`boat` is no way to send"),
        (("--from", "/深圳市"), "needs a province"),
    ],
    ids=range(10),
)
def test_what_the_page_does_not_allow_is_never_sent(wechat: Script, options: tuple[str, ...], why: str) -> None:
    api = wechat()
    assert why in run("union", "list", *options, code=1).stderr
    assert api.calls == []


def test_a_missing_right_is_told(wechat: Script) -> None:
    wechat(refusal(48001, "api unauthorized", path="/union/promoter/product/list"))
    assert "48001" in run("union", "list", code=1).stderr


def test_the_sandbox_is_searched_over_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox_calls(monkeypatch, System.UNION, tenant="shop") as tenant:
        assert isinstance(tenant, Tenant)
        everything = run_json("union", "list")
        ids = [product["id"] for product in everything["products"]]
        assert len(ids) == len(set(ids)) == everything["total"] >= 3
        assert ids[:2] == ["7554942", "6565746"]
        found = run_json("union", "list", "--query", "假发", "--max-price", "1")["products"]
        assert [product["id"] for product in found] == ["6565746"]
        prices = [
            product["min_price_fen"] for product in run_json("union", "list", "--sort", "price-ascending")["products"]
        ]
        assert prices == sorted(prices)
