"""A crowd on lines that stay open, as fast as the machine can: what a television show sends, through a proxy.

:mod:`tests.ordeal.load` sends less, on a line of its own each, and repeats what was not answered.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from scanhook.envelope import Keyring
from tests.ordeal.load import CODES, WECHAT_WAITS_S, Sent, Try
from tests.serving import scan_push, verdict_in

__all__ = ["Crowd", "Passage", "percentile", "seed"]

_TICK_S = 0.002
_PATIENCE_TICK_S = 0.05
_OPENING_AT_ONCE = 100


def seed() -> int:
    """Return what the ordeal is made from: ``ORDEAL_SEED`` where it is set, to see a run again."""
    return int(os.environ.get("ORDEAL_SEED") or random.randrange(1_000_000))


@dataclass(slots=True, kw_only=True)
class Passage:
    """One push on one line, and what came back.

    :param line: the port on our side, and how many went before on that line.
    :param due_at: when it was to be sent, by ``time.monotonic``; ``began_at`` is when it was.
    :param status: 0 where no answer came.
    """

    sent: Sent
    due_at: float
    line: tuple[int, int] = (0, 0)
    began_at: float = 0.0
    ended_at: float = 0.0
    status: int = 0
    body: bytes = b""
    verdict: str | None = None

    @property
    def took_s(self) -> float:
        """How long the service had it."""
        return self.ended_at - self.began_at


@dataclass(slots=True, kw_only=True)
class Crowd:
    """Makes pushes of new persons, and sends them.

    :param codes: what is scanned, by chance.
    """

    port: int
    keys: Keyring
    seed: int
    codes: Sequence[str] = tuple(CODES)
    _made: int = 0
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._random.seed(self.seed)

    def compose(self, count: int, *, event: str = "scan_product_callback") -> list[Sent]:
        """Make pushes; each is a scan of its own, or another event."""
        return [self._next(event) for _ in range(count)]

    def closed(self, pushes: Iterable[Sent], *, lines: int) -> list[Passage]:
        """Send pushes on so many lines, on each the next as soon as the last is answered."""
        return _run(_Sending(self.port, lines).closed(iter(pushes)), self.keys)

    def open(self, pushes: Sequence[Sent], *, rate: float, lines: int) -> list[Passage]:
        """Send so many pushes a second, answered or not; one that finds no free line waits for one.

        :returns: those that were sent; one that found no line in WeChat's time was not.
        """
        return _run(_Sending(self.port, lines).open(deque(pushes), rate), self.keys)

    def _next(self, event: str) -> Sent:
        person, code = f"oVisitor{self.seed}y{self._made}", self._random.choice(self.codes)
        self._made += 1
        push = scan_push(code, keys=self.keys, FromUserName=person, Event=event)
        return Sent(person=person, code=code, push=push, ports=(self.port,))


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that a share of them does not exceed; 0 where there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _run(sending: Any, keys: Keyring) -> list[Passage]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        passages: list[Passage] = runner.run(sending)
    for passage in passages:
        passage.verdict = verdict_in(passage.body, keys=keys) if passage.status == 200 else None
        passage.sent.tries.append(
            Try(
                status=passage.status,
                verdict=passage.verdict,
                began_at=passage.began_at,
                ended_at=passage.ended_at,
            )
        )
    return passages


class _Sending:
    def __init__(self, port: int, lines: int) -> None:
        self._port = port
        self._lines = lines
        self._free: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._passages: list[Passage] = []
        self._next: Callable[[], Passage | None] = lambda: None
        self._looked_at = 0.0

    async def closed(self, pushes: Iterator[Sent]) -> list[Passage]:
        def following() -> Passage | None:
            sent = next(pushes, None)
            return Passage(sent=sent, due_at=time.monotonic()) if sent else None

        await asyncio.gather(*(self._open_line() for _ in range(self._lines)))
        self._next = following
        while self._free and (passage := following()):
            self._send(passage)
        await self._come_to_an_end()
        return self._passages

    async def open(self, pushes: deque[Sent], rate: float) -> list[Passage]:
        waiting: deque[Passage] = deque()

        def following() -> Passage | None:
            while waiting and waiting[0].due_at < time.monotonic() - WECHAT_WAITS_S:
                waiting.popleft()
            return waiting.popleft() if waiting else None

        self._next = following
        begins_at, due = time.monotonic(), 0
        while pushes or waiting:
            while pushes and begins_at + due / rate <= time.monotonic():
                waiting.append(Passage(sent=pushes.popleft(), due_at=begins_at + due / rate))
                due += 1
            while self._free and (passage := following()):
                self._send(passage)
            self._open_some(len(waiting))
            self._lose_patience()
            await asyncio.sleep(_TICK_S)
        await self._come_to_an_end()
        return self._passages

    async def _open_line(self) -> None:
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: _Connection(self._ended), "127.0.0.1", self._port)
        self._free.append(line)

    def _open_some(self, wanted: int) -> None:
        """Open lines, but not more at once than the service's backlog takes."""
        self._opening = {task for task in self._opening if not task.done()}
        there = len(self._opening) + len(self._free) + len(self._busy)
        for _ in range(min(wanted, _OPENING_AT_ONCE - len(self._opening), self._lines - there)):
            self._opening.add(asyncio.create_task(self._open_line()))

    async def _come_to_an_end(self) -> None:
        await asyncio.gather(*self._opening)
        while self._busy:
            self._lose_patience()
            await asyncio.sleep(_TICK_S)
        for line in self._free:
            line.transport.close()
        await asyncio.sleep(_TICK_S)

    def _send(self, passage: Passage) -> None:
        line = self._free.pop()
        self._busy.add(line)
        line.send(passage)

    def _ended(self, line: _Connection, passage: Passage) -> None:
        self._passages.append(passage)
        self._busy.discard(line)
        if passage.status:
            self._free.append(line)
            if following := self._next():
                self._send(following)

    def _lose_patience(self) -> None:
        now = time.monotonic()
        if now < self._looked_at + _PATIENCE_TICK_S:
            return
        self._looked_at, given_up = now, now - WECHAT_WAITS_S
        for line in [line for line in self._busy if line.passage and line.passage.began_at < given_up]:
            line.transport.abort()


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, ended: Callable[[_Connection, Passage], None]) -> None:
        self._ended = ended
        self._port = self._count = 0
        self._answer = b""
        self.passage: Passage | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._port = transport.get_extra_info("sockname")[1]

    def send(self, passage: Passage) -> None:
        push = passage.sent.push
        head = f"POST /wechat/callback?{push.query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(push.body)}"
        passage.line, passage.began_at = (self._port, self._count), time.monotonic()
        self.passage, self._answer = passage, b""
        self._count += 1
        self.transport.write(head.encode() + b"\r\n\r\n" + push.body)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        assert self.passage is not None
        self.passage.status, self.passage.body = int(head[9:12]), body
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        passage, self.passage = self.passage, None
        if passage is not None:
            passage.ended_at = time.monotonic()
            self._ended(self, passage)


def _length(head: bytes) -> int:
    """Return what the header says of the body's length: the service always says it of an answer to a push."""
    found = head.lower().partition(b"content-length:")[2]
    return int(found.partition(b"\r\n")[0])
