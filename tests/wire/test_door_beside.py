"""Pushes that come to the door beside ASGI."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from scanhook.wire.access import AccessLog
from scanhook.wire.app import create_door
from scanhook.wire.callback import Callback, HttpAnswer
from scanhook.wire.door import Door
from scanhook.wire.line import Line
from scanhook.wire.waiting import WaitingRoom
from tests.serving import journal_size, scan_push, verdict_in
from tests.wire.asgi import CLIENT, request_of, taken
from tests.wire.conftest import Wire


@pytest.fixture(params=["here", "on another machine"])
def door(request: pytest.FixtureRequest, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Door:
    """Return a door to a house whose storage lies here, or on another machine, as far as the door knows."""
    monkeypatch.setattr(Callback, "waits_for_storage", request.param != "here")
    return create_door(wire.house, logs_access=True)


def nobody(answer: HttpAnswer) -> None:
    """Wait for no answer."""
    pytest.fail(f"answered {answer.status}")


@pytest.mark.parametrize("path", ["/wechat/callback", "/wechat/callback/main"])
def test_pushes_get_their_verdicts(wire: Wire, door: Door, path: str) -> None:
    codes = ["GENUINE0001", "COPIED99999", "PRINTED0003", "GENUINE0001"]
    answers = taken(door, *(scan_push(code, keys=wire.keys()) for code in codes), path=path)
    assert [verdict_in(answer.body, keys=wire.keys()) for answer in answers] == ["real", "fake", "not_active", "real"]
    assert {(answer.status, answer.content_type) for answer in answers} == {(200, "application/xml; charset=utf-8")}
    assert journal_size(wire.house) == (3, 0)


@pytest.mark.parametrize(
    "path", ["/wechat/callback/", "/wechat/callback/nobody", "/wechat/callback/main/", "/wechat", "/api/v1/codes"]
)
def test_what_is_for_no_account_is_not_taken(wire: Wire, door: Door, path: str) -> None:
    assert not door.takes(request_of(scan_push(keys=wire.keys()), path), CLIENT, nobody)


def test_a_push_that_is_refused_tells_nobody_why(wire: Wire, door: Door) -> None:
    (answer,) = taken(door, replace(scan_push(keys=wire.keys()), body=b"<xml></xml>"))
    assert answer == HttpAnswer(status=400, body=b"malformed", content_type="text/plain; charset=utf-8")


def test_every_push_has_its_line_in_the_access_log(wire: Wire, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[Any] = []
    monkeypatch.setattr(
        AccessLog, "note", lambda _log, *what, **more: lines.append((*what, more["status"], more["size"]))
    )
    (answer,) = taken(door, scan_push(keys=wire.keys()), path="/wechat/callback/main")
    assert lines == [(CLIENT, "POST", "/wechat/callback/main", 200, len(answer.body))]
    taken(door, replace(scan_push(keys=wire.keys()), body=b"<xml></xml>"))
    assert lines[1:] == [(CLIENT, "POST", "/wechat/callback", 400, len(b"malformed"))]


def test_whatever_breaks_nobody_is_left_without_an_answer(
    wire: Wire, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> HttpAnswer:
        raise ZeroDivisionError

    def broken_line(*_: object) -> asyncio.Future[HttpAnswer]:
        return asyncio.ensure_future(broken())

    monkeypatch.setattr(WaitingRoom, "answer", broken)
    monkeypatch.setattr(Line, "join", broken_line)
    (answer,) = taken(door, scan_push(keys=wire.keys()))
    assert (answer.status, answer.body) == (503, b"try again")


def test_a_loop_that_ends_leaves_nobody_to_be_told(wire: Wire, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[object] = []

    async def end() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: broken.append(context))
        never: asyncio.Future[HttpAnswer] = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(WaitingRoom, "answer", lambda *_: never)
        monkeypatch.setattr(Line, "join", lambda *_: never)
        door.takes(request_of(scan_push(keys=wire.keys())), CLIENT, nobody)
        await asyncio.sleep(0)
        never.cancel()
        await asyncio.sleep(0.01)

    asyncio.run(end())
    assert broken == []
