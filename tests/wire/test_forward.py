from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Semaphore, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient

from scanhook import create_app
from scanhook.envelope import Keyring
from scanhook.errors import StorageError
from scanhook.journal.sqlite import SqliteJournal
from scanhook.sandbox import Push, compose_echo
from scanhook.verdict.breaker import FAILURES_MAX
from scanhook.wire.app import create_door
from scanhook.wire.callback import HttpAnswer
from scanhook.wire.forward import _COPIES_MAX, Forwarder, Parcel, Relayed
from tests.conftest import OPENID, ORIGINAL_ID
from tests.serving import NONCE, Brand, compose, free_port, journal_size, scan_push, serving, verdict_in, wait_for
from tests.wire.asgi import push_through, taken
from tests.wire.conftest import VERIFIER_SECRET, Wire, furnish
from tests.wire.old_server import ANSWER, OldServer, old_server, say

PARCEL = Parcel(
    query=b"signature=a%2Fb+c&nonce={1}&openid=o1", body=b"<xml>\xe4\xb8\xad\r\n</xml>", content_type="text/xml"
)
RELAYED = Relayed(body=ANSWER, content_type="application/xml")

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def old() -> Iterator[OldServer]:
    with old_server() as server:
        yield server


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def forwarder(old: OldServer, told: list[str]) -> Iterator[Forwarder]:
    made = _forwarder(old.url, told)
    yield made
    old.gone.set()
    made.close()


def _forwarder(url: str, told: list[str], *, deadline_s: float = 4.0, places: int = 8) -> Forwarder:
    return Forwarder(url, account="main", told=told.append, places=Semaphore(places), deadline_s=deadline_s)


def _push(keys: Keyring, **fields: object) -> Push:
    now = int(time.time())
    head = {"ToUserName": ORIGINAL_ID, "FromUserName": OPENID, "CreateTime": now}
    return compose({**head, **fields}, keys=keys, at=now)


def _text(keys: Keyring) -> Push:
    return _push(keys, MsgType="text", Content="hello", MsgId="7")


def _visit(keys: Keyring) -> Push:
    event = {"MsgType": "event", "Event": "user_scan_product", "KeyStandard": "qrcode", "KeyStr": "moment-frame"}
    return _push(keys, **event, ExtInfo="GENUINE0001", Country="", Province="", City="", Sex="0", Scene="1")


def test_a_push_goes_on_byte_for_byte_and_its_answer_comes_back(
    forwarder: Forwarder, old: OldServer, told: list[str]
) -> None:
    assert forwarder.relay(PARCEL) == RELAYED
    assert old.got == [(f"/old/wx?{PARCEL.query.decode()}", "text/xml", PARCEL.body)]
    assert told == ["relayed"]


def test_an_empty_answer_is_an_answer(forwarder: Forwarder, old: OldServer) -> None:
    old.answer = lambda handler: say(handler, b"", headers=())
    assert forwarder.relay(PARCEL) == Relayed(body=b"", content_type="text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(lambda handler: say(handler, status=500), "status", id="an error"),
        pytest.param(lambda handler: say(handler, status=302, headers=(("Location", "/"),)), "status", id="a redirect"),
        pytest.param(lambda handler: say(handler, b"x" * 1_000_000), "too_large", id="a megabyte"),
        pytest.param(lambda handler: say(handler, length=99_999), "unreachable", id="less than it promised"),
        pytest.param(
            lambda handler: say(handler, headers=(("Content-Encoding", "gzip"),)), "encoding", id="compressed unasked"
        ),
        pytest.param(lambda handler: handler.wfile.write(b"what?\r\n\r\n"), "unreachable", id="no HTTP"),
        pytest.param(lambda handler: handler.connection.close(), "unreachable", id="nothing"),
    ],
)
def test_an_answer_that_cannot_be_used_is_none(
    forwarder: Forwarder, old: OldServer, told: list[str], answer: Answer, kind: str
) -> None:
    old.answer = answer
    assert forwarder.relay(PARCEL) is None
    assert told == [kind]


