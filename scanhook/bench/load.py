"""Sends pushes to a service, closed loop or open loop, and keeps what came back: one thread that waits for sockets.

It shares the processors with the service, so it does nothing but this while it runs: the pushes were made before, and
the answers are looked at afterwards. In the open loop every push has a moment at which it is due, whatever became of
those before it, and its latency counts from there: a stall of the service counts against every push that was due
meanwhile.
"""

from __future__ import annotations

import gc
import select
import selectors
import time
from array import array
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from scanhook.bench.connection import CutOff, HttpConnection

__all__ = ["LINES_MAX", "LOST_LINE", "OVERDUE", "Load", "Run", "due_at", "serve"]

LINES_MAX = 900
"""So many connections at most: a process may usually have 1024 files open."""
PATIENCE_S = 5.0
"""WeChat waits no longer for an answer (facts.md 3.4)."""
_SWEEP_S = 0.25
_CONNECT_AGAIN_S = 0.05
LOST_LINE, OVERDUE = 1, 2
"""What stands where a status would: the line was cut; nobody waits any more."""


def due_at(number: int, rate: float) -> float:
    """Return when a push is due, in seconds after the beginning: by its number, so that no delay adds up."""
    return number / rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a load, in the order in which it was sent; times are in seconds after its beginning.

    :param due: when each push was due; in the closed loop, when it was sent.
    :param ended: when its answer was there, or nobody waited any more.
    :param statuses: of HTTP, or ``LOST_LINE``, or ``OVERDUE``.
    :param bodies: of the answers.
    :param lines: how many connections were open at most.
    :param processor_s: what this side of the measurement cost.
    :param unsent: how many pushes were due and never left: no connection was free, or the service was gone.
    :param used_up: the pushes came to their end before the time.
    """

    due: array[float]
    ended: array[float]
    statuses: array[int]
    bodies: list[bytes] = field(repr=False)
    seconds: float
    lines: int
    processor_s: float
    unsent: int
    used_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be sent, and how.

    :param requests: as they stand on the line, in the order in which they are sent.
    :param connections: in the closed loop all there are; in the open loop those that are opened at first.
    :param rate: pushes a second; ``None``: each connection sends the next push as soon as it has its answer.
    :param seconds: after that nothing more is sent; in the open loop all that is due by then is sent all the same.
    """

    port: int
    requests: Sequence[bytes] = field(repr=False)
    connections: int
    rate: float | None
    seconds: float
    patience_s: float = PATIENCE_S

    def run(self) -> Run:
        """Send it.

        :raises OSError: when nobody listens at the port.
        """
        collected = gc.isenabled()
        gc.disable()  # a pause of ours would look like one of the service's
        try:
            with selectors.DefaultSelector() as selector:
                return _Loop(self, selector).run()
        finally:
            if collected:
                gc.enable()


def serve(descriptor: int) -> None:
    """Be the process that sends one load, and tells what came of it: a :class:`Run`, or why there is none.

    :param descriptor: of the line to the main process.
    """
    with Connection(descriptor) as line, suppress(EOFError, OSError):  # it may be cut, in the midst of a message too
        load: Load = line.recv()
        try:
            found: Run | str = load.run()
        except OSError as error:
            found = error.strerror or type(error).__name__
        line.send(found)


