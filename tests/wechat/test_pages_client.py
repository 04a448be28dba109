from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scanhook.errors import Refused, WechatRefused, WechatUnreachable
from scanhook.wechat.codes import refusal
from scanhook.wechat.pages import (
    Category,
    Page,
    PageKey,
    PageSummary,
    Part,
    QrCode,
    Right,
    ScanPages,
    StatusFilter,
    Whitelist,
    ext_info_advice,
)
from tests.wechat.pages_samples import (
    CREATE,
    GETLIST,
    KEY,
    MERCHANT,
    MERCHANT_OLDER,
    UPDATE,
    UPDATED,
    answer,
    answered,
    created_page,
)
from tests.wechat.scripted import Call, ScriptedApi
from tests.wechat.shifting import StuckApi

BODY = {"keystandard": "ean13", "keystr": "6900873042720"}
OK = {"errcode": 0, "errmsg": "ok"}


def refused(code: int) -> WechatRefused:
    return refusal(code, "no rid: 5f3a-1", path="/scan")


def test_a_page_is_asked_for_as_the_page_says() -> None:
    api = ScriptedApi(answered())
    page = ScanPages(api).get(KEY)
    assert page.key == KEY
    assert page.status == "on"
    assert api.calls == [Call(verb="read", path="/scan/product/get", body=BODY)]


@pytest.mark.parametrize(
    ("found", "place"),
    [
        (OK, "brand_info must be an object"),
        ({**OK, "brand_info": {"base_info": {"title": {}}}}, "brand_info.base_info.title must be a text"),
    ],
)
def test_an_answer_that_is_no_page_says_what_it_lacks(found: dict[str, Any], place: str) -> None:
    with pytest.raises(WechatUnreachable, match=f"^/scan/product/get: the answer is not what the page says: {place}"):
        ScanPages(ScriptedApi(found)).get(KEY)


def test_the_list_is_asked_for_from_an_offset_by_status_and_part_of_the_code() -> None:
    api = ScriptedApi(answer(GETLIST))
    listed = ScanPages(api).list(offset=1, limit=10, status=StatusFilter.ON, containing="639")
    assert api.calls == [
        Call(
            verb="read",
            path="/scan/product/getlist",
            body={"offset": 1, "limit": 10, "status": "on", "keystr": "639"},
        )
    ]
    assert listed.total == 2
    assert listed.pages[1] == PageSummary(
        key=PageKey(key_standard="ean13", key_str="6390000000002"),
        category_id=537117576,
        category_name="果泥/菜泥/肉泥",
        update_time=1412834605,
        status="on",
    )


def test_the_list_is_asked_for_from_the_beginning_in_every_state() -> None:
    api = ScriptedApi({"total": 0, "key_list": []})
    assert ScanPages(api).list().pages == ()
    assert api.bodies == [{"offset": 0, "limit": 50, "status": "all"}]


@pytest.mark.parametrize("wrong", [{"offset": -1}, {"limit": 0}])
def test_a_list_that_begins_before_0_is_not_asked_for(wrong: dict[str, int]) -> None:
    api = ScriptedApi()
    with pytest.raises(Refused):
        ScanPages(api).list(offset=wrong.get("offset", 0), limit=wrong.get("limit", 1))
    assert api.calls == []


@pytest.mark.parametrize(
    "row", [{"keystr": "1"}, {"keystandard": "", "keystr": "1"}, {"keystandard": "ean8", "keystr": " "}, 7]
)
def test_a_list_of_something_else_is_no_answer(row: object) -> None:
    with pytest.raises(WechatUnreachable):
        ScanPages(ScriptedApi({"total": 1, "key_list": [row]})).list()


class Shelf(ScriptedApi):
    """Answers getlist from a list that changes behind the client's back."""

    def __init__(self, names: list[str], *, happens: dict[int, Callable[[list[str]], object]]) -> None:
        super().__init__()
        self.names = names
        self.happens = happens

    def _answer(self, call: Call) -> dict[str, Any]:
        happening = self.happens.get(len(self.calls))
        if happening:
            happening(self.names)
        self.calls.append(call)
        offset, limit = call.body["offset"], call.body["limit"]
        rows = [{"keystandard": "qrcode", "keystr": name} for name in self.names[offset : offset + limit]]
        return {"total": len(self.names), "key_list": rows}


