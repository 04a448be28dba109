from __future__ import annotations

import pytest

from scanhook.clock import FixedClock
from scanhook.registry.importstore import Phase
from scanhook.wire.standing import Standing
from tests.wire.shelves import AT, Shelves, as_registry, batch, incoming


def standing(shelves: Shelves, clock: FixedClock, *, hours: float = 168) -> Standing:
    return Standing(as_registry(shelves), clock=clock, hours=hours)


def figures(of: Standing) -> dict[str, float]:
    return {gauge.name: gauge.value for gauge in of.gauges()}


def test_forgotten_batches_and_unfinished_imports_are_counted() -> None:
    shelves = Shelves(
        kept=[batch(number) for number in range(1, 4)],
        brought=[incoming(1, Phase.DONE), incoming(2, Phase.LOADING), incoming(3, Phase.READING)],
    )
    found = figures(standing(shelves, FixedClock(AT)))
    assert found == {"scanhook_forgotten_batches": 3, "scanhook_imports_unfinished": 2}
    assert figures(standing(shelves, FixedClock(AT), hours=0))["scanhook_forgotten_batches"] == 0


def test_they_are_counted_at_most_once_a_minute() -> None:
    clock, shelves = FixedClock(AT), Shelves(kept=[batch()])
    asked = standing(shelves, clock)
    for seconds, times in ((0, 2), (1, 2), (59.9, 2), (60, 4), (61, 4), (10, 6)):  # the last: a clock that was set back
        clock.at = AT + seconds
        assert figures(asked)["scanhook_forgotten_batches"] == 1
        assert shelves.asked == times


def test_what_cannot_be_counted_is_left_out_and_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock, shelves = FixedClock(AT), Shelves(kept=[batch()], broken=True)
    asked = standing(shelves, clock)
    assert figures(asked) == figures(asked) == {}
    assert [record.getMessage().partition("level=error ")[2] for record in caplog.records] == [
        f'event="a figure cannot be had" figure={name} why="the database is damaged"'
        for name in ("scanhook_forgotten_batches", "scanhook_imports_unfinished")
    ]
    shelves.broken = False
    clock.at += 60
    assert figures(asked)["scanhook_forgotten_batches"] == 1
