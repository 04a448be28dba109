from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from scanhook.clock import FixedClock
from scanhook.sandbox.app import create_sandbox
from scanhook.sandbox.faults import Fault, FaultKind
from scanhook.sandbox.page_shelf import PageShelf, Status
from scanhook.sandbox.sample_tenants import sample_tenants
from scanhook.sandbox.stocking import stock
from scanhook.sandbox.tokens import Way
from scanhook.sandbox.world import World
from tests.sandbox.desk import AT

PAGE = {"app_id": "wx5a0db0c0000000a1", "keystandard": "qrcode", "keystr": "moment-frame"}


@pytest.fixture
def world() -> World:
    world = World(sample_tenants(), clock=FixedClock(AT))
    stock(world)
    return world


@pytest.fixture
def client(world: World) -> FlaskClient:
    return create_sandbox(world).test_client()


def test_the_first_page_lists_every_call_with_its_rule(client: FlaskClient) -> None:
    page = client.get("/sandbox/").get_data(as_text=True)
    assert "<code>POST /scan/product/getqrcode</code></td><td>facts.md 1.5: prefix, pid, extinfo" in page
    for path in ("/cgi-bin/stable_token", "/union/promoter/product/list", "/cgi-bin/media/upload_attachment"):
        assert f" {path}</code>" in page
    assert "<code>wx5a0db0c0000000a1</code></td><td>main</td><td>scan</td>" in page
    assert "secret" not in page.replace("by app id and secret", "")


def test_a_browser_finds_the_first_page(client: FlaskClient) -> None:
    assert client.get("/", follow_redirects=True).request.path == "/sandbox/"


def test_faults_are_told_listed_and_cleared(client: FlaskClient, world: World) -> None:
    told = client.post("/sandbox/faults", json={"kind": "slow", "seconds": 2.5, "calls": 3, "path": "/scan/"})
    expected = {"kind": "slow", "seconds": 2.5, "calls": 3, "path": "/scan/", "code": 0, "acts": False}
    assert told.get_json() == [expected]
    assert world.faults.told() == [(Fault(kind=FaultKind.SLOW, seconds=2.5, calls=3, path="/scan/"), 3)]
    client.post("/sandbox/faults", json={"kind": "busy", "calls": None})
    assert [fault["calls"] for fault in client.get("/sandbox/faults").get_json()] == [3, None]
    assert client.delete("/sandbox/faults").get_json() == []


def test_a_fault_concerns_no_control(client: FlaskClient) -> None:
    client.post("/sandbox/faults", json={"kind": "bad-gateway", "calls": None})
    assert client.get("/cgi-bin/getcallbackip").status_code == 502
    assert client.get("/sandbox/faults").status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"kind": "broken"},
        {"kind": "slow"},
        {"kind": "busy", "calls": 0},
        {"kind": "busy", "calls": "two"},
        {"kind": "busy", "colour": "red"},
        {"kind": "busy", "path": 5},
        {"kind": "busy", "calls": 1.5},
        {"kind": "code", "code": "x"},
        {"kind": "code", "code": [1]},
        {"kind": "half", "acts": "no"},
        [],
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(client: FlaskClient, world: World, given: object) -> None:
    assert client.post("/sandbox/faults", json=given).status_code == 400
    assert world.faults.told() == []


def test_what_is_wrong_with_a_fault_is_said(client: FlaskClient) -> None:
    answer = client.post("/sandbox/faults", json={"kind": "slow", "seconds": "x"})
    assert answer.get_json() == {"error": "seconds is a number"}


KINDS = "slow, busy, quota, frequent, code, drop, nothing, html, half, bad-gateway, redirect"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"kind": "broken"}, f"kind is one of {KINDS}"),
        ({}, f"kind is one of {KINDS}"),
        ({"kind": "busy", "colour": "red"}, "there is no colour; there are kind, calls, path, seconds, code, acts"),
        ([], "send a JSON object"),
    ],
)
def test_a_program_reads_why_a_fault_is_refused(client: FlaskClient, given: object, error: str) -> None:
    assert client.post("/sandbox/faults", json=given).get_json() == {"error": error}


@pytest.mark.parametrize("path", ["faults", "tokens", "tickets", "reviews"])
def test_what_changes_something_takes_json_only(client: FlaskClient, path: str) -> None:
    answer = client.post(f"/sandbox/{path}", data='{"kind": "busy"}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert answer.get_json() == {"error": "send JSON with the content type application/json"}


@pytest.mark.parametrize(("become", "code"), [("invalid", 40001), ("expired", 42001)])
def test_tokens_are_ended(client: FlaskClient, world: World, become: str, code: int) -> None:
    tokens = [world.tokens.repeat(tenant, Way.STABLE, now=AT).token for tenant in world.tenants[:2]]
    asked = {"app_id": "wx5a0db0c0000000a1", "become": become}
    assert client.post("/sandbox/tokens", json=asked).get_json() == {"ended": 1}
    codes = [client.get(f"/cgi-bin/getcallbackip?access_token={token}").get_json()["errcode"] for token in tokens]
    assert codes == [code, 0]
    assert client.post("/sandbox/tokens", json={"become": become}).get_json() == {"ended": 1 if code == 40001 else 2}


def test_a_ticket_is_issued(client: FlaskClient, world: World) -> None:
    ticket = client.post("/sandbox/tickets", json={**PAGE, "openid": "o1", "scene": "others"}).get_json()["ticket"]
    found = world.tickets.check(world.tenants[0], ticket)
    assert (found["keystr"], found["openid"], found["scene"]) == ("moment-frame", "o1", "others")


def test_a_review_is_ended(client: FlaskClient, world: World) -> None:
    page = world.tenants[0].shelf(PageShelf).pages["qrcode", "cosmetics1"]
    page.status, page.due_at = Status.CHECK, AT + 3600
    asked = {**PAGE, "keystr": "cosmetics1", "passed": False, "reason": "图片不清晰"}
    assert client.post("/sandbox/reviews", json=asked).get_json() == {"ended": 1}
    assert page.status is Status.REJECT
    refused = client.post("/sandbox/reviews", json=asked)
    assert refused.status_code == 400
    assert "is not in review" in refused.get_json()["error"]


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("tokens", {"become": "better"}),
        ("tokens", {"become": "invalid", "app_id": "wx0"}),
        ("tickets", PAGE),
        ("tickets", {**PAGE, "openid": "o1", "scene": "chat"}),
        ("tickets", {**PAGE, "openid": "o1", "app_id": "wx0"}),
        ("reviews", {**PAGE, "passed": "yes"}),
        ("reviews", {**PAGE, "passed": True, "app_id": "wx0"}),
    ],
)
def test_what_names_nothing_is_refused(client: FlaskClient, path: str, given: dict[str, Any]) -> None:
    assert client.post(f"/sandbox/{path}", json=given).status_code == 400


def test_sample_pages_have_a_picture(client: FlaskClient, world: World) -> None:
    page = world.tenants[0].shelf(PageShelf).pages["qrcode", "moment-frame"]
    address = page.parts["base_info"]["thumb_url"]
    assert address == f"{world.base_url}/sandbox/picture.png"
    assert client.get("/sandbox/picture.png").get_data().startswith(b"\x89PNG")
