from __future__ import annotations

import pytest

from scanhook.wechat import System
from scanhook.wechat.codes import CODES, WECOM, known_code, refusal

SCAN = [*range(61300, 61349), *range(63152, 63180)]  # facts.md 1.7, with what WxJava adds
GENERAL = [-1, 40001, 40013, 40014, 40164, 41001, 42001, 45009, 45011, 47001, 48001, 48004, 48006]
PLATFORM = [61003, 61004, 61007, 61023, 89503]
WINDOW = [10022001, 10022002, 10022003, 10022006, 10022007, 10022008]
LIVE = [200002, 300002, 300003, 300004, 300006, 300007, 300018, 300021]
LIVE_SIBLINGS = [1003, 300001, 300005, *range(300008, 300015), 300017]
UNION = [-202, 40003, 200020, 201000, 201001]
MARKETCODE = [40097, *range(80300, 80310)]
CRYPTO = [*range(-40011, -40000)]
EVERY = [*SCAN, *GENERAL, *PLATFORM, *WINDOW, *LIVE, *LIVE_SIBLINGS, *UNION, *MARKETCODE, *CRYPTO]


@pytest.mark.parametrize("number", EVERY)
def test_every_code_of_the_pages_has_a_name_a_meaning_and_a_remedy(number: int) -> None:
    code = known_code(number)

    assert code.number == number
    assert code.name != "unknown"
    assert code.name == code.name.lower().replace(" ", "_")
    assert code.meaning
    assert code.remedy
    assert code.source
    assert not code.meaning.endswith(".")
    assert not code.remedy.endswith(".")


@pytest.mark.parametrize("number", [-1, 40001, 40014, 42001, 45009, 45033, 48002, 60011, 60020])
def test_wecom_has_meanings_of_its_own(number: int) -> None:
    assert known_code(number, system=System.ALBUMS).source.startswith("WeCom")
    assert known_code(number, system=System.ALBUMS) != CODES.get(number)


def test_every_table_keeps_its_numbers() -> None:
    assert all(number == code.number for table in (CODES, WECOM) for number, code in table.items())
    assert set(CODES) < set(WECOM)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (61305, "invalid_key_info"),
        (61317, "ticket_invalid"),
        (61341, "too_many_white_list_uin"),
        (63163, "antifake_link_not_exists"),
        (63174, "link_card_user_sum_limit"),
        (48001, "api_unauthorized"),
        (45009, "reach_max_api_daily_quota_limit"),
    ],
)
def test_a_code_is_called_as_wechat_calls_it(number: int, name: str) -> None:
    assert known_code(number).name == name


@pytest.mark.parametrize(
    ("number", "permanent"),
    [
        (-1, False),
        (-202, False),
        (45011, False),
        (42001, False),
        (45009, True),
        (40001, True),
        (61317, True),
        (48001, True),
    ],
)
def test_only_what_may_pass_is_not_permanent(number: int, *, permanent: bool) -> None:
    assert known_code(number).permanent is permanent


@pytest.mark.parametrize(("number", "permanent"), [(-1, False), (45009, False), (45033, False), (48002, True)])
def test_at_wecom_what_came_too_often_may_pass(number: int, *, permanent: bool) -> None:
    assert known_code(number, system=System.ALBUMS).permanent is permanent


@pytest.mark.parametrize("number", [48001, 61007])
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/scan/product/get", "permission set 9 (微信扫一扫权限)"),
        ("/scan/scanticket/check", "permission set 9 (微信扫一扫权限)"),
        ("/channels/ec/window/product/list/get", "permission set 133 or 177"),
        ("/wxaapi/broadcast/goods/add", "permission set 52"),
        ("/wxa/business/getgoodswarehouse", "permission set 52"),
        ("/union/promoter/product/list", "permission set 93"),
        ("/intp/marketcode/applycode", "permission set 46"),
    ],
)
def test_a_missing_right_names_the_permission_set_of_what_was_called(number: int, path: str, says: str) -> None:
    assert says in refusal(number, "api unauthorized", path=path).remedy


@pytest.mark.parametrize(
    ("system", "says"),
    [
        (System.PAGES, "permission set 9 (微信扫一扫权限)"),
        (System.ALBUMS, "管理商品图册"),
        (System.WINDOW, "permission set 133 or 177"),
        (System.LIVE, "permission set 52"),
        (System.UNION, "permission set 93"),
        (None, "接口权限"),
    ],
)
def test_where_the_path_does_not_tell_a_missing_right_is_the_systems(system: System | None, says: str) -> None:
    assert says in refusal(48001, "api unauthorized", path="/cgi-bin/media/upload", system=system).remedy