def every(shelf: Shelf, *, at_once: int = 2) -> list[str]:
    return [page.key.key_str for page in ScanPages(shelf).every(at_once=at_once)]


def test_every_page_is_listed_by_as_many_calls_as_it_takes() -> None:
    shelf = Shelf(list("abcde"), happens={})
    assert every(shelf) == list("abcde")
    assert [body["offset"] for body in shelf.bodies] == [0, 2, 4]


def test_no_page_is_one_call() -> None:
    shelf = Shelf([], happens={})
    assert every(shelf) == []
    assert len(shelf.calls) == 1


def test_a_page_that_is_added_meanwhile_doubles_none() -> None:
    shelf = Shelf(list("abcd"), happens={1: lambda names: names.insert(0, "new")})
    assert sorted(every(shelf)) == ["a", "b", "c", "d", "new"]


def test_a_page_that_is_cleared_meanwhile_hides_none() -> None:
    shelf = Shelf(list("abcdef"), happens={1: lambda names: names.remove("a")})
    assert sorted(set(every(shelf)) - {"a"}) == list("bcdef")


def test_a_page_that_jumps_to_the_front_meanwhile_is_not_missed() -> None:
    shelf = Shelf(list("abcdef"), happens={2: lambda names: names.insert(0, names.pop())})
    assert sorted(every(shelf)) == list("abcdef")


def test_a_list_that_always_says_the_same_comes_to_an_end() -> None:
    api = StuckApi()
    with pytest.raises(WechatUnreachable, match="WeChat's list repeats itself"):
        list(ScanPages(api).every())
    assert len(api.calls) < 10


def test_who_lists_all_is_told_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    pages = ScanPages(Shelf(list("abc"), happens={}))
    assert len(list(pages.every(at_once=2, tell=lambda seen, total: told.append((seen, total))))) == 3
    assert told == [(2, 3), (3, 3)]


def test_a_page_is_created_as_facts_say() -> None:
    api = ScriptedApi(answer(UPDATED))
    assert ScanPages(api).create(created_page()) == "5g0B4A90aqc"
    assert api.calls == [Call(verb="write", path="/scan/product/create", body=answer(CREATE))]


def test_a_page_that_wechat_would_refuse_is_not_sent() -> None:
    api = ScriptedApi()
    with pytest.raises(Refused, match=r"^brand_info\.base_info\.title: is missing"):
        ScanPages(api).create(created_page(base_info__title=None))
    assert api.calls == []


@pytest.mark.parametrize(("status", "reviewed"), [("on", True), ("off", False), ("reject", False), ("frozen", False)])
def test_an_update_asks_for_the_state_and_says_whether_the_page_goes_into_review(
    status: str, *, reviewed: bool
) -> None:
    api = ScriptedApi(answered(status), answer(UPDATED))
    page = _of(UPDATE)
    updated = ScanPages(api).update(page)
    assert (updated.pid, updated.was, updated.goes_into_review) == ("5g0B4A90aqc", status, reviewed)
    assert [(call.verb, call.path) for call in api.calls] == [
        ("read", "/scan/product/get"),
        ("write", "/scan/product/update"),
    ]
    assert api.bodies == [{"keystandard": "ean13", "keystr": "6390000000000"}, answer(UPDATE)]


@pytest.mark.parametrize("parts", [[part] for part in Part] + [[Part.BASE, Part.MODULE], list(Part)])
def test_each_part_can_be_updated_alone_and_with_others(parts: list[Part]) -> None:
    api = ScriptedApi(answered("off"), answer(UPDATED))
    ScanPages(api).update(created_page(), parts=parts)
    wanted = answer(CREATE)["brand_info"]
    assert api.bodies[1] == {
        "keystandard": "qrcode",
        "keystr": "wxscandemo",
        "brand_info": {part: wanted[part] for part in parts},
    }


