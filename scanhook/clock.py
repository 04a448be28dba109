"""The one source of time: every stage that needs to know the hour is handed a ``Clock``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Clock", "FixedClock", "SystemClock"]


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Return the seconds since 1970-01-01 UTC."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Return the machine's own time, in seconds since 1970-01-01 UTC."""
        return time.time()


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until it is set: for tests, ours and yours.

    :param at: seconds since 1970-01-01 UTC.
    """

    at: float

    def now(self) -> float:
        """Return the time it was set to."""
        return self.at
