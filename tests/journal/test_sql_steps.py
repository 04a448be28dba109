from __future__ import annotations

from itertools import count, islice

import pytest

from scanhook.journal.sql_steps import Pace


def steps(taken_s: float, *, most: int = 200, times: int = 12) -> list[int]:
    """Return how many rows the steps have, when each row takes so long."""
    pace, lengths = Pace(most), []
    for chunk in islice(pace.chunks(count()), times):
        lengths.append(len(chunk))
        pace.learn(taken_s * len(chunk))
    return lengths


def test_a_step_has_as_many_rows_as_scans_can_wait_for() -> None:
    assert steps(0.001)[-1] == 50
    assert steps(0.002)[-1] == 25
    assert steps(0.0005)[-1] == 100


def test_however_fast_it_goes_a_step_has_no_more_rows_than_it_may() -> None:
    assert steps(0.0) == [50, 100, *[200] * 10]
    assert steps(0.0, most=2) == [2] * 12


@pytest.mark.parametrize("taken_s", [0.1, 60.0])
def test_however_slowly_it_goes_it_ends(taken_s: float) -> None:
    assert steps(taken_s)[:3] == [50, 25, 25]


def test_no_row_is_left_out() -> None:
    pace, seen = Pace(200), []
    for chunk in pace.chunks(range(500)):
        seen += chunk
        pace.learn(0.04)
    assert seen == list(range(500))
