"""How repeats are spaced. Performs no I/O but to sleep."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Pace"]

_FIRST_S = 0.5
_LONGEST_S = 4.0


def _chance() -> float:
    return random.random()  # noqa: S311  (spreads repeats, and is no secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What waiting needs of the world; a test hands in its own.

    :param sleep: waits so many seconds.
    :param chance: gives a number from 0 to 1.
    :param monotonic: gives seconds that never go back.
    """

    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = _chance
    monotonic: Callable[[], float] = time.monotonic

    def wait_s(self, tries: int) -> float:
        """Return how long to wait after so many tries: full jitter, so that many callers do not come back at once."""
        return self.chance() * min(_LONGEST_S, _FIRST_S * 2.0 ** (tries - 1))
