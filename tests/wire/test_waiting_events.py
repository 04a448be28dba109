from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from scanhook.receive import Receiver
from scanhook.wire import waiting
from scanhook.wire.callback import HttpAnswer, Onward, Taken
from scanhook.wire.waiting import WaitingRoom
from tests.conftest import OPENID
from tests.serving import journal_size, scan_push
from tests.wire.conftest import Wire
from tests.wire.gate import PATIENCE_S, Gate
from tests.wire.waiting_room import Waiting, run, serving_slowly

SUCCESS, TRY_AGAIN = (200, b"success"), (503, b"try again")


@pytest.fixture
def slow(wire: Wire) -> Iterator[Waiting]:
    with serving_slowly(wire) as running:
        yield running


def page_visit(slow: Waiting, *, person: str = OPENID) -> Taken:
    keys, event = slow.wire.keys(), "user_scan_product_enter_session"
    return slow.taken(scan_push(keys=keys, Event=event, NeedAntiFake=None, FromUserName=person))


async def bodies(answers: Sequence[asyncio.Future[HttpAnswer | Onward]]) -> list[tuple[int, bytes]]:
    told = await asyncio.gather(*answers)
    return [(one.status, one.body) for one in told if isinstance(one, HttpAnswer)]


def test_events_and_scans_share_a_transaction(slow: Waiting, storing: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "BESIDE_S", PATIENCE_S)

    async def act(room: WaitingRoom) -> None:
        first = room.answer(page_visit(slow, person="oFirst"))
        await storing.somebody()
        events = [room.answer(page_visit(slow, person=f"o{number}")) for number in range(3)]
        scan = room.answer(slow.scan())
        storing.opened.set()
        assert await bodies([first, *events]) == [SUCCESS] * 4
        assert slow.verdict(await scan) == "real"

    room = run(slow, act)
    assert storing.sizes == [1, 4]
    assert (room._waiting, room._events) == (0, 0)
    assert journal_size(slow.wire.house) == (1, 4)


def test_events_take_only_so_many_places_and_leave_the_others_to_scans(
    slow: Waiting, storing: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(waiting, "EVENTS_MAX", 2)

    async def act(room: WaitingRoom) -> None:
        events = [room.answer(page_visit(slow, person=f"o{number}")) for number in range(3)]
        scan = room.answer(slow.scan())
        assert await bodies(events[2:]) == [TRY_AGAIN]
        storing.opened.set()
        assert slow.verdict(await scan) == "real"
        assert await bodies(events[:2]) == [SUCCESS] * 2
        assert await bodies([room.answer(page_visit(slow, person="oLate"))]) == [SUCCESS]

    room = run(slow, act)
    assert 'why="2 events wait for the storage already"' in caplog.text
    assert slow.counted() == ({"real": 1, "success": 3, "undecided": 1}, 5)
    assert (room._waiting, room._events) == (0, 0)
    assert journal_size(slow.wire.house) == (1, 3)


def test_an_event_that_nobody_waits_for_any_more_is_left_out(
    slow: Waiting, storing: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BESIDE_S", PATIENCE_S)

    async def act(room: WaitingRoom) -> None:
        first = room.answer(page_visit(slow, person="oFirst"))
        await storing.somebody()
        gone, next_one = (room.answer(page_visit(slow, person=f"o{number}")) for number in range(2))
        gone.cancel()
        storing.opened.set()
        assert await bodies([first, next_one]) == [SUCCESS] * 2

    run(slow, act)
    assert storing.sizes == [1, 1]


def test_events_over_which_something_breaks_are_answered_and_so_are_those_after_them(
    slow: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(_receiver: object, _pushes: object) -> None:
        raise ValueError("it breaks")

    async def act(room: WaitingRoom) -> None:
        for step in ("judged_all", "settle"):
            with monkeypatch.context() as broken:
                broken.setattr(Receiver, step, breaking)
                assert await bodies([room.answer(page_visit(slow))]) == [TRY_AGAIN]
        assert await bodies([room.answer(page_visit(slow))]) == [SUCCESS]

    room = run(slow, act)
    assert (room._waiting, room._events) == (0, 0)
    assert journal_size(slow.wire.house) == (0, 1)
