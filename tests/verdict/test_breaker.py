from __future__ import annotations

import pytest

from scanhook.clock import FixedClock
from scanhook.verdict.breaker import Breaker


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(at=100.0)


@pytest.fixture
def breaker(clock: FixedClock) -> Breaker:
    return Breaker(failures_max=3, open_s=10.0, monotonic=clock.now)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.lets_through()
        breaker.failed()


def test_a_new_breaker_lets_everything_through(breaker: Breaker) -> None:
    assert all(breaker.lets_through() for _ in range(100))


def test_it_opens_after_some_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.lets_through()
    fail(breaker, 1)

    assert not breaker.lets_through()


def test_a_success_between_failures_keeps_it_closed(breaker: Breaker) -> None:
    for _ in range(5):
        fail(breaker, 2)
        breaker.succeeded()

    assert breaker.lets_through()


def test_after_a_while_it_lets_one_call_through(breaker: Breaker, clock: FixedClock) -> None:
    fail(breaker, 3)
    clock.at += 9.9
    assert not breaker.lets_through()
    clock.at += 0.1

    assert [breaker.lets_through() for _ in range(3)] == [True, False, False]


def test_that_call_closes_it_when_it_succeeds(breaker: Breaker, clock: FixedClock) -> None:
    fail(breaker, 3)
    clock.at += 10.0
    assert breaker.lets_through()

    breaker.succeeded()

    assert all(breaker.lets_through() for _ in range(3))
    fail(breaker, 2)
    assert breaker.lets_through()


def test_that_call_keeps_it_open_when_it_fails(breaker: Breaker, clock: FixedClock) -> None:
    fail(breaker, 3)
    clock.at += 10.0
    fail(breaker, 1)

    clock.at += 9.9
    assert not breaker.lets_through()
    clock.at += 0.1
    assert breaker.lets_through()


def test_a_call_that_never_comes_back_does_not_keep_it_open_for_ever(breaker: Breaker, clock: FixedClock) -> None:
    fail(breaker, 3)
    clock.at += 10.0
    assert breaker.lets_through()

    clock.at += 10.0

    assert [breaker.lets_through() for _ in range(2)] == [True, False]