def test_a_server_that_cannot_be_reached_is_no_answer(told: list[str]) -> None:
    forwarder = _forwarder(f"http://127.0.0.1:{free_port()}/wx", told)
    assert forwarder.relay(PARCEL) is None
    assert told == ["unreachable"]
    forwarder.close()


def test_a_server_that_hangs_is_not_waited_for(old: OldServer, told: list[str]) -> None:
    old.answer = old.hang
    forwarder = _forwarder(old.url, told, deadline_s=0.1)
    assert forwarder.relay(PARCEL) is None
    assert told == ["late"]
    forwarder.close()


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_a_server_that_answers_drop_by_drop_is_not_waited_for(old: OldServer, told: list[str], begin: bytes) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(begin)
        while not old.gone.wait(0.02):
            handler.wfile.write(b"x")

    old.answer = drip
    forwarder = _forwarder(old.url, told, deadline_s=0.1)
    for _ in range(FAILURES_MAX + 1):
        assert forwarder.relay(PARCEL) is None
    assert told == [*["late"] * FAILURES_MAX, "left_alone"]
    forwarder.close()


def test_no_more_pushes_wait_than_have_a_place(old: OldServer, told: list[str]) -> None:
    old.answer = old.hang
    forwarder = _forwarder(old.url, told, places=1)
    first = Thread(target=forwarder.relay, args=(PARCEL,))
    first.start()
    wait_for(lambda: old.got, "the first one waits")
    assert forwarder.relay(PARCEL) is None
    assert told == ["crowded"]
    old.gone.set()
    first.join()
    forwarder.close()


@pytest.mark.parametrize(
    "parcel",
    [
        replace(PARCEL, query=b"a b"),
        replace(PARCEL, query="a=\u4e2d".encode()),
        replace(PARCEL, content_type="text/\u4e2d"),
        replace(PARCEL, content_type="text/xml\r\nx: y"),
    ],
    ids=["a blank", "a byte that is none of ASCII", "a type that is none of ASCII", "a type of two lines"],
)
def test_what_cannot_be_sent_is_no_fault_of_the_server(forwarder: Forwarder, old: OldServer, parcel: Parcel) -> None:
    for _ in range(FAILURES_MAX):
        assert forwarder.relay(parcel) is None
    assert old.got == []
    assert forwarder.relay(PARCEL) == RELAYED


def test_nothing_is_added_to_what_came(forwarder: Forwarder, old: OldServer) -> None:
    assert forwarder.relay(Parcel(query=b"", body=b"x")) == RELAYED
    assert old.got == [("/old/wx", None, b"x")]


@pytest.mark.parametrize("content_type", ["text/plain; x=\x01", 'text/plain; name="\u00e4"', "x" * 201])
def test_a_type_that_no_server_of_ours_may_send_is_left_out(
    forwarder: Forwarder, old: OldServer, content_type: str
) -> None:
    old.answer = lambda handler: say(handler, headers=(("Content-Type", content_type),))
    assert forwarder.relay(PARCEL) == Relayed(body=ANSWER, content_type="text/plain; charset=utf-8")


def test_a_server_that_fails_again_and_again_is_left_alone_for_a_while(
    forwarder: Forwarder, old: OldServer, told: list[str]
) -> None:
    old.answer = lambda handler: say(handler, status=503)
    for _ in range(FAILURES_MAX + 2):
        assert forwarder.relay(PARCEL) is None
    assert told == [*["status"] * FAILURES_MAX, "left_alone", "left_alone"]
    assert len(old.got) == FAILURES_MAX


def test_a_copy_is_waited_for_by_nobody(forwarder: Forwarder, old: OldServer, told: list[str]) -> None:
    forwarder.copy(PARCEL)
    wait_for(lambda: told, "the copy has arrived")
    assert told == ["copied"]
    assert old.got == [(f"/old/wx?{PARCEL.query.decode()}", "text/xml", PARCEL.body)]


