"""How often each call may be made: by the day, by the minute, and how often the count may be set to nothing again.

Runs under the sandbox's lock. Performs no I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from scanhook.sandbox.day import day_of
from scanhook.sandbox.route import Refusal
from scanhook.sandbox.tenant import Tenant

__all__ = ["DEFAULT_DAILY", "Quotas"]

DEFAULT_DAILY = 100_000_000
CLEARS_A_MONTH = 10


class Quotas:
    """What each tenant has used up; facts.md section 4, and the page of each call.

    :ivar counted_as: the path that a call is counted under, where it shares another's quota.
    """

    def __init__(self) -> None:
        self.counted_as: Mapping[str, str] = {}
        self._day = ""
        self._used: Counter[tuple[Tenant, str]] = Counter()
        self._minute = -1
        self._used_now: Counter[tuple[Tenant, str]] = Counter()
        self._cleared: Counter[tuple[Tenant, str]] = Counter()

    def use(self, tenant: Tenant, path: str, *, daily: int | None, by_minute: int | None = None, now: float) -> None:
        """Count one call.

        :raises Refusal: 45009 beyond the day's quota, 45011 beyond the minute's.
        """
        self._turn(now)
        key = (tenant, self.counted_as.get(path, path))
        if daily is not None and self._used[key] >= daily:
            raise Refusal(45009, "reach max api daily quota limit")
        if by_minute is not None and self._used_now[key] >= by_minute:
            raise Refusal(45011, "api minute-quota reach limit, must slower, retry next minute")
        self._used[key] += 1
        self._used_now[key] += 1

    def used(self, tenant: Tenant, path: str, *, now: float) -> int:
        """Return how often a call was made today."""
        self._turn(now)
        return self._used[tenant, self.counted_as.get(path, path)]

    def clear(self, tenant: Tenant, path: str | None = None, *, now: float) -> None:
        """Begin the day's count anew, of all calls or of one.

        :raises Refusal: 48006: ten times a month, by whichever of the calls.
        """
        self._turn(now)
        month = (tenant, self._day[:7])
        if self._cleared[month] >= CLEARS_A_MONTH:
            raise Refusal(48006, "forbid to clear quota because of reaching the limit")
        self._cleared[month] += 1
        cleared = None if path is None else self.counted_as.get(path, path)
        for key in [key for key in self._used if key[0] is tenant and cleared in (None, key[1])]:
            del self._used[key]

    def _turn(self, now: float) -> None:
        day = day_of(now).isoformat()
        if day != self._day:
            self._day = day
            self._used.clear()
        if int(now // 60) != self._minute:
            self._minute = int(now // 60)
            self._used_now.clear()
