"""Where pushes wait for a storage on another machine: so many at most, so long at most, and off the event loop.

They go through in groups: a thread takes all that wait, looks them up in one round trip and stores them in one
transaction, while the next group gathers. What would hold up the others of its group goes aside, into a thread of its
own: a scan whose verdict hangs on a slow verifier, until it has one. A scan that finds no place aside goes on with a
group, and is stored without a verdict.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from scanhook.errand import handed
from scanhook.message import ScanProductCallback
from scanhook.verdict import BUDGET_S
from scanhook.wire.callback import Begun, Callback, Hanging, HttpAnswer, Onward, Taken

__all__ = ["ASIDE_MAX", "GROUPS_MAX", "GROUP_MAX", "WAITING_MAX", "WaitingRoom"]

WAITING_MAX = 256
"""So many pushes may wait in one process; a further one is answered "try again" at once."""
ASIDE_MAX = 256
"""So many more may stand aside."""
EVENTS_MAX = 128
"""So many of those that wait may be no scans: the other places are for scans, which somebody with a phone waits for."""
GROUP_MAX = 64
"""So many go through at once."""
GROUPS_MAX = 3
"""So many groups are on their way at once: the more there are, the fewer pushes share one."""
BESIDE_MIN = 16
"""So many are worth a group beside another, which uses the time that the other one waits for the server."""
BESIDE_S = 0.02
"""A group that takes longer waits for somebody; the next does not wait for it, however small."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Visitor:
    """A push, and where its answer goes.

    :ivar late: ends its waiting.
    :ivar aside: whether it has left the line.
    :ivar on_its_way: whether a thread has it: then it is counted by what becomes of it, whatever it was told meanwhile.
    :ivar given_up: whether it was told to come again before that: then no thread takes it any more.
    :ivar hanging: what a verifier is to be asked; ``None``: none need be.
    """

    taken: Taken
    answer: asyncio.Future[HttpAnswer | Onward]
    late: asyncio.TimerHandle | None = None
    aside: bool = False
    on_its_way: bool = False
    given_up: bool = False
    hanging: Hanging | None = None

    @property
    def is_event(self) -> bool:
        """Whether it is no scan."""
        return not isinstance(self.taken.opened.event, ScanProductCallback)

    def set_out(self) -> bool:
        """Be taken by a thread, unless nobody waits for it any more; under the room's lock."""
        self.on_its_way = not self.given_up and not self.answer.cancelled()
        return self.on_its_way


_Found = HttpAnswer | Begun


