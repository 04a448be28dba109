"""Is the service fit to answer? Asked by ``/readyz`` and by ``scanhook doctor``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from scanhook.errors import ScanhookError
from scanhook.journal import JournalStore
from scanhook.release import RELEASED_AT
from scanhook.wire.service import Service

__all__ = ["Check", "check_ready"]

_CLOCK_SLACK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at.

    :param fault: what is wrong and how to mend it; ``None`` when all is well.
    :param asked: whether it could be looked at at all; if not, the name says why.
    """

    name: str
    fault: str | None
    asked: bool = True


def check_ready(service: Service) -> list[Check]:
    """Look at what every scan needs: a registry with the right pepper, a journal to write to, the right time."""
    return [
        _check("registry", service.registry.probe),
        _check("journal", service.journal.probe),
        Check(name="clock", fault=_clock_fault(service.clock.now(), service.journal)),
    ]


def _check(name: str, probe: Callable[[], None]) -> Check:
    try:
        probe()
    except ScanhookError as error:
        return Check(name=name, fault=str(error))
    return Check(name=name, fault=None)


def _clock_fault(now: float, journal: JournalStore) -> str | None:
    try:
        newest = journal.newest_at()
    except ScanhookError as error:
        return f"the newest scan cannot be read: {error}"
    for what, at in (("this version's release", RELEASED_AT), ("the journal's newest scan", newest)):
        if at is not None and now < at - _CLOCK_SLACK_S:
            return (
                f"the clock says {_utc(now)}, which is before {what} ({_utc(at)}): set it (NTP); "
                "until then real pushes are refused as coming from another time"
            )
    return None


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
