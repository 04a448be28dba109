from __future__ import annotations

import random
from pathlib import Path

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import Refused
from scanhook.registry import Action, Order, RegistryStore, Scope, open_registry
from scanhook.storage import Pepper
from tests.contract.engines import Place
from tests.contract.life_model import Code, Model
from tests.contract.life_model import Place as ModelPlace
from tests.registry.codes import AT, EAN, HEADER, load

STEPS = 150
PRODUCTS = {"ean": EAN, "tea": ("qrcode", "tea")}
BATCHES = (("ean", "B-1", 16), ("ean", "B-2", 8), ("tea", "B-1", 10), ("tea", "B-3", 6))


ACTIONS = ("activate", "suspend", "expire", "recall", "stolen", "void")
TIMED = {"activate": 0.5, "expire": 0.9}
"""How often an action is set for a time; of the others it must be refused."""


class Walk:
    """One registry in two workers and its model; each step changes both, and looks whether they say the same."""

    def __init__(self, workers: tuple[RegistryStore, ...], clock: FixedClock, pepper: Pepper, seed: int) -> None:
        self.workers, self.clock, self.pepper = workers, clock, pepper
        self.dice = random.Random(seed)
        self.model = Model()
        self.outcomes: dict[str, int] = {}

    @property
    def now(self) -> int:
        return int(self.clock.at)

    def load(self, file: Path, batches: tuple[tuple[str, str, int], ...]) -> None:
        """Import so many codes of each batch, active and issued in turns."""
        worker = self.dice.choice(self.workers)
        newest = max((change.id for change in worker.changes(limit=1)), default=0)
        lines = []
        for product, batch, count in batches:
            there = sum((code.product, code.batch) == (product, batch) for code in self.model.codes)
            for position in range(there + 1, there + count + 1):
                code = Code(
                    product=product,
                    name=f"{batch}.{position}",
                    batch=batch,
                    position=position,
                    loaded_as=("active", "issued")[position % 2],
                    newest=newest,
                )
                self.model.codes.append(code)
                status = {"active": "active", "issued": "inactive"}[code.loaded_as]
                lines.append(f"{','.join(PRODUCTS[product])},{code.name},{status},{batch}")
        load(worker, file, self.pepper, *lines, header=f"{HEADER},batch")

    def step(self) -> None:
        self.clock.at += self.dice.choice((0, 0, 1, 5))
        if self.model.touched and self.dice.random() < 0.4:
            self.undo()
        else:
            self.change()
        self.compare()

    def change(self) -> None:
        worker = self.dice.choice(self.workers)
        (action,) = self.dice.choices(ACTIONS, weights=(10, 6, 2, 1, 1, 1))
        later = self.now + self.dice.randint(-1, 20)
        at = later if self.dice.random() < TIMED.get(action, 0.1) else None
        places, scopes = self.aim(worker)
        said = self.model.after(action, places, 10**9, at, self.now)
        try:
            done = worker.change(Order(action=Action(action), scopes=scopes, who="mei", why="walk", at=at))
        except Refused:
            assert said is None, f"{action} of {places} at {at} is allowed"
            self.count(f"{scopes[0].level} refused")
            return
        said = self.model.after(action, places, done.id, at, self.now)
        assert said is not None, f"{action} of {places} at {at} must be refused"
        self.model.change(places, said, done.id)
        self.count(f"{scopes[0].level} {action}{'' if at is None else ' for a time'}")

    def undo(self) -> None:
        recent = sorted(self.model.touched)[-12:]
        change_id = self.dice.choice(recent)
        allowed = self.model.can_undo(change_id)
        try:
            self.dice.choice(self.workers).undo(change_id, who="li", why="walk back")
        except Refused:
            assert not allowed, f"the change {change_id} can be undone"
            self.count("undo refused")
            return
        assert allowed, f"the change {change_id} cannot be undone"
        self.model.undo(change_id)
        self.count("undo")

    def aim(self, worker: RegistryStore) -> tuple[list[ModelPlace], tuple[Scope, ...]]:
        """Choose what to change: in the model's words, and in the registry's."""
        product, batch, _ = self.dice.choice(BATCHES)
        owner = worker.find_product("main", *PRODUCTS[product])
        assert owner is not None
        level = self.dice.choice(["code", "code", "range", "range", "range", "batch", "batch", "product"])
        if level == "product":
            return [("product", product)], (Scope(product=owner),)
        if level == "batch":
            return [("batch", product, batch)], (Scope(product=owner, batch=batch),)
        inside = [code for code in self.model.codes if (code.product, code.batch) == (product, batch)]
        if level == "range":
            first, last = sorted(self.dice.choices(range(1, len(inside) + 1), k=2))
            places = [("range", product, batch, str(position)) for position in range(first, last + 1)]
            return list(places), (Scope(product=owner, batch=batch, first=first, last=last),)
        chosen = self.dice.sample(inside, k=self.dice.randint(1, 4))
        tags = [worker.look_up("main", *PRODUCTS[product], code.name).tag for code in chosen]
        return [("code", product, code.name) for code in chosen], (
            Scope(product=owner, tags=tuple(tag for tag in tags if tag)),
        )

    def compare(self) -> None:
        worker = self.dice.choice(self.workers)
        for code in self.model.codes:
            found = worker.look_up("main", *PRODUCTS[code.product], code.name).code
            assert found is not None
            assert (found.batch, found.position) == (code.batch, code.position)
            for now in (self.now, self.now + 10):
                assert found.state_at(now) == self.model.state(code, now), f"{code} at {now}"
                assert found.is_issued_at(now) is self.model.is_issued(code, now), f"{code} at {now}"
        names = {PRODUCTS[product][1]: product for product in PRODUCTS}
        for batch in worker.batches():
            activated = self.model.ever_activated(names[batch.product.key_str], batch.name)
            assert batch.ever_activated is activated, f"{batch.name} of {batch.product.key_str}"

    def count(self, outcome: str) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1


@pytest.mark.ordeal
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_any_changes_and_undos_every_code_is_in_the_state_that_a_plain_model_says(
    place: Place, pepper: Pepper, tmp_path: Path, seed: int
) -> None:
    clock = FixedClock(at=AT)
    workers = tuple(open_registry(place.storage, pepper=pepper, clock=clock) for _ in range(2))
    walk = Walk(workers, clock, pepper, seed)
    walk.load(tmp_path / "first.csv", BATCHES)
    walk.compare()

    for number in range(STEPS):
        walk.step()
        if number == STEPS // 2:
            walk.load(tmp_path / "second.csv", (("ean", "B-1", 2), ("tea", "B-3", 2)))
            walk.compare()

    assert walk.outcomes["undo"] > 10
    assert walk.outcomes["undo refused"] > 5
    assert {outcome.split()[0] for outcome in walk.outcomes} == {"undo", "code", "range", "batch", "product"}
    assert {"range refused", "range suspend", "code activate", "batch activate"} <= walk.outcomes.keys()
    assert {"range activate for a time", "code activate for a time"} <= walk.outcomes.keys()
    for worker in workers:
        worker.close()
