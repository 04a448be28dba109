"""Reads a code file with the help of several processes: every code becomes a tag in the stacks, or a refused line."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from struct import Struct

from scanhook.registry.audit import SAMPLE_CODES, Observed, observe
from scanhook.registry.checksum import right_checks
from scanhook.registry.codefile import Block
from scanhook.registry.guessing import WAYS, guesses
from scanhook.registry.life import State
from scanhook.registry.normalise import Normalisation
from scanhook.registry.parsing import Group, parse_block
from scanhook.registry.sorting import GUESS, SortedStack, sort_stack
from scanhook.registry.spool import GUESSES, TAGS, Spool
from scanhook.registry.workfolder import WorkFolder
from scanhook.storage import Pepper

__all__ = ["BlockRead", "Reader", "Reading", "Slot", "Wanted"]

_TAIL = Struct("12s")  # line, pile, position: what stands behind the tag in a RECORD


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a helper needs to know to read blocks.

    :param encoding: of the file.
    :param width: how many fields a line has.
    :param batch: of lines that name none.
    :param work: where the stacks lie.
    """

    encoding: str
    width: int
    batch: str
    work: WorkFolder
    pepper: Pepper


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A group of codes that were found in a block, and wait for their places.

    :param last: the highest place that one of them has among the codes of its batch in this block.
    :param cut: whether the name of its batch may be broken off; see :class:`~scanhook.registry.parsing.Group`.
    """

    key_standard: str
    key_str: str
    batch: str
    state: State
    last: int
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where the codes of a group go.

    :param pile: the number of their pile.
    :param base: the highest position of their batch before this block.
    """

    pile: int
    product_id: bytes
    rules: Normalisation
    base: int


Slots = Sequence[Slot | str]
"""One for each group that was found; a text says why the codes of the group are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRead:
    """What came of a block.

    :param refused: the number of each refused line, and why.
    """

    refused: Sequence[tuple[int, str]]
    observed: Sequence[Observed]


class Reader:
    """Reads blocks, and sorts stacks once all blocks were read (see :class:`~scanhook.registry.crew.Crew`).

    :param number: of the helper.
    """

    def __init__(self, reading: Reading, number: int) -> None:
        self._reading = reading
        self._tags = Spool(reading.work.path, name=TAGS, stacks=reading.work.stacks, process=number)
        self._guesses = Spool(reading.work.path, name=GUESSES, stacks=reading.work.stacks, process=number)

    def __call__(self, task: Block | int) -> Generator[list[Wanted], Slots, BlockRead] | SortedStack:
        """Read a block, or sort the stack of that number."""
        return sort_stack(self._reading.work, task) if isinstance(task, int) else self._read(task)

    def _read(self, block: Block) -> Generator[list[Wanted], Slots, BlockRead]:
        """Read a block; what it has found is in the stacks once the reader has finished.

        :raises UnicodeDecodeError: when the file is not in the encoding that was thought.
        :raises BlockRefused: when the block cannot be split into lines.
        :raises StorageError: when the disk cannot take the tags.
        """
        parsed = parse_block(
            block.content.decode(self._reading.encoding),
            first_line=block.first_line,
            width=self._reading.width,
            batch=self._reading.batch,
            last=block.last,
        )
        slots = yield [
            Wanted(
                key_standard=group.key_standard,
                key_str=group.key_str,
                batch=group.batch,
                state=group.state,
                last=group.places[-1],
                cut=group.cut,
            )
            for group in parsed.groups
        ]
        refused, observed = list(parsed.refused), []
        codes = sum(len(group.ext_infos) for group in parsed.groups)
        for group, slot in zip(parsed.groups, slots, strict=True):
            if isinstance(slot, str):
                refused.extend((line, slot) for line in group.lines)
                continue
            wanted = ceil(SAMPLE_CODES * block.share * len(group.ext_infos) / codes)
            taken, normals = _checked(group, slot.rules, refused)
            if normals:
                self._take(taken, normals, slot)
                observed.append(self._observe(normals, slot, wanted, seed=block.number))
        return BlockRead(refused=refused, observed=observed)

    def finish(self) -> None:
        """Bring what is in memory to the disk."""
        self._tags.flush()
        self._guesses.flush()

    def _take(self, group: Group, normals: Sequence[str], slot: Slot) -> None:
        tags = self._reading.pepper.tags(slot.product_id, normals)
        sorted_out: list[list[bytes]] = [[] for _ in range(256)]
        for tag, (tail,) in zip(tags, _TAIL.iter_unpack(_tails(group, slot)), strict=True):
            sorted_out[tag[0]].append(tag + tail)
        for first_byte, records in enumerate(sorted_out):
            if records:
                self._tags.add(first_byte * self._reading.work.stacks >> 8, b"".join(records))

    def _observe(self, normals: Sequence[str], slot: Slot, wanted: int, *, seed: int) -> Observed:
        observed = observe(normals, wanted=wanted)
        ways, made = [], []
        for way, guess in guesses(observed.sample, slot.rules, seed=seed):
            ways.append(way)
            made.append(guess)
        tags = self._reading.pepper.tags(slot.product_id, made)
        self._guesses.add_all(GUESS.pack(tag, way) for tag, way in zip(tags, ways, strict=True))
        count = Counter(ways)
        return replace(observed, guesses=[count[way] for way in range(len(WAYS))])


def _checked(group: Group, rules: Normalisation, refused: list[tuple[int, str]]) -> tuple[Group, list[str]]:
    """Return the codes that the product's rules take, in their normal form; the lines of others are refused."""
    normals = rules.apply_all(group.ext_infos)
    if all(normals) and not rules.check:
        return group, normals
    kept = []
    right = right_checks(normals) if rules.check else [True] * len(normals)
    for number, (line, normal) in enumerate(zip(group.lines, normals, strict=True)):
        if not normal:
            refused.append((line, "its extinfo is empty once it is trimmed"))
        elif not right[number]:
            refused.append((line, "its extinfo has a wrong check character"))
        else:
            kept.append(number)
    if len(kept) == len(normals):
        return group, normals
    left = replace(
        group,
        ext_infos=[],
        lines=[group.lines[number] for number in kept],
        places=[group.places[number] for number in kept],
    )
    return left, [normals[number] for number in kept]


def _tails(group: Group, slot: Slot) -> bytes:
    count = len(group.lines)
    tails = array("I", bytes(12 * count))
    tails[0::3] = array("I", group.lines)
    tails[1::3] = array("I", [slot.pile]) * count
    tails[2::3] = array("I", _moved(group.places, slot.base))
    if sys.byteorder == "little":
        tails.byteswap()
    return tails.tobytes()


def _moved(places: Sequence[int], base: int) -> Sequence[int]:
    if isinstance(places, range):
        return range(places.start + base, places.stop + base)
    return [place + base for place in places]
