"""Which codes there are, who scans which of them, and what must be answered. Performs no I/O.

Everything follows from numbers: a scan's number gives its person, its code and its verdict, in every process alike.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from scanhook.message import CodeResult

__all__ = ["KEY_STANDARD", "KEY_STR", "REPEATED_SHARE", "Plan"]

KEY_STANDARD, KEY_STR = "qrcode", "bench-item"
ISSUED_EVERY = 10
"""Every tenth code is printed and not activated."""
UNKNOWN_SHARE = 0.1
REPEATED_SHARE = 0.02
REPEATED_BACK_MAX = 1000
"""A push that comes again is one of so many that came last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is registered and what is scanned.

    :param codes: how many are registered, at least ``ISSUED_EVERY``.
    :param one_code: everybody scans the same one, a genuine one.
    :param seed: which codes are scanned, and which pushes come again.
    :raises ValueError: when there are too few codes for every verdict to occur.
    """

    codes: int
    one_code: bool
    seed: int

    def __post_init__(self) -> None:
        if self.codes < ISSUED_EVERY:
            raise ValueError(f"{ISSUED_EVERY} codes are the fewest of which some are active and some are not")

    def code_file(self) -> Iterator[str]:
        """Yield the lines of the file from which the codes are imported."""
        yield "keystandard,keystr,extinfo,status,batch\n"
        for number in range(self.codes):
            state = "inactive,issued" if _is_issued(number) else "active,active"
            yield f"{KEY_STANDARD},{KEY_STR},{_code(number)},{state}\n"

    def scan(self, number: int) -> tuple[str, CodeResult]:
        """Return the ExtInfo that a scan is about, and the verdict that it must get."""
        if self.one_code:
            return _code(1), CodeResult.REAL
        choice = random.Random(self.seed << 64 | number)  # noqa: S311  (nobody has to guess it)
        if choice.random() < UNKNOWN_SHARE:
            return f"UNKNOWN{number:08}", CodeResult.FAKE
        code = choice.randrange(self.codes)
        return _code(code), CodeResult.NOT_ACTIVE if _is_issued(code) else CodeResult.REAL

    @staticmethod
    def person(number: int) -> str:
        """Return who made a scan: everybody makes one, so that the journal's rows can be told apart."""
        return f"oBench{number:022}"

    def order(self, scans: range) -> list[int]:
        """Return the numbers of the scans in the order in which they are sent, with those among them that come again.

        A push comes again with the same bytes, and never before it came first.
        """
        chance = random.Random(self.seed << 64 | scans.start)  # noqa: S311
        order: list[int] = []
        for number in scans:
            order.append(number)
            if chance.random() < REPEATED_SHARE:
                order.append(chance.randint(max(scans.start, number - REPEATED_BACK_MAX), number))
        return order


def _is_issued(number: int) -> bool:
    return number % ISSUED_EVERY == 0


def _code(number: int) -> str:
    return f"BENCH{number:010}"
