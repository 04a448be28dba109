from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.desk import Desk

STABLE, TOKEN, GETTOKEN = "/cgi-bin/stable_token", "/cgi-bin/token", "/cgi-bin/gettoken"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"secret": "wrong"}, 40001),
        ({"appid": "wx0000000000000000"}, 40013),
        ({"appid": "wwsandboxcompany01"}, 40001),
        ({"appid": ""}, 41002),
        ({"appid": 5}, 41002),
        ({"secret": ""}, 41004),
        ({"grant_type": "password"}, 40002),
        ({"force_refresh": "true"}, 47001),
    ],
)
def test_a_stable_token_is_refused(desk: Desk, changed: dict[str, Any], code: int) -> None:
    answer = desk.stable(**changed)
    assert answer["errcode"] == code
    assert "access_token" not in answer


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b"grant_type=x", b'{"x": NaN}', b'{"x": "\\ud800"}']
)
def test_a_body_that_is_no_json_object_is_refused(desk: Desk, body: bytes) -> None:
    assert desk.ask("POST", STABLE, body)["errcode"] == 47001


def test_each_call_has_its_method(desk: Desk) -> None:
    assert desk.ask("GET", STABLE)["errcode"] == 43002
    assert desk.ask("POST", TOKEN, {})["errcode"] == 43001
    assert desk.ask("POST", GETTOKEN, {})["errcode"] == 43001


def test_only_addresses_of_the_whitelist_get_a_token(desk: Desk) -> None:
    desk.main.whitelist = frozenset({"203.0.113.7"})
    answer = desk.stable()
    assert answer["errcode"] == 40164
    assert answer["errmsg"].startswith("invalid ip 127.0.0.1, not in whitelist rid: ")
    desk.main.whitelist = frozenset({"127.0.0.1"})
    assert "access_token" in desk.stable()


def test_a_company_is_no_official_account(desk: Desk) -> None:
    company = desk.goods
    asked = {"grant_type": "client_credential", "appid": company.app_id, "secret": company.secret}
    assert desk.ask("GET", TOKEN, query=asked)["errcode"] == 40013
    assert (
        desk.ask("GET", GETTOKEN, query={"corpid": desk.main.app_id, "corpsecret": desk.main.secret})["errcode"]
        == 40013
    )


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, 41002),
        ({"corpid": "wwsandboxcompany01"}, 41004),
        ({"corpid": "wwsandboxcompany01", "corpsecret": "wrong"}, 40001),
        ({"corpid": "ww0", "corpsecret": "wrong"}, 40013),
    ],
)
def test_a_wecom_token_is_refused(desk: Desk, query: dict[str, str], code: int) -> None:
    assert desk.ask("GET", GETTOKEN, query=query)["errcode"] == code


def test_ten_thousand_stable_tokens_can_be_asked_for_a_minute(desk: Desk) -> None:
    for _ in range(10_000):
        desk.world.quotas.use(desk.main, STABLE, daily=None, now=desk.clock.at)
    assert desk.stable()["errcode"] == 45011
    desk.clock.at += 60
    assert "access_token" in desk.stable()
