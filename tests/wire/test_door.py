from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import pytest

from scanhook.errors import StorageError
from scanhook.journal.sqlite import SqliteJournal
from scanhook.sandbox import compose_echo
from scanhook.wire.app import create_door
from scanhook.wire.callback import Callback
from scanhook.wire.door import Door
from scanhook.wire.waiting import WaitingRoom
from tests.serving import NONCE, Brand, journal_size, scan_push, verdict_in
from tests.wire.asgi import ask, push_through, together
from tests.wire.conftest import Wire


@pytest.fixture
def door(wire: Wire) -> Door:
    return create_door(wire.house)


@pytest.mark.parametrize("path", ["/wechat/callback", "/wechat/callback/main"])
@pytest.mark.parametrize(("code", "verdict"), [("GENUINE0001", "real"), ("COPIED99999", "fake")])
def test_the_door_answers_a_push_itself(wire: Wire, door: Door, path: str, code: str, verdict: str) -> None:
    told = push_through(door, scan_push(code, keys=wire.keys()), path)
    assert told.status == 200
    assert told.headers == {
        b"content-type": b"application/xml; charset=utf-8",
        b"content-length": str(len(told.body)).encode(),
    }
    assert verdict_in(told.body, keys=wire.keys()) == verdict
    assert journal_size(wire.house) == (1, 0)


def test_a_push_in_pieces_is_puttogether(wire: Wire, door: Door) -> None:
    push = scan_push(keys=wire.keys())
    told = ask(door, query=push.query, pieces=[b"", push.body[:7], push.body[7:], b""])
    assert (told.status, verdict_in(told.body, keys=wire.keys())) == (200, "real")


def test_a_body_over_64_kib_is_not_read_to_its_end(wire: Wire, door: Door) -> None:
    push = scan_push(keys=wire.keys())
    told = ask(door, query=push.query, pieces=[b"x" * 40000] * 5)
    assert (told.status, told.body, told.read) == (413, b"too large", 2)
    assert told.headers[b"connection"] == b"close"


@pytest.mark.parametrize(("size", "status"), [(65536, 200), (65537, 413)])
def test_64_kib_are_the_limit(wire: Wire, door: Door, size: int, status: int) -> None:
    push = scan_push(keys=wire.keys())
    assert ask(door, query=push.query, pieces=[push.body.ljust(size)]).status == status


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/wechat/callback/nobody", "POST", 404),
        ("/wechat/callback/", "POST", 404),
        ("/wechat/callback/main/x", "POST", 404),
        ("/wechat/callbackx", "POST", 404),
        ("/wechat/callback", "PUT", 405),
        ("/wechat/callback/main", "OPTIONS", 405),
        ("/wechat/callback", "GET", 403),
        ("/healthz", "GET", 200),
        ("/healthz", "POST", 405),
    ],
)
def test_everything_else_is_left_to_flask(wire: Wire, door: Door, path: str, method: str, status: int) -> None:
    push = scan_push(keys=wire.keys())
    query = "" if method == "GET" else push.query
    assert ask(door, path, method=method, query=query, pieces=[push.body]).status == status
    assert journal_size(wire.house) == (0, 0)


def test_a_url_verification_goes_through_the_door(wire: Wire, door: Door) -> None:
    push = compose_echo(keys=wire.keys(), timestamp=int(time.time()), nonce=NONCE, echostr="4375120948345356249")
    assert ask(door, method="GET", query=push.query, pieces=[b""]).body == b"4375120948345356249"


