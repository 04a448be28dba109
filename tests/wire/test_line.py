from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from scanhook.journal.sqlite import SqliteJournal
from scanhook.receive import Meter, Receiver
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.sandbox import Push
from scanhook.settings import load_settings
from scanhook.wire import line as line_module
from scanhook.wire.callback import Callback, HttpAnswer, Onward
from scanhook.wire.line import GROUP_MAX, Line
from scanhook.wire.metrics import Metrics
from scanhook.wire.service import open_service
from tests.conftest import OPENID
from tests.serving import Brand, journal_size, scan_push, verdict_in, wait_for
from tests.wire.conftest import Wire
from tests.wire.gate import Gate

_Answers = Awaitable[HttpAnswer | Onward]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A line before a service, and what the service counts."""

    wire: Wire
    line: Line
    callback: Callback
    metrics: Metrics

    def join(self, push: Push) -> asyncio.Future[HttpAnswer | Onward]:
        account = self.callback.account()
        assert account is not None
        return self.line.join(account, push.query.encode(), push.body, "")

    def scan(self, code: str = "GENUINE0001", *, person: str = OPENID) -> asyncio.Future[HttpAnswer | Onward]:
        # At one moment: the same scan once more is a repeat, also when a second has passed.
        return self.join(scan_push(code, keys=self.wire.keys(), FromUserName=person, CreateTime=1447848568))

    def visit(self, *, person: str = OPENID) -> asyncio.Future[HttpAnswer | Onward]:
        """Let somebody open a product's page."""
        event = "user_scan_product"
        return self.join(scan_push(keys=self.wire.keys(), Event=event, NeedAntiFake=None, FromUserName=person))

    async def looked_at(self) -> None:
        """Wait until nobody stands in line whom nobody has looked at."""
        while self.line._standing:  # noqa: ASYNC110  (the line tells nobody)
            await asyncio.sleep(0)

    async def told(self, answer: _Answers) -> str:
        """Return the verdict, or the status of an answer without one."""
        given = await answer
        assert isinstance(given, HttpAnswer)
        return verdict_in(given.body, keys=self.wire.keys()) if given.status == 200 else str(given.status)

    def counted(self, name: str) -> float:
        lines = self.metrics.exposition().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


@contextmanager
def standing(wire: Wire, **given: int) -> Iterator[Desk]:
    metrics = Metrics()
    service = open_service(wire.house, meter=Meter(pushed=metrics.pushed))
    callback = Callback(service, metrics)
    line = Line(callback, **({"threads": 4} | given))
    try:
        yield Desk(wire=wire, line=line, callback=callback, metrics=metrics)
    finally:
        callback.close()


def run(wire: Wire, act: Callable[[Desk], Coroutine[Any, Any, None]], **given: int) -> None:
    """Let something happen in a line on an event loop of its own, and close the line."""

    async def through(desk: Desk) -> None:
        try:
            await act(desk)
        finally:
            await desk.line.close()

    with standing(wire, **given) as desk:
        asyncio.run(through(desk))


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """Note how many pushes each transaction looks up, and how many each stores."""
    noted: dict[str, list[int]] = {"looked up": [], "stored": []}
    look_up_all, store_all = SqliteRegistry.look_up_all, SqliteJournal.store_all

    def looking(registry: SqliteRegistry, asked: Any) -> Any:
        noted["looked up"].append(len(asked))
        return look_up_all(registry, asked)

    def storing(journal: SqliteJournal, scans: Any, events: Any, *, now: float) -> Any:
        noted["stored"].append(len(scans) + len(events))
        return store_all(journal, scans, events, now=now)

    monkeypatch.setattr(SqliteRegistry, "look_up_all", looking)
    monkeypatch.setattr(SqliteJournal, "store_all", storing)
    return noted


def test_those_who_stand_together_share_one_look_up_and_one_transaction(
    wire: Wire, sizes: dict[str, list[int]]
) -> None:
    async def act(desk: Desk) -> None:
        codes = ("GENUINE0001", "COPIED99999", "PRINTED0003")
        answers = [desk.scan(code) for code in codes]
        assert [await desk.told(answer) for answer in answers] == ["real", "fake", "not_active"]

    run(wire, act)
    assert sizes == {"looked up": [3], "stored": [3]}


