from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.serving import make_server

from scanhook.clock import FixedClock
from scanhook.envelope import read_document
from scanhook.errors import Refused
from scanhook.sandbox.page_shelf import PageShelf, Status
from scanhook.sandbox.pushing import Pusher
from scanhook.sandbox.sample_tenants import sample_tenants
from scanhook.sandbox.sandbox import Sandbox
from scanhook.sandbox.scan import PERSONS, Item, Scan, Seen
from scanhook.sandbox.sending import Patience
from scanhook.sandbox.stocking import stock
from scanhook.sandbox.trace import Shown
from scanhook.sandbox.world import World
from tests.sandbox.desk import AT
from tests.serving import wait_for

FRAME = ("qrcode", "moment-frame")


@dataclass
class Server:
    """A brand's server that takes note of every push and answers `success`, or with a status."""

    url: str = ""
    status: int = 200
    events: list[str] = field(default_factory=list)
    keys: Any = None

    def take(self) -> tuple[str, int]:
        from scanhook.envelope import decrypt  # noqa: PLC0415

        encrypted = str(read_document(request.get_data())[1]["Encrypt"])
        message = decrypt(encrypted, key=self.keys.aes_keys[0], receive_id=self.keys.receive_id)
        document = read_document(message)[1]
        self.events.append("/".join(str(document[name]) for name in ("Event", "KeyStr") if name in document))
        return "success", self.status


@pytest.fixture
def brand() -> Iterator[Server]:
    brand = Server()
    app = Flask("brand")
    app.post("/callback")(brand.take)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    brand.url = f"http://127.0.0.1:{server.server_port}/callback"
    yield brand
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def world(brand: Server) -> World:
    world = World(
        sample_tenants(callback_url=brand.url, landing_url="http://127.0.0.1:8000/landing"),
        clock=FixedClock(AT),
        patience=Patience(tries=2),
    )
    stock(world)
    brand.keys = world.tenants[0].keys
    return world


def _scan(ext_info: str = "GENUINE0001", key: tuple[str, str] = FRAME) -> Scan:
    return Scan(item=Item(key_standard=key[0], key_str=key[1], ext_info=ext_info))


def test_a_scan_is_counted_on_its_page(world: World) -> None:
    main = world.tenants[0]
    with Pusher(world) as pusher:
        trace = pusher.scanner.scan(pusher.line(main), _scan())
        pusher.scanner.scan(pusher.line(main), _scan(key=("qrcode", "no-such-page")))
    assert trace.shown is Shown.NO_ANSWER
    assert dict(main.shelf(PageShelf).records) == {(*FRAME, "GENUINE0001"): 1}


@pytest.mark.parametrize("module", [None, {"type": "anti_fake", "native_show": "false", "anti_fake_url": "http://a.b"}])
def test_only_pages_with_wechats_own_window_count(world: World, module: dict[str, str] | None) -> None:
    main = world.tenants[0]
    main.shelf(PageShelf).pages[FRAME].parts["module_info"] = {"module_list": [module] if module else []}
    with Pusher(world) as pusher:
        pusher.scanner.scan(pusher.line(main), pusher.as_page_says(main, _scan()))
        ticket = pusher.issue(main, _scan())
    assert dict(main.shelf(PageShelf).records) == {}
    assert world.tickets.check(main, ticket)["is_check"] is True


def test_a_ticket_says_whether_the_item_was_scanned(world: World) -> None:
    main = world.tenants[0]
    with Pusher(world) as pusher:
        before = pusher.issue(main, _scan())
        pusher.scanner.scan(pusher.line(main), _scan())
        after = pusher.issue(main, _scan())
    assert [world.tickets.check(main, ticket)["is_check"] for ticket in (before, after)] == [False, True]


def test_the_page_says_what_is_seen_of_it(world: World) -> None:
    main = world.tenants[0]
    page = main.shelf(PageShelf).pages[FRAME]

    def seen(key: tuple[str, str] = FRAME) -> Seen:
        return pusher.as_page_says(main, _scan(key=key)).seen

    with Pusher(world) as pusher:
        assert seen() is Seen.WINDOW
        page.parts["module_info"]["module_list"][0]["native_show"] = "false"
        assert seen() is Seen.LINK
        del page.parts["module_info"]
        assert seen() is Seen.PAGE
        assert seen(("qrcode", "no-such-page")) is Seen.WINDOW


