"""Where pushes wait for a storage on another machine: so many at most, so long at most, and off the event loop.

Threads look them up. Whoever has looked up stores all that wait to be stored, unless somebody is storing: so the scans
that come while one transaction is written share the next.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scanhook.verdict import BUDGET_S
from scanhook.wire.callback import Begun, Callback, Hanging, HttpAnswer, Onward, Taken
from scanhook.wire.log import last_line, log

__all__ = ["STORING_MAX", "WAITING_MAX", "WaitingRoom"]

WAITING_MAX = 256
"""So many pushes may wait in one process; a further one is answered "try again" at once."""
STORING_MAX = 3
"""So many transactions one process writes at once: the more there are, the fewer scans share one."""
STORING_S = 0.1
"""A transaction that takes longer waits for somebody; the next does not wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visitor:
    """A push, and where its answer goes."""

    taken: Taken
    answer: asyncio.Future[HttpAnswer | Onward]


class WaitingRoom:
    """Answers pushes for one event loop.

    :param threads: how many are looked up at once.
    """

    def __init__(self, callback: Callback, *, threads: int, waiting_max: int = WAITING_MAX) -> None:
        self._callback = callback
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="scan")
        self._waiting_max = waiting_max
        self._waiting = 0
        self._lock = threading.Lock()
        self._judged: list[tuple[Begun, _Visitor]] = []
        self._storing = 0
        self._storing_since = 0.0

    async def answer(self, taken: Taken) -> HttpAnswer | Onward:
        """Look a push up and store its scan; never waits longer than ``BUDGET_S``."""
        if self._waiting >= self._waiting_max:
            return self._callback.give_up(taken, f"{self._waiting_max} pushes wait for the storage already")
        loop = asyncio.get_running_loop()
        visitor = _Visitor(taken=taken, answer=loop.create_future())
        late = loop.call_later(BUDGET_S, self._give_up, visitor)
        self._waiting += 1
        try:
            try:
                self._threads.submit(self._look_up, loop, visitor)
            except RuntimeError:  # the system has no thread left, or the service is stopping
                return self._callback.give_up(taken, "no thread is left to look it up")
            return await visitor.answer
        finally:
            self._waiting -= 1
            late.cancel()

    def close(self) -> None:
        """Let what was begun come to its end."""
        self._threads.shutdown(wait=True)

    def _give_up(self, visitor: _Visitor) -> None:
        if not visitor.answer.done():
            why = f"the storage took longer than {BUDGET_S:.0f} s"
            visitor.answer.set_result(self._callback.give_up(visitor.taken, why))

    def _look_up(self, loop: asyncio.AbstractEventLoop, visitor: _Visitor) -> None:
        if visitor.answer.done():
            return  # it waited too long for a thread, and comes again
        found = self._callback.look_up_all([visitor.taken])[0]
        if isinstance(found, Hanging):
            found = self._callback.ask(found)
        if isinstance(found, Begun):
            self._store(loop, found, visitor)
        else:
            loop.call_soon_threadsafe(_hand_over, [(visitor, found)])

    def _store(self, loop: asyncio.AbstractEventLoop, begun: Begun, visitor: _Visitor) -> None:
        with self._lock:
            self._judged.append((begun, visitor))
            slow = time.monotonic() - self._storing_since > STORING_S
            if self._storing and (not slow or self._storing == STORING_MAX):
                return
            self._storing += 1
        while group := self._next_group():
            try:
                answers = self._callback.settle([begun for begun, _ in group])
                settled = [(visitor, answer) for (_, visitor), answer in zip(group, answers, strict=True)]
                loop.call_soon_threadsafe(_hand_over, settled)
            except Exception as error:  # noqa: BLE001  (whoever comes next must find somebody who stores)
                log.error("broken", status=503, why=type(error).__name__, where=last_line(error))

    def _next_group(self) -> list[tuple[Begun, _Visitor]]:
        with self._lock:
            group, self._judged = self._judged, []
            if not group:
                self._storing -= 1
            self._storing_since = time.monotonic()
            return group


def _hand_over(answers: Sequence[tuple[_Visitor, HttpAnswer | Onward]]) -> None:
    for visitor, answer in answers:
        if not visitor.answer.done():  # the other side may have gone, or was told to come again
            visitor.answer.set_result(answer)
