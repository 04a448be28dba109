from __future__ import annotations

import time

import pytest

from scanhook import create_app
from scanhook.envelope import Format
from scanhook.settings import load_settings
from tests.conftest import OPENID
from tests.serving import compose, forget_batches, scan_push, unfinish_imports
from tests.wire.conftest import MONITOR_TOKEN, Wire

ELSEWHERE = "203.0.113.9"
GUARDED = ("/readyz", "/metrics")


@pytest.mark.parametrize("address", ["127.0.0.1", ELSEWHERE])
def test_anybody_may_ask_whether_the_service_is_up(shared_wire: Wire, address: str) -> None:
    response = shared_wire.get("/healthz", address=address)
    assert (response.status_code, response.text) == (200, "ok\n")


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1"])
def test_this_machine_may_look_inside(shared_wire: Wire, path: str, address: str) -> None:
    assert shared_wire.get(path, address=address).status_code == 200


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("address", [ELSEWHERE, "10.0.0.1", "2001:db8::1", "", "localhost"])
def test_nobody_else_may_look_inside(shared_wire: Wire, path: str, address: str) -> None:
    response = shared_wire.get(path, address=address)
    assert (response.status_code, response.text) == (403, "forbidden\n")


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8000", 200), ("localhost", 200), ("[::1]:8000", 200), ("scan.example.com", 403), ("", 403)],
)
def test_a_proxy_that_says_nothing_of_itself_is_known_by_the_name_asked_for(
    shared_wire: Wire, path: str, host: str, status: int
) -> None:
    assert shared_wire.get(path, Host=host).status_code == status


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("header", ["X_Forwarded_For", "X_Real_IP", "Forwarded"])
def test_what_a_proxy_on_this_machine_passes_on_is_from_elsewhere(shared_wire: Wire, path: str, header: str) -> None:
    assert shared_wire.get(path, **{header: "127.0.0.1"}).status_code == 403


@pytest.mark.parametrize("path", GUARDED)
def test_the_bearer_of_the_token_may_look_inside_from_anywhere(shared_wire: Wire, path: str) -> None:
    response = shared_wire.get(
        path, address=ELSEWHERE, Authorization=f"Bearer {MONITOR_TOKEN}", X_Forwarded_For=ELSEWHERE
    )
    assert response.status_code == 200


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", f"Bearer {MONITOR_TOKEN}x", "Bearer é", "Basic b3BlbjppdA=="]
)
def test_the_bearer_of_something_else_may_not(shared_wire: Wire, path: str, given: str) -> None:
    assert shared_wire.get(path, address=ELSEWHERE, Authorization=given).status_code == 403


def test_an_empty_token_opens_nothing(wire: Wire) -> None:
    text = wire.house.path.read_text().replace(MONITOR_TOKEN, "")
    wire.house.path.write_text(text)
    client = create_app(load_settings(wire.house.path)).test_client()
    for given in ("", "Bearer ", "Bearer"):
        response = client.get(
            "/metrics", headers={"Authorization": given}, environ_overrides={"REMOTE_ADDR": ELSEWHERE}
        )
        assert response.status_code == 403


def test_a_ready_service_says_what_it_looked_at(shared_wire: Wire) -> None:
    response = shared_wire.get("/readyz")
    assert response.get_json() == {"ready": True, "checks": {"registry": "ok", "journal": "ok", "clock": "ok"}}


