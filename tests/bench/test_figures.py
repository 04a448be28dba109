from __future__ import annotations

import random

import pytest

from scanhook.bench.figures import Latencies, Reckoning, latencies_of, peak_rate, percentile, reckon
from scanhook.message import CodeResult

REAL, FAKE = CodeResult.REAL, CodeResult.FAKE
Answer = CodeResult | str | None


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50), (0.9, 90), (0.99, 99), (0.999, 100), (1.0, 100), (0.001, 1), (0.501, 51)]
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, value: int) -> None:
    assert percentile(range(1, 101), share) == value


def test_percentiles_do_not_ask_for_an_order() -> None:
    seconds = [number / 1000 for number in range(1, 10_001)]
    random.Random(6).shuffle(seconds)

    assert latencies_of(seconds) == Latencies(p50=5.0, p90=9.0, p99=9.9, p999=9.99, highest=10.0)
    assert latencies_of([0.25]) == Latencies(p50=0.25, p90=0.25, p99=0.25, p999=0.25, highest=0.25)
    assert latencies_of([]) is None


def test_the_peak_rate_is_that_of_the_busiest_time() -> None:
    assert peak_rate([0.1, 0.3, 0.31, 0.32, 0.49, 0.9]) == 16
    assert peak_rate([]) == 0


def reckoned(
    order: list[int], answers: list[Answer], rows: list[tuple[int, CodeResult | None]]
) -> dict[str, int | bool]:
    """Reckon scans that must all be real."""
    found = reckon(
        order,
        answers,
        [(b"person %d" % who, verdict) for who, verdict in rows],
        expected=lambda _: REAL,
        known_by=lambda number: b"person %d" % number,
    )
    return {
        name: value
        for name in ("sent", "repeats", "answered", "stored", "lost", "doubled", "wrong")
        if (value := getattr(found, name))
    } | ({} if found.clean else {"broken": True})


@pytest.mark.parametrize(
    ("answers", "rows", "found"),
    [
        pytest.param([REAL, REAL], [(1, REAL), (2, REAL)], {"answered": 2, "stored": 2}, id="all is well"),
        pytest.param([REAL, REAL], [(1, REAL)], {"answered": 2, "stored": 1, "lost": 1, "broken": True}, id="lost"),
        pytest.param(
            [REAL, REAL],
            [(1, REAL), (2, None)],
            {"answered": 2, "stored": 2, "lost": 1, "broken": True},
            id="undecided",
        ),
        pytest.param(
            [REAL, REAL],
            [(1, REAL), (2, REAL), (2, REAL)],
            {"answered": 2, "stored": 2, "doubled": 1, "broken": True},
            id="doubled",
        ),
        pytest.param(
            [REAL, FAKE], [(1, REAL), (2, REAL)], {"answered": 2, "stored": 2, "wrong": 1, "broken": True}, id="wrong"
        ),
        pytest.param(
            [REAL, REAL],
            [(1, REAL), (2, FAKE)],
            {"answered": 2, "stored": 2, "wrong": 1, "broken": True},
            id="stored as another",
        ),
        pytest.param(
            [REAL, "cannot be opened"],
            [(1, REAL), (2, REAL)],
            {"answered": 1, "stored": 2, "wrong": 1, "broken": True},
            id="no answer at all",
        ),
        pytest.param([REAL, None], [(1, REAL)], {"answered": 1, "stored": 1}, id="refused"),
        pytest.param([REAL, None], [(1, REAL), (2, None)], {"answered": 1, "stored": 2}, id="refused, undecided"),
        pytest.param([REAL, None], [(1, REAL), (2, REAL)], {"answered": 1, "stored": 2}, id="answer cut off"),
        pytest.param([None, None], [], {}, id="nobody answered"),
    ],
)
def test_what_is_answered_must_be_stored_once(
    answers: list[Answer], rows: list[tuple[int, CodeResult | None]], found: dict[str, int]
) -> None:
    assert reckoned([1, 2], answers, rows) == {"sent": 2} | found


def test_a_repeat_is_the_same_scan() -> None:
    assert reckoned([1, 2, 1], [REAL, REAL, REAL], [(1, REAL), (2, REAL)]) == {
        "sent": 3,
        "repeats": 1,
        "answered": 3,
        "stored": 2,
    }
    assert reckoned([1, 1], [None, REAL], [(1, REAL)]) == {"sent": 2, "repeats": 1, "answered": 1, "stored": 1}
    assert reckoned([1, 1], [REAL, FAKE], [(1, REAL)])["wrong"] == 1


def test_rows_of_others_do_not_count() -> None:
    assert reckoned([1], [REAL], [(1, REAL), (7, FAKE), (7, FAKE)]) == {"sent": 1, "answered": 1, "stored": 1}


def test_a_reckoning_is_clean_where_nothing_was_broken() -> None:
    assert Reckoning(sent=3, repeats=0, answered=1, stored=2, lost=0, doubled=0, wrong=0).clean
