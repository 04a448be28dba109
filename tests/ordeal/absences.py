"""When nobody served, because we saw to it: what excuses a push that got no verdict, and what does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.ordeal.delivery import Delivery, Ending
from tests.ordeal.visitors import Visit

__all__ = ["BACK_WITHIN_S", "Absences"]

BACK_WITHIN_S = 1.0
"""So long after an absence a service may still say "try again"; then it is held to its verdicts until the next one."""


@dataclass(slots=True, kw_only=True)
class Absences:
    """The times in which somebody who serves was gone.

    :param windows: from the moment in which somebody was ended until the traces were gone, by ``time.monotonic``.
    """

    windows: list[tuple[float, float]] = field(default_factory=list)

    def unexcused(self, visits: Iterable[Visit]) -> list[Visit]:
        """Return the visits with a try that got no verdict and met with no absence, or that were not tried at all."""
        return [
            visit
            for visit in visits
            if not visit.deliveries or any(made.verdict is None and not self.excuses(made) for made in visit.deliveries)
        ]

    def excuses(self, made: Delivery) -> bool:
        """Tell whether a try met with an absence; one that was told to come again, with that or the time behind it.

        Nothing excuses that nothing came: who is killed or stopped ends his connections.
        """
        if made.ending is Ending.LATE:
            return False
        if made.ending is Ending.ANSWERED:
            since, longer_s = made.began_at, BACK_WITHIN_S
        else:
            since, longer_s = made.free_since, 0.0
        return any(since <= ended + longer_s and made.ended_at >= began for began, ended in self.windows)