class _Loop:
    def __init__(self, load: Load, selector: selectors.DefaultSelector) -> None:
        count = len(load.requests)
        self._load, self._selector = load, selector
        self._idle: deque[HttpConnection] = deque()
        self._open: set[HttpConnection] = set()
        self._lines_max = load.connections if load.rate is None else max(LINES_MAX, load.connections)
        self._next, self._lines_seen = 0, 0
        self._due, self._ended = array("d", bytes(8 * count)), array("d", bytes(8 * count))
        self._statuses: array[int] = array("H", bytes(2 * count))
        self._bodies = [b""] * count
        self._start, self._connect_at = 0.0, 0.0

    def run(self) -> Run:
        load = self._load
        for _ in range(load.connections):
            self._idle.append(self._connect())
        cost, self._start = time.process_time(), time.perf_counter()
        try:
            self._loop()
        finally:
            for line in self._open:
                line.close()
        sent = self._next
        return Run(
            due=self._due[:sent],
            ended=self._ended[:sent],
            statuses=self._statuses[:sent],
            bodies=self._bodies[:sent],
            seconds=max(self._ended[:sent], default=0.0),
            lines=self._lines_seen,
            processor_s=time.process_time() - cost,
            unsent=0 if load.rate is None else len(load.requests) - sent,
            used_up=load.rate is None and sent == len(load.requests),
        )

    def _loop(self) -> None:
        sweep_at = _SWEEP_S
        while True:
            now = self._now()
            self._send_due(now)
            if now >= sweep_at:
                self._give_up_overdue(now)
                sweep_at = now + _SWEEP_S
            if len(self._idle) == len(self._open) and self._is_over(now):
                return
            self._wait(min(sweep_at, self._next_due(now)) - self._now())
            for key, _ in self._selector.select(0):
                self._receive(key.fileobj)  # type: ignore[arg-type]  # nothing but our lines is registered

    def _send_due(self, now: float) -> None:
        while not self._is_over(now) and self._next_due(now) <= now:
            line = self._take_line()
            if line is None:
                return  # it waits, and that counts against it
            number = self._next
            self._next = number + 1
            self._due[number] = now if self._load.rate is None else due_at(number, self._load.rate)
            try:
                line.send(number, self._load.requests[number], now=now)
            except CutOff:
                self._lose(line, LOST_LINE)
            now = self._now()

    def _is_over(self, now: float) -> bool:
        """Tell whether nothing more is to be sent."""
        if self._next == len(self._load.requests):
            return True
        late = self._load.seconds if self._load.rate is None else self._load.seconds + self._load.patience_s
        return now >= late

    def _next_due(self, now: float) -> float:
        """Return when the next push is due that can be sent; late when there is none."""
        if self._is_over(now) or not (self._idle or len(self._open) < self._lines_max):
            return float("inf")
        due = now if self._load.rate is None else due_at(self._next, self._load.rate)
        return due if self._idle else max(due, self._connect_at)

    def _wait(self, seconds: float) -> None:
        """Wait for a socket; ``select`` is exact to the microsecond, where ``epoll`` counts milliseconds."""
        if seconds > 0:
            select.select([self._selector], [], [], seconds)

    def _receive(self, line: HttpConnection) -> None:
        number = line.sending
        try:
            answer = line.receive()
        except CutOff:
            self._lose(line, LOST_LINE)
            return
        if answer is None or number is None:
            return
        status, self._bodies[number], stays = answer
        self._statuses[number], self._ended[number] = status, self._now()
        if stays:
            self._idle.append(line)
        else:
            self._drop(line)

    def _give_up_overdue(self, now: float) -> None:
        for line in [line for line in self._open if line.sending is not None]:
            if now - line.sent_at > self._load.patience_s:
                self._lose(line, OVERDUE)

    def _lose(self, line: HttpConnection, status: int) -> None:
        if line.sending is not None:
            self._statuses[line.sending], self._ended[line.sending] = status, self._now()
        elif line in self._idle:
            self._idle.remove(line)
        self._drop(line)

    def _drop(self, line: HttpConnection) -> None:
        self._selector.unregister(line)
        self._open.discard(line)
        line.close()

    def _take_line(self) -> HttpConnection | None:
        if self._idle:
            return self._idle.popleft()
        now = self._now()
        if len(self._open) >= self._lines_max or now < self._connect_at:
            return None
        try:
            return self._connect()
        except OSError:
            self._connect_at = now + _CONNECT_AGAIN_S
            return None

    def _connect(self) -> HttpConnection:
        line = HttpConnection(self._load.port)
        self._selector.register(line, selectors.EVENT_READ)
        self._open.add(line)
        self._lines_seen = max(self._lines_seen, len(self._open))
        return line

    def _now(self) -> float:
        return time.perf_counter() - self._start
