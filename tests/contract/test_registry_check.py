from __future__ import annotations

import pytest

from scanhook.registry import RegistryStore
from scanhook.registry.importstore import ImportPlan, Kind
from scanhook.registry.sql_check import UnfinishedImport, contradictions, unfinished_imports
from scanhook.registry.sql_store import SqlStore
from tests.contract.engines import Place
from tests.contract.life import batch, change, codes, positions, undo, whole


@pytest.fixture
def place(stocked_place: Place) -> Place:
    return stocked_place


def found(registry: RegistryStore, *, quick: bool = False) -> list[str]:
    assert isinstance(registry, SqlStore)
    with registry.database.seeing_one_state() as session:
        return list(contradictions(session, quick=quick, tell=lambda _what, _done, _of: None))


def test_whatever_was_done_with_it_a_registry_agrees_with_itself(registry: RegistryStore) -> None:
    change(registry, "suspend", codes(registry, "A1", "C2"))
    change(registry, "recall", positions(registry, 2, 7))
    change(registry, "void", batch(registry, "B-2"))
    change(registry, "expire", whole(registry))
    undo(registry, change(registry, "stolen", codes(registry, "A2")).id)

    assert found(registry) == []


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE parts SET import_id = 77", "parts without an import: 4"),
        ("UPDATE parts SET batch_id = 77 WHERE state = 'issued'", "parts without a batch: 1"),
        ("UPDATE products SET shown = 0", "products that are hidden although they have codes: 2"),
        ("UPDATE batches SET positions = 1", "batches with fewer positions than they gave away: 3"),
        ("INSERT INTO marks SELECT tag, 'void', 0, NULL, NULL, 0 FROM codes", "marks that no look-up would find: 12"),
        ("UPDATE batches SET change_id = 777", "marks of a change that is not in the history: 3"),
        (
            "INSERT INTO ranges SELECT id, 1, 2, 'void', 0, NULL, NULL, 0 FROM batches WHERE name = 'B-2'",
            "ranges that no look-up would find: 1",
        ),
    ],
)
def test_rows_that_hang_in_the_air_are_told(registry: RegistryStore, place: Place, statement: str, what: str) -> None:
    place.registry_sql(statement)

    assert found(registry, quick=True) == [what]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM codes WHERE position = 8", "of 1 imported parts 4 codes are noted, and 3 are there"),
        ("UPDATE codes SET position = 99 WHERE position = 8", "parts with a code behind their last position: 1"),
    ],
)
def test_codes_are_counted_unless_it_must_be_quick(
    registry: RegistryStore, place: Place, statement: str, what: str
) -> None:
    place.registry_sql(statement)

    assert found(registry) == [what]
    assert found(registry, quick=True) == []


def test_the_codes_are_read_in_slices_only_where_they_stand_in_the_order_of_their_tags(
    registry: RegistryStore, place: Place
) -> None:
    told = []

    assert isinstance(registry, SqlStore)
    with registry.database.seeing_one_state() as session:
        assert list(contradictions(session, quick=False, tell=lambda *step: told.append(step))) == []

    slices = {"sqlite": 256, "postgresql": 1}[place.engine.name]
    assert [step for step in told if step[0] == "registry: codes"] == [
        ("registry: codes", done, slices) for done in range(slices + 1)
    ]


def test_imports_that_are_not_finished_are_listed(registry: RegistryStore) -> None:
    begun = registry.start_import(ImportPlan(kind=Kind.MINT, file="b.csv", who="mei", why="more"))

    assert isinstance(registry, SqlStore)
    with registry.database.reading() as session:
        assert unfinished_imports(session) == [
            UnfinishedImport(id=begun, kind="mint", file="b.csv", phase="reading"),
        ]
