from __future__ import annotations

import pytest

from scanhook.wechat.deadline import Deadline


class Late(Exception):
    pass


def test_no_step_takes_longer_than_what_is_left_of_the_exchange() -> None:
    deadline = Deadline()
    with deadline.within(0.5):
        steps = [deadline.shorten(timeout, Late) for timeout in (8.0, None, 0.01)]

    assert steps[2] == 0.01
    assert all(step is not None and 0 < step <= 0.5 for step in steps)


def test_when_nothing_is_left_no_step_begins() -> None:
    deadline = Deadline()
    with deadline.within(0), pytest.raises(Late):
        deadline.shorten(8.0, Late)


def test_outside_of_an_exchange_nothing_is_shortened() -> None:
    deadline = Deadline()
    with deadline.within(0):
        pass

    assert deadline.shorten(8.0, Late) == 8.0
