from __future__ import annotations

from pathlib import Path

import pytest

from scanhook.storage import StorageUrl
from scanhook.storage.lease import take_lease
from scanhook.wire.roundnotes import RoundNotes, round_age

AT = 1_795_312_800.0
DAY_S = 86_400
YEAR_S = 365 * DAY_S


def test_notes_are_read_as_they_were_written(tmp_path: Path) -> None:
    notes = RoundNotes(round_at=AT, sure_at=AT - 1, doubted_at=AT - 2, warned={"7": AT - 3})
    lease = take_lease(StorageUrl(engine="sqlite", folder=tmp_path), "housekeeper")
    assert lease is not None
    with lease:
        notes.write(lease)
        assert RoundNotes.of(lease.read()) == notes
        RoundNotes(round_at=AT).write(lease)
        assert RoundNotes.of(lease.read()) == RoundNotes(round_at=AT)


@pytest.mark.parametrize("torn", ["", "{", "[1]", "7", '{"round_at": "x"}', '{"warned": {"1": null}}', '{"warned": 1}'])
def test_torn_notes_say_nothing(torn: str) -> None:
    assert RoundNotes.of(torn) == RoundNotes()


@pytest.mark.parametrize(
    ("sure_at", "pushed_at", "doubted"),
    [
        (None, None, False),
        (None, AT - DAY_S, False),
        (None, AT - DAY_S - 1, True),
        (AT - DAY_S, None, False),
        (AT - DAY_S - 1, None, True),
        (AT - YEAR_S, AT - 60, False),
        (AT - 60, AT - YEAR_S, False),
        (AT - YEAR_S, AT - YEAR_S, True),
        (AT + YEAR_S, None, False),
    ],
)
def test_a_clock_is_doubted_that_is_a_day_ahead_of_all_that_is_known(
    sure_at: float | None, pushed_at: float | None, *, doubted: bool
) -> None:
    assert RoundNotes(sure_at=sure_at).doubts(AT, pushed_at=pushed_at) is doubted


def test_a_clock_that_was_a_day_ahead_for_a_whole_day_is_believed() -> None:
    notes = RoundNotes(sure_at=AT - YEAR_S)
    seconds = (0, 60, DAY_S - 1, DAY_S, DAY_S + 60)
    assert [notes.doubts(AT + at, pushed_at=AT - YEAR_S) for at in seconds] == [True, True, True, False, False]


def test_a_clock_that_came_back_is_believed_and_doubted_anew_when_it_jumps_again() -> None:
    notes = RoundNotes(sure_at=AT)
    times = (AT + YEAR_S, AT + 60, AT + YEAR_S + DAY_S, AT + YEAR_S / 2)
    assert [notes.doubts(at, pushed_at=AT) for at in times] == [True, False, True, True]


@pytest.mark.parametrize("now", [AT + 30, AT - 30])
def test_the_age_of_a_round_is_how_far_away_it_is(tmp_path: Path, now: float) -> None:
    url = StorageUrl(engine="sqlite", folder=tmp_path)
    assert round_age(url, now=now) is None
    (tmp_path / "housekeeper.lock").write_text(f'{{"round_at": {AT}}}')
    assert round_age(url, now=now) == 30
