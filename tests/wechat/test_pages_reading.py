from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from scanhook.errors import Refused
from scanhook.wechat.pages import (
    ActionInfo,
    AntiFake,
    LinkAction,
    Misfit,
    Other,
    Page,
    PageKey,
    Part,
    PriceAction,
    TextAction,
    UserAction,
    read_page,
)
from scanhook.wechat.pages.page import read_parts
from tests.wechat.pages_samples import CREATE, GET, KEY, UPDATE, answer, created


def given(brand_info: Any) -> Page:
    """Read what WeChat answers."""
    return read_parts(KEY, brand_info, lenient=True)


def test_the_pages_own_answer_is_read_into_values() -> None:
    page = given(answer(GET)["brand_info"])
    assert page.base_info is not None
    assert page.base_info.title == "扫一扫动态主页demo"
    assert (page.base_info.category_id, page.base_info.retail_price, page.base_info.color) == (0, "0.00", "auto")
    assert page.status == "on"
    assert page.detail_info is not None
    assert len(page.detail_info.banner_list or ()) == 3
    assert page.action_info is not None
    assert [type(action) for action in page.action_info.action_list] == [
        LinkAction,
        LinkAction,
        LinkAction,
        UserAction,
        TextAction,
    ]
    assert page.anti_fake == AntiFake(native_show=True)


def test_the_pages_own_answer_loses_nothing_on_its_way_back() -> None:
    assert given(answer(GET)["brand_info"]).as_wire() == {
        "keystandard": "ean13",
        "keystr": "6900873042720",
        "brand_info": answer(GET)["brand_info"],
    }


@pytest.mark.parametrize("literal", [CREATE, UPDATE], ids=["create", "update"])
def test_the_pages_own_requests_are_sent_as_they_stand_there(literal: str) -> None:
    assert read_page(answer(literal)).request() == answer(literal)


def test_a_status_is_shown_and_not_sent() -> None:
    page = given(answer(GET)["brand_info"])
    assert page.as_wire()["brand_info"]["base_info"]["status"] == "on"
    assert "status" not in page.request()["brand_info"]["base_info"]


def test_fields_types_and_states_that_no_page_names_are_kept() -> None:
    strange = {
        "base_info": {"title": "T", "status": "frozen", "source": "x", "color": ""},
        "detail_info": {"banner_list": ["http://x/0"], "detail_list": [{"title": "t", "desc": "d", "rank": 1}]},
        "action_info": {
            "action_list": [
                {"type": "text", "text": "t", "name": "n", "tone": {"deep": [True]}},
                {"type": "hologram", "depth": 3},
                {"type": "text"},
                {"type": "recommend", "recommend": {"recommend_type": "appointed", "recommend_list": [7], "more": 1}},
                "no object",
            ]
        },
        "module_info": {"module_list": [{"type": "anti_fake", "native_show": "maybe"}, {"type": "warranty"}]},
    }
    page = given(strange)
    assert page.as_wire()["brand_info"] == strange
    assert page.status == "frozen"
    assert page.action_info is not None
    assert page.action_info.action_list[1] == Other(raw={"type": "hologram", "depth": 3})
    assert page.anti_fake is None


def test_a_page_in_the_wild_may_lack_parts() -> None:
    page = given({"base_info": {"title": "T", "status": "off"}, "module_info": None, "shelf_info": {}})
    assert page.parts == (Part.BASE,)
    assert page.anti_fake is None


def test_what_stands_only_in_wechats_answers_does_not_go_back() -> None:
    page = given({"base_info": {"title": "T", "retail_price": "0.00", "status": "on", "strange": 1}})
    assert page.request()["brand_info"] == {"base_info": {"title": "T", "strange": 1}}
    assert page.as_wire()["brand_info"]["base_info"]["retail_price"] == "0.00"


def test_get_edit_update_changes_only_what_was_edited() -> None:
    page = given(answer(GET)["brand_info"])
    assert page.action_info is not None
    price = PriceAction(retail_price="9.90")
    edited = replace(
        page, action_info=replace(page.action_info, action_list=(*page.action_info.action_list, price))
    ).only([Part.ACTION])
    wanted = answer(GET)["brand_info"]["action_info"]
    wanted["action_list"].append({"type": "price", "retail_price": "9.90"})
    assert edited.request()["brand_info"] == {"action_info": wanted}


