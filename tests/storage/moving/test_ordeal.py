"""A move whose process is killed again and again, while consumers scan and staff change things."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from scanhook.clock import SystemClock
from scanhook.errors import ScanhookError
from scanhook.registry import Action, Order, Scope, open_registry
from scanhook.settings import House
from scanhook.storage import Pepper, StorageUrl
from scanhook.wire.service import keyring
from tests.serving import Server, scan_push, serving
from tests.storage.moving.large import code_of, large_house

pytestmark = pytest.mark.ordeal

CODES, SCANS = 60_000, 10_000
KILLS = 6


def copying(house: House, url: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "scanhook", "storage", "copy", "sqlite:///data", url, "--json", *options]
    environment = {**os.environ, "SCANHOOK_CONFIG": str(house.path)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@dataclass(slots=True, kw_only=True)
class Life:
    """What goes on in a house meanwhile, and what it was promised.

    :ivar answered: the persons whose scans were answered.
    :ivar changed: the number of the last change that was made.
    """

    house: House
    server: Server
    seed: int
    answered: list[str] = field(default_factory=list)
    changed: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        threads = [threading.Thread(target=work) for work in (self._scan, self._change)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def _scan(self) -> None:
        keys, picked = keyring(self.house.settings.accounts["main"]), random.Random(self.seed)
        for number in range(1_000_000):
            if self.over.is_set():
                return
            person = f"o{self.seed}-{number}"
            code = code_of(picked.randrange(CODES)) if number % 5 else f"COPIED{number}"
            push = scan_push(code, keys=keys, FromUserName=person, KeyStr="bench")
            if self.server.push(push).status == 200:
                self.answered.append(person)

    def _change(self) -> None:
        pepper = Pepper.load(self.house.pepper_path)
        registry = open_registry(StorageUrl.of(self.house), pepper=pepper, clock=SystemClock())
        product = next(iter(registry.products()))
        tags = list(pepper.tags(product.id, (code_of(number) for number in range(50))))
        while not self.over.wait(0.2):
            order = Order(
                action=Action.SUSPEND, scopes=(Scope(product=product, tags=tuple(tags)),), who="mei", why="ordeal"
            )
            with suppress(ScanhookError):  # the house has moved, or stands still
                self.changed = registry.change(order).id
                self.changed = registry.undo(self.changed, who="mei", why="ordeal").id
        registry.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_move_that_is_killed_again_and_again_loses_nothing(tmp_path: Path, empty_database: str, seed: int) -> None:
    house, picked = large_house(tmp_path / "house", codes=CODES, scans=SCANS), random.Random(seed)
    with serving(house, tmp_path, workers=2) as server:
        life = Life(house=house, server=server, seed=seed)
        with life.going_on():
            for kill in range(KILLS):
                process = copying(house, empty_database, *(["--finish"] if kill >= KILLS // 2 else []))
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=picked.uniform(0.8, 5.0))
                process.kill()
                process.communicate()
            last = copying(house, empty_database, "--finish")
            said, complaint = last.communicate(timeout=300)
            assert last.returncode == 0, complaint
            time.sleep(0.5)
    assert '"state": "moved"' in said

    pepper = Pepper.load(house.pepper_path)
    with psycopg.connect(empty_database) as connection:
        kept = Counter(bytes(person) for (person,) in connection.execute("SELECT person FROM scanhook.scans"))
        (newest,) = connection.execute("SELECT max(id) FROM scanhook.changes").fetchone() or (None,)
    assert len(life.answered) > 100
    assert {person: kept[pepper.person(person)] for person in life.answered if kept[pepper.person(person)] != 1} == {}
    assert newest >= life.changed > 2
    checked = subprocess.run(
        [sys.executable, "-m", "scanhook", "storage", "check"],
        env={**os.environ, "SCANHOOK_CONFIG": str(house.path), "SCANHOOK_STORAGE__URL": empty_database},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
