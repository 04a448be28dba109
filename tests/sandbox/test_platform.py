from __future__ import annotations

import pytest

from tests.sandbox.desk import AT, Desk


@pytest.mark.parametrize("path", ["/cgi-bin/getcallbackip", "/cgi-bin/get_api_domain_ip"])
def test_everything_is_on_this_machine(desk: Desk, path: str) -> None:
    assert desk.call(path) == {"errcode": 0, "errmsg": "ok", "ip_list": ["127.0.0.1"]}


def test_a_company_asks_for_addresses_with_its_own_token(desk: Desk) -> None:
    assert desk.code(desk.gettoken()["access_token"]) == 0


def test_a_callback_is_checked(desk: Desk) -> None:
    desk.main.callback_url = "http://127.0.0.1:8000/wechat/callback"
    checked = desk.call("/cgi-bin/callback/check", {"action": "all", "check_operator": "DEFAULT"})
    assert checked["dns"] == [{"ip": "127.0.0.1", "real_operator": "DEFAULT"}]
    assert checked["ping"][0]["package_loss"] == "0%"
    assert "ping" not in desk.call("/cgi-bin/callback/check", {"action": "dns"})


@pytest.mark.parametrize(
    ("body", "code"),
    [({"action": "all"}, 40201), ({"action": "x"}, 40202), ({"action": "dns", "check_operator": "x"}, 40203)],
)
def test_a_check_that_cannot_be_made_is_refused(desk: Desk, body: dict[str, str], code: int) -> None:
    assert desk.call("/cgi-bin/callback/check", body)["errcode"] == code


def test_a_rid_tells_what_was_asked(desk: Desk) -> None:
    refused = desk.call("/scan/product/get", {"keystandard": "qrcode", "keystr": "none"})
    rid = refused["errmsg"].rpartition("rid: ")[2]
    request = desk.call("/cgi-bin/openapi/rid/get", {"rid": rid})["request"]
    assert request["invoke_time"] == AT
    assert request["request_url"] == "/scan/product/get"
    assert request["request_body"] == '{"keystandard": "qrcode", "keystr": "none"}'
    assert '"errcode": 61334' in request["response_body"]
    assert desk.call("/cgi-bin/openapi/rid/get", {"rid": rid}, name="shop")["errcode"] == 76001
    assert desk.call("/cgi-bin/openapi/rid/get", {"rid": 5})["errcode"] == 76001


def test_only_the_last_thousand_rids_are_kept(desk: Desk) -> None:
    refused = desk.call("/scan/product/get", {"keystandard": "qrcode", "keystr": "none"})
    rid = refused["errmsg"].rpartition("rid: ")[2]
    for number in range(1000):
        desk.world.remember(f"{number}", desk.main, {})
    assert desk.call("/cgi-bin/openapi/rid/get", {"rid": rid})["errcode"] == 76001
    assert desk.call("/cgi-bin/openapi/rid/get", {"rid": "999"})["request"] == {}
