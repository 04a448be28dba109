"""Where pushes stand in line on the event loop, and go through in groups.

While a group is stored, in a thread, the next is opened and looked up: so a transaction costs one wait for the disk,
however many share it, and only they wait for it. The line has an end, and whoever would be answered too late is told at
once to come again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from scanhook.errand import handed
from scanhook.receive import Account
from scanhook.verdict import BUDGET_S
from scanhook.wire.callback import Begun, Callback, Hanging, HttpAnswer, Onward, Taken

__all__ = ["ASKING_MAX", "GROUP_MAX", "LINE_MAX", "LINE_MAX_BYTES", "Line"]

GROUP_MAX = 64
"""So many pushes go through at once: some 15 ms, in which the loop does nothing else."""
LINE_MAX = 4096
"""So many may stand in one process's line: as many as it serves within ``STANDING_S`` and a little more."""
LINE_MAX_BYTES = 32 * 1024 * 1024
"""Of bodies, which anybody may send: nobody knows yet whether they are WeChat's."""
OPENED_MAX = 256
"""So many are opened in one turn: what is not authentic costs little, and takes no place in a group."""
GATHERING_TURNS = 32
"""So many turns of the loop a group gathers for at most: well under a millisecond."""
QUIET_TURNS = 3
"""After so many turns that brought nobody it goes through, and so does one that came alone."""
STANDING_S = 2.0
"""Whoever has stood longer is told to come again: the storage may take its part of ``BUDGET_S`` too."""
LOOK_S = 0.25
"""So often it is looked for them while a group is being stored, and the next one is complete."""
ASKING_MAX = 256
"""So many may wait for verifiers that wait."""

_Future = asyncio.Future[HttpAnswer | Onward]


class _Standing(NamedTuple):
    """A push that nobody has looked at, and where its answer goes."""

    account: Account
    query: bytes
    body: bytes
    content_type: str
    came: float
    answer: _Future


