from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from scanhook.errors import WechatUnreachable
from scanhook.wechat.paging import BEGINNING, Mark, Walk, pages_from


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    rows: str
    total: int


class Script:
    """Gives one page after the other, whatever is asked."""

    def __init__(self, *pages: tuple[str, int]) -> None:
        self._pages = [Page(rows=rows, total=total) for rows, total in pages]
        self.offsets: list[int] = []

    def __call__(self, offset: int) -> Page:
        self.offsets.append(offset)
        return self._pages.pop(0)


def walked(*pages: tuple[str, int], mark: Mark = BEGINNING) -> tuple[str, bool, Mark]:
    """Return what a round brought, whether it was whole, and where it went on at last."""
    walk = Walk(Script(*pages), rows=lambda page: page.rows, key=str)
    steps = list(walk.round(mark))
    return "".join(row for step in steps for row in step.fresh), walk.is_whole, steps[-1].mark


@pytest.mark.parametrize(
    ("pages", "brought", "whole"),
    [
        ([("", 0)], "", True),
        ([("ab", 3), ("c", 3)], "abc", True),
        ([("ab", 4), ("d", 3)], "abd", False),
        ([("ab", 3), ("b", 3), ("", 3)], "ab", False),
        ([("ab", 4), ("bd", 4)], "abd", False),
        ([("aa", 2)], "a", False),
        ([("ab", 4), ("", 4)], "ab", False),
        ([("ab", 0)], "ab", False),
        ([("abc", 2)], "abc", False),
        ([("", -1)], "", False),
    ],
)
def test_a_round_is_whole_when_it_showed_what_the_list_says_it_has(
    pages: Sequence[tuple[str, int]], brought: str, *, whole: bool
) -> None:
    assert walked(*pages)[:2] == (brought, whole)


@pytest.mark.parametrize(
    ("mark", "pages", "brought", "whole"),
    [
        (Mark(offset=2, last="b", total=3), [("bc", 3)], "c", True),
        (Mark(offset=3, last="c", total=3), [("c", 3)], "", True),
        (Mark(offset=2, last="b", total=3), [("ab", 3)], "a", False),
        (Mark(offset=2, last="b", total=3), [("bc", 4), ("d", 4)], "cd", False),
        (Mark(offset=2, last="b", total=None), [("bc", 3)], "c", False),
        (Mark(offset=2, last="b", total=3), [("", 1)], "", False),
    ],
)
def test_a_round_that_goes_on_is_whole_only_when_nothing_has_moved(
    mark: Mark, pages: Sequence[tuple[str, int]], brought: str, *, whole: bool
) -> None:
    assert walked(*pages, mark=mark)[:2] == (brought, whole)


def test_a_step_says_where_the_round_goes_on() -> None:
    assert walked(("ab", 5), ("cd", 5), ("e", 5))[2] == Mark(offset=5, last="e", total=5)
    assert walked(("ab", 5), ("cd", 4))[2] == Mark(offset=4, last="d", total=None)


def test_a_second_round_brings_only_what_is_new() -> None:
    walk = Walk(Script(("ab", 2), ("bc", 2)), rows=lambda page: page.rows, key=str)
    assert [[step.fresh for step in walk.round()] for _ in range(2)] == [[("a", "b")], [("c",)]]


def test_a_page_begins_behind_what_came() -> None:
    script = Script(("abc", 5), ("d", 5), ("e", 5))
    assert [page.rows for page in pages_from(script, keys=lambda page: page.rows, offset=0)] == ["abc", "d", "e"]
    assert script.offsets == [0, 3, 4]


def test_a_page_that_others_push_back_once_does_not_end_the_list() -> None:
    script = Script(("ab", 6), ("ab", 8), ("cd", 8), ("ef", 8))
    assert len(list(pages_from(script, keys=lambda page: page.rows))) == 4


def test_a_list_that_repeats_itself_is_an_error() -> None:
    script = Script(*[("ab", 10**9)] * 9)
    with pytest.raises(WechatUnreachable, match="3 answers in a row brought nothing new, and 1,000,000,000 is what"):
        list(pages_from(script, keys=lambda page: page.rows))
    assert script.offsets == [0, 2, 4, 6]
