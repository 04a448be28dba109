from __future__ import annotations

from typing import Any

import pytest

from scanhook.errors import Refused
from scanhook.wechat.pages import advice_on, check_creation, check_update, read_page
from scanhook.wechat.pages.page import read_parts
from scanhook.wechat.pages.rules import hanzi
from tests.wechat.pages_samples import CREATE, GET, KEY, UPDATE, answer, created_page

ACTIONS = "brand_info.action_info.action_list"
LINK = {"type": "link", "name": "n", "link": "http://a/"}
BANNER = {**LINK, "image": "http://a/0", "showtype": "banner"}
USER = {"type": "user", "appid": "wx1"}
CARD = {"type": "card", "cardid": "c1"}
TEXT = {"type": "text", "text": "t"}
PRICE = {"type": "price", "retail_price": "1.00"}
MEDIA = {"type": "media", "link": "http://v.qq.com/1"}
NATIVE = {"type": "anti_fake", "native_show": "true"}


def recommended(*targets: Any, kind: str = "appointed") -> dict[str, Any]:
    """Return an action that recommends other pages."""
    return {"type": "recommend", "recommend": {"recommend_type": kind, "recommend_list": list(targets)}}


def faults(**changed: Any) -> list[str]:
    """Return what is wrong with the sample once something in it is changed."""
    with pytest.raises(Refused) as caught:
        check_creation(created_page(**changed))
    return str(caught.value).splitlines()


def test_the_pages_own_samples_are_accepted() -> None:
    there = read_parts(KEY, answer(GET)["brand_info"], lenient=True)
    check_creation(read_page(answer(CREATE)))
    check_update(read_page(answer(UPDATE)), there=there)
    check_update(there, there=there)


def test_three_links_and_an_account_pass_only_since_one_of_the_links_is_a_banner() -> None:
    check_creation(created_page(action_info__action_list=[BANNER, LINK, LINK, USER]))
    assert faults(action_info__action_list=[LINK, LINK, LINK, USER]) == [
        f"{ACTIONS}: has 4 links, cards and accounts (banners do not count); 3 are the most (63174)"
    ]


@pytest.mark.parametrize(
    ("key_standard", "key_str", "fault"),
    [
        ("ean13", "690087304272", "keystr: is not 13 digits, as ean13 needs them"),
        ("ean13", "690087304272X", "keystr: is not 13 digits, as ean13 needs them"),
        ("ean13", "6900873042720０", "keystr: is not 13 digits, as ean13 needs them"),
        ("ean8", "6900873042720", "keystr: is not 8 digits, as ean8 needs them"),
        ("qrcode", "a" * 21, "keystr: is not 1 to 20 letters, digits, underscores and hyphens, as qrcode needs them"),
        ("qrcode", "微信", "keystr: is not 1 to 20 letters, digits, underscores and hyphens, as qrcode needs them"),
        ("barcode", "6900873042720", "keystandard: must be one of ean13, ean8, qrcode"),
    ],
)
def test_a_new_pages_key_is_as_its_standard_says(key_standard: str, key_str: str, fault: str) -> None:
    assert faults(keystandard=key_standard, keystr=key_str) == [fault]


