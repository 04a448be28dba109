"""How busy the machine is with other things while something is measured, and just before."""

from __future__ import annotations

import os
import re
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["Moment", "disk_waits"]

_STAT = Path("/proc/stat")
_PRESSURE = Path("/proc/pressure/io")
_WAITED_US = re.compile(r"^some .*total=(\d+)$", re.MULTILINE)
_LOOK_S = 0.5
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


def disk_waits() -> float | None:
    """Watch the disks for a moment, in which we must not use them ourselves.

    :returns: the share of the time in which some program waited for one; ``None`` where the system does not tell.
    """
    before, begun = _waited_s(), time.monotonic()
    if before is None:
        return None
    time.sleep(_LOOK_S)
    after, passed = _waited_s(), time.monotonic() - begun
    return None if after is None or passed <= 0 else min((after - before) / passed, 1.0)


def _waited_s() -> float | None:
    try:
        waited = _WAITED_US.search(_PRESSURE.read_text(encoding="ascii"))
    except OSError:
        return None
    return int(waited[1]) / 1e6 if waited else None


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
