"""What those who fetch a token leave for the next one: that it failed just now, and when a new one was forced.

It stands in the lease, so that all workers know it. It holds no secret and no token. Performs no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from scanhook.errors import WechatError, WechatRefused, WechatUnreachable

__all__ = ["FORCED_A_DAY_MAX", "REFUSED_FOR_S", "Slate"]

REFUSED_FOR_S = 10
"""So long nobody asks again after WeChat has refused: 2000 wrong calls in an hour block a WeCom caller (facts.md 4)."""
UNREACHABLE_FOR_S = 2
"""So long nobody asks again after WeChat gave no answer: all who waited for it would ask one after the other."""
FORCED_A_DAY_MAX = 10
"""WeChat allows 20 a day (facts.md 4); the other half is for people."""
FORCED_APART_S = 30
_DAY_S = 86400
_REFUSED = ("why", "code", "name", "meaning", "remedy", "permanent", "rid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slate:
    """Times are seconds since 1970.

    :param failed_at: 0 when the last fetch brought a token.
    :param failed: what the error says; of one without an answer only ``why``.
    :param forced_at: when a new token was forced, within the last day.
    """

    failed_at: float = 0.0
    failed: Mapping[str, Any] = field(default_factory=dict)
    forced_at: tuple[float, ...] = ()

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what was written; whatever cannot be read is an empty slate."""
        try:
            found = json.loads(text)
            failed = dict(found["failed"])
            slate = cls(
                failed_at=float(found["failed_at"]),
                failed=failed,
                forced_at=tuple(float(at) for at in found["forced_at"]),
            )
            if failed:
                slate._error("")
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return cls()
        return slate

    def write(self) -> str:
        """Write it as JSON."""
        return json.dumps({"failed_at": self.failed_at, "failed": dict(self.failed), "forced_at": self.forced_at})

    def failure(self, now: float) -> WechatError | None:
        """Return why nobody should ask just now; ``None`` when one may."""
        held_for = REFUSED_FOR_S if "code" in self.failed else UNREACHABLE_FOR_S
        if not self.failed or not 0 <= now - self.failed_at < held_for:
            return None
        return self._error(f" (so it was {now - self.failed_at:.0f} s ago, and nobody asked again since)")

    def with_failure(self, error: WechatError, *, at: float) -> Slate:
        """Note that a fetch failed."""
        names = _REFUSED if isinstance(error, WechatRefused) else ("why",)
        return replace(self, failed_at=at, failed={name: getattr(error, name) for name in names})

    def without_failure(self) -> Slate:
        """Note that a fetch brought a token."""
        return replace(self, failed_at=0.0, failed={})

    def may_force(self, now: float) -> bool:
        """Tell whether WeChat may be asked for a new token although the last is valid."""
        today = [at for at in self.forced_at if abs(now - at) < _DAY_S]
        return len(today) < FORCED_A_DAY_MAX and all(abs(now - at) >= FORCED_APART_S for at in today)

    def with_force(self, now: float) -> Slate:
        """Note that a new token was forced."""
        return replace(self, forced_at=(*(at for at in self.forced_at if abs(now - at) < _DAY_S), now))

    def _error(self, note: str) -> WechatError:
        if "code" not in self.failed:
            return WechatUnreachable(str(self.failed["why"]) + note, acted=False)
        read = {name: self.failed[name] for name in _REFUSED if name != "why"}
        return WechatRefused(str(self.failed["why"]) + note, **read)