class WaitingRoom:
    """Answers pushes for one event loop, on which all runs but what its threads do.

    :param threads: how many may be aside at once; more stand in line for them.
    """

    def __init__(self, callback: Callback, *, threads: int, waiting_max: int = WAITING_MAX) -> None:
        self._callback = callback
        self._groups = ThreadPoolExecutor(GROUPS_MAX, thread_name_prefix="scan")
        self._asides = ThreadPoolExecutor(threads, thread_name_prefix="aside")
        self._waiting_max = waiting_max
        self._waiting = 0
        self._aside = 0
        self._looks_again = False
        self._lock = threading.Lock()
        self._line: deque[_Visitor] = deque()
        self._begun: list[tuple[Begun, _Visitor]] = []
        self._events = 0
        self._on_their_way = 0
        self._latest = 0.0
        self._closed = False

    def answer(self, taken: Taken) -> asyncio.Future[HttpAnswer | Onward]:
        """Look a push up and store its scan; the answer never takes longer than ``BUDGET_S``."""
        loop = asyncio.get_running_loop()
        visitor = _Visitor(taken=taken, answer=loop.create_future())
        full = self._full(visitor)
        if full:
            visitor.answer.set_result(self._callback.give_up(taken, f"{full} wait for the storage already"))
            return visitor.answer
        self._waiting += 1
        self._events += visitor.is_event
        visitor.late = loop.call_later(BUDGET_S, self._give_up, visitor)
        with self._lock:
            self._line.append(visitor)
        self._send_group(loop)
        return visitor.answer

    def _full(self, visitor: _Visitor) -> str:
        """Say what fills the room; nothing if there is a place left."""
        if self._waiting >= self._waiting_max:
            return f"{self._waiting_max} pushes"
        return f"{EVENTS_MAX} events" if visitor.is_event and self._events >= EVENTS_MAX else ""

    def close(self) -> None:
        """Let what was begun come to its end."""
        self._asides.shutdown(wait=True)
        self._groups.shutdown(wait=True)
        with self._lock:
            self._closed = True
            begun, self._begun = self._begun, []
        if begun:  # they came back too late to find a thread
            self._callback.settle([push for push, _ in begun])

    def _give_up(self, visitor: _Visitor, why: str = "") -> None:
        """Tell a push to come again; a scan that nobody has asked a verifier about is stored without a verdict."""
        self._leave(visitor)
        if visitor.answer.cancelled():
            return
        why = why or f"the {'verifiers' if visitor.hanging else 'storage'} took longer than {BUDGET_S:.0f} s"
        with self._lock:
            visitor.given_up = not visitor.on_its_way
        hanging = visitor.hanging if visitor.given_up else None
        tell = self._callback.give_up if visitor.given_up and hanging is None else self._callback.put_off
        told = tell(visitor.taken, why)
        if not visitor.answer.done():
            visitor.answer.set_result(told)
        if hanging is not None:
            self._go_on_unasked(visitor.answer.get_loop(), visitor, hanging, why)

    def _hand_over(self, answers: Sequence[tuple[_Visitor, HttpAnswer | Onward]]) -> None:
        for visitor, answer in answers:
            self._leave(visitor)
            if not visitor.answer.done():  # the other side may have gone, or was told to come again
                visitor.answer.set_result(answer)

    def _leave(self, visitor: _Visitor) -> None:
        if visitor.late is not None:
            visitor.late.cancel()
            visitor.late = None
            self._waiting -= not visitor.aside
            self._events -= visitor.is_event

    def _send_group(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send a group on its way, if there is one, or look again when it is time for it."""
        with self._lock:
            goes = self._is_time()
            self._on_their_way += goes
            waits = bool(self._line or self._begun)
        if goes:
            if not handed(self._groups, self._serve):
                self._send_away(loop)
        elif waits:
            self._look_later(loop)

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._looks_again:
            self._looks_again = True
            loop.call_later(BESIDE_S, self._look_again, loop)

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looks_again = False
        self._send_group(loop)

    def _send_away(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do without a thread: tell all in line to come again, and look again for those who have been looked up."""
        with self._lock:
            self._on_their_way -= 1
            left = [] if self._on_their_way else list(self._line)
            if left:
                self._line.clear()
            waits = bool(self._begun) and not self._closed
        for visitor in left:
            self._give_up(visitor, "no thread is left to look it up")
        if waits:
            self._look_later(loop)

    def _is_time(self) -> bool:
        """Tell whether a group may begin beside those that are on their way."""
        if not self._on_their_way:
            return bool(self._line or self._begun)
        if self._on_their_way >= GROUPS_MAX:
            return False
        waiting = len(self._line) + len(self._begun)
        return waiting >= BESIDE_MIN or (waiting > 0 and time.monotonic() - self._latest > BESIDE_S)

    def _serve(self) -> None:
        """Let groups through, as long as it is this thread's turn."""
        more = True
        while more:
            with self._lock:
                taken = [self._line.popleft() for _ in range(min(GROUP_MAX, len(self._line)))]
                visitors = [visitor for visitor in taken if visitor.set_out()]
                begun, self._begun = self._begun, []
                self._latest = time.monotonic()
            try:
                self._let_through(visitors, begun)
            except Exception as error:  # noqa: BLE001  (whoever comes next must find somebody)
                told = self._callback.broken(error)
                everybody = [*visitors, *(visitor for _, visitor in begun)]
                with suppress(RuntimeError):  # the loop has gone, and with it everybody
                    loop = everybody[0].answer.get_loop()
                    loop.call_soon_threadsafe(self._hand_over, [(visitor, told) for visitor in everybody])
            with self._lock:
                self._on_their_way -= 1
                more = self._is_time()
                self._on_their_way += more

    def _let_through(self, visitors: Sequence[_Visitor], begun: list[tuple[Begun, _Visitor]]) -> None:
        everybody = [*visitors, *(visitor for _, visitor in begun)]
        if not everybody:  # all were told to come again meanwhile
            return
        loop = everybody[0].answer.get_loop()
        answers: list[tuple[_Visitor, HttpAnswer | Onward]] = []
        found = self._callback.look_up_all([visitor.taken for visitor in visitors]) if visitors else []
        for visitor, one in zip(visitors, found, strict=True):
            if isinstance(one, Begun):
                begun.append((one, visitor))
            elif isinstance(one, Hanging):
                loop.call_soon_threadsafe(self._ask, loop, visitor, one)
            else:
                answers.append((visitor, one))
        if begun:
            settled = self._callback.settle([push for push, _ in begun])
            answers += [(visitor, answer) for (_, visitor), answer in zip(begun, settled, strict=True)]
        loop.call_soon_threadsafe(self._hand_over, answers)

    def _ask(self, loop: asyncio.AbstractEventLoop, visitor: _Visitor, hanging: Hanging) -> None:
        visitor.on_its_way, visitor.hanging = False, hanging
        why = self._go_aside(loop, visitor, lambda: self._callback.ask(hanging))
        if why:
            self._go_on_unasked(loop, visitor, hanging, why)

    def _go_on_unasked(self, loop: asyncio.AbstractEventLoop, visitor: _Visitor, hanging: Hanging, why: str) -> None:
        """Store a scan with the next group, without a verdict: its answer, if it has none yet, is what is set."""
        begun = self._callback.unasked(hanging, why)
        with self._lock:
            visitor.on_its_way = True
            self._begun.append((begun, visitor))
        self._send_group(loop)

    def _go_aside(self, loop: asyncio.AbstractEventLoop, visitor: _Visitor, wait: Callable[[], _Found]) -> str:
        """Let a push wait in a thread of its own; the place that it had in line is free.

        :returns: why it cannot; nothing if it can.
        """
        if self._aside >= ASIDE_MAX:
            return f"{ASIDE_MAX} pushes stand aside already"
        self._aside += 1
        if not handed(self._asides, partial(self._stand_aside, loop, visitor, wait)):
            self._aside -= 1
            return "no thread is left to wait in"
        if visitor.late is not None:
            visitor.aside = True
            self._waiting -= 1
        return ""

    def _stand_aside(self, loop: asyncio.AbstractEventLoop, visitor: _Visitor, wait: Callable[[], _Found]) -> None:
        with self._lock:
            goes = visitor.set_out()
        found = wait() if goes else None
        if isinstance(found, Begun):  # stored even if nobody waits any more: whoever comes again finds it
            with self._lock:
                self._begun.append((found, visitor))
        loop.call_soon_threadsafe(self._come_back, loop, visitor, found)

    def _come_back(self, loop: asyncio.AbstractEventLoop, visitor: _Visitor, found: _Found | None) -> None:
        self._aside -= 1
        if isinstance(found, Begun):
            self._send_group(loop)
        elif isinstance(found, HttpAnswer):
            self._hand_over([(visitor, found)])
        else:
            self._leave(visitor)
