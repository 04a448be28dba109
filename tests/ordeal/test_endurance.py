"""Many pushes, one after the other: memory, threads and open files stay what they were.

What a leak of some hundred bytes adds to a few thousand pushes is less than what a process takes while it gets warm. So
the slope is held, of the second half alone.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest

from scanhook.settings import House
from scanhook.storage import Pepper
from scanhook.wire.service import keyring
from tests.conftest import stock
from tests.ordeal.books import check_storage
from tests.ordeal.crowd import Crowd, Passage, seed
from tests.ordeal.ledger import tell
from tests.ordeal.load import CODE_FILE, CODES
from tests.ordeal.vitals import Vitals, vitals_of
from tests.serving import Server, rows, serving, wait_for

FULL = int(os.environ.get("ORDEAL_PUSHES") or 1_000_000)
AT_ONCE = 1000
WARM_AFTER = 0.4
GROWTH_MAX_BYTES = 12 << 20
SLOPE_MAX_BYTES = 250
"""A push, in all workers together; one that stays in memory takes 500 at least, and a whole body 2 KiB."""
MORE_MAX = 2
"""So many more threads, and open files."""
LAST = 3
LINES_STAY = 32
WORKERS = ("worker 1", "worker 2")
A_LINE_EACH = 100


@pytest.mark.parametrize(
    ("count", "lines"),
    [
        pytest.param(34_000, LINES_STAY, marks=pytest.mark.ordeal, id="on few lines"),
        pytest.param(28_000, A_LINE_EACH, marks=pytest.mark.ordeal, id="on a line each"),
        pytest.param(FULL, LINES_STAY, marks=pytest.mark.endurance, id="very many on few lines"),
        pytest.param(FULL // 5, A_LINE_EACH, marks=pytest.mark.endurance, id="very many on a line each"),
    ],
)
def test_many_pushes_take_no_more_of_the_machine_than_few(house: House, tmp_path: Path, count: int, lines: int) -> None:
    stock(house, codes=CODE_FILE)
    told, seen = Told(), []
    at_once = AT_ONCE if lines == LINES_STAY else lines
    with serving(house, tmp_path, workers=2) as service:
        crowd = Crowd(port=service.port, keys=keyring(house.settings.accounts["main"]), seed=seed())
        processes = _processes(service)
        began_at = time.monotonic()
        while len(told.persons) < count:
            for _ in range(AT_ONCE // at_once):
                told.add(crowd.closed(crowd.compose(at_once), lines=lines))
            seen.append({name: vitals_of(pid) for name, pid in processes.items()})
        took_s = time.monotonic() - began_at
        assert _processes(service) == processes, "a process has died"
    tell(f"{count} pushes on {lines} lines at once in {took_s:.0f} s: seed {crowd.seed}, {told.compare(house)}")
    warm = int(WARM_AFTER * len(seen))
    for name in processes:
        _tell(name, [vitals[name] for vitals in seen], warm)
    slope = _slope([sum(vitals[name].own for name in WORKERS) for vitals in seen])
    tell(f"the workers take {slope:.0f} bytes more with each push of the second half")
    assert told.faults == Counter()
    assert slope < SLOPE_MAX_BYTES
    for name in processes:
        before, after = ([vitals[name] for vitals in part] for part in (seen[: warm + 1], seen[warm:]))
        assert _most(after).resident - before[-1].resident < GROWTH_MAX_BYTES
        assert _most(after).threads <= _most(before).threads + MORE_MAX
        # A line that we have just closed may still be open over there.
        assert min(vitals.files for vitals in after[-LAST:]) <= _most(before).files + MORE_MAX
    check_storage(house, tmp_path)


@dataclass(slots=True)
class Told:
    """What each person was told: all that is kept of a push, for there are many."""

    persons: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    verdicts: list[str | None] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, passages: Iterable[Passage]) -> None:
        """Note what came back."""
        for passage in passages:
            self.persons.append(passage.sent.person)
            self.codes.append(passage.sent.code)
            self.verdicts.append(passage.verdict)

    def compare(self, house: House) -> str:
        """Hold the journal to it, note the faults, and name the figures."""
        pepper = Pepper.load(house.pepper_path)
        kept: dict[bytes, str] = {}
        stored = doubled = 0
        for person, verdict in rows(house, "SELECT person, verdict FROM scans"):
            stored += 1
            doubled += person in kept
            kept[person] = verdict
        lost = wrong = refused = 0
        for person, code, verdict in zip(self.persons, self.codes, self.verdicts, strict=True):
            refused += verdict is None
            lost += verdict != kept.get(pepper.person(person))
            wrong += verdict not in (None, CODES[code])
        self.faults = +Counter(lost=lost, doubled=doubled, wrong=wrong, refused=refused)
        answered = len(self.persons) - refused
        return (
            f"sent {len(self.persons)}, answered {answered}, refused {refused}, stored {stored}, lost {lost}, "
            f"doubled {doubled}, wrong {wrong}"
        )


def _processes(service: Server) -> dict[str, int]:
    """Return the workers, the housekeeper and the process that looks after them."""

    def housekeepers() -> list[int]:
        return [pid for pid in _children(service.process.pid) if b"housekeeper" in _command(pid)]

    wait_for(lambda: len(service.workers()) == 2 and housekeepers(), "all are there")
    (housekeeper,) = housekeepers()
    one, other = service.workers()
    return {"master": service.process.pid, **dict(zip(WORKERS, (one, other), strict=True)), "housekeeper": housekeeper}


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _most(seen: Sequence[Vitals]) -> Vitals:
    return Vitals(
        resident=max(vitals.resident for vitals in seen),
        own=max(vitals.own for vitals in seen),
        threads=max(vitals.threads for vitals in seen),
        files=max(vitals.files for vitals in seen),
    )


def _slope(sizes: Sequence[int]) -> float:
    """Return by how many bytes a push they grow in the second half: the middle one of all slopes between two moments.

    Memory comes in pieces of a MiB, which a mean would take for a leak.
    """
    half = sizes[len(sizes) // 2 :]
    return median(
        (later - sooner) / (AT_ONCE * (gap + 1))
        for place, sooner in enumerate(half)
        for gap, later in enumerate(half[place + 1 :])
    )


def _tell(name: str, seen: Sequence[Vitals], warm: int) -> None:
    last = len(seen) - 1
    at = sorted({0, last // 8, warm, last // 2, 3 * last // 4, last})
    tell(
        f"{name}: {' '.join(f'{seen[moment].resident / (1 << 20):.1f}' for moment in at)} MiB after "
        f"{' '.join(str(AT_ONCE * (moment + 1)) for moment in at)} pushes, "
        f"threads {seen[warm].threads} and {seen[last].threads}, files {seen[warm].files} and {seen[last].files}"
    )
