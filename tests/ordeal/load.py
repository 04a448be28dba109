"""Pushes as a crowd sends them, and WeChat repeats them: each on a line of its own, whatever became of the last."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from scanhook.envelope import Keyring
from scanhook.sandbox import Push
from tests.serving import scan_push, verdict_in

BATCHES = {f"b{number}": [f"GENUINE{number}{n:03}" for n in range(10)] for number in range(10)}
CODES = {
    **{code: "real" for codes in BATCHES.values() for code in codes},
    **{f"PRINTED{number:04}": "not_active" for number in range(10)},
    **{f"COPIED{number:04}": "fake" for number in range(20)},
}
"""What is scanned, and what must be answered."""
HOT = "GENUINE0000"
"""The code that everybody scans."""
CODE_FILE = "keystandard,keystr,extinfo,status,batch\n" + "".join(
    [
        *(f"qrcode,moment-frame,{code},active,{batch}\n" for batch, codes in BATCHES.items() for code in codes),
        *(f"qrcode,moment-frame,PRINTED{number:04},inactive,printed\n" for number in range(10)),
    ]
)
WECHAT_WAITS_S = 5.0
TRIES = 3
PAUSE_S = 1.5
"""WeChat waits longer before it repeats a push; here there is less time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One sending of a push.

    :param status: 0 where no answer came.
    :param began_at: by ``time.monotonic``, like ``ended_at``.
    """

    status: int
    verdict: str | None
    began_at: float
    ended_at: float


@dataclass(slots=True, kw_only=True)
class Sent:
    """One scan of one consumer, who scans no other code.

    :param ports: where it is sent, in turn.
    """

    person: str
    code: str
    push: Push
    ports: tuple[int, ...]
    tries: list[Try] = field(default_factory=list)

    @property
    def answered(self) -> str | None:
        """The verdict that came, if one did."""
        return next((made.verdict for made in self.tries if made.verdict is not None), None)


class Load:
    """Sends so many pushes a second until it is stopped, and repeats those that are not answered.

    :param ports: of the services; each push goes to one of them, and its repeats to the others in turn.
    :param seed: which codes are scanned, and in which order.
    """

    def __init__(self, ports: Sequence[int], *, keys: Keyring, rate: float, seed: int, tries: int = TRIES) -> None:
        self.sent: list[Sent] = []
        self.seed = seed
        self._ports = tuple(ports)
        self._keys = keys
        self._rate = rate
        self._tries = tries
        self._random = random.Random(seed)
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send while the block runs; when it is left, every push has its answer or was given up."""
        thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def answers(self) -> list[Try]:
        """Return every try that came to its end so far, in the order of their ends."""
        return sorted((made for sent in list(self.sent) for made in list(sent.tries)), key=lambda made: made.ended_at)

    def verdicts_since(self, moment: float) -> int:
        """Count the verdicts to pushes that were sent since a moment."""
        return sum(1 for made in self.answers() if made.verdict is not None and made.began_at >= moment)

    def longest_without_verdict_s(self) -> float:
        """Return the longest time in which nobody got a verdict."""
        ends = [made.ended_at for made in self.answers() if made.verdict is not None]
        return max(after - before for before, after in pairwise(ends))

    def first_verdict_after(self, moment: float) -> float:
        """Return how many seconds after a moment somebody got a verdict again."""
        return next(made.ended_at for made in self.answers() if made.ended_at >= moment and made.verdict) - moment

    async def _run(self) -> None:
        tasks, due_at = set(), time.monotonic()
        while not self._stop.is_set():
            sent = self._next()
            self.sent.append(sent)
            tasks.add(asyncio.create_task(self._send(sent)))
            due_at += 1 / self._rate
            await asyncio.sleep(max(0.0, due_at - time.monotonic()))
        await asyncio.gather(*tasks)

    def _next(self) -> Sent:
        person = f"oVisitor{self.seed}x{len(self.sent)}"
        code = HOT if self._random.random() < 0.3 else self._random.choice(list(CODES))
        first = self._random.randrange(len(self._ports))
        push = scan_push(code, keys=self._keys, FromUserName=person)
        return Sent(person=person, code=code, push=push, ports=self._ports[first:] + self._ports[:first])

    async def _send(self, sent: Sent) -> None:
        for number in range(self._tries):
            if number:
                await asyncio.sleep(PAUSE_S)
            made = await send(sent.push, sent.ports[number % len(sent.ports)], keys=self._keys)
            sent.tries.append(made)
            if made.status == 200:
                return


async def send(push: Push, port: int, *, keys: Keyring) -> Try:
    """Send a push once, and wait as long as WeChat does."""
    began_at, status, body = time.monotonic(), 0, b""
    try:
        async with asyncio.timeout(WECHAT_WAITS_S):
            status, body = await _exchange(push, port)
    except (OSError, EOFError, TimeoutError):
        status = 0
    verdict = verdict_in(body, keys=keys) if status == 200 else None
    return Try(status=status, verdict=verdict, began_at=began_at, ended_at=time.monotonic())


async def _exchange(push: Push, port: int) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = f"POST /wechat/callback?{push.query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(push.body)}\r\n\r\n".encode() + push.body)
        answer = await reader.read()
    finally:
        writer.close()
    if not answer:
        raise EOFError
    lines, _, body = answer.partition(b"\r\n\r\n")
    return int(lines.split(b" ", 2)[1]), body
