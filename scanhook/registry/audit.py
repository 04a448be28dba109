"""Looks at codes on their way in: could somebody guess one from another? Performs no I/O.

What is looked at is a sample, in stretches of neighbouring lines that are spread over the file. It never leaves memory.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

from scanhook.registry.codefile import EXT_INFO_SIGNS
from scanhook.registry.entropy import entropy_bits
from scanhook.registry.guessing import WAYS

__all__ = ["ENTROPY_WANTED_BITS", "GUESS_RATE_MAX", "SAMPLE_CODES", "Audit", "Observed", "follows", "observe"]

SAMPLE_CODES = 20_000
STRETCH_CODES = 10
GUESS_RATE_MAX = 1 / 10_000
"""The law's limit (antifake.md)."""
ENTROPY_WANTED_BITS = 80
"""What an online service wants, where guesses cost nothing (antifake.md)."""
ENTROPY_SAMPLE_MIN = 100
"""Fewer codes say nothing of how random they are."""
_ENTROPY_SLACK_BITS = 2
RUNNING_SHARE_MAX = 0.01
_ALLOWED = frozenset(string.ascii_letters + string.digits + EXT_INFO_SIGNS)
_REMEDY = "mint codes that nobody can guess with `scanhook codes mint`, and print those from now on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen of some codes.

    :param lengths: how many codes have each length, in characters.
    :param alphabet: every character that occurs.
    :param pairs: how many neighbours were compared.
    :param running: how many of them follow one another.
    :param sample: some of the codes.
    :param guesses: how many guesses were made in each of ``WAYS``.
    """

    lengths: Mapping[int, int]
    alphabet: str
    pairs: int
    running: int
    sample: Sequence[str] = field(repr=False)
    guesses: Sequence[int] = (0,) * len(WAYS)


def sampled(codes: Sequence[str], wanted: int) -> list[Sequence[str]]:
    """Choose stretches of neighbours, spread evenly.

    :param wanted: how many codes they should have together.
    """
    if wanted >= len(codes) or len(codes) <= STRETCH_CODES:
        return [codes]
    stretches = max(ceil(wanted / STRETCH_CODES), 1)
    every = max(len(codes) // stretches, STRETCH_CODES)
    return [codes[start : start + STRETCH_CODES] for start in range(0, len(codes) - STRETCH_CODES + 1, every)]


def observe(codes: Sequence[str], *, wanted: int) -> Observed:
    """Look at codes of one product in their normal form, in the order of the file.

    :param wanted: how many to look at closely.
    """
    stretches = sampled(codes, wanted)
    pairs = [pair for stretch in stretches for pair in pairwise(stretch)]
    return Observed(
        lengths=Counter(map(len, codes)),
        alphabet="".join(sorted(_characters("".join(codes)))),
        pairs=len(pairs),
        running=sum(follows(first, second) for first, second in pairs),
        sample=[code for stretch in stretches for code in stretch],
    )


def _characters(text: str) -> set[str]:
    found: set[str] = set()
    rest = text
    # Deleting what is known is far faster than looking at every character.
    while rest:
        fresh = set(rest[:1000])
        found |= fresh
        rest = rest.translate(dict.fromkeys(map(ord, fresh))) if not rest.isascii() else _without(rest, fresh)
    return found


def _without(text: str, characters: set[str]) -> str:
    return text.encode("ascii").translate(None, "".join(characters).encode("ascii")).decode("ascii")


def follows(first: str, second: str) -> bool:
    """Tell whether two codes are neighbouring numbers, with or without a check character behind them."""
    if len(first) != len(second) or first == second:
        return False
    return _one_apart(first, second) or _one_apart(first[:-1], second[:-1])


def _one_apart(first: str, second: str) -> bool:
    start = next((place for place, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1]), None)
    if start is None:
        return False
    one, other = first[start:], second[start:]
    if not (one.isascii() and other.isascii() and one.isalnum() and other.isalnum()):
        return False
    if one.isdigit() and other.isdigit():
        return abs(int(one) - int(other)) == 1
    bases = (36,) if set(one + other) - set("0123456789abcdefABCDEF") else (16, 36)
    return any(abs(int(one, base) - int(other, base)) == 1 for base in bases)


@dataclass(slots=True, kw_only=True)
class Audit:
    """Gathers what was observed, and judges it."""

    lengths: Counter[int] = field(default_factory=Counter)
    alphabet: set[str] = field(default_factory=set)
    pairs: int = 0
    running: int = 0
    sample: list[str] = field(default_factory=list, repr=False)
    guesses: list[int] = field(default_factory=lambda: [0] * len(WAYS))
    hits: list[int] = field(default_factory=lambda: [0] * len(WAYS))

    def add(self, seen: Observed) -> None:
        """Take what was seen of some codes."""
        self.lengths.update(seen.lengths)
        self.alphabet.update(seen.alphabet)
        self.pairs += seen.pairs
        self.running += seen.running
        self.sample.extend(seen.sample)
        self.guesses = [before + more for before, more in zip(self.guesses, seen.guesses, strict=True)]

    def add_hits(self, hits: Sequence[int]) -> None:
        """Take how many guesses of each way hit a code of the file."""
        self.hits = [before + more for before, more in zip(self.hits, hits, strict=True)]

    def report(self) -> dict[str, object]:
        """Return what was found, for JSON; ``warnings`` are sentences for staff."""
        bits, supported = entropy_bits(self.sample)
        rates = [hits / made if made else 0.0 for hits, made in zip(self.hits, self.guesses, strict=True)]
        return {
            "lengths": {
                "min": min(self.lengths, default=0),
                "max": max(self.lengths, default=0),
                "counts": {str(length): self.lengths[length] for length in sorted(self.lengths)},
            },
            "alphabet": "".join(sorted(self.alphabet)),
            "sample": len(self.sample),
            "running": {"pairs": self.pairs, "share": round(self.running / self.pairs, 6) if self.pairs else 0.0},
            "entropy": {"bits": round(bits, 1), "supported_bits": round(supported, 1)},
            "guesses": {
                "made": sum(self.guesses),
                "hits": sum(self.hits),
                "rate": max(rates),
                "ways": [
                    {"way": way, "made": made, "hits": hit, "rate": rate}
                    for way, made, hit, rate in zip(WAYS, self.guesses, self.hits, rates, strict=True)
                ],
            },
            "warnings": list(self._warnings(bits, rates)),
        }

    def _warnings(self, bits: float, rates: Sequence[float]) -> list[str]:
        found = []
        rate = max(rates)
        strange = "".join(sorted(set(self.alphabet) - _ALLOWED))
        if strange:
            found.append(
                f"codes hold characters that WeChat's extinfo does not allow ({strange}), so no scan can bring them: "
                "did a spreadsheet shorten numbers to something like 6.90E+12?"
            )
        if self.pairs and self.running / self.pairs > RUNNING_SHARE_MAX:
            share = self.running / self.pairs
            found.append(
                f"the codes are running numbers ({share:.1%} of neighbouring lines follow one another): {_REMEDY}"
            )
        if rate > GUESS_RATE_MAX:
            one_in, way = max(round(1 / rate), 1), WAYS[rates.index(rate)]
            found.append(
                f"the codes can be guessed: of a forger's best guesses ({way}), one in {one_in:,} is a genuine code; "
                f"the law allows at most one in {round(1 / GUESS_RATE_MAX):,}: {_REMEDY}"
            )
        if len(self.sample) >= ENTROPY_SAMPLE_MIN and bits < ENTROPY_WANTED_BITS - _ENTROPY_SLACK_BITS:
            found.append(
                f"the codes hold about {bits:.0f} random bits, and a service that anybody can ask needs "
                f"{ENTROPY_WANTED_BITS}: {_REMEDY}"
            )
        return found
