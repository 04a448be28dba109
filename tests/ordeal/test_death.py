"""Whoever serves is killed under load, again and again: no answered scan is lost, doubled, or told another verdict."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scanhook.settings import House
from scanhook.wire.service import keyring
from tests.conftest import stock
from tests.ordeal.absences import BACK_WITHIN_S, Absences
from tests.ordeal.books import Books, check_storage
from tests.ordeal.crowd import seed
from tests.ordeal.delivery import Manner, Shape
from tests.ordeal.ledger import tell
from tests.ordeal.load import BATCHES, CODE_FILE, HOT
from tests.ordeal.processes import Phoenix, is_dead
from tests.ordeal.visitors import Visitors
from tests.serving import wait_for
from tests.wire.api.conftest import add_keys

RATE = 120.0
SHORT, LONG = 10, 300
"""How many are killed."""
BATCH = next(batch for batch, codes in BATCHES.items() if HOT in codes)
MANNERS = (Manner(), Manner(kept=True), Manner(kept=True), Manner(shape=Shape.CHUNKS, pause_s=0.02))
LETS_THEM_BE_S = 0.6
"""At most, after the time in which a service may still recover: then who is not answered meets with no death."""


@dataclass(slots=True, kw_only=True)
class Fate:
    """Who was killed when.

    :param absences: of those who serve; the death of a housekeeper excuses nothing.
    :param took: how long it took, by who was killed, until all were back and somebody was answered.
    """

    absences: Absences = field(default_factory=Absences)
    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def kills(self) -> int:
        return sum(len(times) for times in self.took.values())

    def tell(self) -> None:
        for who, times in sorted(self.took.items()):
            times.sort()
            tell(f"  {who} back: {len(times)} times, median {times[len(times) // 2]:.2f} s, at most {times[-1]:.2f} s")


class Staff:
    """Suspends a batch and puts it back, through the API."""

    def __init__(self, service: Phoenix, key: str) -> None:
        self._service = service
        self._head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._change: int | None = None
        self.changes = 0

    def change(self) -> None:
        if self._change is None:
            target = {"keystandard": "qrcode", "keystr": "moment-frame", "batch": BATCH}
            made = self._post("", {"action": "suspend", "level": "batch", "targets": [target]})
            self._change = int(made["id"])
        else:
            self._post(f"/{self._change}/undo", {})
            self._change = None
        self.changes += 1

    def _post(self, path: str, body: dict[str, object]) -> dict[str, str]:
        said = json.dumps({**body, "why": "an ordeal"}).encode()
        answer = self._service.server.request("POST", f"/api/v1/changes{path}", said, self._head)
        assert answer.status in {200, 201}, answer.body
        found: dict[str, str] = json.loads(answer.body)
        return found


def housekeeper(service: Phoenix) -> int:
    """Return the process that keeps house; 0 while there is none."""
    pids = re.findall(r'"the housekeeper is at work" pid=(\d+)', service.server.log())
    return int(pids[-1]) if pids and not is_dead(int(pids[-1])) else 0


class Reaper:
    """Kills, and waits until all are back."""

    def __init__(self, service: Phoenix, load: Visitors, chance: random.Random) -> None:
        self._service = service
        self._load = load
        self._chance = chance
        self.fate = Fate()

    def strike(self, who: str) -> None:
        """Kill somebody at any moment, or in the moment in which an answer arrives."""
        struck: list[float] = []
        pids = self._victims(who)

        def kill() -> None:
            struck.append(time.monotonic())
            for pid in pids:
                os.kill(pid, signal.SIGKILL)

        if self._chance.random() < 0.7:
            self._load.at_next_answer(kill)
            wait_for(lambda: struck, "an answer comes")
        else:
            kill()
        wait_for(lambda: all(is_dead(pid) for pid in pids), "they are dead")
        if who == "service":
            self._service.rise()
        gone_at = time.monotonic()
        wait_for(lambda: len(self._service.living()) == 2, "two workers are back")
        if who == "housekeeper":
            wait_for(lambda: housekeeper(self._service), "somebody keeps house")
        else:
            self.fate.absences.windows.append((struck[0], gone_at))
        self._await_verdict()
        self.fate.took[who].append(time.monotonic() - struck[0])

    def _victims(self, who: str) -> list[int]:
        if who == "housekeeper":
            wait_for(lambda: housekeeper(self._service), "somebody keeps house")
            return [housekeeper(self._service)]
        workers = self._service.living()
        if who == "worker":
            return [self._chance.choice(workers)]
        return workers if who == "all workers" else self._service.family()

    def _await_verdict(self) -> None:
        now = time.monotonic()
        wait_for(lambda: self._load.verdicts_since(now) > 0, "somebody is answered")


def deaths(count: int, chance: random.Random) -> list[str]:
    """Return who is to die, in which order; a housekeeper that dies often is given longer and longer pauses."""
    kinds = ["worker", "all workers", "service", "worker", "all workers", "worker", "service", "all workers"]
    order = [kinds[number % len(kinds)] for number in range(count)]
    for place in range(4, count, 10):
        order[place] = "housekeeper"
    chance.shuffle(order)
    return order


@contextmanager
def laid(house: House, tmp_path: Path) -> Iterator[tuple[Phoenix, str]]:
    stock(house, codes=CODE_FILE)
    key = add_keys(house)["operate"]
    with Phoenix(house, tmp_path) as service:
        yield service, key


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(SHORT, id="short", marks=[pytest.mark.ordeal, pytest.mark.alone]),
        pytest.param(LONG, id="long", marks=pytest.mark.endurance),
    ],
)
def test_no_death_costs_an_answered_scan(house: House, tmp_path: Path, count: int) -> None:
    chosen = seed()
    chance = random.Random(chosen)
    with laid(house, tmp_path) as (service, key):
        staff = Staff(service, key)
        load = Visitors(
            [service.port], keys=keyring(house.settings.accounts["main"]), rate=RATE, seed=chosen, manners=MANNERS
        )
        reaper = Reaper(service, load, chance)
        with load.running():
            for who in deaths(count, chance):
                time.sleep(BACK_WITHIN_S + chance.random() * LETS_THEM_BE_S)
                if chance.random() < 0.5:
                    staff.change()
                reaper.strike(who)
        service.server.kill()
    books = Books(house, load, changing=BATCHES[BATCH])
    books.tell("deaths", kills=reaper.fate.kills, changes=staff.changes)
    reaper.fate.tell()
    books.settle()
    assert reaper.fate.absences.unexcused(load.visits) == []
    check_storage(house, tmp_path)
