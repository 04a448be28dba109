from __future__ import annotations

from types import SimpleNamespace

import pytest

from scanhook.clock import Clock, FixedClock, SystemClock


def test_the_system_clock_tells_the_machines_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.clock.time", SimpleNamespace(time=lambda: 1447848568.25))
    clock: Clock = SystemClock()
    assert clock.now() == 1447848568.25


def test_a_fixed_clock_stands_still_until_it_is_set() -> None:
    fixed = FixedClock(1447848568.0)
    clock: Clock = fixed
    assert [clock.now(), clock.now()] == [1447848568.0, 1447848568.0]
    fixed.at += 301
    assert clock.now() == 1447848869.0