def test_a_group_has_an_end_so_that_the_loop_gets_its_turn(wire: Wire, sizes: dict[str, list[int]]) -> None:
    turns: list[int] = []

    async def act(desk: Desk) -> None:
        answers = [desk.scan(person=f"o{number}") for number in range(GROUP_MAX + 1)]
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: turns.append(sum(sizes["stored"])))  # behind the first group, before the second
        assert {await desk.told(answer) for answer in answers} == {"real"}

    run(wire, act)
    assert sizes["stored"] == [GROUP_MAX, 1]
    assert turns == [GROUP_MAX]


def test_who_finds_the_line_full_is_told_to_come_again_at_once(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    async def act(desk: Desk) -> None:
        answers = [desk.scan(person=f"o{number}") for number in range(5)]
        assert [answer.done() for answer in answers] == [False, False, True, True, True]
        assert [await desk.told(answer) for answer in answers] == ["real", "real", "503", "503", "503"]
        assert desk.counted('scanhook_refusals_total{reason="busy"}') == 3
        assert await desk.told(desk.scan(person="o9")) == "real"  # there is room again

    run(wire, act, line_max=2)
    assert journal_size(wire.house) == (3, 0)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1  # a flood of pushes is no flood of lines
    assert "event=too busy status=503 why=2 pushes stand in line already" in told[0].replace('"', "")


def test_who_has_stood_too_long_is_told_to_come_again_and_not_stored(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "STANDING_S", -1.0)

    async def act(desk: Desk) -> None:
        assert await desk.told(desk.scan()) == "503"

    run(wire, act)
    assert journal_size(wire.house) == (0, 0)


def test_who_stands_too_long_behind_a_disk_that_stalls_is_told_so_meanwhile(
    wire: Wire, storing: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "GROUP_MAX", 2)
    monkeypatch.setattr(line_module, "LOOK_S", 0.01)
    gone_by_s = 0.0
    clock = SimpleNamespace(perf_counter=lambda: time.perf_counter() + gone_by_s)
    monkeypatch.setattr(line_module, "time", clock)

    async def act(desk: Desk) -> None:
        first = desk.scan(person="o0")
        await storing.somebody()
        next_ones = [desk.scan(person=f"o{number}") for number in (1, 2)]
        await desk.looked_at()
        too_many = [desk.scan(person=f"o{number}") for number in (3, 4)]
        nonlocal gone_by_s
        gone_by_s = 3.0
        assert [await desk.told(answer) for answer in too_many] == ["503", "503"]
        assert not any(answer.done() for answer in (first, *next_ones))
        storing.opened.set()
        assert [await desk.told(answer) for answer in (first, *next_ones)] == ["real"] * 3

    run(wire, act)
    assert journal_size(wire.house) == (3, 0)


def test_one_bad_push_costs_the_others_of_its_group_nothing(wire: Wire, sizes: dict[str, list[int]]) -> None:
    async def act(desk: Desk) -> None:
        good = scan_push("COPIED99999", keys=wire.keys())
        forged = replace(good, query=good.query.replace("msg_signature=", "msg_signature=0"))
        answers = [desk.scan(), desk.join(forged), desk.join(replace(good, body=b"<xml></xml>")), desk.join(good)]
        assert [await desk.told(answer) for answer in answers] == ["real", "403", "400", "fake"]

    run(wire, act)
    assert sizes["stored"] == [2]


def test_a_push_whose_sender_has_gone_is_stored_all_the_same(wire: Wire) -> None:
    async def act(desk: Desk) -> None:
        gone, stays = desk.scan(person="o1"), desk.scan(person="o2")
        gone.cancel()
        assert await desk.told(stays) == "real"

    run(wire, act)
    assert journal_size(wire.house) == (2, 0)


@pytest.fixture
def chained(wire: Wire, brand: Brand) -> Iterator[Wire]:
    """Return a house that asks a brand's own service for what the registry does not know."""
    text = wire.house.path.read_text().replace(
        '"registry://"]',
        f'"registry://", "{brand.url}"]\nsecret = "{"QUJD" * 8}"\nallow_private_addresses = true',
    )
    wire.house.path.write_text(text)
    yield Wire(house=load_settings(wire.house.path), client=wire.client)
    brand.open.set()


def test_what_the_registry_decides_waits_for_no_verifier(chained: Wire, brand: Brand) -> None:
    brand.open.clear()

    async def act(desk: Desk) -> None:
        hanging = desk.scan("NOBODYKNOWS", person="o1")
        assert await desk.told(desk.scan(person="o2")) == "real"
        assert not hanging.done()
        assert journal_size(chained.house) == (1, 0)
        brand.open.set()
        assert await desk.told(hanging) == "real"

    run(chained, act)
    assert journal_size(chained.house) == (2, 0)


def test_who_finds_no_place_to_wait_for_a_verifier_is_stored_as_undecided(
    chained: Wire, brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "ASKING_MAX", 2)
    brand.open.clear()

    async def act(desk: Desk) -> None:
        answers = [desk.scan("NOBODYKNOWS", person=f"o{number}") for number in range(3)]
        assert await desk.told(answers[2]) == "503"
        assert journal_size(chained.house) == (1, 0)
        assert [answer.done() for answer in answers[:2]] == [False, False]
        brand.open.set()
        assert [await desk.told(answer) for answer in answers[:2]] == ["real", "real"]
        assert await desk.told(desk.scan("NOBODYKNOWS", person="o2")) == "real"

    run(chained, act)
    assert journal_size(chained.house) == (3, 0)


def test_a_repeat_gets_its_verdict_though_no_place_to_wait_is_left(
    chained: Wire, brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(desk: Desk) -> None:
        assert await desk.told(desk.scan("NOBODYKNOWS", person="o1")) == "real"
        monkeypatch.setattr(line_module, "ASKING_MAX", 0)
        assert await desk.told(desk.scan("NOBODYKNOWS", person="o1")) == "real"
        assert await desk.told(desk.scan("NOBODYKNOWS", person="o2")) == "503"

    run(chained, act)


def test_a_thread_that_cannot_be_started_costs_only_the_verdict_that_needs_it(
    chained: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def act(desk: Desk) -> None:
        answers = [desk.scan(code) for code in ("GENUINE0001", "NOBODYKNOWS", "COPIED99999")]
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", no_more)
            assert [await desk.told(answer) for answer in answers] == ["real", "503", "503"]

    run(chained, act)
    assert journal_size(chained.house) == (3, 0)


def test_with_success_when_undecided_nothing_is_answered_that_is_not_on_the_disk(
    chained: Wire, brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = chained.house.path.read_text().replace("[verifier]\n", '[verifier]\non_undecided = "success"\n')
    chained.house.path.write_text(text)
    house = load_settings(chained.house.path)
    monkeypatch.setattr(line_module, "ASKING_MAX", 1)
    monkeypatch.setattr(line_module, "BUDGET_S", 0.0)
    brand.open.clear()

    async def act(desk: Desk) -> None:
        late, beyond = desk.scan("NOBODYKNOWS", person="o1"), desk.scan("NOBODYKNOWS", person="o2")
        for answer, status, rows in ((beyond, 200, 1), (late, 503, 1)):
            given = await answer
            assert isinstance(given, HttpAnswer)
            assert (given.status, given.body) == (status, b"success" if status == 200 else b"try again")
            assert journal_size(house) == (rows, 0)
        brand.open.set()

    run(replace(chained, house=house), act)
    assert journal_size(house) == (2, 0)


def test_whatever_breaks_in_a_group_leaves_nobody_without_an_answer(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def act(desk: Desk) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Callback, "look_up_all", broken)
            assert [await desk.told(answer) for answer in (desk.scan(), desk.scan("COPIED99999"))] == ["503", "503"]
        assert await desk.told(desk.scan()) == "real"

    run(wire, act)
    assert "ZeroDivisionError" in caplog.text


def test_one_scan_that_cannot_be_answered_costs_the_others_of_its_group_nothing(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = Receiver._reply

    def breaking(receiver: Receiver, opened: Any, entry: Any) -> Any:
        if opened.event.ext_info == "COPIED99999":
            raise ZeroDivisionError
        return reply(receiver, opened, entry)

    monkeypatch.setattr(Receiver, "_reply", breaking)

    async def act(desk: Desk) -> None:
        answers = [desk.scan(code) for code in ("GENUINE0001", "COPIED99999", "PRINTED0003")]
        assert [await desk.told(answer) for answer in answers] == ["real", "503", "not_active"]

    run(wire, act)


def test_bodies_have_an_end_too(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "LINE_MAX_BYTES", 1000)

    async def act(desk: Desk) -> None:
        push = scan_push(keys=wire.keys())
        large = desk.join(replace(push, body=push.body.ljust(1000)))
        assert await desk.told(desk.scan(person="o2")) == "503"
        assert await desk.told(large) == "real"
        assert await desk.told(desk.scan(person="o3")) == "real"

    run(wire, act)


def test_a_line_that_closes_stores_what_verifiers_still_bring(chained: Wire, brand: Brand) -> None:
    brand.open.clear()

    async def act(desk: Desk) -> None:
        answer = desk.scan("NOBODYKNOWS")
        await asyncio.to_thread(wait_for, lambda: brand.asked, "the verifier is asked")
        closing = asyncio.create_task(desk.line.close())
        brand.open.set()
        await closing
        assert journal_size(chained.house) == (1, 0)
        assert await desk.told(answer) == "real"

    run(chained, act)


def test_a_verdict_that_comes_when_nobody_waits_any_more_is_stored(
    chained: Wire, brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "BUDGET_S", 0.0)
    brand.open.clear()

    async def act(desk: Desk) -> None:
        assert await desk.told(desk.scan("NOBODYKNOWS")) == "503"
        brand.open.set()
        await asyncio.to_thread(wait_for, lambda: journal_size(chained.house) == (1, 0), "the verdict is stored")
        pushes = 'scanhook_pushes_total{event="scan_product_callback"'
        await asyncio.to_thread(wait_for, lambda: desk.counted(pushes) == 1, "it is counted, and once")
        monkeypatch.setattr(line_module, "BUDGET_S", 3.0)
        assert await desk.told(desk.scan("NOBODYKNOWS")) == "real"

    run(chained, act)
    assert journal_size(chained.house) == (1, 0)


def test_the_next_group_is_looked_up_while_one_is_stored(
    wire: Wire, sizes: dict[str, list[int]], storing: Gate
) -> None:
    async def act(desk: Desk) -> None:
        first = desk.scan(person="o1")
        await storing.somebody()
        others = [desk.scan(person="o2"), desk.scan(person="o3")]
        await asyncio.to_thread(wait_for, lambda: sizes["looked up"] == [1, 2], "the others are looked up")
        assert not first.done()
        storing.opened.set()
        assert [await desk.told(answer) for answer in (first, *others)] == ["real"] * 3

    run(wire, act)
    assert storing.sizes == [1, 2]
    assert journal_size(wire.house) == (3, 0)


def test_scans_and_other_events_share_a_transaction(wire: Wire, sizes: dict[str, list[int]]) -> None:
    async def act(desk: Desk) -> None:
        answers = [desk.visit(person="o1"), desk.scan(), desk.visit(person="o2"), desk.scan("COPIED99999")]
        assert [await desk.told(answer) for answer in answers] == ["success", "real", "success", "fake"]

    run(wire, act)
    assert sizes == {"looked up": [2, 2], "stored": [4]}
    assert journal_size(wire.house) == (2, 2)


def test_an_event_that_waits_for_the_disk_holds_up_neither_the_loop_nor_who_comes_next(
    wire: Wire, storing: Gate, sizes: dict[str, list[int]]
) -> None:
    async def act(desk: Desk) -> None:
        event = desk.visit(person="o1")
        await storing.somebody()
        scans = [desk.scan(person="o2"), desk.scan(person="o3")]
        await asyncio.to_thread(wait_for, lambda: sizes["looked up"] == [1, 2], "the scans are looked up")
        assert not event.done()
        storing.opened.set()
        assert [await desk.told(answer) for answer in (event, *scans)] == ["success", "real", "real"]

    run(wire, act)
    assert storing.sizes == [1, 2]
