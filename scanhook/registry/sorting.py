"""Sorts a stack of tags, finds doubles in it, and counts which guesses hit."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from struct import Struct

from scanhook.errors import Refused
from scanhook.registry.guessing import WAYS
from scanhook.registry.importstore import CodeRow
from scanhook.registry.spool import GUESSES, RECORD, TAGS, unsorted
from scanhook.registry.workfolder import FolderLost, WorkFolder, storing
from scanhook.storage import TAG_BYTES
from scanhook.storage.files import flush, give_to_owner

__all__ = [
    "GUESS",
    "STACK_MAX_CODES",
    "SortedStack",
    "Sorter",
    "prepare_stack",
    "rows_of_stack",
    "sort_stack",
    "take_stack",
]

GUESS = Struct(f">{TAG_BYTES}sB")
"""A forger's guess: its tag, and the number of the way in which it was made."""
STACK_MAX_CODES = 1_000_000
"""So many take 200 MB while they are sorted. Of 2 * 10^8 codes a stack has 780,000; only lines that are alike, which
all come into one stack, make one much larger than the others."""
_WHOLE = Struct(f"{RECORD.size}s")
_HALVES = Struct(f"{TAG_BYTES}s{RECORD.size - TAG_BYTES}s")


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedStack:
    """What became of a stack.

    :param codes: how many codes of each pile are in it, without the doubles.
    :param doubles: the line of each code that stands in an earlier line too, and the earlier line.
    :param hits: how many guesses of each way hit one of its codes.
    """

    number: int
    codes: Mapping[int, int]
    doubles: Sequence[tuple[int, int]]
    hits: Sequence[int]

    @property
    def records(self) -> int:
        """How many codes are in it, without the doubles."""
        return sum(self.codes.values())


class Sorter:
    """Sorts stacks, one for each task (see :class:`~scanhook.registry.crew.Crew`).

    :param number: of the helper.
    """

    def __init__(self, work: WorkFolder, number: int) -> None:  # noqa: ARG002  (every helper's work is made like this)
        self._work = work

    def __call__(self, number: int) -> SortedStack:
        """Sort a stack."""
        return sort_stack(self._work, number)

    def finish(self) -> None:
        """Do nothing: every stack is on the disk already."""


def sort_stack(work: WorkFolder, number: int) -> SortedStack:
    """Sort a stack and write it to the disk, for good; of equal tags the one of the earliest line is kept.

    :raises Refused: when it is too large to be sorted in memory.
    :raises StorageError: when the disk cannot take it.
    """
    with storing(work.path):
        files = unsorted(work.path, TAGS, number)
        if sum(file.stat().st_size for file in files) > STACK_MAX_CODES * RECORD.size:
            raise Refused(
                f"one code again and again, or a 256th of its codes, fills more than {STACK_MAX_CODES:,} lines of the "
                "file: leave out the lines that are there many times, or split the file"
            )
        records = [record for file in files for (record,) in _WHOLE.iter_unpack(file.read_bytes())]
        records.sort()
        doubles: list[tuple[int, int]] = []
        if len({tag for tag, _ in _HALVES.iter_unpack(b"".join(records))}) < len(records):
            records, doubles = _without_doubles(records)
        write_stack(work, number, b"".join(records))
        hits = _hits(records, unsorted(work.path, GUESSES, number))
        for file in files:
            file.unlink()
    codes = Counter(map(itemgetter(2), RECORD.iter_unpack(b"".join(records))))
    return SortedStack(number=number, codes=dict(codes), doubles=doubles, hits=hits)


def write_stack(work: WorkFolder, number: int, records: bytes) -> None:
    """Write the sorted records of a stack; they are on the disk when this returns."""
    prepare_stack(work, number, records)
    take_stack(work, number)


def prepare_stack(work: WorkFolder, number: int, records: bytes) -> None:
    """Write the sorted records of a stack beside what it is now; they are on the disk when this returns."""
    fresh = _prepared(work, number)
    fresh.write_bytes(records)
    give_to_owner(fresh)
    flush(fresh)


def take_stack(work: WorkFolder, number: int) -> None:
    """Let a stack be what was prepared for it."""
    _prepared(work, number).replace(work.sorted_stack(number))


def _prepared(work: WorkFolder, number: int) -> Path:
    path = work.sorted_stack(number)
    return path.with_name(f"{path.name}.new")


def rows_of_stack(work: WorkFolder, number: int) -> Iterator[CodeRow]:
    """Return the codes of a sorted stack, in order.

    :raises FolderLost: when the stack is not there, or damaged.
    :raises StorageError: when it cannot be read now.
    """
    path = work.sorted_stack(number)
    with storing(work.path):
        try:
            return RECORD.iter_unpack(path.read_bytes())
        except (FileNotFoundError, struct.error):
            raise FolderLost(path) from None


def _without_doubles(records: list[bytes]) -> tuple[list[bytes], list[tuple[int, int]]]:
    kept, doubles = records[:1], []
    for before, record in pairwise(records):
        if before[:TAG_BYTES] != record[:TAG_BYTES]:
            kept.append(record)
        else:
            line = RECORD.unpack(record)[1]
            doubles.append((line, RECORD.unpack(kept[-1])[1]))
    return kept, doubles


def _hits(records: Sequence[bytes], guesses: Sequence[Path]) -> list[int]:
    hits = [0] * len(WAYS)
    for file in guesses:
        for tag, way in GUESS.iter_unpack(file.read_bytes()):
            place = bisect_left(records, tag)
            hits[way] += place < len(records) and records[place].startswith(tag)
        file.unlink()
    return hits
