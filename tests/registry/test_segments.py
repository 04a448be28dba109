from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanhook.registry.life import NO_MARK, Mark
from scanhook.registry.segments import Segment, covered, laid_over
from tests.fuzz.strategies import fuzzed

A, B, C = (Mark(change_id=number) for number in (1, 2, 3))
Plain = tuple[int, int, int]
"""First, last and the number of the change that wrote the mark."""


def segments(*plain: Plain) -> list[Segment]:
    return [Segment(first=first, last=last, mark=Mark(change_id=number)) for first, last, number in plain]


def plain(found: list[Segment]) -> list[Plain]:
    return [(segment.first, segment.last, segment.mark.change_id) for segment in found]


def test_a_segment_is_not_upside_down() -> None:
    with pytest.raises(ValueError, match="not behind its last"):
        Segment(first=2, last=1, mark=A)
    assert Segment(first=2, last=2, mark=A).with_mark(B) == Segment(first=2, last=2, mark=B)


@pytest.mark.parametrize(
    ("there", "first", "last", "found"),
    [
        ([], 3, 5, [(3, 5, 0)]),
        ([(1, 2, 1)], 3, 5, [(3, 5, 0)]),
        ([(6, 9, 1)], 3, 5, [(3, 5, 0)]),
        ([(3, 5, 1)], 3, 5, [(3, 5, 1)]),
        ([(1, 9, 1)], 3, 5, [(3, 5, 1)]),
        ([(1, 3, 1)], 3, 5, [(3, 3, 1), (4, 5, 0)]),
        ([(5, 9, 1)], 3, 5, [(3, 4, 0), (5, 5, 1)]),
        ([(4, 4, 1)], 3, 5, [(3, 3, 0), (4, 4, 1), (5, 5, 0)]),
        ([(1, 3, 1), (4, 4, 2), (6, 7, 3)], 2, 9, [(2, 3, 1), (4, 4, 2), (5, 5, 0), (6, 7, 3), (8, 9, 0)]),
    ],
)
def test_what_lies_between_two_positions_has_no_gaps(
    there: list[Plain], first: int, last: int, found: list[Plain]
) -> None:
    pieces = list(covered(segments(*there), first, last))

    assert plain(pieces) == found
    assert all(piece.mark == NO_MARK for piece in pieces if piece.mark.change_id == 0)


@pytest.mark.parametrize(
    ("there", "pieces", "found"),
    [
        ([], [(3, 5, 1)], [(3, 5, 1)]),
        ([(1, 9, 1)], [(3, 5, 2)], [(1, 2, 1), (3, 5, 2), (6, 9, 1)]),
        ([(1, 9, 1)], [(3, 5, 1)], [(1, 9, 1)]),
        ([(3, 5, 1)], [(3, 5, 2)], [(3, 5, 2)]),
        ([(3, 5, 1)], [(1, 9, 2)], [(1, 9, 2)]),
        ([(1, 4, 1), (5, 9, 2)], [(4, 5, 3)], [(1, 3, 1), (4, 5, 3), (6, 9, 2)]),
        ([(1, 4, 1), (5, 9, 2)], [(4, 4, 3), (5, 5, 2)], [(1, 3, 1), (4, 4, 3), (5, 9, 2)]),
        ([(1, 2, 1), (6, 7, 1)], [(3, 5, 1)], [(1, 7, 1)]),
        ([(1, 2, 1), (7, 8, 1)], [(4, 5, 1)], [(1, 2, 1), (4, 5, 1), (7, 8, 1)]),
    ],
)
def test_a_range_splits_shortens_and_joins_what_is_there(
    there: list[Plain], pieces: list[Plain], found: list[Plain]
) -> None:
    assert plain(laid_over(segments(*there), segments(*pieces))) == found


_END = 12
_operations = st.lists(
    st.tuples(st.integers(1, _END), st.integers(1, _END), st.integers(0, 3), st.booleans()), max_size=12
)


@fuzzed(300)
@given(_operations)
def test_ranges_say_of_every_position_what_a_plain_table_says(operations: list[tuple[int, int, int, bool]]) -> None:
    there: list[Segment] = []
    table = dict.fromkeys(range(1, _END + 1), 0)
    for one, other, number, stepwise in operations:
        first, last = min(one, other), max(one, other)
        pieces = list(covered(there, first, last))
        assert [position for piece in pieces for position in range(piece.first, piece.last + 1)] == list(
            range(first, last + 1)
        )
        for piece in pieces:
            assert {table[position] for position in range(piece.first, piece.last + 1)} == {piece.mark.change_id}

        if stepwise:  # what is there is told apart, as a change of several marks does
            new = [piece.with_mark(Mark(change_id=(piece.mark.change_id + number) % 4)) for piece in pieces]
            table |= {position: (table[position] + number) % 4 for position in range(first, last + 1)}
        else:
            new = [Segment(first=first, last=last, mark=Mark(change_id=number))]
            table |= dict.fromkeys(range(first, last + 1), number)
        there = laid_over(there, new)

        assert all(left.last < right.first for left, right in pairwise(there))
        assert not any(left.last + 1 == right.first and left.mark == right.mark for left, right in pairwise(there)), (
            "neighbours with the same mark are one"
        )
        found = {
            position: segment.mark.change_id for segment in there for position in range(segment.first, segment.last + 1)
        }
        assert {position: found.get(position, 0) for position in table} == table
