"""Parses a block of a code file: which codes of which batch stand in which lines, and which lines are refused.

Performs no I/O. Nearly all blocks of a real file are alike but for the codes, and are cut in one go; where one line
differs, all lines of the block are looked at one by one.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from scanhook.registry.codefile import EXT_INFO_MAX_CHARS, HEADER
from scanhook.registry.life import State
from scanhook.registry.product import KEY_MAX_CHARS

__all__ = ["BATCH_MAX_CHARS", "BlockRefused", "Group", "Parsed", "parse_block"]

BATCH_MAX_CHARS = 64
_STATES = {"active": State.ACTIVE, "inactive": State.ISSUED}
_GroupKey = tuple[str, str, str, State]


class BlockRefused(ValueError):
    """A block cannot be split into lines; the whole file is refused.

    :param line: the number of the line where it begins.
    """

    def __init__(self, line: int, why: str) -> None:
        super().__init__(line, why)
        self.line, self.why = line, why


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The codes of a block that share product, batch and state.

    :param batch: never empty.
    :param ext_infos: as they stand in the file.
    :param lines: the number of each one's line.
    :param places: each one's place among the codes of its batch in this block, counted from 1.
    :param cut: whether it is one code, in a last line without an end, whose batch no other line of the block names: the
        name may be broken off.
    """

    key_standard: str
    key_str: str
    batch: str
    state: State
    ext_infos: list[str] = field(repr=False)
    lines: Sequence[int]
    places: Sequence[int]
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a block holds.

    :param refused: the number of each line that cannot be used, and why.
    """

    groups: list[Group]
    refused: list[tuple[int, str]]


def parse_block(text: str, *, first_line: int, width: int, batch: str, last: bool) -> Parsed:
    """Parse whole lines.

    :param first_line: the number of the first one.
    :param width: how many fields the header has.
    :param batch: of lines that name none.
    :param last: whether the file ends here.
    :raises BlockRefused: when a quoted field runs over the end of its line: its neighbours would vanish inside it.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    parsed = _parse(text, first_line, width, batch, last=last)
    if not last or width <= len(HEADER) or text.endswith("\n"):
        return parsed
    return _with_cut(parsed, first_line + text.count("\n"))


def _parse(text: str, first_line: int, width: int, batch: str, *, last: bool) -> Parsed:
    if '"' in text:
        return _parse_rows(_quoted_rows(text, first_line, last=last), width, batch)
    alike = _parse_alike(text, first_line, width, batch)
    if alike is not None:
        return Parsed(groups=[alike], refused=[])
    rows = (line.split(",") if line else [] for line in text.split("\n"))
    return _parse_rows(enumerate(rows, first_line), width, batch)


def _with_cut(parsed: Parsed, last_line: int) -> Parsed:
    """Mark the group of the last line as cut where that line alone names its batch."""
    named = Counter[str]()
    for group in parsed.groups:
        named[group.batch] += len(group.lines)
    groups = [replace(group, cut=group.lines[-1] == last_line and named[group.batch] == 1) for group in parsed.groups]
    return Parsed(groups=groups, refused=parsed.refused)


def _parse_alike(text: str, first_line: int, width: int, batch: str) -> Group | None:
    """Parse lines that differ in nothing but their codes; ``None`` when there are others."""
    body = text.removesuffix("\n")
    fields = body.partition("\n")[0].split(",")
    if len(fields) != width or _why_refused(fields, width):
        return None
    before, behind = f"{fields[0]},{fields[1]},", "," + ",".join(fields[3:])
    ext_infos = body.split(f"{behind}\n{before}")
    lines = body.count("\n") + 1
    # As many cuts as ends of lines, and no comma besides those of the cuts: so nothing else stands between two cuts.
    if len(ext_infos) != lines or body.count(",") != lines * (width - 1) or not body.endswith(behind):
        return None
    ext_infos[-1] = ext_infos[-1].removesuffix(behind)
    ext_infos[0] = ext_infos[0].removeprefix(before)
    lengths = set(map(len, ext_infos))
    if min(lengths) == 0 or max(lengths) > EXT_INFO_MAX_CHARS or not "".join(ext_infos).isprintable():
        return None
    return Group(
        key_standard=fields[0],
        key_str=fields[1],
        batch=(fields[4] if width > 4 else "") or batch,
        state=_STATES[fields[3].strip().lower()],
        ext_infos=ext_infos,
        lines=range(first_line, first_line + lines),
        places=range(1, lines + 1),
    )


def _parse_rows(rows: Iterable[tuple[int, list[str] | str]], width: int, batch: str) -> Parsed:
    refused: list[tuple[int, str]] = []
    found: dict[_GroupKey, tuple[list[str], list[int], list[int]]] = {}
    places: Counter[tuple[str, str, str]] = Counter()
    for line, row in rows:
        if not row:
            continue
        why = row if isinstance(row, str) else _why_refused(row, width)
        if why:
            refused.append((line, why))
            continue
        place = (row[0], row[1], (row[4] if width > 4 else "") or batch)
        places[place] += 1
        ext_infos, lines, numbers = found.setdefault((*place, _STATES[row[3].strip().lower()]), ([], [], []))
        ext_infos.append(row[2])
        lines.append(line)
        numbers.append(places[place])
    groups = [
        Group(
            key_standard=key_standard,
            key_str=key_str,
            batch=name,
            state=state,
            ext_infos=ext_infos,
            lines=lines,
            places=numbers,
        )
        for (key_standard, key_str, name, state), (ext_infos, lines, numbers) in found.items()
    ]
    return Parsed(groups=groups, refused=refused)


def _quoted_rows(text: str, first_line: int, *, last: bool) -> Iterator[tuple[int, list[str] | str]]:
    """Yield rows with their numbers; a text instead of a row says why it is none."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    before = 0
    while True:
        row: list[str] | str | None
        try:
            row = next(reader, None)
        except csv.Error as error:
            row = f"it is not CSV: {error}"
            if "end of data" in row and not last:
                raise BlockRefused(first_line + before, _RUNS_OVER) from None
        if reader.line_num > before + 1:
            raise BlockRefused(first_line + before, _RUNS_OVER)
        if row is None:
            return
        before = reader.line_num
        yield first_line + before - 1, row


_RUNS_OVER = "a quoted field runs over the end of its line"


def _why_refused(row: list[str], width: int) -> str | None:
    if len(row) != width:
        return f"it has {len(row)} fields, and the header has {width}"
    if row[3].strip().lower() not in _STATES:
        if tuple(name.strip().lower() for name in row[:4]) == HEADER:
            return "it is a second header"
        return "its status is neither `active` nor `inactive`"
    if width > len(HEADER) and row[4] != row[4].strip():
        return "its batch has blanks at its ends"
    return next(filter(None, map(_why_text_refused, _NAMES, (*row[:3], *row[4:]), _LONGEST)), None)


def _why_text_refused(name: str, text: str, longest: int) -> str | None:
    if not text and name != "batch":
        return f"its {name} is empty"
    if len(text) > longest:
        return f"its {name} has more than {longest} characters"
    return None if text.isprintable() else f"its {name} holds a character that cannot be printed"


_NAMES = (*HEADER[:3], "batch")
_LONGEST = (KEY_MAX_CHARS, KEY_MAX_CHARS, EXT_INFO_MAX_CHARS, BATCH_MAX_CHARS)
