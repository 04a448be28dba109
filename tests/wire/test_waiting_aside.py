from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from scanhook.settings import load_settings
from scanhook.wire import waiting
from scanhook.wire.callback import Begun, Callback, Hanging, HttpAnswer
from scanhook.wire.waiting import WaitingRoom
from tests.serving import Brand, journal_size, scan_push, wait_for
from tests.wire.conftest import Wire
from tests.wire.waiting_room import Waiting, no_thread_for, run, saying_success, serving_slowly


@pytest.fixture
def slow(wire: Wire) -> Iterator[Waiting]:
    with serving_slowly(wire) as running:
        yield running


@pytest.fixture
def chained(wire: Wire, brand: Brand) -> Iterator[Waiting]:
    """Return a service that asks a brand's own service for what the registry does not know."""
    brand.asked.clear()
    text = wire.house.path.read_text().replace(
        '"registry://"]',
        f'"registry://", "{brand.url}"]\nsecret = "{"QUJD" * 8}"\nallow_private_addresses = true',
    )
    wire.house.path.write_text(text)
    with serving_slowly(replace(wire, house=load_settings(wire.house.path))) as running:
        yield running
        brand.open.set()


def test_a_slow_verifier_holds_up_nobody_else(chained: Waiting, brand: Brand) -> None:
    brand.open.clear()

    async def act(room: WaitingRoom) -> None:
        hanging = [room.answer(chained.scan("NOBODYKNOWS", person=f"o{number}")) for number in range(3)]
        await asyncio.to_thread(wait_for, lambda: len(brand.asked) == 3, "the brand is asked")
        scan = room.answer(chained.scan())  # the three have left the line, and hold none of its two places
        assert chained.verdict(await scan) == "real"
        assert not any(answer.done() for answer in hanging)
        assert journal_size(chained.wire.house) == (1, 0)
        brand.open.set()
        assert [chained.verdict(answer) for answer in await asyncio.gather(*hanging)] == ["real"] * 3

    run(chained, act, waiting_max=3)
    assert journal_size(chained.wire.house) == (4, 0)


@pytest.mark.parametrize(("success", "told"), [(False, (503, b"try again")), (True, (200, b"success"))])
def test_only_so_many_stand_aside_and_whoever_is_beyond_is_on_the_disk_before_the_answer(
    chained: Waiting, brand: Brand, monkeypatch: pytest.MonkeyPatch, *, success: bool, told: tuple[int, bytes]
) -> None:
    monkeypatch.setattr(waiting, "ASIDE_MAX", 2)
    brand.open.clear()
    with serving_slowly(saying_success(chained.wire) if success else chained.wire) as slow:

        async def act(room: WaitingRoom) -> None:
            answers = [room.answer(slow.scan("NOBODYKNOWS", person=f"o{number}")) for number in range(3)]
            beyond = await answers[2]
            assert isinstance(beyond, HttpAnswer)
            assert (beyond.status, beyond.body) == told
            assert journal_size(slow.wire.house) == (1, 0)
            assert slow.counted() == ({"undecided": 1}, 1)
            brand.open.set()
            assert [slow.verdict(answer) for answer in await asyncio.gather(*answers[:2])] == ["real"] * 2

        run(slow, act)
    assert journal_size(chained.wire.house) == (3, 0)