def test_a_page_in_review_is_neither_updated_nor_taken_off_line() -> None:
    api = ScriptedApi(answered("check"), answered("check"))
    with pytest.raises(Refused, match=r"is in review \(status check\), and WeChat takes no update until that is over"):
        ScanPages(api).update(created_page())
    with pytest.raises(Refused, match="takes no withdrawal until"):
        ScanPages(api).unpublish(KEY)
    assert [call.verb for call in api.calls] == ["read", "read"]


def test_a_part_that_is_not_there_cannot_be_sent() -> None:
    api = ScriptedApi()
    with pytest.raises(Refused, match=r"^brand_info\.base_info: is missing, and it is what shall be sent"):
        ScanPages(api).update(_of(UPDATE), parts=[Part.BASE])
    assert api.calls == []


@pytest.mark.parametrize(
    ("status", "order", "sent"),
    [
        ("off", lambda pages: pages.publish(KEY), ("/scan/product/modstatus", {**BODY, "status": "on"})),
        ("on", lambda pages: pages.unpublish(KEY), ("/scan/product/modstatus", {**BODY, "status": "off"})),
        ("on", lambda pages: pages.clear(KEY), ("/scan/product/clear", BODY)),
    ],
    ids=["publish", "unpublish", "clear"],
)
def test_a_page_is_published_withdrawn_and_cleared(
    status: str, order: Callable[[ScanPages], None], sent: tuple[str, dict[str, str]]
) -> None:
    api = ScriptedApi(*([answered(status)] if "off" in sent[1].values() else []), OK)
    order(ScanPages(api))
    assert (api.calls[-1].path, api.calls[-1].body) == sent
    assert [call.verb for call in api.calls].count("write") == 1


@pytest.mark.parametrize(
    ("ext_info", "size", "more"),
    [("", None, {}), ("test", 64, {"extinfo": "test", "qrcode_size": 64})],
)
def test_a_qr_code_is_asked_for(ext_info: str, size: int | None, more: dict[str, object]) -> None:
    found = {**OK, "pic_url": "http://mmbiz.qpic.cn/q/0", "qrcode_url": f"http://p.url.cn/5g0B4A90aqc{ext_info}"}
    api = ScriptedApi(found)
    code = ScanPages(api).qrcode(KEY, ext_info=ext_info, size=size)
    assert api.calls == [Call(verb="read", path="/scan/product/getqrcode", body={**BODY, **more})]
    assert code.pic_url == "http://mmbiz.qpic.cn/q/0"
    assert code.prefix == "http://p.url.cn/5g0B4A90aqc"


def test_a_qr_code_that_does_not_end_with_its_ext_info_has_no_prefix() -> None:
    assert QrCode(pic_url="", qrcode_url="http://p.url.cn/5g0B4A90aqc%28", ext_info="(").prefix is None


def test_a_qr_code_of_no_size_is_refused() -> None:
    with pytest.raises(Refused):
        ScanPages(ScriptedApi()).qrcode(KEY, size=0)


@pytest.mark.parametrize(
    ("ext_info", "said"),
    [
        ("", None),
        ("aZ9-_().*", None),
        ("a" * 25, None),
        ("a" * 26, "26 characters; up to 25 fit"),
        ("a" * 51, "51 characters; more than 50 fit no"),
        ("a/b", "other characters than"),
        ("码", "other characters than"),
    ],
)
def test_an_ext_info_that_prints_badly_is_remarked_without_being_shown(ext_info: str, said: str | None) -> None:
    advice = ext_info_advice(ext_info)
    assert (advice is None) == (said is None)
    assert said is None or said in str(advice)
    assert not ext_info or advice is None or ext_info not in advice


def test_testers_replace_the_list() -> None:
    api = ScriptedApi(OK)
    testers = Whitelist(
        openids=("o1Pj9jmZvwSyyyyyyBa4aULW2mA", "o1Pj9jmZvxxxxxxxxxULW2mA"), usernames=("afdvvf", "abcd")
    )
    ScanPages(api).set_testers(testers)
    assert api.calls == [
        Call(
            verb="write",
            path="/scan/testwhitelist/set",
            body={
                "openid": ["o1Pj9jmZvwSyyyyyyBa4aULW2mA", "o1Pj9jmZvxxxxxxxxxULW2mA"],
                "username": ["afdvvf", "abcd"],
            },
        )
    ]


