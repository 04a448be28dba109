"""Makes code files, and registries to import them into."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

from scanhook.clock import FixedClock
from scanhook.registry import ImportReport, RegistryStore, State, import_codes
from scanhook.registry.codefile import CodeFile
from scanhook.registry.parsing import parse_block
from scanhook.storage import Pepper

AT = 1_760_000_000.0
CLOCK = FixedClock(at=AT)
HEADER = "keystandard,keystr,extinfo,status"
EAN = ("ean13", "6900873042720")


def code_file(
    path: Path, *lines: str, header: str = HEADER, encoding: str = "utf-8", zipped: bool = False, end: str = "\n"
) -> Path:
    """Write a code file of these lines below the header."""
    text = "".join(line + end for line in (header, *lines)).encode(encoding)
    path.write_bytes(gzip.compress(text) if zipped else text)
    return path


def ean_lines(*codes: str, status: str = "active") -> list[str]:
    """Return lines for codes of the one product that most tests have."""
    return [f"ean13,6900873042720,{code},{status}" for code in codes]


def load(store: RegistryStore, path: Path, pepper: Pepper, *lines: str, header: str = HEADER) -> ImportReport:
    """Import these lines, all of which must be good."""
    report = import_codes(store, code_file(path, *lines, header=header), pepper=pepper, account="main")
    assert report.finished
    return report


class Line(NamedTuple):
    """A line of a code file that can be used."""

    key_standard: str
    key_str: str
    ext_info: str
    state: State = State.ACTIVE
    batch: str = ""


def lines_of(path: Path, *, encoding: str = "utf-8", batch: str = "") -> list[tuple[int, Line | str]]:
    """Read a code file, and return its lines by number; a text says why a line is refused."""
    file, found = CodeFile(path), list[tuple[int, Line | str]]()
    for block in file.blocks(lambda _done: None):
        text = block.content.decode(encoding)
        parsed = parse_block(text, first_line=block.first_line, width=file.width, batch=batch, last=block.last)
        found += parsed.refused
        for group in parsed.groups:
            name = (group.key_standard, group.key_str)
            lines = [Line(*name, ext_info, group.state, group.batch) for ext_info in group.ext_infos]
            found += zip(group.lines, lines, strict=True)
    return sorted(found, key=lambda numbered: numbered[0])