@pytest.mark.parametrize("status", [Status.OFF, Status.CHECK, Status.REJECT])
def test_only_testers_see_a_page_that_is_not_published(world: World, status: Status) -> None:
    main, (one, two) = world.tenants[0], PERSONS
    shelf = main.shelf(PageShelf)
    shelf.pages[FRAME].status, shelf.tester_openids = status, (two.openid,)
    with Pusher(world) as pusher:
        seen = [pusher.as_page_says(main, replace(_scan(), person=person)).seen for person in (one, two)]
    assert seen == [Seen.NOTHING, Seen.WINDOW]


def test_nothing_is_pushed_and_counted_where_nobody_sees_a_page(wechat_sandbox: Sandbox, brand: Server) -> None:
    main = wechat_sandbox.main
    main.callback_url, brand.keys = brand.url, main.keys
    trace = wechat_sandbox.scan("ean13", "6390000000000", "GENUINE0001")
    assert (trace.shown, trace.steps, brand.events) == (Shown.NO_PAGE, (), [])
    assert not main.shelf(PageShelf).records
    assert not main.shelf(PageShelf).scanned


def test_a_page_without_the_module_sends_where_it_was_and_asks_nothing(wechat_sandbox: Sandbox, brand: Server) -> None:
    main = wechat_sandbox.main
    main.callback_url, brand.keys = brand.url, main.keys
    del main.shelf(PageShelf).pages[FRAME].parts["module_info"]
    wechat_sandbox.scan(*FRAME, "GENUINE0001")
    assert brand.events == ["user_scan_product/moment-frame", "user_scan_product_async/moment-frame"]


def test_a_review_that_ends_is_pushed(world: World, brand: Server) -> None:
    main = world.tenants[0]
    with Pusher(world):
        main.shelf(PageShelf).submit(("qrcode", "cosmetics1"), now=AT, review_s=0)
        world.pass_time()
        wait_for(lambda: brand.events, "the push is there")
    assert brand.events == ["user_scan_product_verify_action/cosmetics1"]
    assert world.on_review == []


@pytest.mark.parametrize(("again", "times"), [(True, 2), (False, 1)])
def test_a_push_is_repeated_after_a_503_or_not(world: World, brand: Server, times: int, *, again: bool) -> None:
    brand.status, world.patience = 503, Patience(tries=2, again_after_error=again)
    with Pusher(world) as pusher:
        pusher.scanner.report_region(pusher.line(world.tenants[0]), _scan())
    assert brand.events == ["user_scan_product_async/moment-frame"] * times


def test_a_phone_can_scan_for_those_who_are_pushed_to(world: World) -> None:
    with Pusher(world) as pusher:
        [post] = pusher.posts()
        link = post.link(_scan())
    assert post.name == "main"
    assert link.startswith("http://127.0.0.1:8000/landing?wxkeystandard=qrcode&wxkeystr=moment-frame&wxticket=")


def test_who_has_no_callback_url_is_not_pushed_to(world: World) -> None:
    with Pusher(world) as pusher, pytest.raises(Refused, match="shop has no callback URL"):
        pusher.line(world.tenants[1])


def test_the_fixture_scans_with_all_three_pushes(wechat_sandbox: Sandbox, brand: Server) -> None:
    wechat_sandbox.main.callback_url, brand.keys = brand.url, wechat_sandbox.main.keys
    trace = wechat_sandbox.scan(*FRAME, "GENUINE0001")
    assert sorted(brand.events[:2]) == ["scan_product_callback/moment-frame", "user_scan_product/moment-frame"]
    assert brand.events[2:] == ["user_scan_product_async/moment-frame"]
    assert [step.accepted for step in trace.steps] == [True, True, True]
    assert trace.why == "the server answered `success`: it has nothing to say of this item"
