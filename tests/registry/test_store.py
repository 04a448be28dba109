from __future__ import annotations

import pytest

from scanhook.registry import CodeRecord, LookUp, State

ON, OFF = 1000.0, 2000.0


def record(*states: State, activates_at: float | None = None, expires_at: float | None = None) -> CodeRecord:
    return CodeRecord(batch="B-7", position=1, states=states, activates_at=activates_at, expires_at=expires_at)


@pytest.mark.parametrize(
    ("now", "state"),
    [(999.9, "issued"), (1000.0, "active"), (1999.9, "active"), (2000.0, "expired"), (9999.0, "expired")],
)
def test_times_are_compared_when_a_code_is_looked_up(now: float, state: str) -> None:
    assert record(State.ACTIVE, activates_at=ON, expires_at=OFF).state_at(now) == state


@pytest.mark.parametrize("state", ["suspended", "recalled", "stolen", "void"])
@pytest.mark.parametrize("now", [0.0, 1500.0, 9999.0])
def test_a_stricter_state_stays_in_force_at_any_time(state: str, now: float) -> None:
    assert record(State(state), activates_at=ON, expires_at=OFF).state_at(now) == state


@pytest.mark.parametrize(("now", "state"), [(0.0, "issued"), (1500.0, "issued"), (9999.0, "expired")])
def test_an_issued_code_is_not_made_active_by_time(now: float, state: str) -> None:
    assert record(State.ISSUED, activates_at=ON, expires_at=OFF).state_at(now) == state


def test_without_times_the_states_alone_count() -> None:
    assert record(State.ACTIVE, State.ACTIVE, State.RECALLED).state_at(0.0) == "recalled"
    assert record(State.ACTIVE, State.ACTIVE).state_at(9e12) == "active"


def test_a_look_up_does_not_show_the_code() -> None:
    assert "6J5T9XQ2" not in repr(LookUp(normal="6J5T9XQ2"))
