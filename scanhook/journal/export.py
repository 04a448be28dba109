"""Writes scans for people and programs: CSV that opens in a spreadsheet, and JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO

from scanhook.journal.store import Entry

__all__ = ["COLUMNS", "as_dict", "harmless", "write_csv", "write_jsonl"]

COLUMNS = (
    "number",
    "received_at",
    "account",
    "keystandard",
    "keystr",
    "verdict",
    "reason",
    "verifier",
    "batch",
    "position",
    "extinfo",
    "code",
    "person",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")  # noqa: RUF001  (full-width ones count too)
_BOM = "\ufeff"


def as_dict(entry: Entry) -> dict[str, object]:
    """Return a scan by the names of ``COLUMNS``; the time as ISO 8601 in UTC, hashes in hex."""
    return {
        "number": entry.number,
        "received_at": datetime.fromtimestamp(entry.received_at, tz=UTC).isoformat(timespec="milliseconds"),
        "account": entry.account,
        "keystandard": entry.key_standard,
        "keystr": entry.key_str,
        "verdict": entry.code_result,
        "reason": entry.reason,
        "verifier": entry.verifier,
        "batch": entry.batch,
        "position": entry.position,
        "extinfo": entry.ext_info,
        "code": entry.tag.hex() if entry.tag else None,
        "person": entry.person.hex(),
    }


def harmless(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: a text that begins like one gets an apostrophe."""
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return "'" + cell
    return cell


def write_csv(entries: Iterable[Entry], file: TextIO) -> int:
    """Write scans as CSV with a byte order mark, which spreadsheets need to read UTF-8; returns how many."""
    file.write(_BOM)
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    count = 0
    for entry in entries:
        writer.writerow([harmless(cell) for cell in as_dict(entry).values()])
        count += 1
    return count


def write_jsonl(entries: Iterable[Entry], file: TextIO) -> int:
    """Write scans as JSON, one on a line; returns how many."""
    count = 0
    for entry in entries:
        file.write(json.dumps(as_dict(entry), ensure_ascii=False) + "\n")
        count += 1
    return count
