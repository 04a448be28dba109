from __future__ import annotations

import re
from typing import Any

import pytest

from scanhook.errors import Refused
from scanhook.sandbox.page_shelf import PageShelf, Status
from scanhook.sandbox.policy import MerchantShape, Policy
from scanhook.sandbox.world import Review
from tests.sandbox.brandpage import BRAND, KEY, UPDATE, brand, with_modules
from tests.sandbox.desk import AT, Desk

OK = {"errcode": 0, "errmsg": "ok"}
PAIR = ("qrcode", "wxscandemo")


def _create(desk: Desk, keystr: str = "wxscandemo", keystandard: str = "qrcode", **parts: Any) -> dict[str, Any]:
    body = {"keystandard": keystandard, "keystr": keystr, "brand_info": brand(**parts)}
    return desk.call("/scan/product/create", body)


def _status(desk: Desk) -> str:
    return str(desk.call("/scan/product/get", KEY)["brand_info"]["base_info"]["status"])


def _modify(desk: Desk, status: object) -> int:
    return int(desk.call("/scan/product/modstatus", {**KEY, "status": status})["errcode"])


def _publish(desk: Desk) -> None:
    _create(desk)
    assert _modify(desk, "on") == 0
    desk.world.end_review(desk.main, *PAIR, passed=True)


def _list(desk: Desk, **asked: object) -> tuple[int, list[str]]:
    answer = desk.call("/scan/product/getlist", asked)
    return answer["total"], [page["keystr"] for page in answer["key_list"]]


@pytest.mark.parametrize("shape", list(MerchantShape))
def test_the_merchants_rights_are_told_in_either_shape(shape: MerchantShape) -> None:
    answer = Desk(Policy(merchant_shape=shape)).call("/scan/merchantinfo/get")
    assert answer["brand_tag_list"] == ["小耿哥8", "testtag"]
    if shape is MerchantShape.OLDER:
        assert answer["verified_firm_code_list"] == [6900873, 6390000, 69014818, 69300570, 69544767]
        assert {"verified_cate_id": 200531967, "verified_cate_name": "调味品"} in answer["verified_cate_list"]
        assert "verified_list" not in answer
    else:
        assert answer["verified_list"][3]["verified_firm_code"] == 69300570
        assert answer["verified_list"][3]["verified_cate_list"][1] == {
            "verified_cate_id": 538071212,
            "verified_cate_name": "食品/茶叶/特产/滋补品",
        }
        assert "verified_cate_list" not in answer


def test_a_page_is_created_and_shown_as_the_page_shows(desk: Desk) -> None:
    created = _create(desk)
    assert list(created) == ["errcode", "errmsg", "pid"]
    assert re.fullmatch(r"[A-Za-z0-9]{11,12}", created["pid"])
    shown = desk.call("/scan/product/get", KEY)
    assert shown["brand_info"] == {
        **BRAND,
        "base_info": {**BRAND["base_info"], "retail_price": "12.00", "status": "off"},
    }


def test_a_page_without_a_price_shows_nought(desk: Desk) -> None:
    _create(desk, action_info={"action_list": []})
    assert desk.call("/scan/product/get", KEY)["brand_info"]["base_info"]["retail_price"] == "0.00"


@pytest.mark.parametrize(
    ("keystandard", "keystr", "code"),
    [("ean13", "6900874042720", 61323), ("ean8", "69008731", 61323), ("code128", "x", 61343), ("qrcode", "a b", 61305)],
)
def test_a_page_with_a_wrong_key_is_refused(desk: Desk, keystandard: str, keystr: str, code: int) -> None:
    assert _create(desk, keystr, keystandard)["errcode"] == code


def test_a_page_is_created_once(desk: Desk) -> None:
    _create(desk)
    assert _create(desk)["errcode"] == 61337


def test_an_account_has_so_many_pages_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.sandbox.page_shelf.PAGES_MAX", 1)
    _create(desk)
    assert _create(desk, "another")["errcode"] == 63158


@pytest.mark.parametrize("path", ["get", "clear", "update", "modstatus", "getqrcode"])
def test_a_page_that_is_not_there_is_said_so(desk: Desk, path: str) -> None:
    body = {**KEY, "status": "on", "brand_info": UPDATE}
    assert desk.call(f"/scan/product/{path}", body)["errcode"] == 61334


def test_pages_are_listed_as_the_page_shows(desk: Desk) -> None:
    _create(desk, "6390000000002", "ean13", base_info={**BRAND["base_info"], "category_id": 537117576})
    desk.clock.at += 60
    _create(desk, "6390000000000", "ean13", base_info={**BRAND["base_info"], "category_id": 537117576})
    listed = desk.call("/scan/product/getlist", {"offset": "1", "limit": "10", "status": "off"})
    assert listed == {
        **OK,
        "total": 2,
        "key_list": [
            {
                "keystandard": "ean13",
                "keystr": "6390000000002",
                "category_id": 537117576,
                "category_name": "果泥/菜泥/肉泥",
                "update_time": int(AT),
                "status": "off",
            }
        ],
    }