@pytest.mark.parametrize(
    ("openids", "usernames", "said"),
    [
        (6, 5, r"11 testers are given; openids and usernames together are at most 10 \(61341\)"),
        (11, 0, "11 testers are given"),
    ],
)
def test_more_than_ten_testers_are_refused(openids: int, usernames: int, said: str) -> None:
    with pytest.raises(Refused, match=said):
        Whitelist(openids=tuple(map(str, range(openids))), usernames=tuple(map(str, range(usernames))))
    assert Whitelist(openids=tuple("12345"), usernames=tuple("abcde")).count == 10


@pytest.mark.parametrize("openids", [("",), ("a b",), ("a", "a"), ("a\n",)])
def test_a_tester_without_a_name_or_named_twice_is_refused(openids: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="tester"):
        Whitelist(openids=openids)


def test_the_scan_record_is_cleared_where_the_page_says() -> None:
    api = ScriptedApi(OK)
    ScanPages(api).request_clearing(PageKey.parse("ean13/6900000000000"), ext_info="extinfo")
    assert api.calls == [
        Call(
            verb="write",
            path="/scan/scanticket/check",
            body={"keystandard": "ean13", "keystr": "6900000000000", "extinfo": "extinfo"},
        )
    ]


def test_the_scan_record_is_cleared_where_the_settings_say() -> None:
    api = ScriptedApi(OK)
    ScanPages(api, clear_path="/scan/scanticket/clear").request_clearing(KEY, ext_info="")
    assert api.calls[0].path == "/scan/scanticket/clear"


def test_a_clearing_that_wechat_took_for_a_ticket_check_says_so() -> None:
    with pytest.raises(Refused, match=r"for a ticket check, and cleared nothing.*set it as clear_path in \[wechat\]"):
        ScanPages(ScriptedApi(refused(61317))).request_clearing(KEY, ext_info="SECRET1")
    with pytest.raises(WechatRefused):
        ScanPages(ScriptedApi(refused(48001))).request_clearing(KEY, ext_info="SECRET1")


def test_the_merchant_is_read_in_its_newer_shape() -> None:
    api = ScriptedApi(answer(MERCHANT))
    found = ScanPages(api).merchant()
    category = Category(id=538071212, name="食品/茶叶/特产/滋补品")
    assert api.calls == [Call(verb="read", path="/scan/merchantinfo/get")]
    assert found.brand_tags == ("小耿哥8", "testtag")
    assert found.rights == (
        Right(firm_code=69300570, categories=(category,)),
        Right(firm_code=123, categories=(category,)),
    )
    assert found.firm_codes == (69300570, 123)


def test_the_merchant_is_read_in_its_older_shape() -> None:
    found = ScanPages(ScriptedApi(answer(MERCHANT_OLDER))).merchant()
    assert found.rights == (Right(firm_code=None, categories=(Category(id=200531967, name="调味品"),)),)
    assert found.firm_codes == (8888,)


def test_a_merchant_without_anything_is_no_fault() -> None:
    found = ScanPages(ScriptedApi(OK)).merchant()
    assert (found.brand_tags, found.rights, found.firm_codes) == ((), (), ())


@pytest.mark.parametrize(
    "wrong",
    [
        {"verified_list": [{"verified_firm_code": "x"}]},
        {"verified_list": {}},
        {"verified_firm_code_list": ["x"]},
        {"verified_firm_code_list": 7},
        {"brand_tag_list": [7]},
    ],
)
def test_a_merchant_that_is_something_else_is_no_answer(wrong: dict[str, object]) -> None:
    with pytest.raises(WechatUnreachable):
        ScanPages(ScriptedApi({**OK, **wrong})).merchant()


def test_a_barcode_lies_in_a_segment_or_not() -> None:
    found = ScanPages(ScriptedApi(answer(MERCHANT))).merchant()
    assert found.owns("6930057000001")
    assert not found.owns("6900873042720")


def _of(literal: str) -> Page:
    document = answer(literal)
    page = created_page(action_info=document["brand_info"]["action_info"]).only([Part.ACTION])
    return replace(page, key=PageKey(key_standard=document["keystandard"], key_str=document["keystr"]))