@pytest.mark.parametrize(
    ("key_standard", "key_str"), [("ean13", "6390000000000"), ("ean8", "12345678"), ("qrcode", "aZ0_-" * 4)]
)
def test_a_right_key_is_taken_without_a_look_at_its_check_digit(key_standard: str, key_str: str) -> None:
    check_creation(created_page(keystandard=key_standard, keystr=key_str))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"base_info": None}, "brand_info.base_info: is missing: a page needs at least a title"),
        ({"detail_info": None}, "brand_info.detail_info: is missing: a page needs pictures"),
        ({"base_info__title": ""}, "brand_info.base_info.title: is missing"),
        ({"base_info__category_id": None}, "brand_info.base_info.category_id: is missing: take a verified_cate_id"),
        ({"base_info__thumb_url": "mmbiz.qpic.cn/0"}, "brand_info.base_info.thumb_url: must be an address"),
        ({"base_info__thumb_url": "http://a/ b"}, "brand_info.base_info.thumb_url: must be an address"),
        ({"base_info__color": "#FFFFFF"}, 'brand_info.base_info.color: is neither "auto" nor six'),
        ({"base_info__color": "FFF"}, 'brand_info.base_info.color: is neither "auto" nor six'),
        ({"base_info__store_mgr_type": "some"}, 'brand_info.base_info.store_mgr_type: is neither "auto" nor "custom"'),
        ({"detail_info": {"banner_list": [], "detail_list": []}}, "brand_info.detail_info: needs a banner_list or a"),
        (
            {"detail_info__banner_list": [{"link": "http://a/"}] * 7},
            "brand_info.detail_info.banner_list: has 7 pictures; 6 are the most",
        ),
        ({"detail_info__banner_list": [{"desc": "d"}]}, "brand_info.detail_info.banner_list[0].link: is missing"),
        (
            {"detail_info__banner_list": [{"link": "http://a/", "desc": "图" * 81}]},
            "brand_info.detail_info.banner_list[0].desc: is 81 Chinese characters wide; 80 are the most (61301)",
        ),
        (
            {"detail_info__detail_list": [{"title": "产品名称产品名", "desc": ""}]},
            "brand_info.detail_info.detail_list[0].title: is 7 Chinese characters wide; 6 are the most (61301)",
        ),
        (
            {"detail_info__detail_list": [{"title": "a", "desc": "b" * 161}]},
            "brand_info.detail_info.detail_list[0].desc: is 80.5 Chinese characters wide; 80 are the most (61301)",
        ),
        ({"detail_info__detail_list": [{"desc": "d"}]}, "brand_info.detail_info.detail_list[0].title: is missing"),
    ],
)
def test_what_the_pages_forbid_of_base_and_details_is_refused(changed: dict[str, Any], said: str) -> None:
    (fault,) = faults(**changed)
    assert fault.startswith(said)


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        ([MEDIA, BANNER], ": has a video and a link with showtype banner: keep one of them (63170)"),
        ([CARD, CARD], ': has 2 entries of type "card"; one is the most (63171)'),
        ([USER, USER], ': has 2 entries of type "user"; one is the most (63172)'),
        ([TEXT, TEXT, TEXT], ': has 3 entries of type "text"; one is the most (63173)'),
        ([LINK, LINK, USER, CARD], ": has 4 links, cards and accounts (banners do not count); 3 are the most (63174)"),
        ([{**TEXT, "text": ""}], "[0].text: is empty"),
        ([LINK, {**LINK, "name": ""}], "[1].name: is missing"),
        ([{**LINK, "link": "p.url.cn"}], "[0].link: must be an address that begins with http:// or https://"),
        ([{**BANNER, "image": ""}], "[0].image: is missing: a banner is a picture"),
        ([{**PRICE, "retail_price": "12元"}], "[0].retail_price: is no price in yuan"),
        ([{**PRICE, "retail_price": "1.005"}], "[0].retail_price: is no price in yuan"),
        ([{"type": "store", "link": "http://a/", "sale_price": "-1"}], "[0].sale_price: is no price in yuan"),
        ([recommended()], "[0].recommend.recommend_list: is empty (63157)"),
    ],
)
def test_what_the_pages_forbid_of_actions_is_refused(actions: list[Any], said: str) -> None:
    (fault,) = faults(action_info__action_list=actions)
    assert fault.startswith(ACTIONS + said)


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ([NATIVE, NATIVE], "[1]: the module `anti_fake` is there already; once is the most (63161)"),
        ([{**NATIVE, "native_show": "false"}], '[0].anti_fake_url: is missing, and native_show = "false" needs it'),
        ([{**NATIVE, "anti_fake_url": "here"}], "[0].anti_fake_url: must be an address"),
    ],
)
def test_what_the_pages_forbid_of_modules_is_refused(modules: list[Any], said: str) -> None:
    (fault,) = faults(module_info__module_list=modules)
    assert fault.startswith("brand_info.module_info.module_list" + said)


def test_a_page_without_a_window_of_wechats_is_taken_with_an_address() -> None:
    module = {**NATIVE, "native_show": "false", "anti_fake_url": "https://scan.example.com/"}
    check_creation(created_page(module_info__module_list=[module]))


@pytest.mark.parametrize(
    "actions",
    [
        [PRICE],
        [{"type": "product", "productid": "p1"}],
        [{"type": "store", "link": "http://a/", "sale_price": "3.5"}],
    ],
)
def test_a_price_or_a_shop_is_needed(actions: list[Any]) -> None:
    shopless = {"base_info__store_mgr_type": "custom", "base_info__store_vendorid_list": []}
    check_creation(created_page(**shopless, action_info__action_list=actions))
    (fault,) = faults(**shopless, action_info__action_list=[TEXT])
    assert fault.startswith(f'{ACTIONS}: has no entry of type "price", which is needed as no shop is set')
    check_creation(created_page(base_info__store_mgr_type="auto", action_info__action_list=[TEXT]))
    custom = {"base_info__store_mgr_type": "custom", "base_info__store_vendorid_list": [4]}
    check_creation(created_page(**custom, action_info__action_list=[TEXT]))


