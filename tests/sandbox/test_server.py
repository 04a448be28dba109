from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from scanhook.sandbox.faults import Fault, FaultKind
from scanhook.sandbox.page_shelf import PageShelf
from scanhook.sandbox.sample_tenants import sample_tenants
from scanhook.sandbox.sandbox import Sandbox
from scanhook.sandbox.sending import Patience
from scanhook.sandbox.server import serve_sandbox
from scanhook.sandbox.stocking import stock
from scanhook.sandbox.world import World
from tests.sandbox.brandpage import BRAND, KEY
from tests.serving import free_port, wait_for


def ask(sandbox: Sandbox, method: str, path: str, **kwargs: Any) -> httpx2.Response:
    """Send one request, without anybody's proxy and without certificates, which take their time to load."""
    return httpx2.request(method, f"{sandbox.url}{path}", trust_env=False, verify=False, timeout=20, **kwargs)


def token_of(sandbox: Sandbox) -> str:
    """Fetch a stable token of the first tenant."""
    main = sandbox.main
    body = {"grant_type": "client_credential", "appid": main.app_id, "secret": main.secret}
    token: str = ask(sandbox, "POST", "/cgi-bin/stable_token", json=body).json()["access_token"]
    return token


def test_it_answers_as_wechat_writes_its_json(wechat_sandbox: Sandbox) -> None:
    answer = ask(wechat_sandbox, "GET", f"/scan/merchantinfo/get?access_token={token_of(wechat_sandbox)}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; encoding=utf-8"
    assert "小耿哥8".encode() in answer.content


def test_a_qr_code_can_be_fetched_and_needs_no_token(wechat_sandbox: Sandbox) -> None:
    body = {"keystandard": "qrcode", "keystr": "moment-frame", "extinfo": "A1", "qrcode_size": 150}
    made = ask(wechat_sandbox, "POST", f"/scan/product/getqrcode?access_token={token_of(wechat_sandbox)}", json=body)
    picture = ask(wechat_sandbox, "GET", made.json()["pic_url"].removeprefix(wechat_sandbox.url))
    assert picture.headers["content-type"] == "image/png"
    assert picture.content[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(picture.content[16:20]) == 33 * 4
    assert ask(wechat_sandbox, "GET", "/sandbox/qrcode/none.png").status_code == 404


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        (FaultKind.NOTHING, 200, b""),
        (FaultKind.HALF, 200, b'{"errcode":0,'),
        (FaultKind.HTML, 200, b"<html>"),
        (FaultKind.BAD_GATEWAY, 502, b"<html>"),
        (FaultKind.REDIRECT, 302, b""),
    ],
)
def test_an_answer_goes_wrong_once(wechat_sandbox: Sandbox, kind: FaultKind, status: int, body: bytes) -> None:
    wechat_sandbox.break_calls(kind)
    path = f"/cgi-bin/getcallbackip?access_token={'x' * 20}"
    broken = ask(wechat_sandbox, "GET", path)
    assert broken.status_code == status
    assert broken.content.startswith(body)
    assert len(broken.content) < 200
    assert ask(wechat_sandbox, "GET", path).json()["errcode"] == 40014


def test_a_connection_breaks(wechat_sandbox: Sandbox) -> None:
    wechat_sandbox.break_calls("drop", calls=2, path="/cgi-bin/")
    for _ in range(2):
        with pytest.raises(httpx2.RemoteProtocolError):
            ask(wechat_sandbox, "GET", "/cgi-bin/getcallbackip")
    assert ask(wechat_sandbox, "GET", "/cgi-bin/getcallbackip").json()["errcode"] == 41001


def test_a_call_may_have_its_effect_although_its_answer_is_lost(wechat_sandbox: Sandbox) -> None:
    token, pages = token_of(wechat_sandbox), wechat_sandbox.main.shelf(PageShelf).pages
    path, body = f"/scan/product/create?access_token={token}", {**KEY, "brand_info": BRAND}
    wechat_sandbox.faults.tell(Fault(kind=FaultKind.DROP))
    with pytest.raises(httpx2.RemoteProtocolError):
        ask(wechat_sandbox, "POST", path, json=body)
    assert ("qrcode", "wxscandemo") not in pages
    wechat_sandbox.faults.tell(Fault(kind=FaultKind.HALF, acts=True))
    half = ask(wechat_sandbox, "POST", path, json=body).text
    assert half.startswith('{"errcode": 0')
    with pytest.raises(json.JSONDecodeError):
        json.loads(half)
    assert ("qrcode", "wxscandemo") in pages


