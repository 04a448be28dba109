from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from scanhook.clock import FixedClock
from scanhook.sandbox.app import create_sandbox
from scanhook.sandbox.page_shelf import PageShelf
from scanhook.sandbox.phone import Stage, create_phone
from scanhook.sandbox.pushing import Pusher
from scanhook.sandbox.sample_tenants import sample_tenants
from scanhook.sandbox.stocking import stock
from scanhook.sandbox.world import World
from tests.sandbox.desk import AT

FRAME = ("qrcode", "moment-frame")
TOKEN = "/cgi-bin/token?grant_type=client_credential&appid=wx5a0db0c0000000a1&secret=sandbox0secret0of0main0000000000"
PATHS = ["/phone", "/phone/static/phone.js", "/sandbox/", "/sandbox/picture.png", TOKEN, "/"]
OTHERS_PAGES = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8000"},
    {"Origin": "https://localhost"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
]


@pytest.fixture
def world() -> World:
    """Return a world that has a tenant whose calls need no token."""
    world = World(sample_tenants(callback_url="http://127.0.0.1:9/callback"), clock=FixedClock(AT))
    stock(world)
    world.cloud = world.tenants[0]
    return world


@pytest.fixture
def client(world: World) -> Iterator[FlaskClient]:
    with Pusher(world) as pusher:
        app = create_sandbox(world)
        app.register_blueprint(create_phone(Stage(scanner=lambda: pusher.scanner, ask_posts=pusher.posts)))
        yield app.test_client()


def status(client: FlaskClient, path: str, **given: Any) -> int:
    with client.get(path, **given) as answer:
        return answer.status_code


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9000", "10.0.0.1:9000", "127.0.0.1.evil.example", "[::2]"]
)
@pytest.mark.parametrize("path", PATHS)
def test_another_name_for_this_machine_is_refused(client: FlaskClient, world: World, path: str, host: str) -> None:
    assert status(client, path, headers={"Host": host}) == 403
    assert world.tokens.fetches == 0


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "localhost:9000", "[::1]:9000", "localhost", "127.0.0.2:80"])
@pytest.mark.parametrize("path", ["/phone", "/sandbox/", TOKEN])
def test_this_machines_own_names_are_let_in(client: FlaskClient, path: str, host: str) -> None:
    assert status(client, path, headers={"Host": host}) == 200


@pytest.mark.parametrize("peer", ["10.0.0.1", "203.0.113.7", "::2", ""])
@pytest.mark.parametrize("path", PATHS)
def test_another_machine_is_refused(client: FlaskClient, path: str, peer: str) -> None:
    assert status(client, path, environ_overrides={"REMOTE_ADDR": peer}) == 403


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_let_in(client: FlaskClient, peer: str) -> None:
    assert status(client, "/phone", environ_overrides={"REMOTE_ADDR": peer}) == 200


@pytest.mark.parametrize("headers", OTHERS_PAGES)
def test_another_sites_page_cannot_call_in_anybodys_name(
    client: FlaskClient, world: World, headers: dict[str, str]
) -> None:
    body = '{"keystandard": "qrcode", "keystr": "moment-frame"}'
    answer = client.post("/scan/product/clear", data=body, content_type="text/plain", headers=headers)
    assert answer.status_code == 403
    assert FRAME in world.tenants[0].shelf(PageShelf).pages
    assert client.post("/scan/product/clear", data=body, content_type="text/plain").get_json()["errcode"] == 0


@pytest.mark.parametrize("headers", OTHERS_PAGES)
@pytest.mark.parametrize("path", ["/phone/scans", "/sandbox/faults"])
def test_another_sites_page_can_neither_scan_nor_change(
    client: FlaskClient, world: World, path: str, headers: dict[str, str]
) -> None:
    assert client.post(path, json={"kind": "busy"}, headers=headers).status_code == 403
    assert world.faults.told() == []


@pytest.mark.parametrize("path", ["/phone", "/sandbox/", "/"])
def test_a_link_from_elsewhere_opens_a_page(client: FlaskClient, path: str) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert status(client, path, headers={**elsewhere, "Sec-Fetch-Mode": "navigate"}) < 400
    assert status(client, path, headers={**elsewhere, "Sec-Fetch-Mode": "no-cors"}) == 403


def test_a_link_from_elsewhere_makes_no_call_and_issues_no_ticket(client: FlaskClient, world: World) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert status(client, TOKEN, headers=link) == 403
    assert status(client, "/phone/scans/x/landing", headers=link) == 403
    assert world.tokens.fetches == 0


def test_a_picture_may_be_shown_on_another_page(client: FlaskClient) -> None:
    shown = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    with client.get("/sandbox/picture.png", headers=shown) as answer:
        assert answer.status_code == 200
        assert "Cross-Origin-Resource-Policy" not in answer.headers


@pytest.mark.parametrize("path", ["/phone", "/phone/static/phone.js", "/sandbox/", "/sandbox/static/sandbox.css"])
def test_a_page_runs_nothing_of_others_and_stands_in_no_frame(client: FlaskClient, path: str) -> None:
    with client.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';")
        assert policy.endswith("frame-ancestors 'none'")
        assert "unsafe" not in policy
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert not [word for word in ("<style", "style=", "<script>") if word in answer.get_data(as_text=True)]
