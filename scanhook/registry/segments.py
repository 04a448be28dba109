"""Ranges of positions and the marks on them, kept so that no two overlap. Performs no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from scanhook.registry.life import NO_MARK, Mark

__all__ = ["Segment", "covered", "laid_over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of positions with one mark; both ends belong to it.

    :raises ValueError: when it is upside down.
    """

    first: int
    last: int
    mark: Mark

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError("a segment's first position is not behind its last")

    def with_mark(self, mark: Mark) -> Segment:
        """Return the same run with another mark."""
        return replace(self, mark=mark)


def covered(segments: Iterable[Segment], first: int, last: int) -> Iterator[Segment]:
    """Yield what lies between two positions, without gaps: where there is no segment, one with ``NO_MARK``.

    :param segments: in their order, not overlapping each other.
    """
    at = first
    for segment in segments:
        if segment.last < first or segment.first > last:
            continue
        if segment.first > at:
            yield Segment(first=at, last=segment.first - 1, mark=NO_MARK)
        start, end = max(segment.first, first), min(segment.last, last)
        yield Segment(first=start, last=end, mark=segment.mark)
        at = end + 1
    if at <= last:
        yield Segment(first=at, last=last, mark=NO_MARK)


def laid_over(segments: Iterable[Segment], pieces: list[Segment]) -> list[Segment]:
    """Return segments with pieces laid over them; neighbours with the same mark become one.

    :param segments: in their order, not overlapping each other.
    :param pieces: one behind the other without gaps.
    """
    first, last = pieces[0].first, pieces[-1].last
    before, after = [], []
    for segment in segments:
        if segment.first < first:
            before.append(replace(segment, last=min(segment.last, first - 1)))
        if segment.last > last:
            after.append(replace(segment, first=max(segment.first, last + 1)))
    joined: list[Segment] = []
    for segment in (*before, *pieces, *after):
        if joined and joined[-1].mark == segment.mark and joined[-1].last + 1 == segment.first:
            joined[-1] = replace(joined[-1], last=segment.last)
        else:
            joined.append(segment)
    return joined
