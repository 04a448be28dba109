"""Consumers who scan, and open product pages: some more than once, some slowly, some on a line that stays open.

WeChat repeats for them.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scanhook.envelope import Keyring
from tests.ordeal.delivery import Delivery, Lines, Manner, deliver
from tests.ordeal.load import CODES, HOT, PAUSE_S, Load, Sent
from tests.serving import scan_push

__all__ = ["Visit", "Visitors"]

SCAN, LOOK = "scan_product_callback", "user_scan_product"
_UNDER_WAY_MAX = 40
_CREATED_WITHIN_S = 200
"""The service takes no push for one that is older than 300 s."""


@dataclass(slots=True, kw_only=True)
class Visit(Sent):
    """One scan of one consumer, who may have scanned before, or one look at a product's page.

    :param create_time: in seconds since 1970; no two visits of one consumer have the same.
    :param event: WeChat's name of it.
    """

    create_time: int
    manner: Manner
    event: str = SCAN

    @property
    def is_scan(self) -> bool:
        """Whether it asks for a verdict."""
        return self.event == SCAN

    @property
    def name(self) -> tuple[str, int]:
        """What tells it from any other."""
        return self.person, self.create_time

    @property
    def deliveries(self) -> list[Delivery]:
        """Its tries, in order."""
        return [made for made in self.tries if isinstance(made, Delivery)]


class Visitors(Load):
    """Sends so many pushes a second at most, each in a manner of its own.

    :param manners: how they are sent, by chance.
    :param again: this share of the answered pushes is sent once more: the answer may have been lost on its way.
    :param often: this share of the visits is by somebody who was there before, with the same code.
    :param looks: this share of the visits asks for no verdict.
    """

    def __init__(
        self,
        ports: Sequence[int],
        *,
        keys: Keyring,
        rate: float,
        seed: int,
        manners: Sequence[Manner] = (Manner(),),
        pause_s: float = PAUSE_S,
        again: float = 0.1,
        often: float = 0.15,
        looks: float = 0.3,
    ) -> None:
        super().__init__(ports, keys=keys, rate=rate, seed=seed)
        self.lines = Lines()
        self._manners = manners
        self._pause_s = pause_s
        self._again = again
        self._often = often
        self._looks = looks
        self._under_way = 0
        self._names: set[tuple[str, int]] = set()
        self._awaited: deque[Callable[[], None]] = deque()

    @property
    def visits(self) -> list[Visit]:
        """Every visit so far."""
        return [sent for sent in list(self.sent) if isinstance(sent, Visit)]

    def at_next_answer(self, act: Callable[[], None]) -> None:
        """Do something in the very moment in which the next answer arrives."""
        self._awaited.append(act)

    async def _run(self) -> None:
        tasks = set()
        while not self._stop.is_set():
            # However slow the machine is: nobody shall be late because of all the others.
            if self._under_way < _UNDER_WAY_MAX:
                sent = self._next()
                self.sent.append(sent)
                tasks.add(asyncio.create_task(self._send(sent)))
            await asyncio.sleep(1 / self._rate)
        await asyncio.gather(*tasks)
        await self.lines.close()

    def _next(self) -> Sent:
        chance = self._random
        if self.sent and chance.random() < self._often:
            before = chance.choice(self.sent)
            person, code = before.person, before.code
        else:
            person = f"oVisitor{self.seed}v{len(self.sent)}"
            code = HOT if chance.random() < 0.3 else chance.choice(list(CODES))
        now = int(time.time())
        create_time = now - chance.randrange(_CREATED_WITHIN_S)
        while (person, create_time) in self._names:
            create_time -= 1
        self._names.add((person, create_time))
        event = LOOK if chance.random() < self._looks else SCAN
        push = scan_push(code, keys=self._keys, at=now, FromUserName=person, CreateTime=create_time, Event=event)
        first = chance.randrange(len(self._ports))
        return Visit(
            person=person,
            code=code,
            create_time=create_time,
            push=push,
            ports=self._ports[first:] + self._ports[:first],
            manner=chance.choice(self._manners),
            event=event,
        )

    async def _send(self, sent: Sent) -> None:
        assert isinstance(sent, Visit)
        for number in range(self._tries):
            if number:
                await asyncio.sleep(self._pause_s)
            if (await self._try(sent, number)).status == 200:
                break
        if sent.answered is not None and self._random.random() < self._again:
            await asyncio.sleep(self._pause_s)
            await self._try(sent, len(sent.tries))

    async def _try(self, visit: Visit, number: int) -> Delivery:
        port = visit.ports[number % len(visit.ports)]
        self._under_way += 1
        made = await deliver(
            visit.push, port, keys=self._keys, manner=visit.manner, lines=self.lines, answered=self._act
        )
        self._under_way -= 1
        visit.tries.append(made)
        return made

    def _act(self) -> None:
        while self._awaited:
            self._awaited.popleft()()
