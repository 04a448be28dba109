"""A circuit breaker: a service that is down is not asked by every scan.

Written here and not taken from a library: the known one holds a lock while it calls, so that only one scan at a time
could wait for an answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Breaker"]

FAILURES_MAX = 5
OPEN_S = 10.0


class Breaker:
    """Opens after some failures in a row; after a while it lets one call through to see whether all is well again.

    :param failures_max: how many failures in a row open it.
    :param open_s: for how many seconds it then stays open.
    :param monotonic: seconds from any start; for tests.
    """

    def __init__(
        self,
        *,
        failures_max: int = FAILURES_MAX,
        open_s: float = OPEN_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures_max = failures_max
        self._open_s = open_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_at = 0.0

    def lets_through(self) -> bool:
        """Tell whether a call may be made now; while it is open, one call in each ``open_s`` may."""
        with self._lock:
            if self._failures < self._failures_max:
                return True
            now = self._monotonic()
            if now < self._closed_at:
                return False
            self._closed_at = now + self._open_s
            return True

    def succeeded(self) -> None:
        """Note a good call: the breaker closes."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """Note a bad call."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._failures_max:
                self._closed_at = self._monotonic() + self._open_s
