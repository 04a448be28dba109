"""Several machines on one database: one scan has one verdict, and a change holds everywhere at once."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scanhook.settings import House
from tests.ordeal.conftest import Ground
from tests.ordeal.ledger import tell
from tests.ordeal.load import BATCHES, CODES, HOT, Sent, send
from tests.serving import Server, environment, scan_push, serving, verdict_in
from tests.wire.api.conftest import add_keys

pytestmark = pytest.mark.ordeal

ROUNDS = 150
CHANGES = 80


def test_the_same_push_at_two_machines_is_one_scan(ground: Ground, twin: House, tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    chance = random.Random(seed)
    pushed: list[Sent] = []

    async def crowd(ports: tuple[int, ...]) -> None:
        for number in range(ROUNDS):
            code = HOT if chance.random() < 0.5 else chance.choice(list(CODES))
            person = f"oTwice{seed}x{number}"
            sent = Sent(
                person=person, code=code, push=scan_push(code, keys=ground.keys, FromUserName=person), ports=ports
            )
            # Each machine has two workers: it may come to all four.
            sent.tries += await asyncio.gather(*[send(sent.push, port, keys=ground.keys) for port in ports * 2])
            pushed.append(sent)

    with serving(ground.house, tmp_path, workers=2) as one, serving(twin, tmp_path, workers=2) as other:
        asyncio.run(crowd((one.port, other.port)))
    reckoning = ground.ledger.reckon(pushed)
    tell(f"the same push at two machines: seed {seed}, {reckoning}")
    assert Counter(made.status for sent in pushed for made in sent.tries) == {200: 4 * ROUNDS}
    assert [sent.person for sent in pushed if {made.verdict for made in sent.tries} != {CODES[sent.code]}] == []
    assert (reckoning.stored, reckoning.lost, reckoning.doubled, reckoning.wrong) == (ROUNDS, 0, 0, 0)
    assert ground.ledger.miscounted() == {}


class Staff:
    """Changes batches through the API of a machine."""

    def __init__(self, key: str) -> None:
        self._head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def suspend(self, machine: Server, batch: str) -> int:
        target = {"keystandard": "qrcode", "keystr": "moment-frame", "batch": batch}
        made = self._post(machine, "/changes", {"action": "suspend", "level": "batch", "targets": [target], "why": "x"})
        return int(made["id"])

    def undo(self, machine: Server, change: int) -> None:
        self._post(machine, f"/changes/{change}/undo", {"why": "x"})

    def _post(self, machine: Server, path: str, body: dict[str, object]) -> Any:
        answer = machine.request("POST", f"/api/v1{path}", json.dumps(body).encode(), self._head)
        assert answer.status in (200, 201), answer
        return json.loads(answer.body)


def scan_at(machine: Server, ground: Ground, code: str, person: str) -> str:
    push = scan_push(code, keys=ground.keys, FromUserName=person)
    # A machine that has too much to do may say "try again", and then WeChat does.
    answer = next((answer for _ in range(3) if (answer := machine.push(push)).status == 200), None)
    assert answer is not None, machine.log()
    return verdict_in(answer.body, keys=ground.keys)


def test_what_one_machine_suspends_is_suspended_for_the_next_scan_at_the_other(
    ground: Ground, twin: House, tmp_path: Path
) -> None:
    staff, seed = Staff(add_keys(ground.house)["operate"]), random.randrange(1_000_000)
    chance, suspended, wrong, scans = random.Random(seed), dict[str, int](), list[tuple[int, str]](), 0
    with serving(ground.house, tmp_path, workers=2) as one, serving(twin, tmp_path, workers=2) as other:
        load = ground.load(one.port, other.port, rate=30)  # keeps what every worker remembers fresh
        with load.running():
            for step in range(CHANGES):
                batch, (here, there) = chance.choice(list(BATCHES)), chance.sample([one, other], 2)
                if batch in suspended:
                    staff.undo(here, suspended.pop(batch))
                else:
                    suspended[batch] = staff.suspend(here, batch)
                for asked, machine in ((batch, there), (batch, here), (chance.choice(list(BATCHES)), there)):
                    verdict = scan_at(machine, ground, chance.choice(BATCHES[asked]), f"oStep{seed}x{scans}")
                    scans += 1
                    if verdict != ("not_active" if asked in suspended else "real"):
                        wrong.append((step, asked))
    tell(f"changes at two machines: seed {seed}, {CHANGES} changes, {scans} scans, {len(load.sent)} beside them")
    assert wrong == []
    assert {made.status for made in load.answers()} <= {200, 503}
    assert ground.ledger.miscounted() == {}


def test_a_command_on_one_machine_holds_for_the_next_scan_at_the_other(
    ground: Ground, twin: House, tmp_path: Path
) -> None:
    with serving(ground.house, tmp_path, workers=2) as one:
        assert scan_at(one, ground, HOT, "oBefore") == "real"
        change = run_command(twin, tmp_path, "suspend", "b0")
        assert [scan_at(one, ground, HOT, f"oAfter{number}") for number in range(4)] == ["not_active"] * 4
        run_command(twin, tmp_path, "undo", str(change))
        assert [scan_at(one, ground, HOT, f"oAtLast{number}") for number in range(4)] == ["real"] * 4


def run_command(house: House, home: Path, *words: str) -> int:
    """Run ``scanhook batches …``, and return the number of the change."""
    command = [sys.executable, "-m", "scanhook", "batches", *words]
    command += ["--yes", "--json", "--why", "a test", "--config", str(house.path)]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(json.loads(done.stdout)["change"])