def test_who_goes_away_in_the_middle_is_no_fault_of_ours(
    wire: Wire, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    push = scan_push(keys=wire.keys())
    told = ask(door, query=push.query, pieces=[push.body[:20], None])
    assert (told.status, told.body) == (400, b"malformed")
    (record,) = caplog.records
    assert "event=refused status=400 reason=body" in record.getMessage()
    assert journal_size(wire.house) == (0, 0)


def test_a_push_that_may_wait_for_a_verifier_is_answered_too(wire: Wire, brand: Brand) -> None:
    text = wire.house.path.read_text().replace(
        '"registry://"]',
        f'"{brand.url}"]\nsecret = "{"QUJD" * 8}"\nallow_private_addresses = true',
    )
    wire.house.path.write_text(text)
    told = push_through(create_door(wire.house.path), scan_push("NOBODYKNOWS", keys=wire.keys()))
    assert (told.status, verdict_in(told.body, keys=wire.keys())) == (200, "real")


def test_the_door_closes_the_house_before_it_says_that_it_has_stopped(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = iter(["lifespan.startup", "lifespan.shutdown"])
    sent: list[str] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": next(coming)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])

    monkeypatch.setattr(door, "_close", lambda: sent.append("closed"))
    asyncio.run(door({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "closed", "lifespan.shutdown.complete"]


def test_a_push_that_is_refused_tells_nobody_why(wire: Wire, door: Door, caplog: pytest.LogCaptureFixture) -> None:
    push = replace(scan_push(keys=wire.keys()), body=b"<xml></xml>")
    told = push_through(door, push)
    assert (told.status, told.body, told.headers[b"content-type"]) == (400, b"malformed", b"text/plain; charset=utf-8")
    (record,) = caplog.records
    assert "event=refused status=400" in record.getMessage()


def test_pushes_that_come_together_share_a_transaction_and_each_gets_its_own_answer(
    wire: Wire, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    store_all = SqliteJournal.store_all

    def counted(journal: SqliteJournal, scans: Any, events: Any, *, now: float) -> Any:
        sizes.append(len(scans))
        return store_all(journal, scans, events, now=now)

    monkeypatch.setattr(SqliteJournal, "store_all", counted)
    keys = wire.keys()
    codes = ["GENUINE0001", "COPIED99999", "PRINTED0003", "GENUINE0002", "GENUINE0001"]
    pushes = [scan_push(code, keys=keys) for code in codes]
    answers = asyncio.run(together(door, pushes))
    assert [verdict_in(answer, keys=keys) for answer in answers] == ["real", "fake", "not_active", "real", "real"]
    assert sizes == [5]
    assert journal_size(wire.house) == (4, 0)  # the first code came twice, as one push


def test_pushes_that_cannot_be_stored_together_are_all_told_to_come_again(
    wire: Wire, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(SqliteJournal, "store_all", full)
    pushes = [scan_push(code, keys=wire.keys()) for code in ("GENUINE0001", "COPIED99999")]
    assert asyncio.run(together(door, pushes)) == [b"try again", b"try again"]
    assert journal_size(wire.house) == (0, 0)


@pytest.fixture
def far_door(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Door:
    """Return a door to a house whose storage lies on another machine, as far as the door knows."""
    monkeypatch.setattr(Callback, "waits_for_storage", True)
    return create_door(wire.house)


def test_pushes_wait_for_a_storage_on_another_machine_off_the_loop(
    wire: Wire, far_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[str] = set()
    store_all = SqliteJournal.store_all

    def noted(journal: SqliteJournal, scans: Any, events: Any, *, now: float) -> Any:
        threads.add(threading.current_thread().name.partition("_")[0])
        return store_all(journal, scans, events, now=now)

    monkeypatch.setattr(SqliteJournal, "store_all", noted)
    keys = wire.keys()
    pushes = [scan_push(code, keys=keys) for code in ("GENUINE0001", "COPIED99999", "PRINTED0003")]
    answers = asyncio.run(together(far_door, pushes))
    assert [verdict_in(answer, keys=keys) for answer in answers] == ["real", "fake", "not_active"]
    assert threads == {"scan"}
    assert journal_size(wire.house) == (3, 0)


def test_what_is_not_authentic_waits_for_no_storage(
    wire: Wire, far_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WaitingRoom, "answer", None)
    push = replace(scan_push(keys=wire.keys()), body=b"<xml></xml>")
    assert push_through(far_door, push).status == 400


def test_a_door_lets_who_waits_for_the_storage_come_to_the_end_before_it_closes_the_house(
    far_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = iter(["lifespan.startup", "lifespan.shutdown"])
    closed: list[str] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": next(coming)}

    async def send(_message: MutableMapping[str, Any]) -> None:
        """Take no notice."""

    monkeypatch.setattr(WaitingRoom, "close", lambda _room: closed.append("room"))
    monkeypatch.setattr(far_door, "_close", lambda: closed.append("house"))
    asyncio.run(far_door({"type": "lifespan"}, receive, send))
    assert closed == ["room", "house"]
