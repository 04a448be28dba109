"""Makes code files, and registries to import them into."""

from __future__ import annotations

import gzip
from pathlib import Path

from scanhook.clock import FixedClock
from scanhook.registry import ImportReport, RegistryStore, import_codes
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
