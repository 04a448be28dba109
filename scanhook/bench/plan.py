"""Which codes there are, who scans which of them, and what must be answered. Performs no I/O.

Everything follows from numbers: a push's number gives its person, its code and its answer, in every process alike.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from scanhook.message import CodeResult

__all__ = [
    "KEY_STANDARD",
    "KEY_STR",
    "OF_ONE_SCAN",
    "REGION",
    "REPEATED_SHARE",
    "SCAN",
    "VISIT",
    "Plan",
    "Taken",
    "Told",
]

KEY_STANDARD, KEY_STR = "qrcode", "bench-item"
SCAN, VISIT, REGION = "scan_product_callback", "user_scan_product", "user_scan_product_async"
OF_ONE_SCAN = (VISIT, SCAN, REGION)
"""What WeChat pushes when somebody scans: that the page was opened, the question, and where it was (facts.md 2)."""
ISSUED_EVERY = 10
"""Every tenth code is printed and not activated."""
UNKNOWN_SHARE = 0.1
REPEATED_SHARE = 0.02
REPEATED_BACK_MAX = 1000
"""A push that comes again is one of so many that came last."""


class Taken(StrEnum):
    """What is answered to an event that asks for nothing."""

    SUCCESS = "success"


Told = CodeResult | Taken
"""What a push is told that is served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is registered and what is pushed; pushes are numbered from 0.

    :param codes: how many are registered, at least ``ISSUED_EVERY``.
    :param one_code: everybody scans the same one, a genuine one.
    :param seed: which codes are scanned, and which pushes come again.
    :param events: with every scan come the other events that belong to it; else every push is a scan.
    :raises ValueError: when there are too few codes for every verdict to occur.
    """

    codes: int
    one_code: bool
    seed: int
    events: bool = False

    def __post_init__(self) -> None:
        if self.codes < ISSUED_EVERY:
            raise ValueError(f"{ISSUED_EVERY} codes are the fewest of which some are active and some are not")

    def code_file(self) -> Iterator[str]:
        """Yield the lines of the file from which the codes are imported."""
        yield "keystandard,keystr,extinfo,status,batch\n"
        for number in range(self.codes):
            state = "inactive,issued" if _is_issued(number) else "active,active"
            yield f"{KEY_STANDARD},{KEY_STR},{_code(number)},{state}\n"

    def event(self, number: int) -> str:
        """Return which event a push is."""
        return OF_ONE_SCAN[number % len(OF_ONE_SCAN)] if self.events else SCAN

    def told(self, number: int) -> tuple[str, Told]:
        """Return the ExtInfo that a push is about, and what it must be told."""
        ext_info, verdict = self._scan(self._scan_of(number))
        return ext_info, verdict if self.event(number) == SCAN else Taken.SUCCESS

    def _scan_of(self, number: int) -> int:
        return number // len(OF_ONE_SCAN) if self.events else number

    def _scan(self, scan: int) -> tuple[str, CodeResult]:
        if self.one_code:
            return _code(1), CodeResult.REAL
        choice = random.Random(self.seed << 64 | scan)  # noqa: S311  (nobody has to guess it)
        if choice.random() < UNKNOWN_SHARE:
            return f"UNKNOWN{scan:08}", CodeResult.FAKE
        code = choice.randrange(self.codes)
        return _code(code), CodeResult.NOT_ACTIVE if _is_issued(code) else CodeResult.REAL

    def person(self, number: int) -> str:
        """Return who a push is about: everybody scans once, so that the journal's rows can be told apart."""
        return f"oBench{self._scan_of(number):022}"

    def order(self, pushes: range) -> list[int]:
        """Return the numbers of pushes in the order in which they are sent, with those among them that come again.

        A push comes again with the same bytes, and never before it came first.
        """
        chance = random.Random(self.seed << 64 | pushes.start)  # noqa: S311
        order: list[int] = []
        for number in pushes:
            order.append(number)
            if chance.random() < REPEATED_SHARE:
                order.append(chance.randint(max(pushes.start, number - REPEATED_BACK_MAX), number))
        return order


def _is_issued(number: int) -> bool:
    return number % ISSUED_EVERY == 0


def _code(number: int) -> str:
    return f"BENCH{number:010}"
