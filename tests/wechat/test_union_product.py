from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scanhook.errors import WechatUnreachable
from scanhook.wechat.answer import Answer
from scanhook.wechat.union_product import (
    Commission,
    SaleParameter,
    UnionCategory,
    UnionProduct,
    UnionShop,
    UnionSku,
    read_union_product,
)

EXAMPLE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "samples" / "union-product-list.json").read_text(encoding="utf-8")
)
"""The example of union-product-list.md, as it stands there."""

BED_IMAGE = (
    "https://wxamusic.wx.qq.com/wxasr/getminipic/"
    "zncFu89-HApz37MU8ZbwXB-7W09r7a2spQoE8wPrMFG4kgySC04JEIgbjTy8izde"
    "?media-id=zncFu89-HApz37MU8ZbwXB-7W09r7a2spQoE8wPrMFG4kgySC04JEIgbjTy8izde&appid=wx678687fa5226e237"
)
BED = UnionProduct(
    id="7554942",
    status=5,
    title="新增商品并保存case_UpProduct",
    subtitle="这是商品子标题",
    images=(BED_IMAGE,),
    categories=(
        UnionCategory(id="1247", name="家具", parent_id="0", level=1),
        UnionCategory(id="1267", name="儿童家具", parent_id="1247", level=2),
        UnionCategory(id="1270", name="儿童床", parent_id="1267", level=3),
    ),
    brand="",
    brand_id="2100000000",
    model="",
    description="",
    detail_images=(BED_IMAGE,),
    parameters=(),
    min_price_fen=2000,
    stock=0,
    sold=None,
    orders=None,
    express_template_id="37927",
    skus=(),
    commission=Commission(offered=True, ratio=8000, value_fen=1600),
    shop=UnionShop(
        app_id="",
        name="猪腩肉小商店",
        image="http://wx.qlogo.cn/mmhead/Q3auHgzwzM77ia7ibuPAQBJgME8gFF9APicaSpd7evrLCVb5hn2zsUBOw",
        guaranteed=False,
    ),
    coupon_id="",
)
_COLOUR = SaleParameter(name_id="35246", name="选择颜色", value_id="1000000000001", value="3333")
WIG_SKU = UnionSku(
    id="11913889",
    status=5,
    code="",
    image="",
    sale_price_fen=100,
    market_price_fen=100,
    stock=20000,
    parameters=(SaleParameter(name_id="35245", name="选择产品", value_id="1000000000000", value="111"), _COLOUR),
)
WIG = UnionProduct(
    id="6565746",
    status=5,
    title="测试假发",
    subtitle="测试假发",
    images=(
        "https://snsdy.tc.qq.com/161/20304/snscosdownload/SZ/reserved/5fd316dc0000ef4b0000000043785609000000a000004f50",
    ),
    categories=tuple(UnionCategory(id=id_, name="", parent_id="", level=None) for id_ in ("1001", "1030", "1031")),
    brand="",
    brand_id="2100000000",
    model="",
    description="测试商品",
    detail_images=(),
    parameters=(),
    min_price_fen=100,
    stock=39995,
    sold=None,
    orders=None,
    express_template_id="1024691",
    skus=(
        WIG_SKU,
        replace(
            WIG_SKU,
            id="11915862",
            parameters=(
                SaleParameter(name_id="35245", name="选择产品", value_id="1000000000002", value="1112"),
                _COLOUR,
            ),
        ),
    ),
    commission=Commission(offered=True, ratio=3300, value_fen=33),
    shop=UnionShop(
        app_id="",
        name="沅沅小可爱",
        image="http://wx.qlogo.cn/mmhead/574VdhMFwaETvsGUwOpJsHAWaM3UDznibq3MMMiaOPSt7Ir1ecTLOfJQ/0",
        guaranteed=False,
    ),
    coupon_id="",
)


def _read(entry: object) -> UnionProduct:
    return read_union_product(Answer(entry, path="/union/promoter/product/list", place="productList[0]"))


@pytest.mark.parametrize(("index", "expected"), [(0, BED), (1, WIG)], ids=["bed", "wig"])
def test_the_pages_example_is_read_completely(index: int, expected: UnionProduct) -> None:
    assert _read(EXAMPLE["productList"][index]) == expected


def test_a_commission_is_given_in_percent_too() -> None:
    assert (BED.commission.percent, WIG.commission.percent) == (Decimal(80), Decimal(33))
    assert Commission(offered=False, ratio=None, value_fen=None).percent is None


def test_what_only_libraries_name_is_read_too() -> None:
    product = _read(
        {
            "productId": 7554942,
            "product": {
                "info": {"param": [{"key": "材质", "value": "木"}], "totalSoldNum": 5, "totalOrderNum": "4"},
            },
            "shopInfo": {"appId": "wxee9f94a3360ad25f"},
            "couponInfo": {"hasCoupon": 1, "couponId": "77"},
        }
    )
    assert product.id == "7554942"
    assert (product.parameters, product.sold, product.orders) == ((("材质", "木"),), 5, 4)
    assert (product.shop.app_id, product.coupon_id) == ("wxee9f94a3360ad25f", "77")


def test_a_product_of_which_little_is_said_is_read() -> None:
    product = _read({"productId": "1", "product": {}})
    assert (product.title, product.min_price_fen, product.skus, product.commission.offered) == ("", None, (), False)


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"product": {}}, "productId"),
        ({"productId": "", "product": {}}, "productId"),
        ({"productId": "1"}, "product"),
        ({"productId": "1", "product": {"info": []}}, "product.info"),
        ({"productId": "1", "product": {"info": {"minPrice": "cheap"}}}, "product.info.minPrice"),
        ({"productId": "1", "product": {"info": {"headImg": [5]}}}, "product.info.headImg"),
        ({"productId": "1", "product": {"skus": [{}]}}, r"product.skus\[0\].skuId"),
        ({"productId": "1", "product": {"info": {"category": ["1247"]}}}, r"product.info.category\[0\]"),
        ({"productId": "1", "product": {}, "leagueExInfo": {"hasCommission": "yes"}}, "leagueExInfo.hasCommission"),
    ],
    ids=range(9),
)
def test_a_product_of_another_shape_cannot_be_used(entry: dict[str, Any], field: str) -> None:
    with pytest.raises(WechatUnreachable, match=rf"productList\[0\]\.{field} is"):
        _read(entry)
