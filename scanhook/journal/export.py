"""Writes scans for people and programs: CSV that opens in a spreadsheet, and JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import TextIO

from scanhook.journal.entry import Entry, KeptEvent
from scanhook.journal.peoplestore import PeopleStore, Progress, silent

__all__ = ["COLUMNS", "PERSON_COLUMNS", "as_dict", "harmless", "kept_of", "write_csv", "write_jsonl"]

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
    "source",
)
PERSON_COLUMNS = ("kind", *COLUMNS, "needantifake", "openid", "event", "fields")
"""Of what is kept of one person; a ``kind`` is ``scan``, ``event``, or ``counted``: a code whose scans are deleted."""
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")  # noqa: RUF001  (full-width ones count too)
_BOM = "\ufeff"


def as_dict(entry: Entry) -> dict[str, object]:
    """Return a scan by the names of ``COLUMNS``; the time as ISO 8601 in UTC, hashes in hex."""
    return {
        "number": entry.number,
        "received_at": _iso(entry.received_at),
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
        "source": entry.source,
    }


def kept_of(journal: PeopleStore, person: bytes, *, progress: Progress = silent) -> Iterator[dict[str, object]]:
    """Yield what is kept of a person, by the names of ``PERSON_COLUMNS``: scans, other events, and codes counted by.

    :param person: the hash of the openid.
    """
    codes: set[bytes | None] = set()
    for entry in journal.scans_of(person, progress=progress):
        codes.add(entry.tag)
        yield _row("scan", as_dict(entry), openid=entry.openid, needantifake=entry.need_anti_fake)
    for event in journal.events_of(person, progress=progress):
        yield _row("event", _event_as_dict(event), openid=event.openid, event=event.event, fields=event.fields)
    for tag in journal.codes_of(person, progress=progress):
        if tag not in codes:
            yield _row("counted", {"code": tag.hex(), "person": person.hex()})


def harmless(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: a text that begins like one gets an apostrophe."""
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return "'" + cell
    return cell


def write_csv(rows: Iterable[Mapping[str, object]], file: TextIO, *, columns: Sequence[str] = COLUMNS) -> int:
    """Write rows as CSV with a byte order mark, which spreadsheets need to read UTF-8; returns how many."""
    file.write(_BOM)
    writer = csv.writer(file)
    writer.writerow(columns)
    count = 0
    for row in rows:
        cells = (json.dumps(cell, ensure_ascii=False) if isinstance(cell, dict) else cell for cell in row.values())
        writer.writerow([harmless(cell) for cell in cells])
        count += 1
    return count


def write_jsonl(rows: Iterable[Mapping[str, object]], file: TextIO) -> int:
    """Write rows as JSON, one on a line; returns how many."""
    count = 0
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count


def _event_as_dict(event: KeptEvent) -> dict[str, object]:
    return {
        "number": event.number,
        "received_at": _iso(event.received_at),
        "account": event.account,
        "keystandard": event.key_standard,
        "keystr": event.key_str,
        "code": event.tag.hex(),
        "person": event.person.hex() if event.person else None,
    }


def _row(kind: str, *parts: Mapping[str, object], **more: object) -> dict[str, object]:
    known = dict(chain.from_iterable(part.items() for part in (*parts, more)))
    return {"kind": kind, **{column: known.get(column) for column in PERSON_COLUMNS[1:]}}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds")