def test_a_copy_that_fails_is_only_counted(forwarder: Forwarder, old: OldServer, told: list[str]) -> None:
    old.answer = lambda handler: say(handler, status=404)
    forwarder.copy(PARCEL)
    wait_for(lambda: told, "the copy has failed")
    assert told == ["copy_failed"]


def test_a_copy_that_no_thread_is_left_for_is_dropped_and_keeps_no_place(
    forwarder: Forwarder, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", none_left)
        forwarder.copy(PARCEL)
    forwarder.copy(PARCEL)
    wait_for(lambda: len(told) == 2, "the second copy has arrived")
    forwarder.close()

    assert told == ["copy_dropped", "copied"]
    assert forwarder._copies._value == _COPIES_MAX


def test_no_more_copies_wait_than_fit(old: OldServer, told: list[str]) -> None:
    old.answer = old.hang
    forwarder = _forwarder(old.url, told)
    for _ in range(257):
        forwarder.copy(PARCEL)
    assert told.count("copy_dropped") == 1
    old.gone.set()
    forwarder.close()
    assert len(told) == 257  # what was still waiting is dropped, and told of


def _house(tmp_path: Path, url: str, *, scans: bool = False) -> Wire:
    line = 'app_secret_file = "secrets/main.app_secret"'
    added = f'{line}\nforward_url = "{url}"\nforward_scans = {str(scans).lower()}'
    house = furnish(tmp_path / "house", changes=((line, added),))
    return Wire(house=house, client=create_app(house).test_client())


@pytest.mark.parametrize("push", [_text, _visit], ids=["a message", "an event of a product page"])
def test_what_is_not_a_scan_is_answered_by_the_brands_own_server(
    tmp_path: Path, old: OldServer, push: Callable[[Keyring], Push]
) -> None:
    wire = _house(tmp_path, old.url)
    sent = push(wire.keys())
    answer = wire.push(sent)
    assert (answer.status_code, answer.data, answer.content_type) == (200, ANSWER, "application/xml")
    assert [(target, body) for target, _, body in old.got] == [(f"/old/wx?{sent.query}", sent.body)]
    assert wire.figures()['scanhook_forwards_total{account="main",outcome="relayed"}'] == 1


def test_an_event_of_a_product_page_is_noted_before_it_goes_on(tmp_path: Path, old: OldServer) -> None:
    wire = _house(tmp_path, old.url)
    wire.push(_visit(wire.keys()))
    assert journal_size(wire.house) == (0, 1)


def test_an_event_that_could_not_be_noted_does_not_go_on(
    tmp_path: Path, old: OldServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    wire = _house(tmp_path, old.url)
    monkeypatch.setattr(SqliteJournal, "store_all", fail)
    assert wire.push(_visit(wire.keys())).status_code == 503
    assert old.got == []


def test_a_push_that_only_the_brands_own_server_understands_goes_on(tmp_path: Path, old: OldServer) -> None:
    wire = _house(tmp_path, old.url)
    broken = _push(wire.keys(), MsgType="event", Event="user_scan_product", KeyStandard="qrcode")
    assert wire.push(broken).data == ANSWER


def test_a_scan_that_cannot_be_read_does_not_go_on(tmp_path: Path, old: OldServer) -> None:
    wire = _house(tmp_path, old.url, scans=True)
    assert wire.push(scan_push(keys=wire.keys(), KeyStr=None)).status_code == 400
    assert old.got == []


def test_a_push_that_is_not_authentic_does_not_go_on(tmp_path: Path, old: OldServer) -> None:
    wire = _house(tmp_path, old.url, scans=True)
    push = _text(wire.keys())
    assert wire.push(replace(push, query=push.query.replace("msg_signature=", "msg_signature=0"))).status_code == 403
    assert old.got == []


def test_without_an_answer_in_time_wechat_is_told_success(tmp_path: Path) -> None:
    wire = _house(tmp_path, f"http://127.0.0.1:{free_port()}/wx")
    answer = wire.push(_text(wire.keys()))
    assert (answer.status_code, answer.data) == (200, b"success")
    assert wire.figures()['scanhook_forwards_total{account="main",outcome="unreachable"}'] == 1


@pytest.mark.parametrize("scans", [False, True])
def test_a_scan_is_answered_here_and_only_copied_where_that_is_asked_for(
    tmp_path: Path, old: OldServer, *, scans: bool
) -> None:
    wire = _house(tmp_path, old.url, scans=scans)
    push = scan_push(keys=wire.keys())
    assert verdict_in(wire.push(push).data, keys=wire.keys()) == "real"
    if scans:
        wait_for(lambda: old.got, "the copy has arrived")
    assert [(target, body) for target, _, body in old.got] == ([(f"/old/wx?{push.query}", push.body)] if scans else [])


def test_a_url_verification_is_answered_here(tmp_path: Path, old: OldServer) -> None:
    wire = _house(tmp_path, old.url, scans=True)
    push = compose_echo(keys=wire.keys(), timestamp=int(time.time()), nonce=NONCE, echostr="437512")
    assert wire.client.get(f"/wechat/callback?{push.query}").data == b"437512"
    assert old.got == []


def test_the_door_passes_on_too(tmp_path: Path, old: OldServer) -> None:
    wire = _house(tmp_path, old.url)
    told = push_through(create_door(wire.house), _text(wire.keys()))
    assert (told.status, told.body, told.headers[b"content-type"]) == (200, ANSWER, b"application/xml")


def test_the_door_passes_on_what_comes_beside_asgi(tmp_path: Path, old: OldServer) -> None:
    wire = _house(tmp_path, old.url)
    sent = _text(wire.keys())
    assert taken(create_door(wire.house), sent) == [HttpAnswer(status=200, body=ANSWER, content_type="application/xml")]
    assert old.got == [(f"/old/wx?{sent.query}", "text/xml", sent.body)]


def test_without_a_thread_for_the_brands_own_server_wechat_is_told_to_come_again(
    tmp_path: Path, old: OldServer
) -> None:
    wire = _house(tmp_path, old.url)
    door = create_door(wire.house)
    door._relays.shutdown()
    (answer,) = taken(door, _text(wire.keys()))
    assert (answer.status, old.got) == (503, [])


def test_scans_go_on_while_the_brands_own_server_hangs(tmp_path: Path, old: OldServer) -> None:
    wire = _house(tmp_path, old.url, scans=True)
    old.answer = old.hang
    with serving(wire.house, tmp_path) as server:
        for number in (1, 2):
            answer = server.push(scan_push(f"GENUINE000{number}", keys=wire.keys()))
            assert verdict_in(answer.body, keys=wire.keys()) == "real"
        assert OPENID not in server.log()
        old.gone.set()
        answer = server.push(_text(wire.keys()))
        assert (answer.status, answer.body) == (200, b"success")
        assert OPENID not in server.log()
        assert "signature" not in server.log()


def test_no_scan_waits_for_a_thread_that_waits_for_the_brands_own_server(
    tmp_path: Path, old: OldServer, brand: Brand
) -> None:
    verifier = f'chain = ["registry://", "{brand.url}"]\nsecret = "{VERIFIER_SECRET}"\nallow_private_addresses = true'
    changes = (
        ("[service]\n", "[service]\nthreads = 2\n"),
        ('chain = ["registry://"]', verifier),
        ('mode = "safe"', f'mode = "safe"\nforward_url = "{old.url}"'),
    )
    wire = Wire(house=furnish(tmp_path / "house", changes=changes), client=FlaskClient(Flask("none")))
    old.answer = old.hang
    ended: list[bytes] = []
    with serving(wire.house, tmp_path) as server:
        waiting = [Thread(target=lambda: ended.append(server.push(_text(wire.keys())).body)) for _ in range(4)]
        for thread in waiting:
            thread.start()
        wait_for(lambda: old.got and len(ended) == 3, "one waits, and the others found no place")
        answer = server.push(scan_push(keys=wire.keys()))
        assert verdict_in(answer.body, keys=wire.keys()) == "real"
        assert len(ended) == 3  # the first one still waits
        old.gone.set()
        for thread in waiting:
            thread.join()
    assert ended == [b"success"] * 4