def test_pages_are_listed_by_state_part_and_place(desk: Desk) -> None:
    for keystr in ("one", "two", "three", "four"):
        desk.clock.at += 1
        _create(desk, keystr)
    pages = desk.main.shelf(PageShelf).pages
    pages["qrcode", "two"].status = Status.ON
    pages["qrcode", "three"].status = Status.REJECT
    assert _list(desk) == (4, ["four", "three", "two", "one"])
    assert _list(desk, offset=1, limit=2) == (4, ["three", "two"])
    assert _list(desk, offset=4, limit=2) == (4, [])
    assert _list(desk, limit=0) == (4, [])
    assert _list(desk, status="on") == (1, ["two"])
    assert _list(desk, status="reject") == (1, ["three"])
    assert _list(desk, status="all", keystr="o") == (3, ["four", "two", "one"])
    assert _list(desk, status="check") == (0, [])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"status": "published"}, 63154),
        ({"status": 5}, 63154),
        ({"offset": -1}, 47001),
        ({"offset": "-1"}, 47001),
        ({"limit": 1.5}, 47001),
        ({"limit": True}, 47001),
        ({"limit": "1" * 10}, 47001),
        ({"keystr": 5}, 47001),
    ],
)
def test_a_list_is_not_asked_for_like_that(desk: Desk, asked: dict[str, object], code: int) -> None:
    assert desk.call("/scan/product/getlist", asked)["errcode"] == code


def test_an_update_changes_only_the_parts_that_it_has(desk: Desk) -> None:
    pid = _create(desk)["pid"]
    desk.clock.at += 60
    assert desk.call("/scan/product/update", {**KEY, "brand_info": UPDATE}) == {**OK, "pid": pid}
    shown = desk.call("/scan/product/get", KEY)["brand_info"]
    assert shown["action_info"] == UPDATE["action_info"]
    assert shown["detail_info"] == BRAND["detail_info"]
    assert shown["module_info"] == BRAND["module_info"]
    assert desk.call("/scan/product/getlist", {})["key_list"][0]["update_time"] == int(AT) + 60
    assert _status(desk) == "off"


def test_an_update_that_is_refused_changes_nothing(desk: Desk) -> None:
    _create(desk)
    wrong = {"detail_info": {"detail_list": [{"title": "标题", "desc": "x"}]}, "module_info": {"module_list": [{}]}}
    assert desk.call("/scan/product/update", {**KEY, "brand_info": wrong})["errcode"] == 63164
    assert desk.call("/scan/product/get", KEY)["brand_info"]["detail_info"] == BRAND["detail_info"]


def test_an_update_of_a_published_page_goes_into_review(desk: Desk) -> None:
    _publish(desk)
    assert desk.call("/scan/product/update", {**KEY, "brand_info": UPDATE})["errcode"] == 0
    assert _status(desk) == "check"
    assert desk.call("/scan/product/update", {**KEY, "brand_info": UPDATE})["errcode"] == 63166


def test_a_page_in_review_can_neither_be_submitted_nor_withdrawn(desk: Desk) -> None:
    _create(desk)
    assert _modify(desk, "on") == 0
    assert _status(desk) == "check"
    assert _modify(desk, "on") == 63166
    assert _modify(desk, "off") == 63166


def test_a_review_ends_after_its_time_and_is_told_of(desk: Desk) -> None:
    told: list[Review] = []
    desk.world.on_review.append(told.append)
    _create(desk)
    _modify(desk, "on")
    desk.clock.at += 9.9
    assert desk.world.pass_time() == []
    desk.clock.at += 0.1
    [review] = desk.world.pass_time()
    assert told == [review]
    assert (review.tenant, review.keystandard, review.keystr) == (desk.main, *PAIR)
    assert (review.passed, review.reason) == (True, "")
    assert _status(desk) == "on"
    assert desk.world.pass_time() == []


def test_a_review_may_end_with_a_rejection() -> None:
    desk = Desk(Policy(review_s=0, review_passes=False))
    _create(desk)
    _modify(desk, "on")
    [review] = desk.world.pass_time()
    assert (review.passed, review.reason) == (False, "商品信息不符合规范")
    assert _status(desk) == "reject"
    assert _modify(desk, "off") == 63168
    assert _modify(desk, "on") == 0


def test_a_developer_may_end_a_review(desk: Desk) -> None:
    _create(desk)
    with pytest.raises(Refused, match="is not in review"):
        desk.world.end_review(desk.main, *PAIR, passed=True)
    _modify(desk, "on")
    assert desk.world.end_review(desk.main, *PAIR, passed=False, reason="图片不清晰").reason == "图片不清晰"
    assert _status(desk) == "reject"


