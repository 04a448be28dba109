"""A service behind a waiting room, and gates that hold up whoever comes through."""

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

from scanhook.receive import Meter
from scanhook.sandbox import Push
from scanhook.settings import load_settings
from scanhook.wire.callback import Callback, HttpAnswer, Onward, Taken
from scanhook.wire.metrics import Metrics
from scanhook.wire.service import Service, open_service
from scanhook.wire.waiting import WaitingRoom
from tests.conftest import OPENID
from tests.serving import scan_push, verdict_in
from tests.wire.conftest import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A service whose storage takes its time.

    :param at: when all its scans were made, so that the same one is a repeat.
    """

    wire: Wire
    service: Service
    callback: Callback
    metrics: Metrics
    at: int = field(default_factory=lambda: int(time.time()))

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
        return self.taken(scan_push(code, keys=self.wire.keys(), at=self.at, FromUserName=person))

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


def saying_success(wire: Wire) -> Wire:
    """Return the wire of a house that answers `success` where there is no verdict."""
    text = wire.house.path.read_text().replace("[verifier]\n", '[verifier]\non_undecided = "success"\n')
    wire.house.path.write_text(text)
    return replace(wire, house=load_settings(wire.house.path))


@contextmanager
def no_thread_for(pool: str) -> Iterator[None]:
    """Let the system have no thread left for a pool, ``scan`` or ``aside``."""
    start = threading.Thread.start

    def no_thread(thread: threading.Thread) -> None:
        if thread.name.startswith(pool):
            raise RuntimeError("can't start new thread")
        start(thread)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        yield


def run(slow: Waiting, act: Callable[[WaitingRoom], Coroutine[Any, Any, None]], **given: int) -> WaitingRoom:
    """Let something happen in a waiting room on an event loop of its own; return the room, closed."""
    room = WaitingRoom(slow.callback, **({"threads": 4} | given))
    asyncio.run(act(room))
    room.close()
    return room
