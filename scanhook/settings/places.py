"""Finds the line of a value in a TOML file, so that an error can name it. The standard library's parser cannot."""

from __future__ import annotations

import re

__all__ = ["line_of"]

_TABLE = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-\".]+)\s*=")


def line_of(text: str, place: tuple[str, ...]) -> int | None:
    """Return the number of the line, counted from 1, where a value stands.

    :param place: the names of its tables and its own, from the outside in.
    :returns: the line of the innermost part that is found, or ``None``.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = _split(header[1])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault(table + _split(key[1]), number)
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return None


def _split(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip('"') for part in name.split("."))
