from __future__ import annotations

import pytest

from scanhook.registry import Mark, State
from scanhook.registry.importstore import Phase
from scanhook.wire.attention import forgotten_batches, unfinished_imports
from tests.wire.shelves import AT, Shelves, as_registry, batch, incoming


def forgotten(*kept: object, hours: float = 168) -> list[str]:
    registry = as_registry(Shelves(kept=list(kept)))  # type: ignore[arg-type]
    return [found.name for found in forgotten_batches(registry, now=AT, hours=hours)]


def test_a_batch_is_forgotten_when_its_hours_are_over() -> None:
    assert forgotten(batch(1, name="old", hours=168), batch(2, name="fresh", hours=167.9)) == ["old"]


@pytest.mark.parametrize(
    "changed",
    [
        {"minted": False},
        {"state": State.ACTIVE},
        {"mark": Mark(activated_by=2, change_id=2), "ever_activated": True},
        {"mark": Mark(activated_by=2, activates_at=AT + 1, change_id=2), "ever_activated": True},
        {"mark": Mark(state=State.VOID, change_id=2)},
        {"ever_activated": True},
    ],
    ids=["imported", "active", "activated", "activated for later", "void", "a part of it was activated"],
)
def test_a_batch_that_somebody_thought_of_is_not(changed: dict[str, object]) -> None:
    assert forgotten(batch(**changed)) == []  # type: ignore[arg-type]


def test_a_batch_of_which_a_range_was_changed_but_nothing_activated_is_forgotten() -> None:
    assert forgotten(batch(ranged=True)) == ["autumn"]


def test_no_hours_switch_the_warning_off() -> None:
    assert forgotten(batch(), hours=0) == []


def test_many_batches_are_found_page_by_page() -> None:
    assert forgotten(*(batch(number, name=f"b{number}") for number in (1, 2, 3, 7, 9))) == [
        "b1",
        "b2",
        "b3",
        "b7",
        "b9",
    ]


def test_imports_are_unfinished_while_something_can_come_of_them() -> None:
    brought = [incoming(number, phase) for number, phase in enumerate(Phase, 1)]
    found = unfinished_imports(as_registry(Shelves(brought=brought)))
    assert [left.phase for left in found] == ["loading", "reading", "queued"]
