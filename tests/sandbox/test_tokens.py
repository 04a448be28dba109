from __future__ import annotations

import re

import pytest

from scanhook.sandbox.policy import Policy
from tests.sandbox.desk import AT, Desk

MIDNIGHT = AT + 14 * 3600
"""In Beijing."""
RID = re.compile(r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$")


def test_a_stable_token_is_the_same_while_it_is_good(desk: Desk) -> None:
    first = desk.stable()
    assert first["expires_in"] == 7200
    assert "errcode" not in first
    desk.clock.at += 6899
    again = desk.stable()
    assert again == {"access_token": first["access_token"], "expires_in": 301}


def test_a_stable_token_is_renewed_five_minutes_early_and_both_work_until_then(desk: Desk) -> None:
    first = desk.stable()["access_token"]
    desk.clock.at += 6900
    second = desk.stable()
    assert second["access_token"] != first
    assert second["expires_in"] == 7200
    assert desk.code(first) == 0
    desk.clock.at += 299
    assert desk.code(first) == 0
    desk.clock.at += 1
    assert desk.code(first) == 42001
    assert desk.code(second["access_token"]) == 0


def test_the_older_call_replaces_the_former_token(desk: Desk) -> None:
    first, second = desk.token(), desk.token()
    assert first["access_token"] != second["access_token"]
    assert desk.code(first["access_token"]) == 40001
    assert desk.code(second["access_token"]) == 0


def test_the_two_calls_are_isolated_from_each_other(desk: Desk) -> None:
    stable, older = desk.stable()["access_token"], desk.token()["access_token"]
    desk.token()
    assert desk.code(stable) == 0
    assert desk.stable(force=True)["access_token"] != stable
    assert desk.code(older) == 40001
    assert desk.code(stable) == 40001


def test_a_forced_refresh_comes_thirty_seconds_after_the_last(desk: Desk) -> None:
    first = desk.stable(force=True)["access_token"]
    desk.clock.at += 29
    assert desk.stable(force=True)["errcode"] == 45011
    assert desk.code(first) == 0
    desk.clock.at += 1
    assert desk.stable(force=True)["access_token"] != first


def test_twenty_refreshes_can_be_forced_a_day(desk: Desk) -> None:
    for _ in range(20):
        assert "access_token" in desk.stable(force=True)
        desk.clock.at += 30
    assert desk.stable(force=True)["errcode"] == 45009
    assert "access_token" in desk.stable()
    desk.clock.at = MIDNIGHT - 1
    assert desk.stable(force=True)["errcode"] == 45009
    desk.clock.at = MIDNIGHT
    assert "access_token" in desk.stable(force=True)


def test_a_wecom_application_gets_its_own_token_again_and_again(desk: Desk) -> None:
    first = desk.gettoken()
    assert first["errcode"] == 0
    assert first["expires_in"] == 7200
    assert len(first["access_token"]) <= 512
    desk.clock.at += 7199
    assert desk.gettoken() == {**first, "expires_in": 1}
    assert desk.gettoken("other")["access_token"] != first["access_token"]
    desk.clock.at += 1
    assert desk.gettoken()["access_token"] != first["access_token"]


def test_a_token_lives_as_long_as_the_sandbox_is_told() -> None:
    desk = Desk(Policy(token_life_s=3))
    token = desk.stable()
    assert token["expires_in"] == 3
    desk.clock.at += 2
    assert desk.code(token["access_token"]) == 0
    desk.clock.at += 1
    assert desk.code(token["access_token"]) == 42001


@pytest.mark.parametrize(
    ("token", "code"), [("", 41001), ("ACCESS_TOKEN", 40014), ("x" * 10_000, 40014), ("12_" + "a" * 136, 40001)]
)
def test_what_is_no_token_of_its_own_is_refused(desk: Desk, token: str, code: int) -> None:
    answer = desk.ask("GET", "/cgi-bin/getcallbackip", query={"access_token": token})
    assert answer["errcode"] == code
    assert RID.search(answer["errmsg"])


def test_a_call_without_a_token_is_refused(desk: Desk) -> None:
    assert desk.ask("GET", "/cgi-bin/getcallbackip")["errcode"] == 41001


def test_a_token_of_one_side_is_none_on_the_other(desk: Desk) -> None:
    wecom, wechat = desk.gettoken()["access_token"], desk.stable()["access_token"]
    asked = {"keystandard": "qrcode", "keystr": "x"}
    assert desk.ask("POST", "/scan/product/get", asked, query={"access_token": wecom})["errcode"] == 40014
    album = "/cgi-bin/externalcontact/get_product_album"
    assert desk.ask("POST", album, {"product_id": "x"}, query={"access_token": wechat})["errcode"] == 40014


def test_tokens_can_be_ended_by_a_control(desk: Desk) -> None:
    token, others, wecom = desk.stable()["access_token"], desk.stable(name="shop")["access_token"], desk.gettoken()
    assert desk.world.tokens.invalidate(desk.main) == 1
    assert desk.code(token) == 40001
    assert desk.code(others) == 0
    assert desk.world.tokens.expire(now=desk.clock.at) == 2
    assert desk.code(others) == 42001
    assert desk.code(wecom["access_token"]) == 42001
    assert desk.code(desk.stable()["access_token"]) == 0
    assert desk.code(desk.gettoken()["access_token"]) == 0


def test_an_invalidated_wecom_token_is_malformed(desk: Desk) -> None:
    token = desk.gettoken()["access_token"]
    desk.world.tokens.invalidate()
    assert desk.code(token) == 40014