def test_a_rule_about_two_parts_looks_at_the_page_that_is_there() -> None:
    there = created_page(base_info__store_mgr_type="custom", base_info__store_vendorid_list=[])
    actions = created_page(action_info__action_list=[TEXT], base_info=None, detail_info=None, module_info=None)
    with pytest.raises(Refused, match="63159"):
        check_update(actions, there=there)
    check_update(actions, there=created_page())
    details = created_page(action_info=None, base_info=None, module_info=None)
    check_update(details, there=created_page(action_info=None, base_info__store_mgr_type="custom"))


def test_all_faults_are_named_at_once() -> None:
    found = faults(keystr="a b", base_info__title="", detail_info=None)
    assert [fault.partition(":")[0] for fault in found] == [
        "keystr",
        "brand_info.detail_info",
        "brand_info.base_info.title",
    ]


def test_an_update_of_nothing_is_refused() -> None:
    empty = read_page({"keystandard": "ean13", "keystr": "6900873042720", "brand_info": {}})
    with pytest.raises(Refused, match="nothing is given that could be changed"):
        check_update(empty, there=created_page())


@pytest.mark.parametrize(
    ("brand_info", "said"),
    [
        ({"action_info": {"action_list": [{"type": "text"}]}}, f"{ACTIONS}[0].text: is missing"),
        ({"detail_info": {"banner_list": ["http://a/"]}}, "brand_info.detail_info.banner_list[0]: must be an object"),
        (
            {"base_info": {"title": "T", "category_id": 0, "store_vendorid_list": ["JD"]}},
            "brand_info.base_info.store_vendorid_list[0]: must be a whole number",
        ),
        (
            {"action_info": {"action_list": [recommended({"keystr": "a"})]}},
            f"{ACTIONS}[0].recommend.recommend_list[0]: must have a keystandard and a keystr (63157)",
        ),
        ({"detail_info": {"detail_list": [7]}}, "brand_info.detail_info.detail_list[0]: must be an object"),
        (
            {"module_info": {"module_list": [{"type": "anti_fake"}]}},
            "brand_info.module_info.module_list[0].native_show: is missing",
        ),
    ],
)
def test_what_wechat_answered_against_its_own_pages_is_kept_but_not_sent_back(
    brand_info: dict[str, Any], said: str
) -> None:
    page = read_parts(KEY, brand_info, lenient=True)
    with pytest.raises(Refused) as caught:
        check_update(page, there=created_page())
    assert str(caught.value).startswith(said)


def test_what_no_page_names_is_said_and_sent() -> None:
    page = created_page(
        base_info__title="微信相框微信相框微信相框微信相框",
        base_info__store_vendorid_list=[2, 7],
        base_info__thumb_url=None,
        base_info__source="x",
        action_info__action_list=[
            {"type": "hologram"},
            {**LINK, "showtype": "wide"},
            recommended({"keystandard": "qrcode", "keystr": "a"}, kind="random"),
        ],
        module_info__module_list=[{"type": "warranty"}],
    )
    check_creation(page)
    assert {remark.place for remark in advice_on(page)} == {
        "brand_info.base_info.title",
        "brand_info.base_info.thumb_url",
        "brand_info.base_info.store_vendorid_list[1]",
        "brand_info.base_info.source",
        f"{ACTIONS}[0]",
        f"{ACTIONS}[1].showtype",
        f"{ACTIONS}[2].recommend.recommend_type",
        "brand_info.module_info.module_list[0]",
    }


def test_the_pages_own_samples_need_no_advice() -> None:
    assert advice_on(read_page(answer(CREATE))) == []
    assert advice_on(read_page(answer(UPDATE))) == []


@pytest.mark.parametrize(("text", "width"), [("", 0), ("ab", 1), ("产品", 2), ("产品a", 2.5), ("“ａ”", 3)])
def test_two_narrow_characters_are_as_wide_as_a_chinese_one(text: str, width: float) -> None:
    assert hanzi(text) == width
