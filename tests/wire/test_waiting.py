from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from scanhook.errors import StorageError
from scanhook.journal import JournalStore
from scanhook.journal.sqlite import SqliteJournal
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.sandbox import Push
from scanhook.settings import load_settings
from scanhook.wire import waiting
from scanhook.wire.callback import Callback, HttpAnswer, Onward, Taken
from scanhook.wire.metrics import Metrics
from scanhook.wire.service import Service, open_service
from scanhook.wire.waiting import WaitingRoom
from tests.conftest import OPENID
from tests.serving import journal_size, scan_push, verdict_in, wait_for
from tests.wire.conftest import Wire

PATIENCE_S = 30


@dataclass(slots=True)
class Gate:
    """Holds up whoever comes through until it is opened, and counts them."""

    opened: threading.Event = field(default_factory=threading.Event)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    sizes: list[int] = field(default_factory=list)

    def hold(self, size: int) -> None:
        self.sizes.append(size)
        self.came.release()
        assert self.opened.wait(PATIENCE_S)

    async def somebody(self) -> None:
        """Wait until somebody stands before it."""
        assert await asyncio.to_thread(self.came.acquire, timeout=PATIENCE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A service whose storage takes its time."""

    wire: Wire
    service: Service
    callback: Callback

    def taken(self, push: Push) -> Taken:
        account = self.callback.account()
        assert account is not None
        taken = self.callback.open(account, push.query.encode(), push.body)
        assert isinstance(taken, Taken)
        return taken

    def scan(self, code: str = "GENUINE0001", *, person: str = OPENID) -> Taken:
        return self.taken(scan_push(code, keys=self.wire.keys(), FromUserName=person))

    def verdict(self, answer: HttpAnswer | Onward) -> str:
        assert isinstance(answer, HttpAnswer)
        assert answer.status == 200
        return verdict_in(answer.body, keys=self.wire.keys())


@contextmanager
def serving_slowly(wire: Wire) -> Iterator[Waiting]:
    service = open_service(wire.house)
    callback = Callback(service, Metrics())
    try:
        yield Waiting(wire=wire, service=service, callback=callback)
    finally:
        callback.close()


@pytest.fixture
def slow(wire: Wire) -> Iterator[Waiting]:
    with serving_slowly(wire) as running:
        yield running


@pytest.fixture
def storing(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Hold up every transaction of the journal."""
    gate, record_all = Gate(), SqliteJournal.record_all

    def held(journal: SqliteJournal, scans: Any, *, now: float) -> Any:
        gate.hold(len(scans))
        return record_all(journal, scans, now=now)

    monkeypatch.setattr(SqliteJournal, "record_all", held)
    return gate


@pytest.fixture
def looking_up(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Hold up every look-up."""
    gate, look_up = Gate(), SqliteRegistry.look_up

    def held(registry: SqliteRegistry, *code: str) -> Any:
        gate.hold(1)
        return look_up(registry, *code)

    monkeypatch.setattr(SqliteRegistry, "look_up", held)
    return gate


def run(slow: Waiting, act: Callable[[WaitingRoom], Coroutine[Any, Any, None]], **given: int) -> None:
    """Let something happen in a waiting room on an event loop of its own."""
    room = WaitingRoom(slow.callback, **({"threads": 4} | given))
    asyncio.run(act(room))
    room.close()


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


def test_scans_that_come_while_one_is_stored_share_the_next_transaction(
    slow: Waiting, storing: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "STORING_S", PATIENCE_S)

    async def act(room: WaitingRoom) -> None:
        first = asyncio.ensure_future(room.answer(slow.scan(person="oFirst")))
        await storing.somebody()
        others = [
            asyncio.ensure_future(room.answer(slow.scan(code)))
            for code in ("GENUINE0002", "COPIED99999", "PRINTED0003", "GENUINE0001", "GENUINE0001")
        ]
        await asyncio.to_thread(wait_for, lambda: len(room._judged) == len(others), "the others are judged")
        storing.opened.set()
        assert slow.verdict(await first) == "real"
        verdicts = [slow.verdict(answer) for answer in await asyncio.gather(*others)]
        assert verdicts == ["real", "fake", "not_active", "real", "real"]

    run(slow, act)
    assert storing.sizes == [1, 5]
    assert journal_size(slow.wire.house) == (5, 0)  # the last two are one push


def test_a_transaction_that_takes_long_holds_up_the_next_no_longer_until_there_are_too_many(
    slow: Waiting, storing: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "STORING_S", 0)

    async def act(room: WaitingRoom) -> None:
        answers = []
        for number in range(5):
            answers.append(asyncio.ensure_future(room.answer(slow.scan(person=f"oVisitor{number}"))))
            if number < waiting.STORING_MAX:
                await storing.somebody()
        await asyncio.to_thread(wait_for, lambda: len(room._judged) == 2, "two wait to be stored")
        assert storing.sizes == [1, 1, 1]
        storing.opened.set()
        assert [slow.verdict(answer) for answer in await asyncio.gather(*answers)] == ["real"] * 5

    run(slow, act, threads=5)
    assert storing.sizes == [1, 1, 1, 2]


def test_who_finds_no_place_is_told_to_come_again_at_once(
    slow: Waiting, looking_up: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(room: WaitingRoom) -> None:
        inside = [asyncio.ensure_future(room.answer(slow.scan(person=f"o{number}"))) for number in range(2)]
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


def test_who_has_waited_too_long_for_a_thread_is_looked_up_no_more(
    slow: Waiting, looking_up: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BUDGET_S", 0.01)

    async def act(room: WaitingRoom) -> None:
        answers = [room.answer(slow.scan(person=f"oVisitor{number}")) for number in range(3)]
        statuses = [answer.status for answer in await asyncio.gather(*answers) if isinstance(answer, HttpAnswer)]
        assert statuses == [503, 503, 503]
        looking_up.opened.set()

    run(slow, act, threads=1)
    assert looking_up.sizes == [1]
    assert journal_size(slow.wire.house) == (1, 0)


def test_a_house_that_answers_success_without_a_verdict_does_so_too_when_the_time_is_over(
    wire: Wire, storing: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BUDGET_S", 0.01)
    text = wire.house.path.read_text().replace("[verifier]\n", '[verifier]\non_undecided = "success"\n')
    wire.house.path.write_text(text)

    with serving_slowly(replace(wire, house=load_settings(wire.house.path))) as slow:

        async def act(room: WaitingRoom) -> None:
            answer = await room.answer(slow.scan())
            assert isinstance(answer, HttpAnswer)
            assert (answer.status, answer.body) == (200, b"success")
            storing.opened.set()

        run(slow, act)


def test_scans_that_cannot_be_stored_are_all_told_to_come_again(slow: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_journal: JournalStore, _scans: object, *, now: float) -> None:
        raise StorageError(f"there is no primary at {now}")

    monkeypatch.setattr(SqliteJournal, "record_all", away)

    async def act(room: WaitingRoom) -> None:
        answers = await asyncio.gather(*[room.answer(slow.scan(code)) for code in ("GENUINE0001", "COPIED99999")])
        assert [answer.body for answer in answers if isinstance(answer, HttpAnswer)] == [b"try again"] * 2

    run(slow, act)
    assert journal_size(slow.wire.house) == (0, 0)


def test_who_goes_away_while_waiting_leaves_a_place(slow: Waiting, looking_up: Gate) -> None:
    async def act(room: WaitingRoom) -> None:
        gone = asyncio.ensure_future(room.answer(slow.scan(person="oGone")))
        await looking_up.somebody()
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        looking_up.opened.set()
        assert slow.verdict(await room.answer(slow.scan(person="oNext"))) == "real"

    run(slow, act, waiting_max=1)
