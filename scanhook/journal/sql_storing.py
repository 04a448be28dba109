"""What is stored of a scan or of another event: the columns of its row, filled the same way on every engine."""

from __future__ import annotations

import json
from typing import Any

from scanhook.journal.entry import UNDECIDED, Entry, Noted, Scan, kept_plain
from scanhook.journal.sql_rows import ENTRY_COLUMNS, entry_of, millis
from scanhook.verdict import Verdict

__all__ = [
    "DECISION",
    "EVENT_ROW",
    "FIND",
    "RECALL",
    "SCAN_ROW",
    "asked_of",
    "decision_of",
    "event_row",
    "facts_of",
    "new_entry",
    "scan_row",
]

_FACTS = (
    "identity",
    "received_at",
    "account",
    "create_time",
    "key_standard",
    "key_str",
    "person",
    "openid",
    "source",
    "need_anti_fake",
)
DECISION = ("reason", "verdict", "verifier", "decided_at", "product_id", "tag", "batch", "position", "ext_info")
"""The columns that a verdict fills."""
SCAN_ROW = (*_FACTS, *DECISION, "asked")
EVENT_ROW = (
    "identity",
    "received_at",
    "account",
    "create_time",
    "event",
    "key_standard",
    "key_str",
    "person",
    "openid",
    "tag",
    "fields",
)
FIND = f"SELECT {ENTRY_COLUMNS} FROM scans WHERE identity = ?"
RECALL = f"{FIND} AND reason <> '{UNDECIDED}'"


def facts_of(scan: Scan) -> tuple[Any, ...]:
    """Return the columns that the push fills: those of ``SCAN_ROW`` before the decision."""
    return (
        scan.identity,
        millis(scan.received_at),
        scan.account,
        scan.create_time,
        scan.key_standard,
        scan.key_str,
        scan.person,
        scan.openid,
        scan.source,
        scan.need_anti_fake,
    )


def decision_of(scan: Scan, verdict: Verdict | None, now: float) -> tuple[Any, ...]:
    """Return the columns of ``DECISION``.

    :param now: seconds since 1970.
    """
    if verdict is None:
        return (UNDECIDED, None, None, None, None, None, None, None, None)
    look_up = verdict.look_up
    return (
        verdict.reason,
        verdict.code_result,
        verdict.verifier,
        millis(now),
        look_up.product.id if look_up.product else None,
        look_up.tag or scan.stray_tag,
        look_up.code.batch if look_up.code else None,
        look_up.code.position if look_up.code else None,
        kept_plain(scan, verdict),
    )


def asked_of(scan: Scan) -> bytes | None:
    """Return what a question over the API was about; ``None``: WeChat asked."""
    return None if scan.source is None else scan.stray_tag


def scan_row(scan: Scan, verdict: Verdict | None, now: float) -> tuple[Any, ...]:
    """Return the columns of ``SCAN_ROW``.

    :param now: seconds since 1970.
    """
    return (*facts_of(scan), *decision_of(scan, verdict, now), asked_of(scan))


def new_entry(number: int, row: tuple[Any, ...]) -> Entry:
    """Return what was just added, by its ``SCAN_ROW``: it need not be read back."""
    # An entry has neither identity nor product, and begins with the number.
    return entry_of((number, *row[1:14], *row[15:]))


def event_row(event: Noted) -> tuple[Any, ...]:
    """Return the columns of ``EVENT_ROW``."""
    return (
        event.identity,
        millis(event.received_at),
        event.account,
        event.create_time,
        event.event,
        event.key_standard,
        event.key_str,
        event.person,
        event.openid,
        event.tag,
        json.dumps(event.fields, ensure_ascii=False),
    )