@pytest.mark.parametrize(
    ("brand_info", "place"),
    [
        (None, "brand_info"),
        ([], "brand_info"),
        ({"base_info": []}, "brand_info.base_info"),
        ({"base_info": {"title": ["T"]}}, "brand_info.base_info.title"),
        ({"base_info": {"category_id": "many"}}, "brand_info.base_info.category_id"),
        ({"base_info": {"category_id": True}}, "brand_info.base_info.category_id"),
        ({"base_info": {"category_id": 1.5}}, "brand_info.base_info.category_id"),
        ({"action_info": {"action_list": {}}}, "brand_info.action_info.action_list"),
    ],
)
def test_an_answer_that_is_no_page_is_a_misfit_with_its_place(brand_info: object, place: str) -> None:
    with pytest.raises(Misfit) as caught:
        given(brand_info)
    assert caught.value.place == place


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"keystandard": None}, "keystandard: is missing"),
        ({"keystr": 6900873042720}, "keystr: must be a text in quotes"),
        ({"keystr": " "}, "keystr: a keystr is 1 to 64 printable characters without blanks at its ends"),
        ({"base_info": None, "baseinfo": {}}, "brand_info.baseinfo: is no part of a page; the parts are base_info, "),
        ({"base_info__title": []}, "brand_info.base_info.title: must be a text in quotes"),
        ({"base_info__category_id": "x"}, "brand_info.base_info.category_id: must be a whole number"),
        ({"action_info__action_list": [{}]}, "brand_info.action_info.action_list[0].type: is missing: it is one of me"),
        ({"action_info__action_list": [7]}, "brand_info.action_info.action_list[0]: must be an object"),
        (
            {"action_info__action_list": [{"type": "price", "retail_price": 12.5}]},
            "brand_info.action_info.action_list[0].retail_price: must be a text in quotes",
        ),
        (
            {"action_info__action_list": [{"type": "user"}]},
            "brand_info.action_info.action_list[0].appid: is missing",
        ),
        (
            {"module_info__module_list": [{"type": "anti_fake", "native_show": "yes"}]},
            'brand_info.module_info.module_list[0].native_show: must be "true" or "false"',
        ),
    ],
)
def test_a_page_of_staff_is_refused_with_the_place_of_the_fault(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(Misfit) as caught:
        read_page(created(**changed))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("document", [None, [], "page", {"keystandard": "qrcode", "keystr": "a"}, {"brand_info": {}}])
def test_what_is_no_page_at_all_is_refused(document: object) -> None:
    with pytest.raises(Refused):
        read_page(document)


def test_a_field_beside_the_page_is_refused() -> None:
    with pytest.raises(Misfit, match=r"^errcode: does not belong here"):
        read_page({**created(), "errcode": 0})


@pytest.mark.parametrize("shown", [True, "true"])
def test_native_show_is_sent_as_a_string_however_staff_write_it(shown: object) -> None:
    page = read_page(created(module_info__module_list=[{"type": "anti_fake", "native_show": shown}]))
    assert json.dumps(page.request()["brand_info"]["module_info"]) == (
        '{"module_list": [{"type": "anti_fake", "native_show": "true"}]}'
    )


def test_a_page_can_be_made_of_values() -> None:
    page = Page(
        key=PageKey.parse("qrcode/moment"),
        action_info=ActionInfo(action_list=(TextAction(text="微信"), UserAction(appid="wx307e399609946068"))),
    )
    assert page.request() == {
        "keystandard": "qrcode",
        "keystr": "moment",
        "brand_info": {
            "action_info": {
                "action_list": [{"type": "text", "text": "微信"}, {"type": "user", "appid": "wx307e399609946068"}]
            }
        },
    }


@pytest.mark.parametrize("text", ["", "ean13", "ean13/", "/6900873042720", "a/b/c", "ean13/ 1", "ean13/1\n"])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"KEYSTANDARD/KEYSTR|keystandard|keystr"):
        PageKey.parse(text)


def test_a_key_reads_as_it_is_written() -> None:
    assert str(PageKey.parse("barcode/6900873042720")) == "barcode/6900873042720"
