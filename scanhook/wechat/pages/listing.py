"""The list of an account's pages, page by page (seed, 批量查询商品信息)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scanhook.errors import Refused, WechatUnreachable
from scanhook.wechat.answer import Answer
from scanhook.wechat.pages.key import PageKey
from scanhook.wechat.paging import Walk

__all__ = ["Listed", "PageSummary", "StatusFilter", "every_summary", "walk_of"]


class StatusFilter(StrEnum):
    """Which pages are wanted."""

    ON = "on"
    OFF = "off"
    CHECK = "check"
    REJECT = "reject"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSummary:
    """What the list says of a page.

    :param category_id: 0 where WeChat gives none.
    :param update_time: in seconds since 1970; ``None`` where WeChat gives none.
    :param status: a :class:`~scanhook.wechat.pages.page.PageStatus`, or what else WeChat says.
    """

    key: PageKey
    category_id: int
    category_name: str
    update_time: int | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One answer of the list.

    :param total: how many pages there are that were asked for.
    """

    total: int
    pages: tuple[PageSummary, ...]


def read_listed(found: dict[str, Any], *, path: str) -> Listed:
    """Read an answer of the list.

    :raises WechatUnreachable: when it is not what the page says.
    """
    answer = Answer(found, path=path)
    return Listed(total=answer.whole("total"), pages=tuple(_summary(row, path) for row in answer.parts("key_list")))


def _summary(row: Answer, path: str) -> PageSummary:
    key_standard, key_str = row.text("keystandard"), row.id("keystr")
    try:
        key = PageKey(key_standard=key_standard, key_str=key_str)
    except Refused as refused:
        raise WechatUnreachable(f"{path}: the answer is not what the page says: {refused}", acted=None) from None
    return PageSummary(
        key=key,
        category_id=row.whole("category_id", 0),
        category_name=row.text("category_name", ""),
        update_time=row.whole("update_time") if row.has("update_time") else None,
        status=row.text("status", ""),
    )


def walk_of(ask: Callable[[int], Listed]) -> Walk[Listed, PageSummary]:
    """Return a walk through the list.

    :param ask: returns the list from an offset on.
    """
    return Walk(ask, rows=lambda listed: listed.pages, key=lambda page: str(page.key))


def every_summary(ask: Callable[[int], Listed], *, tell: Callable[[int, int], None]) -> Iterator[PageSummary]:
    """Yield every page once, while others add, change and clear pages.

    The list is sorted by the time of the last change, so that a page that changes meanwhile jumps to its front, behind
    our back, and one that is cleared draws the others after it. So the list is read again from its beginning until a
    round is whole, or brings nothing new.

    :param ask: returns the list from an offset on.
    :param tell: is told how many there were so far, and of how many.
    :raises WechatUnreachable: when the list repeats itself.
    """
    walk = walk_of(ask)
    while True:
        before = len(walk.seen)
        for step in walk.round():
            yield from step.fresh
            tell(len(walk.seen), max(step.total, len(walk.seen)))
        if walk.is_whole or len(walk.seen) == before:
            return
