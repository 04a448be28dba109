from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from scanhook.sandbox.merchant import Merchant
from scanhook.sandbox.page_rules import check_key, check_parts, check_price
from scanhook.sandbox.route import Refusal
from tests.sandbox.brandpage import BRAND, UPDATE, brand, with_actions, with_base, with_modules

LINK = {"type": "link", "name": "活动", "link": "http://brand.invalid"}
BANNER = {**LINK, "image": "http://images.invalid/1", "showtype": "banner"}
MEDIA = {"type": "media", "link": "http://brand.invalid/film", "image": "http://images.invalid/2"}
USER = {"type": "user", "appid": "wx307e399609946068"}
CARD = {"type": "card", "cardid": "pbLatjk4T4Hx-QFQGL4zGQy27_Qg"}
TEXT = {"type": "text", "text": "描述"}
STORE = {"type": "store", "name": "店", "link": "http://shop.invalid", "sale_price": "9.90"}
NATIVE = {"type": "anti_fake", "native_show": "true"}
OWN = {"type": "anti_fake", "native_show": "false", "anti_fake_url": "http://brand.invalid/check"}


def _recommend(keystr: str = "published", **changed: Any) -> dict[str, Any]:
    listed = [{"keystandard": "qrcode", "keystr": keystr}]
    return {"type": "recommend", "recommend": {"recommend_type": "appointed", "recommend_list": listed, **changed}}


def _check(given: object, *, whole: bool = True) -> None:
    parts = check_parts(
        given, merchant=Merchant(), is_published=lambda _standard, keystr: keystr == "published", whole=whole
    )
    if whole:
        check_price(parts)


def _code(given: object, *, whole: bool = True) -> int:
    with pytest.raises(Refusal) as caught:
        _check(given, whole=whole)
    return caught.value.code


@pytest.mark.parametrize(
    "given",
    [
        BRAND,
        brand(module_info=None),
        brand(module_info={}),
        brand(detail_info={"banner_list": [{"link": "http://images.invalid/1", "desc": "汉" * 80}] * 6}),
        brand(detail_info={"detail_list": [{"title": "六个字的标题", "desc": "汉" * 80}]}),
        with_base(category_id=538071212, color="00fF7a", store_mgr_type="custom", store_vendorid_list=[2, 19]),
        with_base(color="", store_mgr_type=None, store_vendorid_list=None),
        with_actions(),
        with_actions(BANNER, BANNER, LINK, CARD, USER),
        with_actions(MEDIA, LINK, LINK, LINK),
        with_actions(STORE, TEXT, {"type": "product", "name": "小店商品", "productid": "p1"}),
        with_actions(_recommend()),
        with_modules(NATIVE),
        with_modules(OWN),
        with_modules(),
    ],
)
def test_a_right_page_is_taken(given: object) -> None:
    _check(given)


def test_the_seeds_own_update_is_taken() -> None:
    _check(UPDATE, whole=False)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (None, 61303),
        ([], 61303),
        ({}, 61303),
        ({"modul_info": {}}, 61303),
        (brand(base_info=None), 61308),
        (brand(base_info=[]), 61308),
        (brand(detail_info=None), 61309),
        (brand(action_info=None), 61310),
        (brand(module_info=[]), 63165),
        (with_base(title=None), 61300),
        (with_base(title=" "), 61300),
        (with_base(thumb_url=5), 61300),
        (with_base(brand_tag=""), 63156),
        (with_base(category_id=None), 61319),
        (with_base(category_id="0"), 61319),
        (with_base(category_id=True), 61319),
        (with_base(category_id=5), 61322),
        (with_base(store_mgr_type="mine"), 61325),
        (with_base(store_vendorid_list=[5]), 61300),
        (with_base(store_vendorid_list=[[]]), 61300),
        (with_base(store_vendorid_list="2"), 61300),
        (with_base(color="#00ff00"), 63155),
        (with_base(color=0), 63155),
        (brand(detail_info={}), 63175),
        (brand(detail_info={"banner_list": [], "detail_list": []}), 63175),
        (brand(detail_info={"banner_list": "x"}), 61301),
        (brand(detail_info={"banner_list": [{"link": "http://images.invalid/1"}] * 7}), 61301),
        (brand(detail_info={"banner_list": [{"desc": "x"}]}), 61301),
        (brand(detail_info={"detail_list": [{"title": "七个字的标题啊", "desc": "x"}]}), 61301),
        (brand(detail_info={"detail_list": [{"title": "标题", "desc": "汉" * 81}]}), 61301),
        (brand(action_info={"action_list": {}}), 61302),
        (with_actions({"type": "jump"}), 61345),
        (with_actions({"type": ["link"]}), 61345),
        (with_actions({"type": "link", "name": "活动"}), 61302),
        (with_actions({**LINK, "showtype": "banner"}), 61302),
        (with_actions({"type": "media", "link": "http://brand.invalid"}), 61347),
        (with_actions(MEDIA, BANNER), 63170),
        (with_actions({"type": "text", "name": "x"}), 61348),
        (with_actions(TEXT, TEXT), 63173),
        (with_actions({"type": "user", "appid": "gh_x"}), 61306),
        (with_actions(USER, USER), 63172),
        (with_actions({"type": "card"}), 61307),
        (with_actions(CARD, CARD), 63171),
        (with_actions(LINK, LINK, CARD, USER), 63174),
        (with_actions({"type": "price", "retail_price": 12.0}), 63160),
        (with_actions({"type": "price", "retail_price": "12.000"}), 63160),
        (with_actions({**STORE, "sale_price": "-1"}), 61346),
        (with_actions({"type": "product", "name": "x"}), 61302),
        (with_actions(_recommend("unpublished")), 63157),
        (with_actions(_recommend(recommend_type="random")), 63157),
        (with_actions(_recommend(recommend_list=[])), 63157),
        (with_actions({"type": "recommend"}), 63157),
        (with_modules({"type": "video"}), 63164),
        (with_modules(NATIVE, NATIVE), 63161),
        (with_modules({"type": "anti_fake", "native_show": True}), 63162),
        (with_modules({"type": "anti_fake"}), 63162),
        (with_modules({"type": "anti_fake", "native_show": "false"}), 63163),
        ({**with_actions(LINK), "base_info": with_base(store_mgr_type="custom")["base_info"]}, 63159),
    ],
)
def test_a_wrong_page_is_refused(given: object, code: int) -> None:
    assert _code(given) == code


