"""What a sandbox can be told to do wrong, as WeChat's servers now and then do. Performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from scanhook.sandbox.route import Refusal

__all__ = ["Fault", "FaultKind", "Faults"]

SLOW_MAX_S = 600.0


class FaultKind(StrEnum):
    """What goes wrong."""

    SLOW = "slow"
    """The answer comes later, by ``seconds``; it is right otherwise."""
    BUSY = "busy"
    """-1, system error."""
    QUOTA = "quota"
    """45009, the day's quota is used up."""
    FREQUENT = "frequent"
    """45011, too many calls a minute."""
    CODE = "code"
    """The error code ``code``."""
    DROP = "drop"
    """The connection breaks, and nothing is answered."""
    NOTHING = "nothing"
    """200 with an empty body."""
    HTML = "html"
    """200 with a page of HTML."""
    HALF = "half"
    """200 with the first half of a JSON object."""
    BAD_GATEWAY = "bad-gateway"
    """502 with a page of HTML."""
    REDIRECT = "redirect"
    """302 to elsewhere."""

    @classmethod
    def _missing_(cls, _value: object) -> NoReturn:
        raise ValueError(f"kind is one of {', '.join(cls)}")


_REFUSALS = {
    FaultKind.BUSY: (-1, "system error"),
    FaultKind.QUOTA: (45009, "reach max api daily quota limit"),
    FaultKind.FREQUENT: (45011, "api minute-quota reach limit, must slower, retry next minute"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    :param calls: for how many calls, from now on; ``None`` until it is cleared.
    :param path: the calls whose path begins with this.
    :param seconds: only of :attr:`FaultKind.SLOW`.
    :param code: only of :attr:`FaultKind.CODE`.
    :param acts: whether the call has its effect before its answer goes wrong: what a client cannot know.
    :raises ValueError: when a part is missing or out of its range.
    """

    kind: FaultKind
    calls: int | None = 1
    path: str = "/"
    seconds: float = 0.0
    code: int = 0
    acts: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FaultKind(self.kind))  # a test may write "slow"
        if self.calls is not None and (type(self.calls) is not int or self.calls < 1):
            raise ValueError("calls is a whole number, 1 at least, or nothing for every call")
        if not isinstance(self.path, str) or not self.path.startswith("/"):
            raise ValueError("path begins with a slash")
        if type(self.seconds) not in (int, float):
            raise ValueError("seconds is a number")
        if (self.kind is FaultKind.SLOW and not 0 < self.seconds <= SLOW_MAX_S) or (
            self.kind is not FaultKind.SLOW and self.seconds != 0
        ):
            raise ValueError(f"slow needs seconds, up to {SLOW_MAX_S:.0f}; the other kinds take none")
        if type(self.code) is not int:
            raise ValueError("code is a whole number")
        if (self.kind is FaultKind.CODE) is not bool(self.code):
            raise ValueError("code needs an error code; the other kinds take none")
        if type(self.acts) is not bool:
            raise ValueError("acts is true or false")
        if self.acts and self.refusal() is not None:
            raise ValueError("a call that is refused with an error code has no effect")

    def refusal(self) -> Refusal | None:
        """Return the error code that is answered; ``None`` when something else goes wrong."""
        if self.kind is FaultKind.CODE:
            return Refusal(self.code, "sandbox fault")
        return Refusal(*_REFUSALS[self.kind]) if self.kind in _REFUSALS else None


class Faults:
    """The faults that a sandbox was told; those told first come first. Runs under the sandbox's lock."""

    def __init__(self) -> None:
        self._told: list[tuple[Fault, int | None]] = []

    def tell(self, fault: Fault) -> None:
        """Let something go wrong from now on."""
        self._told.append((fault, fault.calls))

    def clear(self) -> None:
        """Let everything go right again."""
        self._told.clear()

    def told(self) -> list[tuple[Fault, int | None]]:
        """Return the faults with the calls that each has left."""
        return list(self._told)

    def take(self, path: str) -> Fault | None:
        """Return what goes wrong with a call to that path; it counts as one of the fault's calls."""
        for index, (fault, left) in enumerate(self._told):
            if path.startswith(fault.path):
                if left is not None and left <= 1:
                    del self._told[index]
                elif left is not None:
                    self._told[index] = (fault, left - 1)
                return fault
        return None