class Line:
    """Answers pushes for one event loop, out of a storage that lets nobody wait.

    :param threads: how many may wait for verifiers at once.
    """

    def __init__(self, callback: Callback, *, threads: int, line_max: int = LINE_MAX) -> None:
        self._callback = callback
        self._line_max = line_max
        self._standing: deque[_Standing] = deque()
        self._begun: list[tuple[Begun, _Future]] = []
        self._bytes = 0
        self._seen = self._quiet = self._turns = 0
        self._asked: set[asyncio.Future[None]] = set()
        self._called = self._looks_again = False
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="push")
        self._storing = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._settling: asyncio.Future[None] | None = None

    def join(self, account: Account, query: bytes, body: bytes, content_type: str) -> _Future:
        """Take a push in; its answer comes as soon as it is through."""
        loop = asyncio.get_running_loop()
        answer: _Future = loop.create_future()
        if len(self._standing) >= self._line_max or self._bytes >= LINE_MAX_BYTES:
            answer.set_result(self._callback.turn_away(f"{len(self._standing)} pushes stand in line already"))
            return answer
        self._standing.append(_Standing(account, query, body, content_type, time.perf_counter(), answer))
        self._bytes += len(body)
        self._call(loop)
        return answer

    async def close(self) -> None:
        """Let everybody through who stands in line, with what verifiers still bring."""
        while self._standing or self._begun or self._asked or self._settling:
            if self._settling:
                await asyncio.wait([self._settling])
                await asyncio.sleep(0)
            elif self._standing or self._begun:
                self._serve(asyncio.get_running_loop())
                await asyncio.sleep(0)
            else:
                await asyncio.wait(self._asked)
        self._threads.shutdown(wait=False)
        self._storing.shutdown(wait=False)

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._called:
            self._called = True
            loop.call_soon(self._serve, loop)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let one group through; between two groups the loop reads, and answers what is not a push."""
        if self._is_gathering():
            loop.call_soon(self._serve, loop)
            return
        self._called = False
        if self._settling and len(self._begun) >= GROUP_MAX:
            # Enough are to be stored next; who stands in line is served then, unless the disk takes too long.
            self._turn_late_away()
            self._look_later(loop)
            return
        group: list[_Future] = []
        try:
            self._let_through(loop, group)
        except Exception as error:  # noqa: BLE001  (whoever stands in line must get an answer)
            for answer in group:
                _hand_over(answer, self._callback.broken(error))
        if self._standing or (self._begun and not self._settling):
            self._call(loop)

    def _turn_late_away(self) -> None:
        latest = time.perf_counter() - STANDING_S
        while self._standing and self._standing[0].came < latest:
            standing = self._standing.popleft()
            self._bytes -= len(standing.body)
            why = f"pushes stand in line for more than {STANDING_S:.0f} s"
            _hand_over(standing.answer, self._callback.turn_away(why))

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._standing and not self._looks_again:
            self._looks_again = True
            loop.call_later(LOOK_S, self._look_again, loop)

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looks_again = False
        if self._standing:
            self._call(loop)

    def _is_gathering(self) -> bool:
        """Tell whether somebody has come a moment ago: then the next turn may bring more, and a group costs less."""
        if self._seen < len(self._standing):
            self._seen, self._quiet = len(self._standing), 0
        else:
            self._quiet += 1
        self._turns += 1
        if self._quiet < QUIET_TURNS and self._turns < GATHERING_TURNS and self._seen < GROUP_MAX:
            return True
        self._seen = self._quiet = self._turns = 0
        return False

    def _let_through(self, loop: asyncio.AbstractEventLoop, group: list[_Future]) -> None:
        begun, self._begun = self._begun, []
        group += [answer for _, answer in begun]
        taken, answers = self._open_group(group)
        if taken:
            for answer, found in zip(answers, self._callback.look_up_all(taken), strict=True):
                left = self._ask(loop, found, answer) if isinstance(found, Hanging) else found
                if isinstance(left, Begun):
                    begun.append((left, answer))
                elif left is not None:
                    _hand_over(answer, left)
        if begun:
            self._settle(loop, begun)

    def _settle(self, loop: asyncio.AbstractEventLoop, begun: list[tuple[Begun, _Future]]) -> None:
        """Store a group beside the loop, unless one is being stored: then it goes with the next."""
        if self._settling:
            self._begun = begun + self._begun
            return
        self._settling = settling = loop.create_future()

        def settled(answers: list[HttpAnswer | Onward]) -> None:
            self._settling = None
            settling.set_result(None)
            for (_, answer), given in zip(begun, answers, strict=True):
                _hand_over(answer, given)
            if self._standing or self._begun:
                self._call(loop)

        if not handed(self._storing, lambda: loop.call_soon_threadsafe(settled, self._stored(begun))):
            settled(self._stored(begun))

    def _stored(self, begun: list[tuple[Begun, _Future]]) -> list[HttpAnswer | Onward]:
        try:
            return self._callback.settle([push for push, _ in begun])
        except Exception as error:  # noqa: BLE001  (whoever was looked up must get an answer)
            return [self._callback.broken(error)] * len(begun)

    def _open_group(self, group: list[_Future]) -> tuple[list[Taken], list[_Future]]:
        taken: list[Taken] = []
        answers: list[_Future] = []
        self._turn_late_away()
        for _ in range(min(len(self._standing), OPENED_MAX)):
            account, query, body, content_type, came, answer = self._standing.popleft()
            self._bytes -= len(body)
            group.append(answer)
            found = self._callback.open(account, query, body, content_type, started=came)
            if not isinstance(found, Taken):
                _hand_over(answer, found)
                continue
            taken.append(found)
            answers.append(answer)
            if len(taken) == GROUP_MAX:
                break
        return taken, answers

    def _ask(self, loop: asyncio.AbstractEventLoop, push: Hanging, answer: _Future) -> Begun | None:
        """Let somebody else wait for the verifiers; the scan is stored with the group that it finds afterwards.

        :returns: the scan without a verdict, where nobody else can wait.
        """
        if len(self._asked) >= ASKING_MAX:
            return self._callback.unasked(push, f"{ASKING_MAX} pushes wait for verifiers already")
        asked = loop.create_future()
        left_s = max(0.0, BUDGET_S - (time.perf_counter() - push.started))
        late = loop.call_later(left_s, self._give_up, push, answer)

        def told(found: HttpAnswer | Begun) -> None:
            self._asked.discard(asked)
            asked.set_result(None)
            late.cancel()
            if isinstance(found, Begun):  # it is stored even if nobody waits any more: whoever comes again finds it
                self._begun.append((found, answer))
                self._call(loop)
            else:
                _hand_over(answer, found)

        self._asked.add(asked)
        if not handed(self._threads, lambda: loop.call_soon_threadsafe(told, self._callback.ask(push))):
            self._asked.discard(asked)
            late.cancel()
            return self._callback.unasked(push, "no thread is left to ask a verifier")
        return None

    def _give_up(self, push: Hanging, answer: _Future) -> None:
        if not answer.done():
            answer.set_result(self._callback.put_off(push, f"the verifiers took longer than {BUDGET_S:.0f} s"))


def _hand_over(answer: _Future, given: HttpAnswer | Onward) -> None:
    if not answer.done():  # the other side may have gone, or was told to come again
        answer.set_result(given)
