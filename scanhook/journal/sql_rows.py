"""Rows of the journal: from and to values, and where in a table a time lies."""

from __future__ import annotations

import json
from typing import Any

from scanhook.journal.entry import UNDECIDED, Entry, KeptEvent
from scanhook.journal.wanted import SUCCESS_ANSWER, Wanted
from scanhook.message import CodeResult
from scanhook.storage import Session

__all__ = [
    "ENTRY_COLUMNS",
    "EVENT_COLUMNS",
    "NEVER_MS",
    "SKEW_MS",
    "conditions",
    "entry_of",
    "event_of",
    "first_id",
    "millis",
    "page_end",
    "page_start",
    "span",
]

ENTRY_COLUMNS = (
    "id, received_at, account, create_time, key_standard, key_str, person, openid, source, need_anti_fake, reason, "
    "verdict, verifier, decided_at, tag, batch, position, ext_info, asked"
)
EVENT_COLUMNS = "id, received_at, account, event, key_standard, key_str, person, openid, tag, fields"
NEVER_MS = 1 << 62
# Ids are given in the order of commits, but for the seconds that a commit may take, and a clock that is more than 300 s
# off has its pushes refused, so that received_at is never further out of that order.
SKEW_MS = 600_000
# By halving in one statement: each would be a way to another machine and back, perhaps while a page waits.
_AT_MIDDLE = "(SELECT received_at FROM {table} WHERE id >= (low + high) / 2 ORDER BY id LIMIT 1)"
_FIRST_ID = f"""
WITH RECURSIVE halved (low, high) AS (
  SELECT (SELECT min(id) FROM {{table}}), (SELECT max(id) FROM {{table}}) + 1
  UNION ALL
  SELECT CASE WHEN {_AT_MIDDLE} < ?1 THEN (low + high) / 2 + 1 ELSE low END,
    CASE WHEN {_AT_MIDDLE} < ?1 THEN high ELSE (low + high) / 2 END
  FROM halved WHERE low < high
)
SELECT low FROM halved WHERE low >= high
"""
_EQUAL = ("account", "key_standard", "key_str", "batch", "reason", "source")


def millis(seconds: float) -> int:
    """Return a time as the tables have it."""
    return round(seconds * 1000)


def entry_of(row: tuple[Any, ...]) -> Entry:
    """Read a row of ``ENTRY_COLUMNS``."""
    return Entry(
        number=row[0],
        received_at=row[1] / 1000,
        account=row[2],
        create_time=row[3],
        key_standard=row[4],
        key_str=row[5],
        person=row[6],
        openid=row[7],
        source=row[8],
        need_anti_fake=None if row[9] is None else bool(row[9]),
        reason=str(row[10]),
        code_result=None if row[11] is None else CodeResult(row[11]),
        verifier=row[12],
        decided_at=None if row[13] is None else row[13] / 1000,
        tag=row[14],
        batch=row[15],
        position=row[16],
        ext_info=row[17],
        asked=row[18],
    )


def event_of(row: tuple[Any, ...]) -> KeptEvent:
    """Read a row of ``EVENT_COLUMNS``."""
    return KeptEvent(
        number=row[0],
        received_at=row[1] / 1000,
        account=row[2],
        event=row[3],
        key_standard=row[4],
        key_str=row[5],
        person=row[6],
        openid=row[7],
        tag=row[8],
        fields=json.loads(row[9]),
    )


def conditions(wanted: Wanted, *, since: float | None, until: float | None) -> tuple[str, tuple[object, ...]]:
    """Return what stands behind an AND, and its bindings."""
    tests = ["received_at >= ?", "received_at < ?"]
    chosen: list[object] = [0 if since is None else millis(since), NEVER_MS if until is None else millis(until)]
    for name in _EQUAL:
        value: str | None = getattr(wanted, name)
        if value is None:
            continue
        if "\0" in value:  # PostgreSQL cannot even compare it
            tests.append("1 = 0")
        else:
            tests.append(f"{name} = ?")
            chosen.append(value)
    if wanted.verdict == SUCCESS_ANSWER:
        tests.append(f"verdict IS NULL AND reason <> '{UNDECIDED}'")
    elif wanted.verdict is not None:
        tests.append("verdict = ?")
        chosen.append(wanted.verdict)
    return " AND ".join(tests), tuple(chosen)


def span(session: Session, table: str, *, since: float | None, until: float | None) -> tuple[int, int]:
    """Return between which ids everything lies that was received in a time: the first, and one behind the last."""
    first = 0 if since is None else first_id(session, table, millis(since) - SKEW_MS)
    return first, NEVER_MS if until is None else first_id(session, table, millis(until) + SKEW_MS)


def first_id(session: Session, table: str, at: int) -> int:
    """Return the first id that was received at a time (milliseconds) or later, by halving; else the next new one."""
    return session.value(_FIRST_ID.format(table=table), (at,)) or 0


def page_end(session: Session, table: str, after: int, rows: int) -> int | None:
    """Return the id that ends the next page of so many rows; ``None``: there is no row behind."""
    statement = f"SELECT id FROM {table} WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?"
    found = session.rows(statement, (after, rows - 1))
    if not found:
        found = session.rows(f"SELECT id FROM {table} WHERE id > ? ORDER BY id DESC LIMIT 1", (after,))
    return found[0][0] if found else None


def page_start(session: Session, table: str, before: int, rows: int) -> int | None:
    """Return the id that begins the page of so many rows before an id; ``None``: there is no row before."""
    statement = f"SELECT id FROM {table} WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ?"
    found = session.rows(statement, (before, rows - 1))
    if not found:
        found = session.rows(f"SELECT id FROM {table} WHERE id < ? ORDER BY id LIMIT 1", (before,))
    return found[0][0] if found else None
