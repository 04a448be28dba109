from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.desk import DAY_S, Desk

GET = "/scan/product/get"
LIVE = "/wxaapi/broadcast/goods/getapproved"
PAGE = {"keystandard": "qrcode", "keystr": "x"}


def _quota(desk: Desk, path: str, name: str = "main") -> Any:
    return desk.call("/cgi-bin/openapi/quota/get", {"cgi_path": path}, name=name)["quota"]


def test_a_days_quota_is_counted_for_each_call(desk: Desk) -> None:
    assert _quota(desk, LIVE, "shop") == {"daily_limit": 10_000, "used": 0, "remain": 10_000}
    desk.call(LIVE, name="shop")
    desk.call(LIVE, name="shop")
    assert _quota(desk, LIVE, "shop") == {"daily_limit": 10_000, "used": 2, "remain": 9_998}
    assert _quota(desk, GET)["daily_limit"] == 100_000_000


def test_beyond_the_quota_a_call_is_refused_until_midnight_in_beijing(desk: Desk) -> None:
    for _ in range(10_000):
        desk.world.quotas.use(desk.shop, LIVE, daily=None, now=desk.clock.at)
    assert desk.call(LIVE, name="shop")["errcode"] == 45009
    desk.clock.at += 14 * 3600 - 1
    assert desk.call(LIVE, name="shop")["errcode"] == 45009
    desk.clock.at += 1
    assert desk.call(LIVE, name="shop")["errcode"] == 200002  # it is heard again: the offset is missing


def test_the_count_is_set_to_nothing_ten_times_a_month(desk: Desk) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/cgi-bin/clear_quota", {"appid": desk.main.app_id}),
        ("/cgi-bin/openapi/quota/clear", {"cgi_path": GET}),
    ]
    desk.call(GET, PAGE)
    assert _quota(desk, GET)["used"] == 1
    for index in range(9):
        assert desk.call(*calls[index % 2])["errcode"] == 0
    assert _quota(desk, GET)["used"] == 0
    without_token = {"appid": desk.main.app_id, "appsecret": desk.main.secret}
    assert desk.ask("POST", "/cgi-bin/clear_quota/v2", without_token) == {"errcode": 0, "errmsg": "ok"}
    assert desk.ask("POST", "/cgi-bin/clear_quota/v2", without_token)["errcode"] == 48006
    assert desk.call(*calls[0])["errcode"] == 48006
    desk.clock.at += 10 * DAY_S
    assert desk.call(*calls[0])["errcode"] == 0


def test_one_calls_count_leaves_the_others_alone(desk: Desk) -> None:
    desk.call(GET, PAGE)
    desk.call("/scan/merchantinfo/get")
    desk.call("/cgi-bin/openapi/quota/clear", {"cgi_path": GET})
    assert _quota(desk, GET)["used"] == 0
    assert _quota(desk, "/scan/merchantinfo/get")["used"] == 1


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/cgi-bin/clear_quota", {"appid": "wx0"}, 40013),
        ("/cgi-bin/clear_quota", {}, 40013),
        ("/cgi-bin/openapi/quota/get", {"cgi_path": "scan"}, 47001),
        ("/cgi-bin/openapi/quota/clear", {}, 47001),
        ("/cgi-bin/clear_quota/v2", {"appid": "wx0", "appsecret": "x"}, 40013),
    ],
)
def test_what_names_nothing_is_refused(desk: Desk, path: str, body: dict[str, str], code: int) -> None:
    assert desk.call(path, body)["errcode"] == code
