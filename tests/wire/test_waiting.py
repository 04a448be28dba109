from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from scanhook.errors import StorageError
from scanhook.journal import JournalStore, Noted
from scanhook.journal.sqlite import SqliteJournal
from scanhook.receive import Meter
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.sandbox import Push
from scanhook.settings import load_settings
from scanhook.wire import waiting
from scanhook.wire.callback import Callback, HttpAnswer, Onward, Taken
from scanhook.wire.metrics import Metrics
from scanhook.wire.service import Service, open_service
from scanhook.wire.waiting import WaitingRoom
from tests.conftest import OPENID
from tests.serving import Brand, compose, journal_size, scan_fields, scan_push, verdict_in, wait_for
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
    metrics: Metrics

    def counted(self) -> tuple[dict[str, int], int]:
        """Return how many pushes were counted by their outcomes, and of how many the time was taken."""
        text = self.metrics.exposition().decode()
        outcomes = re.findall(r'scanhook_pushes_total{.*outcome="(\w+)"} ([0-9.]+)', text)
        (timed,) = re.findall(r"scanhook_push_seconds_count ([0-9.]+)", text)
        return {outcome: int(float(count)) for outcome, count in outcomes if float(count)}, int(float(timed))

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
    metrics = Metrics()
    service = open_service(wire.house, meter=Meter(pushed=metrics.pushed))
    callback = Callback(service, metrics)
    try:
        yield Waiting(wire=wire, service=service, callback=callback, metrics=metrics)
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
    """Hold up every group that is looked up."""
    gate, look_up_all = Gate(), SqliteRegistry.look_up_all

    def held(registry: SqliteRegistry, asked: Any) -> Any:
        gate.hold(len(asked))
        return look_up_all(registry, asked)

    monkeypatch.setattr(SqliteRegistry, "look_up_all", held)
    return gate


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Hold up every event that is noted."""
    gate, note = Gate(), SqliteJournal.note

    def held(journal: SqliteJournal, event: Noted) -> bool:
        gate.hold(1)
        return note(journal, event)

    monkeypatch.setattr(SqliteJournal, "note", held)
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


def test_only_so_many_stand_aside(chained: Waiting, brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ASIDE_MAX", 2)
    brand.open.clear()

    async def act(room: WaitingRoom) -> None:
        answers = [room.answer(chained.scan("NOBODYKNOWS", person=f"o{number}")) for number in range(3)]
        told = await answers[2]
        assert isinstance(told, HttpAnswer)
        assert told.status == 503
        brand.open.set()
        assert [chained.verdict(answer) for answer in await asyncio.gather(*answers[:2])] == ["real"] * 2

    run(chained, act)
    assert journal_size(chained.wire.house) == (2, 0)


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


def test_an_event_that_is_no_scan_holds_up_no_group(slow: Waiting, noting: Gate) -> None:
    at = int(time.time())
    fields = scan_fields("GENUINE0001", at=at, Event="user_scan_product_enter_session", NeedAntiFake=None)

    async def act(room: WaitingRoom) -> None:
        event = room.answer(slow.taken(compose(fields, keys=slow.wire.keys(), at=at)))
        await noting.somebody()
        assert slow.verdict(await room.answer(slow.scan())) == "real"
        assert not event.done()
        noting.opened.set()
        noted = await event
        assert isinstance(noted, HttpAnswer)
        assert noted.body == b"success"

    run(slow, act)