def test_the_figures_count_what_came_and_what_was_answered(wire: Wire) -> None:
    keys = wire.keys()
    for code in ("GENUINE0001", "GENUINE0002", "COPIED99999", "PRINTED0003", ""):
        push = scan_push(code, keys=keys)
        assert wire.push(push).status_code == 200
    assert wire.push(push).data == b"success"
    assert wire.push(scan_push(keys=keys, KeyStr="nobody-knows")).data == b"success"
    at = 1447848568
    for said in (
        {"MsgType": "text", "Content": "hello"},
        {"MsgType": "event", "Event": "CLICK"},
        {"MsgType": "event", "Event": "user_scan_product", "KeyStandard": "ean13", "KeyStr": "6901481811083"},
    ):
        fields = {"ToUserName": keys.original_id, "FromUserName": OPENID, "CreateTime": at, **said}
        wire.push(compose(fields, keys=keys, at=int(time.time()), format_=Format.JSON))
    wire.client.post("/wechat/callback", data=b"x")
    wire.client.get("/wechat/callback?timestamp=1&nonce=1&signature=1")
    figures = wire.figures()
    counted = ("scanhook_pushes_total", "scanhook_verdicts_total", "scanhook_refusals_total")
    assert {name: value for name, value in figures.items() if name.startswith(counted)} == {
        'scanhook_pushes_total{event="scan_product_callback",outcome="real"}': 2,
        'scanhook_pushes_total{event="scan_product_callback",outcome="fake"}': 1,
        'scanhook_pushes_total{event="scan_product_callback",outcome="not_active"}': 1,
        'scanhook_pushes_total{event="scan_product_callback",outcome="success"}': 2,
        'scanhook_pushes_total{event="scan_product_callback",outcome="repeated"}': 1,
        'scanhook_pushes_total{event="message_text",outcome="success"}': 1,
        'scanhook_pushes_total{event="other",outcome="success"}': 1,
        'scanhook_pushes_total{event="user_scan_product",outcome="success"}': 1,
        'scanhook_verdicts_total{reason="active"}': 2,
        'scanhook_verdicts_total{reason="unknown_code"}': 1,
        'scanhook_verdicts_total{reason="not_active"}': 1,
        'scanhook_verdicts_total{reason="no_code"}': 1,
        'scanhook_verdicts_total{reason="unknown_product"}': 1,
        'scanhook_refusals_total{reason="query"}': 1,
        'scanhook_refusals_total{reason="timestamp"}': 1,
    }
    assert figures["scanhook_push_seconds_count"] >= 10
    assert figures["scanhook_push_seconds_sum"] > 0
    assert figures["scanhook_commit_seconds_count"] >= 6
    assert figures['scanhook_commit_seconds_bucket{le="+Inf"}'] == figures["scanhook_commit_seconds_count"]


def test_nobody_can_fill_the_figures_with_words_of_his_own(wire: Wire) -> None:
    keys = wire.keys()
    at = int(time.time())
    for said in ({"MsgType": "evilword"}, {"MsgType": "event", "Event": "evilword"}):
        fields = {"ToUserName": keys.original_id, "FromUserName": OPENID, "CreateTime": at, **said}
        assert wire.push(compose(fields, keys=keys, at=at)).data == b"success"
    assert not [name for name in wire.figures() if "evilword" in name]


def test_the_figures_say_what_staff_should_look_at(wire: Wire) -> None:
    figures = wire.figures()
    assert (figures["scanhook_forgotten_batches"], figures["scanhook_imports_unfinished"]) == (0, 0)
    forget_batches(wire.house)
    unfinish_imports(wire.house)
    assert wire.figures()["scanhook_forgotten_batches"] == 0  # counted less than a minute ago
    figures = Wire(house=wire.house, client=create_app(wire.house).test_client()).figures()
    assert (figures["scanhook_forgotten_batches"], figures["scanhook_imports_unfinished"]) == (1, 1)


def test_a_registry_that_fails_hides_no_other_figure(wire: Wire) -> None:
    wire.client.post("/wechat/callback", data=b"x")
    (wire.house.base / "data" / "registry.db").write_bytes(b"nonsense" * 1000)
    figures = wire.figures()
    assert figures['scanhook_refusals_total{reason="query"}'] == 1
    assert "scanhook_forgotten_batches" not in figures


def test_figures_are_prometheus_text(shared_wire: Wire) -> None:
    assert shared_wire.get("/metrics").content_type == "text/plain; version=0.0.4; charset=utf-8"
