from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from scanhook.registry import Batch, Product, RegistryStore, Scope
from scanhook.registry.mint import mint_codes
from scanhook.registry.mintorder import MintOrder
from scanhook.storage import Pepper
from tests.contract.engines import crossed
from tests.contract.life import change, undo
from tests.registry.codes import AT, CLOCK, EAN, HEADER, ean_lines, load

HOURS = 72
LATER = AT + HOURS * 3600
SOON = int(AT) + 100
FRAME = Product(id=b"productx", account="main", key_standard="qrcode", key_str="frame", qr_prefix="http://p.url.cn/5g")

Scopes = Callable[[list[bytes]], Scope]

CODE: Scopes = lambda tags: Scope(product=FRAME, tags=(tags[3],))  # noqa: E731
LIST: Scopes = lambda tags: Scope(tags=tuple(tags[1:3]))  # noqa: E731
RANGE: Scopes = lambda _tags: Scope(product=FRAME, batch="spring", first=2, last=3)  # noqa: E731
BATCH: Scopes = lambda _tags: Scope(product=FRAME, batch="spring")  # noqa: E731
PRODUCT: Scopes = lambda _tags: Scope(product=FRAME)  # noqa: E731


def mint(registry: RegistryStore, folder: Path, pepper: Pepper, name: str = "spring") -> list[bytes]:
    """Mint a batch of five codes, and return their tags in the order of the positions."""
    path = folder / f"{name}.csv"
    order = MintOrder(product=FRAME, batch=name, codes=5, path=path, taken_by="Mr Li", who="mei", why="printing")
    mint_codes(registry, order, pepper=pepper, clock=CLOCK)
    with path.open(encoding="utf-8", newline="") as file:
        looked = [registry.look_up("main", "qrcode", "frame", line["serial"]).tag for line in csv.DictReader(file)]
    return [tag for tag in looked if tag]


@pytest.fixture
def tags(registry: RegistryStore, tmp_path: Path, pepper: Pepper) -> list[bytes]:
    registry.add_product(FRAME)
    return mint(registry, tmp_path, pepper)


def found(registry: RegistryStore, name: str = "spring") -> Batch:
    """Return the batch, which a list tells just as well."""
    batch = registry.find_batch(FRAME, name)
    assert batch is not None
    (listed,) = registry.batches(name=name)
    assert (listed.ever_activated, listed.ranged) == (batch.ever_activated, batch.ranged)
    return batch


def forgotten(registry: RegistryStore, name: str = "spring") -> bool:
    return found(registry, name).is_forgotten(LATER, hours=HOURS)


@pytest.mark.usefixtures("tags")
def test_a_minted_batch_is_forgotten_after_its_hours(registry: RegistryStore) -> None:
    batch = found(registry)

    assert not batch.ever_activated
    assert [batch.is_forgotten(now, hours=HOURS) for now in (AT, LATER - 1, LATER)] == [False, False, True]
    assert not batch.is_forgotten(LATER, hours=0)


@pytest.mark.parametrize(
    ("place", "scopes", "action"),
    crossed(
        {"code": CODE, "list": LIST, "range": RANGE},
        {action: action for action in ("void", "suspend", "recall", "stolen", "expire")},
    ),
    indirect=["place"],
)
def test_a_batch_of_which_a_part_was_forbidden_is_forgotten_all_the_same(
    registry: RegistryStore, tags: list[bytes], scopes: Scopes, action: str
) -> None:
    change(registry, action, scopes(tags))

    assert found(registry).ranged is (scopes is RANGE)
    assert not found(registry).ever_activated
    assert forgotten(registry)


@pytest.mark.parametrize(
    ("place", "scopes", "at"),
    crossed(
        {"code": CODE, "list": LIST, "range": RANGE, "batch": BATCH},
        {"at once": None, "soon": SOON, "late": int(LATER) + 1},
    ),
    indirect=["place"],
)
def test_a_batch_of_which_anything_was_activated_is_not_until_that_is_undone(
    registry: RegistryStore, another: RegistryStore, tags: list[bytes], scopes: Scopes, at: int | None
) -> None:
    done = change(registry, "activate", scopes(tags), at=at)
    assert (found(another).ever_activated, forgotten(another)) == (True, False)

    undo(registry, done.id)

    assert (found(another).ever_activated, forgotten(another)) == (False, True)


def test_every_activation_must_be_undone(registry: RegistryStore, tags: list[bytes]) -> None:
    made = [change(registry, "activate", scopes(tags)) for scopes in (CODE, RANGE)]
    voided = change(registry, "void", RANGE(tags))

    undo(registry, made[0].id)
    assert not forgotten(registry)
    undo(registry, voided.id)
    assert not forgotten(registry)
    undo(registry, made[1].id)
    assert forgotten(registry)


def test_what_was_activated_and_then_voided_was_thought_of(registry: RegistryStore, tags: list[bytes]) -> None:
    change(registry, "activate", CODE(tags))
    change(registry, "void", CODE(tags))

    assert not forgotten(registry)


def test_activating_a_product_activates_none_of_its_batches(registry: RegistryStore, tags: list[bytes]) -> None:
    change(registry, "activate", PRODUCT(tags))

    assert not found(registry).ever_activated
    assert forgotten(registry)


def test_only_the_batches_of_the_activated_codes_are_thought_of(
    registry: RegistryStore, tags: list[bytes], tmp_path: Path, pepper: Pepper
) -> None:
    autumn, winter = (mint(registry, tmp_path, pepper, name) for name in ("autumn", "winter"))
    assert len(autumn) == 5

    change(registry, "activate", Scope(tags=(tags[0], winter[0])))

    assert {name: forgotten(registry, name) for name in ("spring", "autumn", "winter")} == {
        "spring": False,
        "autumn": True,
        "winter": False,
    }


def test_an_imported_batch_knows_too_whether_it_was_activated(
    registry: RegistryStore, tmp_path: Path, pepper: Pepper
) -> None:
    load(registry, tmp_path / "B-1.csv", pepper, *ean_lines("A1"), *ean_lines("A2", status="inactive"), header=HEADER)
    owner = registry.find_product("main", *EAN)
    assert owner is not None

    def ever_activated() -> list[bool]:
        return [batch.ever_activated for batch in registry.batches(owner)]

    assert ever_activated() == [False]
    change(registry, "activate", Scope(product=owner, batch="B-1", first=2, last=2))
    assert ever_activated() == [True]