def test_a_slow_answer_holds_up_nobody_else_and_not_the_end() -> None:
    started = time.monotonic()
    with ThreadPoolExecutor() as aside:
        with serve_sandbox(World(sample_tenants())) as sandbox:
            sandbox.break_calls("slow", path="/slow", seconds=600)
            late = aside.submit(ask, sandbox, "GET", "/slow")
            wait_for(lambda: not sandbox.faults.told(), "the slow call has begun")
            assert ask(sandbox, "GET", "/cgi-bin/getcallbackip").json()["errcode"] == 41001
            assert not late.done()
        assert late.exception() is not None or late.result().json()["errcode"] == 40066
    assert time.monotonic() - started < 100


def test_a_server_that_does_not_answer_holds_up_nobody_who_leaves() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor() as aside:
        silent.settimeout(20)
        world = World(sample_tenants(callback_url=f"http://127.0.0.1:{silent.getsockname()[1]}/callback"))
        world.patience = Patience(wait_s=60, tries=10)
        with serve_sandbox(world) as sandbox:
            stock(world)
            scan = {"format": "xml", "keystandard": "qrcode", "keystr": "moment-frame"}
            aside.submit(ask, sandbox, "POST", "/phone/scans", json=scan)
            sandbox.main.shelf(PageShelf).submit(("qrcode", "cosmetics1"), now=world.clock.now(), review_s=0)
            lines = [silent.accept()[0] for _ in range(3)]  # two of the scan, one of the review
            for line in lines:
                line.settimeout(20)
                assert line.recv(4096).startswith(b"POST /callback?")
        for line in lines:
            with line:
                while line.recv(4096):
                    pass
        silent.settimeout(0)
        with pytest.raises(BlockingIOError):
            silent.accept()  # nobody tried again


def test_a_callback_url_that_is_set_later_is_found_by_the_phone(wechat_sandbox: Sandbox) -> None:
    assert ask(wechat_sandbox, "GET", "/phone").status_code == 200
    wechat_sandbox.main.callback_url = f"http://127.0.0.1:{free_port()}/callback"
    wechat_sandbox.world.patience = Patience(tries=1)
    assert 'value="main"' in ask(wechat_sandbox, "GET", "/phone").text
    scan = {"account": "main", "format": "xml", "keystandard": "qrcode", "keystr": "moment-frame"}
    told = ask(wechat_sandbox, "POST", "/phone/scans", json=scan).json()
    assert (told["shown"], [len(step["attempts"]) for step in told["steps"]]) == ("no_answer", [1, 1])


def test_nothing_of_it_stays() -> None:
    before = set(threading.enumerate())
    with serve_sandbox(World(sample_tenants())) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        count = threading.active_count()
        idle = socket.create_connection(("127.0.0.1", port))
        wait_for(lambda: threading.active_count() > count, "the connection is taken")
    assert set(threading.enumerate()) == before
    with idle:
        assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_port_that_is_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger, pytest.raises(OSError, match="in use"):
        serve_sandbox(World(), stranger.getsockname()[1]).__enter__()


def test_time_passes_by_itself(wechat_sandbox: Sandbox) -> None:
    ended = threading.Event()
    wechat_sandbox.world.on_review.append(lambda _review: ended.set())
    page = wechat_sandbox.main.shelf(PageShelf).pages["ean13", "6390000000000"]
    with wechat_sandbox.world.lock:
        wechat_sandbox.main.shelf(PageShelf).submit(page.key, now=wechat_sandbox.world.clock.now(), review_s=0)
    assert ended.wait(20)
    assert page.status == "on"


def test_many_ask_at_once_and_get_one_token(wechat_sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(max_workers=8) as crowd:
        tokens = {found.result() for found in [crowd.submit(token_of, wechat_sandbox) for _ in range(24)]}
    assert len(tokens) == 1


def test_a_body_that_is_too_large_is_refused(wechat_sandbox: Sandbox) -> None:
    answer = ask(wechat_sandbox, "POST", "/cgi-bin/stable_token", content=b" " * (12 * 1024 * 1024 + 1))
    assert answer.status_code == 413
