from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from scanhook.errors import StorageError
from scanhook.journal import JournalStore
from scanhook.journal.sqlite import SqliteJournal
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.wire import waiting
from scanhook.wire.callback import HttpAnswer
from scanhook.wire.waiting import WaitingRoom
from tests.serving import journal_size, wait_for
from tests.wire.conftest import Wire
from tests.wire.gate import PATIENCE_S, Gate
from tests.wire.waiting_room import Waiting, no_thread_for, run, saying_success, serving_slowly


@pytest.fixture
def slow(wire: Wire) -> Iterator[Waiting]:
    with serving_slowly(wire) as running:
        yield running


@pytest.fixture
def looking_up(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Hold up every group that is looked up."""
    gate, look_up_all = Gate(), SqliteRegistry.look_up_all

    def held(registry: SqliteRegistry, asked: Any) -> Any:
        gate.hold(len(asked))
        return look_up_all(registry, asked)

    monkeypatch.setattr(SqliteRegistry, "look_up_all", held)
    return gate


@pytest.mark.parametrize(
    ("code", "verdict"), [("GENUINE0001", "real"), ("COPIED99999", "fake"), ("PRINTED0003", "not_active")]
)
def test_a_push_gets_its_verdict(slow: Waiting, code: str, verdict: str) -> None:
    async def act(room: WaitingRoom) -> None:
        assert slow.verdict(await room.answer(slow.scan(code))) == verdict

    run(slow, act)
    assert journal_size(slow.wire.house) == (1, 0)


def test_the_loop_goes_on_while_a_scan_waits(slow: Waiting, looking_up: Gate) -> None:
    async def act(room: WaitingRoom) -> None:
        answer = asyncio.ensure_future(room.answer(slow.scan()))
        await looking_up.somebody()  # only a loop that is free gets here
        assert not answer.done()
        looking_up.opened.set()
        assert slow.verdict(await answer) == "real"

    run(slow, act)


def test_scans_that_come_while_a_group_is_on_its_way_go_through_in_the_next(
    slow: Waiting, looking_up: Gate, storing: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BESIDE_S", PATIENCE_S)
    looking_up.opened.set()

    async def act(room: WaitingRoom) -> None:
        first = room.answer(slow.scan(person="oFirst"))
        await storing.somebody()
        others = [
            room.answer(slow.scan(code))
            for code in ("GENUINE0002", "COPIED99999", "PRINTED0003", "GENUINE0001", "GENUINE0001")
        ]
        storing.opened.set()
        assert slow.verdict(await first) == "real"
        verdicts = [slow.verdict(answer) for answer in await asyncio.gather(*others)]
        assert verdicts == ["real", "fake", "not_active", "real", "real"]

    run(slow, act)
    assert looking_up.sizes == storing.sizes == [1, 5]
    assert journal_size(slow.wire.house) == (5, 0)  # the last two are one push


def test_so_many_as_make_a_group_go_beside_another(
    slow: Waiting, looking_up: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BESIDE_S", PATIENCE_S)
    monkeypatch.setattr(waiting, "BESIDE_MIN", 3)

    async def act(room: WaitingRoom) -> None:
        answers = [room.answer(slow.scan(person="oFirst"))]
        await looking_up.somebody()
        for _ in range(waiting.GROUPS_MAX - 1):
            answers += [room.answer(slow.scan(person=f"oVisitor{number}")) for number in range(2)]
            assert not looking_up.came.acquire(blocking=False)
            answers.append(room.answer(slow.scan("COPIED99999")))
            await looking_up.somebody()
        answers += [room.answer(slow.scan(person=f"oMore{number}")) for number in range(5)]
        assert looking_up.sizes == [1, 3, 3]
        looking_up.opened.set()
        await asyncio.gather(*answers)

    run(slow, act)
    assert looking_up.sizes == [1, 3, 3, 5]


def test_a_group_that_takes_long_holds_up_the_next_no_longer_until_there_are_too_many(
    slow: Waiting, looking_up: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BESIDE_S", 0)

    async def act(room: WaitingRoom) -> None:
        answers = []
        for number in range(waiting.GROUPS_MAX):
            answers.append(room.answer(slow.scan(person=f"oVisitor{number}")))
            await looking_up.somebody()
        answers += [room.answer(slow.scan(person=f"oMore{number}")) for number in range(2)]
        assert looking_up.sizes == [1, 1, 1]
        looking_up.opened.set()
        assert [slow.verdict(answer) for answer in await asyncio.gather(*answers)] == ["real"] * 5

    run(slow, act)
    assert looking_up.sizes == [1, 1, 1, 2]


def test_a_group_has_an_end(slow: Waiting, looking_up: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "GROUP_MAX", 2)
    monkeypatch.setattr(waiting, "BESIDE_S", PATIENCE_S)

    async def act(room: WaitingRoom) -> None:
        answers = [room.answer(slow.scan(person=f"o{number}")) for number in range(6)]
        looking_up.opened.set()
        assert [slow.verdict(answer) for answer in await asyncio.gather(*answers)] == ["real"] * 6

    run(slow, act)
    assert max(looking_up.sizes) == 2
    assert sum(looking_up.sizes) == 6


def test_who_finds_no_place_is_told_to_come_again_at_once(
    slow: Waiting, looking_up: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(room: WaitingRoom) -> None:
        inside = [room.answer(slow.scan(person=f"o{number}")) for number in range(2)]
        await looking_up.somebody()
        answer = await room.answer(slow.scan(person="oThird"))
        assert isinstance(answer, HttpAnswer)
        assert (answer.status, answer.body) == (503, b"try again")
        assert not any(waits.done() for waits in inside)
        looking_up.opened.set()
        assert [slow.verdict(waits) for waits in await asyncio.gather(*inside)] == ["real", "real"]
        assert slow.verdict(await room.answer(slow.scan(person="oThird"))) == "real"

    run(slow, act, waiting_max=2)
    (record,) = caplog.records
    assert 'event=undecided status=503 why="2 pushes wait for the storage already"' in record.getMessage()
    assert journal_size(slow.wire.house) == (3, 0)


def test_who_waits_too_long_is_told_to_come_again_and_finds_the_verdict(
    slow: Waiting, storing: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(waiting, "BUDGET_S", 0.01)

    async def act(room: WaitingRoom) -> None:
        answer = await room.answer(slow.scan())
        assert isinstance(answer, HttpAnswer)
        assert (answer.status, answer.body) == (503, b"try again")
        monkeypatch.setattr(waiting, "BUDGET_S", PATIENCE_S)
        storing.opened.set()
        assert slow.verdict(await room.answer(slow.scan())) == "real"

    run(slow, act)
    assert "event=undecided status=503" in caplog.records[0].getMessage()
    assert journal_size(slow.wire.house) == (1, 0)


def test_who_has_waited_too_long_in_line_is_looked_up_no_more(
    slow: Waiting, looking_up: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BESIDE_S", PATIENCE_S)

    async def act(room: WaitingRoom) -> None:
        first = room.answer(slow.scan(person="oFirst"))
        await looking_up.somebody()
        monkeypatch.setattr(waiting, "BUDGET_S", 0.01)
        answers = [room.answer(slow.scan(person=f"oVisitor{number}")) for number in range(3)]
        statuses = [answer.status for answer in await asyncio.gather(*answers) if isinstance(answer, HttpAnswer)]
        assert statuses == [503] * 3
        looking_up.opened.set()
        assert slow.verdict(await first) == "real"

    run(slow, act)
    assert looking_up.sizes == [1]
    assert journal_size(slow.wire.house) == (1, 0)


def test_who_is_told_to_come_again_in_line_is_counted_by_that_and_who_is_on_his_way_by_what_becomes_of_it(
    slow: Waiting, looking_up: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BESIDE_S", PATIENCE_S)
    came, visitor_of = list[Any](), waiting._Visitor

    def noted(**given: Any) -> Any:
        came.append(visitor_of(**given))
        return came[-1]

    monkeypatch.setattr(waiting, "_Visitor", noted)

    async def act(room: WaitingRoom) -> None:
        on_his_way = room.answer(slow.scan(person="oFirst"))
        await looking_up.somebody()
        in_line = room.answer(slow.scan(person="oSecond"))
        for visitor in came:
            room._give_up(visitor)
        answers = await asyncio.gather(on_his_way, in_line)
        assert [answer.status for answer in answers if isinstance(answer, HttpAnswer)] == [503, 503]
        assert slow.counted() == ({"undecided": 1}, 1)
        looking_up.opened.set()
        await asyncio.to_thread(wait_for, lambda: slow.counted()[1] == 2, "the first is through")

    run(slow, act)
    assert slow.counted() == ({"undecided": 1, "real": 1}, 2)


def test_a_house_that_answers_success_without_a_verdict_never_does_so_for_what_is_not_on_the_disk(
    wire: Wire, storing: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BUDGET_S", 0.01)
    with serving_slowly(saying_success(wire)) as slow:

        async def act(room: WaitingRoom) -> None:
            too_late = room.answer(slow.scan())
            no_place = room.answer(slow.scan(person="oSecond"))
            for answer in await asyncio.gather(no_place, too_late):
                assert isinstance(answer, HttpAnswer)
                assert (answer.status, answer.body) == (503, b"try again")
            assert journal_size(slow.wire.house) == (0, 0)
            storing.opened.set()

        run(slow, act, waiting_max=1)


def test_threads_that_cannot_be_started_leave_the_count_of_groups_right(
    slow: Waiting, looking_up: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BESIDE_S", PATIENCE_S)
    monkeypatch.setattr(waiting, "BESIDE_MIN", 1)

    async def act(room: WaitingRoom) -> None:
        answers = [room.answer(slow.scan(person="oFirst"))]
        await looking_up.somebody()
        with no_thread_for("scan"):
            answers += [room.answer(slow.scan(person=f"oVisitor{number}")) for number in range(3)]
        assert room._on_their_way == 1
        looking_up.opened.set()
        assert [slow.verdict(answer) for answer in await asyncio.gather(*answers)] == ["real"] * 4

    room = run(slow, act)
    assert looking_up.sizes == [1, 3]
    assert room._on_their_way == 0


def test_without_any_thread_pushes_are_told_to_come_again_and_are_looked_up_no_more(
    slow: Waiting, looking_up: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    looking_up.opened.set()

    async def act(room: WaitingRoom) -> None:
        with no_thread_for("scan"):
            answers = [await room.answer(slow.scan(person=f"o{number}")) for number in range(2)]
        assert [answer.status for answer in answers if isinstance(answer, HttpAnswer)] == [503, 503]
        assert slow.counted() == ({"undecided": 2}, 2)
        assert slow.verdict(await room.answer(slow.scan(person="oThird"))) == "real"

    room = run(slow, act)
    assert 'why="no thread is left to look it up"' in caplog.text
    assert looking_up.sizes == [1]
    assert (room._on_their_way, room._waiting) == (0, 0)


def test_a_loop_that_is_gone_takes_nothing_from_the_next(
    slow: Waiting, storing: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BESIDE_S", PATIENCE_S)
    room = WaitingRoom(slow.callback, threads=4)

    async def leave() -> None:
        room.answer(slow.scan(person="oFirst"))
        await storing.somebody()

    async def come() -> None:
        answer = room.answer(slow.scan(person="oSecond"))
        storing.opened.set()
        assert slow.verdict(await answer) == "real"

    asyncio.run(leave())
    asyncio.run(come())
    room.close()
    assert journal_size(slow.wire.house) == (2, 0)


def test_scans_that_cannot_be_stored_are_all_told_to_come_again(slow: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_journal: JournalStore, *_: object, now: float) -> None:
        raise StorageError(f"there is no primary at {now}")

    monkeypatch.setattr(SqliteJournal, "store_all", away)

    async def act(room: WaitingRoom) -> None:
        answers = await asyncio.gather(*[room.answer(slow.scan(code)) for code in ("GENUINE0001", "COPIED99999")])
        assert [answer.body for answer in answers if isinstance(answer, HttpAnswer)] == [b"try again"] * 2

    run(slow, act)
    assert journal_size(slow.wire.house) == (0, 0)


def test_who_goes_away_while_waiting_leaves_a_place(
    slow: Waiting, looking_up: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(room: WaitingRoom) -> None:
        inside = room.answer(slow.scan(person="oInside"))
        await looking_up.somebody()
        in_line = room.answer(slow.scan(person="oInLine"))
        inside.cancel()
        in_line.cancel()
        looking_up.opened.set()
        await asyncio.to_thread(wait_for, lambda: room._waiting == 0, "both have left")
        monkeypatch.setattr(waiting, "BUDGET_S", PATIENCE_S)
        assert slow.verdict(await room.answer(slow.scan(person="oNext"))) == "real"

    monkeypatch.setattr(waiting, "BUDGET_S", 0.1)
    monkeypatch.setattr(waiting, "BESIDE_S", PATIENCE_S)
    run(slow, act, waiting_max=2)
    assert looking_up.sizes == [1, 1]
