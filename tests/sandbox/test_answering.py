from __future__ import annotations

import pytest

from scanhook.sandbox.app import all_routes
from scanhook.sandbox.route import Right
from tests.sandbox.desk import Desk

PATHS = {
    Right.SCAN: "/scan/product/get",
    Right.LIVE: "/wxaapi/broadcast/goods/add",
    Right.WINDOW: "/channels/ec/window/product/list/get",
}


@pytest.mark.parametrize(
    ("name", "right", "code"),
    [
        ("main", Right.SCAN, 61343),
        ("shop", Right.SCAN, 48001),
        ("main", Right.LIVE, 48001),
        ("main", Right.WINDOW, 48001),
    ],
)
def test_a_right_that_was_not_granted_is_refused(desk: Desk, name: str, right: Right, code: int) -> None:
    assert desk.call(PATHS[right], {}, name=name)["errcode"] == code


def test_a_wecom_application_without_the_right_gets_wecoms_own_code(desk: Desk) -> None:
    desk.goods.rights = frozenset()
    token = desk.gettoken()["access_token"]
    path = "/cgi-bin/externalcontact/get_product_album_list"
    assert desk.ask("POST", path, {}, query={"access_token": token})["errcode"] == 48002


def test_an_answer_is_ok_unless_it_says_otherwise(desk: Desk) -> None:
    answer = desk.call("/scan/merchantinfo/get")
    assert list(answer)[:2] == ["errcode", "errmsg"]
    assert (answer["errcode"], answer["errmsg"]) == (0, "ok")


def test_nobody_has_such_a_call(desk: Desk) -> None:
    assert desk.call("/scan/product/forget", {})["errcode"] == 40066
    assert desk.call("/scan/product/get")["errcode"] == 43002
    assert desk.call("/scan/merchantinfo/get", {})["errcode"] == 43001


def test_every_call_names_where_its_rule_comes_from(desk: Desk) -> None:
    routes = all_routes(desk.world)
    assert len(routes) > 20
    assert [route.path for route in routes if len(route.rule) < 20] == []


def test_no_two_calls_of_one_side_share_a_path(desk: Desk) -> None:
    keys = [(route.method, route.path, route.right is Right.ALBUMS) for route in all_routes(desk.world)]
    assert len(keys) == len(set(keys))


def test_a_call_from_wechats_own_cloud_needs_no_token(desk: Desk) -> None:
    assert desk.ask("GET", "/scan/merchantinfo/get")["errcode"] == 41001
    desk.world.cloud = desk.main
    assert desk.ask("GET", "/scan/merchantinfo/get")["errcode"] == 0
    assert desk.ask("GET", "/scan/merchantinfo/get", query={"access_token": ""})["errcode"] == 41001


def test_a_token_of_other_making_may_be_admitted(desk: Desk) -> None:
    desk.world.tokens.admit(desk.main, "ours")
    desk.clock.at += 10_000
    assert desk.code("ours") == 0
