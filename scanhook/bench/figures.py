"""Counts: how long answers took, and whether what was answered is what is stored. Performs no I/O."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from scanhook.bench.plan import Told

__all__ = ["Latencies", "Reckoning", "latencies_of", "peak_rate", "percentile", "reckon"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """How long answers took, in seconds."""

    p50: float
    p90: float
    p99: float
    p999: float
    highest: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share of all does not exceed (nearest rank).

    :param ordered: at least one, the smallest first.
    :param share: above 0, up to 1.
    """
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def latencies_of(seconds: Iterable[float]) -> Latencies | None:
    """Return the percentiles; ``None`` of nothing."""
    ordered = sorted(seconds)
    if not ordered:
        return None
    p50, p90, p99, p999 = (percentile(ordered, share) for share in (0.5, 0.9, 0.99, 0.999))
    return Latencies(p50=p50, p90=p90, p99=p99, p999=p999, highest=ordered[-1])


def peak_rate(moments: Iterable[float], *, within_s: float = 0.25) -> float:
    """Return how many things happened in a second at the busiest time.

    :param moments: when they happened, in seconds.
    :param within_s: how long a time is looked at.
    """
    times = Counter(int(moment / within_s) for moment in moments)
    return max(times.values(), default=0) / within_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """What became of all pushes that were sent.

    :param sent: pushes, repeats among them.
    :param repeats: pushes that had been sent before.
    :param answered: pushes that were served: told a verdict, or ``success`` where nothing more was asked.
    :param stored: scans and other events that the journal holds; a repeat is the same one.
    :param lost: those that were served and are not stored, a scan with its verdict.
    :param doubled: those that are stored more than once.
    :param wrong: answers that are not the code's verdict or cannot be opened, and scans that are stored with another
        verdict than the code's.
    """

    sent: int
    repeats: int
    answered: int
    stored: int
    lost: int
    doubled: int
    wrong: int

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.wrong)


def reckon(
    order: Sequence[int],
    answers: Sequence[Told | str | None],
    rows: Iterable[tuple[Hashable, Told | None]],
    *,
    expected: Callable[[int], Told],
    known_by: Callable[[int], Hashable],
) -> Reckoning:
    """Compare what was answered with what is stored.

    :param order: the numbers of the pushes, as they were sent.
    :param answers: what each was told; a sentence where an answer came that is none; ``None`` where none came.
    :param rows: of the journal: what a row is known by, and what was told; ``None`` of a scan that has no verdict.
    :param expected: what a push must be told.
    :param known_by: what the row of a push is known by.
    """
    answered = {number for number, answer in zip(order, answers, strict=True) if isinstance(answer, Told)}
    stored: Mapping[Hashable, list[Told | None]] = defaultdict(list)
    for known, told in rows:
        stored[known].append(told)
    times = Counter(order)
    found = {number: stored.get(known_by(number), []) for number in times}
    right = {number: expected(number) for number in times}
    return Reckoning(
        sent=len(order),
        repeats=len(order) - len(times),
        answered=sum(isinstance(answer, Told) for answer in answers),
        stored=sum(bool(told) for told in found.values()),
        lost=sum(not any(told is not None for told in found[number]) for number in answered),
        doubled=sum(len(told) > 1 for told in found.values()),
        wrong=sum(answer is not None and answer != right[number] for number, answer in zip(order, answers, strict=True))
        + sum(any(one not in (None, right[number]) for one in told) for number, told in found.items()),
    )
