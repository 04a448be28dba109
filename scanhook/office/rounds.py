"""Reads a list by offset for the directory: in rounds until one was whole, also across stops."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from scanhook.errors import WechatUnreachable
from scanhook.office.catalog import Listed
from scanhook.office.syncing import Portion
from scanhook.wechat import System
from scanhook.wechat.paging import BEGINNING, Mark, Paged, Walk

__all__ = ["ROUNDS_MAX", "never_whole", "whole_list"]

ROUNDS_MAX = 3
_PLACE = re.compile(rf"([1-{ROUNDS_MAX}]):([0-9]{{1,18}}):([0-9]{{0,18}}):(.*)", re.ASCII | re.DOTALL)

P = TypeVar("P", bound=Paged)
Row = TypeVar("Row")


def whole_list(
    walk: Walk[P, Row], place: str, *, system: System, described: Callable[[tuple[Row, ...]], list[Listed | None]]
) -> Iterator[Portion]:
    """Yield a list page by page until a round was whole, so that what it did not show has gone.

    :param place: the round, and where in it to go on; one that is not written so leads to the beginning.
    :param described: returns how the directory keeps rows; ``None`` for each that it cannot keep.
    :raises WechatUnreachable: when no round was whole; then the next call begins anew.
    """
    first, mark = _read(place)
    for number in range(first, ROUNDS_MAX + 1):
        for step in walk.round(mark):
            yield Portion.of(described(step.fresh), place=_written(number, step.mark), total=step.total)
        if walk.is_whole:
            return
        mark = BEGINNING
    yield Portion(listed=(), place="")
    raise never_whole(system)


def never_whole(system: System) -> WechatUnreachable:
    """Return the error for a list of which nobody can say that it was seen as a whole."""
    return WechatUnreachable(
        f"{system}: the list was read {ROUNDS_MAX} times, and each time it changed meanwhile, or showed another number "
        "than it says it has: what it shows is in the directory, and nothing was taken for gone",
        acted=None,
    )


def _read(place: str) -> tuple[int, Mark]:
    found = _PLACE.fullmatch(place)
    if found is None:
        return 1, BEGINNING
    number, offset, total, last = found.groups()
    return int(number), Mark(offset=int(offset), last=last, total=int(total) if total else None)


def _written(number: int, mark: Mark) -> str:
    return f"{number}:{mark.offset}:{'' if mark.total is None else mark.total}:{mark.last}"
