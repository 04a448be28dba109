from __future__ import annotations

import math
from pathlib import Path

import pytest

from scanhook.clock import FixedClock
from scanhook.registry.importstore import Phase
from scanhook.storage import StorageUrl
from scanhook.storage.lease import take_lease
from scanhook.wire.standing import Standing
from tests.wire.shelves import AT, Shelves, as_registry, batch, incoming

NOWHERE = StorageUrl(engine="sqlite", folder=Path("nowhere"))


def standing(shelves: Shelves, clock: FixedClock, *, hours: float = 168, url: StorageUrl = NOWHERE) -> Standing:
    return Standing(as_registry(shelves), url=url, clock=clock, hours=hours)


def figures(of: Standing) -> dict[str, float]:
    return {gauge.name: gauge.value for gauge in of.gauges()}


def test_forgotten_batches_and_unfinished_imports_are_counted() -> None:
    shelves = Shelves(
        kept=[batch(number) for number in range(1, 4)],
        brought=[incoming(1, Phase.DONE), incoming(2, Phase.LOADING), incoming(3, Phase.READING)],
    )
    found = figures(standing(shelves, FixedClock(AT)))
    assert found == {
        "scanhook_forgotten_batches": 3,
        "scanhook_imports_unfinished": 2,
        "scanhook_housekeeping_age_seconds": math.inf,
    }
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
    assert figures(asked) == figures(asked) == {"scanhook_housekeeping_age_seconds": math.inf}
    assert [record.getMessage().partition("level=error ")[2] for record in caplog.records] == [
        f'event="a figure cannot be had" figure={name} why="the database is damaged"'
        for name in ("scanhook_forgotten_batches", "scanhook_imports_unfinished")
    ]
    shelves.broken = False
    clock.at += 60
    assert figures(asked)["scanhook_forgotten_batches"] == 1


def test_the_age_of_the_last_good_round_is_told_while_a_housekeeper_holds_the_lease(tmp_path: Path) -> None:
    url = StorageUrl(engine="sqlite", folder=tmp_path)
    lease = take_lease(url, "housekeeper")
    assert lease is not None
    with lease:
        lease.write(f'{{"round_at": {AT}}}')
        found = figures(standing(Shelves(), FixedClock(AT + 90), url=url))
    assert found["scanhook_housekeeping_age_seconds"] == 90
