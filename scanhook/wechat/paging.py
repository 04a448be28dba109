"""Reads lists that WeChat gives by offset, while others add, change and remove what stands in them. Performs no I/O.

What is removed in front of the offset draws the others past it, and what changes may jump to the front of the list,
behind our back. So a reading tells whether it can have missed anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from scanhook.errors import WechatUnreachable

__all__ = ["BEGINNING", "Mark", "Paged", "Step", "Walk", "pages_from"]

_BARREN_MAX = 3
"""So many pages in a row that bring nothing new: others may add a page full while we read, but not one after the other.
"""


class Paged(Protocol):
    """One page of a list."""

    @property
    def total(self) -> int:
        """How many rows the whole list has."""


P = TypeVar("P", bound=Paged)
Row = TypeVar("Row")


def pages_from(ask: Callable[[int], P], *, keys: Callable[[P], Sequence[str]], offset: int = 0) -> Iterator[P]:
    """Yield the pages of a list from an offset to the end: an empty page, or the one that reaches the total.

    The next page is asked for behind what came, not behind what was asked for: WeChat may give fewer.

    :param ask: returns the page that begins at an offset.
    :param keys: returns what tells the rows of a page apart.
    :raises WechatUnreachable: when the list repeats itself, so that it would never end.
    """
    met: set[str] = set()
    barren = 0
    while True:
        page = ask(offset)
        yield page
        found = keys(page)
        offset += len(found)
        if not found or offset >= page.total:
            return
        barren = barren + 1 if met.issuperset(found) else 0
        met.update(found)
        if barren >= _BARREN_MAX:
            raise WechatUnreachable(
                f"WeChat's list repeats itself: {_BARREN_MAX} answers in a row brought nothing new, and {page.total:,} "
                "is what it says it has",
                acted=None,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a round through a list goes on.

    :param offset: how many rows stand before.
    :param last: the key of the row right before.
    :param total: what every page so far has said; ``None`` when the round can have missed something.
    """

    offset: int = 0
    last: str = ""
    total: int | None = None


BEGINNING = Mark()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[Row]):
    """What one page of a round brought.

    :param fresh: the rows that no round brought before.
    :param total: how many rows the page says there are.
    :param mark: where the round goes on.
    """

    fresh: tuple[Row, ...]
    total: int
    mark: Mark


class Walk(Generic[P, Row]):
    """Reads a list in rounds.

    A round is whole when nothing can have moved beneath it: all its pages say the same total, no row came twice, and
    there were exactly as many rows as the total says.

    :param ask: returns the page that begins at an offset.
    :param rows: returns the rows of a page.
    :param key: returns what tells a row from all others.
    :ivar is_whole: whether the last round was.
    :ivar seen: the keys of all rows so far.
    """

    def __init__(
        self, ask: Callable[[int], P], *, rows: Callable[[P], Sequence[Row]], key: Callable[[Row], str]
    ) -> None:
        self._ask = ask
        self._rows = rows
        self._key = key
        self.seen: set[str] = set()
        self.is_whole = False

    def round(self, mark: Mark = BEGINNING) -> Iterator[Step[Row]]:
        """Yield what each page brings, from the beginning of the list to its end.

        :param mark: to go on with a round that was stopped. It can become whole only when the row right before still
            stands there, and the total is the same.
        :raises WechatUnreachable: when the list repeats itself.
        """
        self.is_whole = False
        goes_on = mark.offset > 0
        offset, last, total = max(mark.offset - 1, 0), mark.last, mark.total
        around: set[str] = set()
        if goes_on:
            self.seen.add(last)
        for page in pages_from(self._ask, keys=self._keys, offset=offset):
            keys = self._keys(page)
            if not around:
                total = self._first_total(page, mark)
            if page.total != total or len(set(keys)) < len(keys) or not around.isdisjoint(keys):
                total = None
            around.update(keys)
            offset, last = offset + len(keys), keys[-1] if keys else last
            yield Step(fresh=self._fresh(page), total=page.total, mark=Mark(offset=offset, last=last, total=total))
        self.is_whole = offset == total

    def _first_total(self, page: P, mark: Mark) -> int | None:
        if not mark.offset:
            return page.total
        return mark.total if self._keys(page)[:1] == [mark.last] else None

    def _fresh(self, page: P) -> tuple[Row, ...]:
        fresh = {self._key(row): row for row in self._rows(page) if self._key(row) not in self.seen}
        self.seen.update(fresh)
        return tuple(fresh.values())

    def _keys(self, page: P) -> list[str]:
        return [self._key(row) for row in self._rows(page)]
