"""Estimates how random codes are, from a sample of them. Performs no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log2

__all__ = ["entropy_bits"]

_PAIR_SAMPLE = 10_000
_SAMPLES_A_CELL = 5
"""How many codes there must be for each pair of characters, before two positions are compared: with fewer, any two seem
to depend on one another."""


def entropy_bits(sample: Sequence[str]) -> tuple[float, float]:
    """Estimate the random bits of a code.

    Each position counts as much as its characters vary; a position that follows from an earlier one counts only what it
    adds to that. Dependences among three and more positions are not seen, so the true value may be lower.

    :param sample: codes; those of the most common length are looked at.
    :returns: the estimate, and the most that a sample of this size could have shown for such characters.
    """
    if not sample:
        return 0.0, 0.0
    length = Counter(map(len, sample)).most_common(1)[0][0]
    columns = list(zip(*(code for code in sample if len(code) == length), strict=True))
    if not columns:
        return 0.0, 0.0
    alone = [_corrected(Counter(column).values()) for column in columns]
    bits = sum(min(own, _beside_earlier(columns, place)) for place, own in enumerate(alone))
    return bits, sum(min(log2(len(set(column))), log2(len(columns[0]))) for column in columns)


def _beside_earlier(columns: Sequence[Sequence[str]], place: int) -> float:
    """Return what a position adds to the earlier one that tells most of it."""
    own = columns[place][:_PAIR_SAMPLE]
    least = float("inf")
    for earlier in columns[:place]:
        other = earlier[:_PAIR_SAMPLE]
        if len(own) < _SAMPLES_A_CELL * len(set(own)) * len(set(other)):
            continue
        least = min(
            least, _corrected(Counter(zip(own, other, strict=True)).values()) - _corrected(Counter(other).values())
        )
    return max(least, 0.0)


def _corrected(counts: Iterable[int]) -> float:
    """Return the entropy of counted things in bits, with Miller's and Madow's correction for a small sample.

    Never more than so many different things can have.
    """
    found = list(counts)
    total = sum(found)
    plain = -sum(count / total * log2(count / total) for count in found)
    return min(plain + (len(found) - 1) / (2 * total) * log2(2.718281828459045), log2(len(found)))