def test_a_repeat_that_finds_no_place_aside_gets_the_verdict_that_is_there(
    chained: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = scan_push("NOBODYKNOWS", keys=chained.wire.keys())

    async def act(room: WaitingRoom) -> None:
        assert chained.verdict(await room.answer(chained.taken(push))) == "real"
        monkeypatch.setattr(waiting, "ASIDE_MAX", 0)
        assert chained.verdict(await room.answer(chained.taken(push))) == "real"

    run(chained, act)
    assert chained.counted() == ({"real": 1, "repeated": 1}, 2)
    assert journal_size(chained.wire.house) == (1, 0)


def test_threads_that_cannot_be_started_leave_the_count_of_those_aside_right(
    chained: Waiting, brand: Brand, caplog: pytest.LogCaptureFixture
) -> None:
    brand.open.clear()

    async def act(room: WaitingRoom) -> None:
        first = room.answer(chained.scan("NOBODYKNOWS", person="oFirst"))
        await asyncio.to_thread(wait_for, lambda: len(brand.asked) == 1, "the brand is asked")
        with no_thread_for("aside"):
            answers = [room.answer(chained.scan("NOBODYKNOWS", person=f"o{number}")) for number in range(3)]
            told = await asyncio.gather(*answers)
        assert [answer.status for answer in told if isinstance(answer, HttpAnswer)] == [503] * 3
        assert journal_size(chained.wire.house) == (3, 0)
        assert room._aside == 1
        brand.open.set()
        assert chained.verdict(await first) == "real"

    room = run(chained, act)
    assert (room._aside, room._on_their_way, room._waiting) == (0, 0, 0)
    assert len(brand.asked) == 1
    assert 'why="no thread is left to wait in"' in caplog.text
    assert journal_size(chained.wire.house) == (4, 0)


def test_what_is_looked_up_is_stored_as_soon_as_there_is_a_thread_again(
    chained: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "ASIDE_MAX", 0)
    unasked = Callback.unasked

    async def act(room: WaitingRoom) -> None:
        submit = room._groups.submit

        def no_thread(*_: object) -> None:
            room._groups.submit = submit  # type: ignore[method-assign]
            raise RuntimeError("can't start new thread")

        def then_no_thread(callback: Callback, push: Hanging, why: str) -> Begun:
            room._groups.submit = no_thread  # type: ignore[assignment, method-assign]
            return unasked(callback, push, why)

        monkeypatch.setattr(Callback, "unasked", then_no_thread)
        answer = await room.answer(chained.scan("NOBODYKNOWS"))
        assert isinstance(answer, HttpAnswer)
        assert answer.status == 503
        assert journal_size(chained.wire.house) == (1, 0)

    run(chained, act)


def test_who_has_waited_too_long_for_a_thread_is_told_to_come_again_and_stored_without_a_verdict(
    chained: Waiting, brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    brand.open.clear()
    came, visitor_of = list[Any](), waiting._Visitor

    def noted(**given: Any) -> Any:
        came.append(visitor_of(**given))
        return came[-1]

    monkeypatch.setattr(waiting, "_Visitor", noted)

    async def act(room: WaitingRoom) -> None:
        first = room.answer(chained.scan("NOBODYKNOWS", person="oFirst"))
        await asyncio.to_thread(wait_for, lambda: len(brand.asked) == 1, "the brand is asked")
        second = room.answer(chained.scan("NOBODYKNOWS", person="oSecond"))
        await asyncio.to_thread(wait_for, lambda: came[1].hanging is not None, "the second stands aside")
        room._give_up(came[1])
        told = await second
        assert isinstance(told, HttpAnswer)
        assert (told.status, told.body) == (503, b"try again")
        await asyncio.to_thread(wait_for, lambda: journal_size(chained.wire.house) == (1, 0), "it is stored")
        brand.open.set()
        assert chained.verdict(await first) == "real"
        await asyncio.to_thread(wait_for, lambda: room._aside == 0, "both have come back")

    room = run(chained, act, threads=1)
    assert chained.counted() == ({"undecided": 1, "real": 1}, 2)
    assert len(brand.asked) == 1
    assert (room._aside, room._waiting) == (0, 0)


def test_a_verdict_that_comes_when_nobody_waits_any_more_is_stored(chained: Waiting, brand: Brand) -> None:
    brand.open.clear()

    async def act(room: WaitingRoom) -> None:
        answer = room.answer(chained.scan("NOBODYKNOWS"))
        await asyncio.to_thread(wait_for, lambda: len(brand.asked) == 1, "the brand is asked")
        answer.cancel()

    room = WaitingRoom(chained.callback, threads=4)
    asyncio.run(act(room))
    brand.open.set()
    room.close()
    assert journal_size(chained.wire.house) == (1, 0)