def test_what_the_path_tells_goes_before_the_system() -> None:
    assert "permission set 46" in known_code(48001, path="/intp/marketcode/applycode", system=System.PAGES).remedy


def test_a_missing_scan_right_says_that_scans_go_on() -> None:
    assert "Scans that are pushed are answered all the same" in known_code(48001, path="/scan/product/get").remedy


@pytest.mark.parametrize("number", [48001, 48002, 301002])
@pytest.mark.parametrize("says", ["自建应用", "代开发应用", "第三方应用", "2023-12-01", "系统应用"])
def test_a_missing_right_at_wecom_names_the_kinds_of_applications_and_the_cut_off(number: int, says: str) -> None:
    path = "/cgi-bin/externalcontact/add_product_album"

    assert says in refusal(number, "api forbidden", path=path, system=System.ALBUMS).remedy


def test_a_missing_right_elsewhere_has_the_general_remedy() -> None:
    assert "接口权限" in known_code(48001, path="/cgi-bin/getcallbackip").remedy


@pytest.mark.parametrize(
    ("errmsg", "says"),
    [
        (
            "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 61f0a2b3-1234-5678",
            "is not in the IP whitelist: 203.0.113.9. Add",
        ),
        ("invalid ip 203.0.113.9, not in whitelist", "is not in the IP whitelist: 203.0.113.9. Add"),
        ("invalid ip 2001:db8::7, not in whitelist", "is not in the IP whitelist: 2001:db8::7. Add"),
        (
            "invalid ip 203.0.113.9 ipv6 2001:db8::7, not in whitelist",
            "is not in the IP whitelist: 203.0.113.9 and 2001:db8::7. Add",
        ),
        ("not in whitelist", "is not in the IP whitelist, and WeChat does not say which it is. Add"),
    ],
)
def test_an_address_that_is_refused_is_named_once(errmsg: str, says: str) -> None:
    error = refusal(40164, errmsg, path="/cgi-bin/stable_token")

    assert says in error.why


def test_wecom_names_the_address_too() -> None:
    errmsg = (
        "not allow to access from your ip, hint: [1650], from ip: 203.0.113.9, more info at https://x.invalid/?e=60020"
    )

    assert "not trusted: 203.0.113.9. Add" in refusal(60020, errmsg, path="/cgi-bin/gettoken", system=System.ALBUMS).why


def test_the_sentence_has_the_call_the_code_what_it_means_what_to_do_and_the_rid() -> None:
    error = refusal(61317, "ticket invalid rid: 64e5-0d", path="/scan/scanticket/check", note="It was asked 2 times.")

    assert error.why == (
        "/scan/scanticket/check: WeChat answers 61317 (ticket_invalid): the wxticket is not valid. "
        "A ticket lives for 20 minutes: scan the code once more. It was asked 2 times. [rid 64e5-0d]"
    )
    assert (error.code, error.name, error.rid) == (61317, "ticket_invalid", "64e5-0d")


@pytest.mark.parametrize(
    ("errmsg", "rid", "shown"),
    [
        ("ok, hint: [1650436187284866498311034], from ip: 203.0.113.9", "1650436187284866498311034", "hint"),
        ("invalid credential hint: [Mt7UaA0288sha5!]", "Mt7UaA0288sha5!", "hint"),
        ("invalid credential, hint: [1_a] rid: 61f0-1", "61f0-1", "rid"),
    ],
)
def test_where_there_is_no_rid_the_hint_is_kept(errmsg: str, rid: str, shown: str) -> None:
    error = refusal(45033, errmsg, path="/cgi-bin/externalcontact/get_product_album", system=System.ALBUMS)

    assert error.rid == rid
    assert error.why.endswith(f" [{shown} {rid}]")


@pytest.mark.parametrize(
    "errmsg", ["hint: [", "hint: [a b]", "T0K3N is bad", "rid:", "rid: " + "x" * 99, "hint: [" + "x" * 99 + "]"]
)
def test_of_wechats_words_only_the_rid_is_shown(errmsg: str) -> None:
    error = refusal(40003, errmsg, path="/x")

    assert "T0K3N" not in error.why
    assert len(error.rid) <= 64


def test_a_code_that_nobody_documents_says_just_that() -> None:
    error = refusal(987654, "whatever", path="/x")

    assert (error.code, error.name, error.permanent) == (987654, "unknown", True)
    assert "no page that scanhook follows documents this code" in error.why
