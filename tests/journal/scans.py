"""Makes scans and verdicts to record."""

from __future__ import annotations

from typing import Any

from scanhook.journal import Noted, Scan
from scanhook.message import CodeResult
from scanhook.registry import CodeRecord, LookUp, Product, Reason, State
from scanhook.verdict import Verdict

AT = 1_760_000_000.25
PRODUCT = Product(id=b"\x01" * 8, account="main", key_standard="ean13", key_str="6900873042720")
TAG = bytes(range(10))
STRAY_TAG = b"\xee" * 10
PERSON = b"\xaa" * 16
CODE = "6J5T9XQ2"
"""Stands in no file of a journal while the registry knows it."""


def scan(number: int = 1, **changed: Any) -> Scan:
    fields: dict[str, Any] = {
        "identity": number.to_bytes(16, "big"),
        "received_at": AT,
        "account": "main",
        "create_time": 1_759_999_999,
        "key_standard": "ean13",
        "key_str": "6900873042720",
        "ext_info": CODE,
        "person": PERSON,
        "stray_tag": STRAY_TAG,
    }
    return Scan(**{**fields, **changed})


def noted(number: int = 1, **changed: Any) -> Noted:
    """Return a visit of a product's page."""
    fields: dict[str, Any] = {
        "identity": number.to_bytes(16, "big"),
        "received_at": AT,
        "account": "main",
        "create_time": 1_759_999_999,
        "event": "user_scan_product",
        "key_standard": "ean13",
        "key_str": "6900873042720",
        "person": PERSON,
        "tag": TAG,
        "fields": {},
    }
    return Noted(**{**fields, **changed})


def verdict(
    reason: Reason = Reason.ACTIVE, result: CodeResult | None = CodeResult.REAL, *, tag: bytes = TAG
) -> Verdict:
    """Return a verdict on a registered code."""
    code = CodeRecord(batch="B-7", position=42, loaded_as=State.ACTIVE)
    return Verdict(
        code_result=result,
        reason=reason,
        verifier="registry",
        look_up=LookUp(product=PRODUCT, tag=tag, normal=CODE, code=code),
    )


def verdict_on_unknown(reason: Reason, result: CodeResult | None) -> Verdict:
    """Return a verdict on a code of a known product that is not registered."""
    return Verdict(
        code_result=result,
        reason=reason,
        verifier="registry",
        look_up=LookUp(product=PRODUCT, tag=TAG, normal=CODE),
    )