def test_a_page_is_published_and_withdrawn(desk: Desk) -> None:
    _create(desk)
    assert _modify(desk, "off") == 63167
    _modify(desk, "on")
    desk.world.end_review(desk.main, *PAIR, passed=True)
    assert _modify(desk, "on") == 63169
    assert _modify(desk, "off") == 0
    assert _status(desk) == "off"
    assert _modify(desk, "delete") == 63154


def test_a_page_is_cleared(desk: Desk) -> None:
    _create(desk)
    assert desk.call("/scan/product/clear", KEY) == OK
    assert desk.call("/scan/product/get", KEY)["errcode"] == 61334
    assert _create(desk)["errcode"] == 0


def test_a_qr_code_holds_prefix_pid_and_extinfo(desk: Desk) -> None:
    pid = _create(desk)["pid"]
    answer = desk.call("/scan/product/getqrcode", {**KEY, "extinfo": "A1-_().*", "qrcode_size": 64})
    assert list(answer) == ["errcode", "errmsg", "pic_url", "qrcode_url"]
    assert answer["qrcode_url"] == f"http://p.url.cn/{pid}A1-_().*"
    assert re.fullmatch(r"http://127\.0\.0\.1:9000/sandbox/qrcode/[\w-]{22}\.png", answer["pic_url"])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"extinfo": "中文"}, 61314),
        ({"extinfo": "a b"}, 61314),
        ({"extinfo": 5}, 61314),
        ({"extinfo": "x" * 52}, 61314),
        ({"qrcode_size": 0}, 61312),
        ({"qrcode_size": 2001}, 61312),
        ({"qrcode_size": "large"}, 47001),
    ],
)
def test_a_qr_code_is_not_made_like_that(desk: Desk, asked: dict[str, object], code: int) -> None:
    _create(desk)
    assert desk.call("/scan/product/getqrcode", {**KEY, **asked})["errcode"] == code


def test_fifty_characters_of_extinfo_fit(desk: Desk) -> None:
    _create(desk)
    assert desk.call("/scan/product/getqrcode", {**KEY, "extinfo": "x" * 50})["errcode"] == 0


def test_testers_are_replaced_and_see_what_is_not_published(desk: Desk) -> None:
    _create(desk)
    shelf = desk.main.shelf(PageShelf)
    page = shelf.pages[PAIR]
    assert desk.call("/scan/testwhitelist/set", {"openid": ["o1"], "username": ["a"] * 9}) == OK
    assert shelf.visible_to(page, "o1")
    assert desk.call("/scan/testwhitelist/set", {"openid": ["o2"]}) == OK
    assert not shelf.visible_to(page, "o1")
    assert shelf.tester_usernames == ()
    page.status = Status.ON
    assert shelf.visible_to(page, "o1")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"openid": ["o"] * 6, "username": ["a"] * 5}, 61341),
        ({"openid": "o1"}, 47001),
        ({"username": [5]}, 47001),
        ({"username": [""]}, 47001),
    ],
)
def test_a_list_of_testers_is_refused(desk: Desk, asked: dict[str, object], code: int) -> None:
    desk.call("/scan/testwhitelist/set", {"openid": ["o1"]})
    assert desk.call("/scan/testwhitelist/set", asked)["errcode"] == code
    assert desk.main.shelf(PageShelf).tester_openids == ("o1",)


def test_a_codes_scan_record_is_cleared_at_the_tickets_url(desk: Desk) -> None:
    _create(desk)
    records = desk.main.shelf(PageShelf).records
    records[*PAIR, "one"], records[*PAIR, "two"] = 3, 4
    assert desk.call("/scan/scanticket/check", {**KEY, "extinfo": "one"}) == OK
    assert dict(records) == {(*PAIR, "two"): 4}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 61317),
        ({"extinfo": "one"}, 61317),
        ({**KEY, "extinfo": 5}, 47001),
        ({**KEY, "keystr": "none"}, 61334),
        ({**KEY, "keystandard": "x"}, 61343),
    ],
)
def test_a_scan_record_is_not_cleared_like_that(desk: Desk, body: dict[str, object], code: int) -> None:
    _create(desk)
    assert desk.call("/scan/scanticket/check", body)["errcode"] == code


def test_a_page_knows_its_anti_fake_module(desk: Desk) -> None:
    _create(desk)
    desk.call("/scan/product/create", {**KEY, "keystr": "plain", "brand_info": with_modules()})
    pages = desk.main.shelf(PageShelf).pages
    assert pages[PAIR].anti_fake == {"type": "anti_fake", "native_show": "true"}
    assert pages["qrcode", "plain"].anti_fake is None