@pytest.mark.parametrize("action", [{"type": "price", "retail_price": "9.9"}, STORE])
def test_a_page_without_vendors_needs_a_price_or_a_shop(action: dict[str, Any]) -> None:
    _check({**with_actions(action), "base_info": with_base(store_mgr_type="custom")["base_info"]})


@pytest.mark.parametrize("part", ["base_info", "detail_info", "action_info", "module_info"])
def test_each_part_may_be_updated_alone(part: str) -> None:
    _check({part: BRAND[part]}, whole=False)


@pytest.mark.parametrize(
    ("keystandard", "keystr"),
    [("ean13", "6900873042720"), ("ean8", "69012341"), ("qrcode", "Moment_frame-20chars"), ("qrcode", "x")],
)
def test_a_key_is_taken(keystandard: str, keystr: str) -> None:
    assert check_key(keystandard, keystr) == (keystandard, keystr)


@pytest.mark.parametrize(
    ("keystandard", "keystr", "code"),
    [
        ("barcode", "6900873042720", 61343),
        (None, "x", 61343),
        (["ean13"], "6900873042720", 61343),
        ("ean13", "690087304272", 61305),
        ("ean13", "６９００８７３０４２７２０", 61305),
        ("ean13", 6900873042720, 61305),
        ("ean8", "6900873042720", 61305),
        ("qrcode", "x" * 21, 61305),
        ("qrcode", "中文", 61305),
        ("qrcode", "x\n", 61305),
        ("qrcode", "", 61305),
        ("qrcode", None, 61305),
    ],
)
def test_a_wrong_key_is_refused(keystandard: object, keystr: object, code: int) -> None:
    with pytest.raises(Refusal) as caught:
        check_key(keystandard, keystr)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("keystandard", "keystr", "owned"),
    [
        ("ean13", "6900873042720", True),
        ("ean13", "6900874042720", False),
        ("ean8", "69008731", False),
        ("qrcode", "anything", True),
    ],
)
def test_a_barcode_lies_in_the_merchants_segments(keystandard: str, keystr: str, *, owned: bool) -> None:
    assert Merchant().owns(keystandard, keystr) is owned


def test_an_ean8_is_its_own_segment() -> None:
    assert Merchant(segments=["69012341"]).owns("ean8", "69012341")


def _places(value: object) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to every value in a page."""
    pairs: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for name, inner in pairs:
        yield (name,)
        for way in _places(inner):
            yield (name, *way)


@pytest.mark.parametrize(
    "junk", [None, True, -1, 10**30, 1e308, "", "\0", "x" * 1000, [], [[]], [{}], {}, {"": {}}], ids=repr
)
def test_a_page_is_taken_or_refused_whatever_stands_in_it(junk: object) -> None:
    page = {**brand(), **with_modules(OWN)}
    page["action_info"] = with_actions(BANNER, LINK, USER, CARD, TEXT, STORE, _recommend())["action_info"]
    _check(page)
    ways = list(_places(page))
    assert len(ways) > 50
    for way in ways:
        changed: Any = copy.deepcopy(page)
        inner = changed
        for name in way[:-1]:
            inner = inner[name]
        inner[way[-1]] = junk
        with suppress(Refusal):
            _check(changed)
