"""What housekeepers note for each other, and for whoever wants to know whether one is at work.

It stands in the lease, as JSON; a lease that was torn while it was written says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from scanhook.storage import StorageUrl
from scanhook.storage.lease import Lease, read_lease

__all__ = ["HOUSEKEEPER", "LATE_S", "RoundNotes", "round_age"]

HOUSEKEEPER = "housekeeper"
"""The name of the lease that the acting housekeeper holds."""
LATE_S = 600.0
"""A housekeeper whose last good round is older is missing, or fails all the time."""
_DAY_S = 86_400.0
_NAMES = frozenset({"round_at", "sure_at", "doubted_at", "warned"})


@dataclass(slots=True, kw_only=True)
class RoundNotes:
    """What is noted; all times are seconds since 1970.

    :param round_at: the end of the last round in which nothing failed.
    :param sure_at: the last round that had no doubt about the clock.
    :param doubted_at: since when the clock is doubted.
    :param warned: when each forgotten batch was warned about, by its number.
    """

    round_at: float | None = None
    sure_at: float | None = None
    doubted_at: float | None = None
    warned: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what stands in a lease."""
        with suppress(ValueError, TypeError, AttributeError):
            written: Mapping[str, Any] = json.loads(text)
            warned = {str(name): float(at) for name, at in written["warned"].items()} if "warned" in written else {}
            times = {name: float(at) for name, at in written.items() if name in _NAMES - {"warned"} and at is not None}
            return cls(**times, warned=warned)
        return cls()

    def write(self, lease: Lease) -> None:
        """Put them into a lease.

        :raises StorageError: when it cannot be written.
        """
        lease.write(json.dumps({name: value for name, value in asdict(self).items() if value}))

    def doubts(self, now: float, *, pushed_at: float | None) -> bool:
        """Tell whether the clock is not to be believed when it says what is old, and note that.

        A clock that jumped ahead would delete everything. So one that is more than a day ahead of the last round and of
        the newest push, for which WeChat's clock vouches, is doubted. A house that just slept for long looks the same:
        so what the clock says is believed when it has stood there for a day.

        :param pushed_at: when the newest push was received.
        """
        known = [at for at in (self.sure_at, pushed_at) if at is not None]
        leaps = bool(known) and now > max(known) + _DAY_S
        if leaps and (self.doubted_at is None or now < self.doubted_at):
            self.doubted_at = now
        if leaps and self.doubted_at is not None and now < self.doubted_at + _DAY_S:
            return True
        self.sure_at, self.doubted_at = now, None
        return False


def round_age(url: StorageUrl, *, now: float) -> float | None:
    """Return how many seconds ago the last good round of a housekeeper ended; ``None``: there never was one.

    A round that ended in the future, by a clock which was set back since, counts by how far it is away.

    :param now: seconds since 1970.
    :raises StorageError: when it cannot be read.
    """
    round_at = RoundNotes.of(read_lease(url, HOUSEKEEPER)).round_at
    return None if round_at is None else abs(now - round_at)
