from __future__ import annotations

from typing import Any

import pytest

from scanhook.errors import WechatUnreachable
from scanhook.wechat.window import ProductSource, WindowProduct
from scanhook.wechat.window_product import WindowDetails, window_details
from tests.wechat.scripted import ScriptedApi

OWN = WindowProduct(
    product_id="100234056", app_id="wxee9f94a3360ad25f", out_product_id="", source=ProductSource.SELF_OPERATED
)
PROMOTED = WindowProduct(
    product_id="439000124321", app_id="", out_product_id="100234056", source=ProductSource.PROMOTED
)
TEA = {"product_id": "100234056", "title": "茶", "img_url": "https://x.example/t.png", "status": 1}


def test_a_product_of_a_shop_is_asked_for_by_its_shop() -> None:
    api = ScriptedApi({"errcode": 0, "errmsg": "ok", "product": TEA | {"selling_price": 990, "leaf_category_id": "6"}})

    assert window_details(api, OWN) == WindowDetails(
        title="茶", image="https://x.example/t.png", price_fen=990, status=1
    )
    assert api.bodies == [{"product_id": "100234056", "appid": "wxee9f94a3360ad25f"}]
    assert api.calls[0].path == "/channels/ec/window/product/get"


def test_a_promoted_product_needs_no_shop_and_is_the_first_of_its_offers() -> None:
    api = ScriptedApi({"errcode": 0, "cps_products": [TEA, TEA | {"title": "other"}]})

    assert window_details(api, PROMOTED).title == "茶"
    assert api.bodies == [{"product_id": "439000124321", "appid": "", "need_cps_product": True}]


def test_what_wechat_leaves_out_stays_empty() -> None:
    found = window_details(ScriptedApi({"errcode": 0, "product": {"product_id": "1"}}), OWN)

    assert found == WindowDetails(title="", image="", price_fen=None, status=None)


@pytest.mark.parametrize("answer", [{"product": {"title": 7}}, {"product": []}, {}, {"cps_products": 1}])
def test_an_answer_that_is_none_cannot_be_used(answer: dict[str, Any]) -> None:
    with pytest.raises(WechatUnreachable, match="/channels/ec/window/product/get: the answer is not what the page"):
        window_details(ScriptedApi(answer), OWN)
