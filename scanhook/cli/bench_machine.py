"""How busy the machine was with other things while something was measured."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["Moment"]

_STAT = Path("/proc/stat")
_IDLE = {3, 4}
_COUNTED = 8
"""Of the figures of a processor: those behind are guests', who are in the first two already (proc(5))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What had been used up at some time.

    :param busy_s: of the processors that this process may use, by everybody; ``None`` where the system does not tell.
    :param ours_s: by this process, and by those of its children that have ended.
    """

    at: float
    busy_s: float | None
    ours_s: float

    @classmethod
    def now(cls) -> Self:
        """Return what has been used up so far."""
        own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return cls(
            at=time.monotonic(),
            busy_s=_busy_s(),
            ours_s=own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        )

    def others_since(self, before: Moment, service_s: float | None) -> float | None:
        """Return how many processors other programs used since an earlier moment; ``None`` where nobody knows.

        :param service_s: the processor time of the service meanwhile.
        """
        passed = self.at - before.at
        if self.busy_s is None or before.busy_s is None or service_s is None or passed <= 0:
            return None
        others = self.busy_s - before.busy_s - service_s - (self.ours_s - before.ours_s)
        return max(others / passed, 0.0)


def _busy_s() -> float | None:
    try:
        lines = _STAT.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    usable = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    ticks = [
        int(figure)
        for name, *figures in map(str.split, filter(None, lines))
        if name in usable
        for place, figure in enumerate(figures[:_COUNTED])
        if place not in _IDLE
    ]
    return sum(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None
