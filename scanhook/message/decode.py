"""Turns a document into a typed message. Performs no I/O.

The contract is "a message, or ``Malformed``", for any document whatsoever.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from scanhook.envelope import Document
from scanhook.errors import Malformed
from scanhook.message.events import (
    ConsumerMessage,
    EnterSession,
    Message,
    OtherEvent,
    PageSubscribe,
    PageVisit,
    ReviewResult,
    ScanProductCallback,
    ScanRegion,
)

__all__ = ["TEXT_MAX_CHARS", "decode"]

TEXT_MAX_CHARS = 1024
_CREATE_TIME_DIGITS_MAX = 12
_PAGE_SCENES = ("scanbarcode", "scanimage")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML cannot carry (and DEL): a JSON push can, and its answer may not."""


def decode(document: Document) -> Message:
    """Read the message that a document holds.

    Only the fields of known messages are looked at; a message may have any others besides.

    :raises Malformed: when a field is missing, empty where it must not be, longer than ``TEXT_MAX_CHARS``, not a text,
        or holds a control character.
    """
    msg_type = _text(document, "MsgType")
    head: dict[str, Any] = {
        "to_user_name": _text(document, "ToUserName"),
        "from_user_name": _text(document, "FromUserName"),
        "create_time": _create_time(document),
        "msg_id": _text(document, "MsgId", absent="") or None,
    }
    if msg_type != "event":
        return ConsumerMessage(**head, msg_type=msg_type)
    event = _text(document, "Event")
    reader = _READERS.get(event)
    if reader is None:
        return OtherEvent(**head, event=event)
    return reader(document, head)


def _scan_product_callback(document: Document, head: dict[str, Any]) -> Message:
    return ScanProductCallback(**head, **_product(document), need_anti_fake=_need_anti_fake(document))


def _page_visit(document: Document, head: dict[str, Any]) -> Message:
    profile: dict[str, Any] = {
        field: _text(document, name, absent="")
        for field, name in (
            ("country", "Country"),
            ("province", "Province"),
            ("city", "City"),
            ("sex", "Sex"),
            ("scene", "Scene"),
        )
    }
    return PageVisit(**head, **_product(document), **profile)


def _subscribe(document: Document, head: dict[str, Any]) -> Message:
    # ExtInfo is free text and may hold a bar of its own, hence at most three cuts.
    scene, *rest = _text(document, "EventKey", absent="").split("|", 3)
    if scene not in _PAGE_SCENES or len(rest) < 2 or not all(rest[:2]):
        return OtherEvent(**head, event="subscribe")
    key_standard, key_str, ext_info = (*rest, "")[:3]
    return PageSubscribe(**head, scene=scene, key_standard=key_standard, key_str=key_str, ext_info=ext_info)


def _enter_session(document: Document, head: dict[str, Any]) -> Message:
    return EnterSession(**head, **_product(document))


def _scan_region(document: Document, head: dict[str, Any]) -> Message:
    return ScanRegion(**head, **_product(document), region_code=_text(document, "RegionCode", may_be_empty=True))


def _review_result(document: Document, head: dict[str, Any]) -> Message:
    return ReviewResult(
        **head,
        **_product(document),
        result=_text(document, "Result", may_be_empty=True),
        reason_msg=_text(document, "ReasonMsg", absent=""),
    )


_READERS: dict[str, Callable[[Document, dict[str, Any]], Message]] = {
    "scan_product_callback": _scan_product_callback,
    "user_scan_product": _page_visit,
    "subscribe": _subscribe,
    "user_scan_product_enter_session": _enter_session,
    "user_scan_product_async": _scan_region,
    "user_scan_product_verify_action": _review_result,
}


def _product(document: Document) -> dict[str, Any]:
    return {
        "key_standard": _text(document, "KeyStandard"),
        "key_str": _text(document, "KeyStr"),
        # WeChat sends an empty element where a product's picture carries no code; leaving it out says the same.
        "ext_info": _text(document, "ExtInfo", absent=""),
    }


def _text(document: Document, name: str, *, absent: str | None = None, may_be_empty: bool = False) -> str:
    value = document.get(name)
    if isinstance(value, str) and 0 < len(value) <= TEXT_MAX_CHARS and value.isprintable():
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64:
        value = str(value)  # JSON writes MsgId, Sex and Scene as numbers
    if value is None and absent is not None:
        return absent
    if value is None:
        raise Malformed(f"{name} is missing", kind="field")
    if not isinstance(value, str):
        raise Malformed(f"{name} is not a text", kind="field")
    if not value and absent is None and not may_be_empty:
        raise Malformed(f"{name} is empty", kind="field")
    if len(value) > TEXT_MAX_CHARS:
        raise Malformed(f"{name} has more than {TEXT_MAX_CHARS} characters", kind="field")
    if _FORBIDDEN.search(value):
        raise Malformed(f"{name} holds a control character", kind="field")
    return value


def _create_time(document: Document) -> int:
    digits = _text(document, "CreateTime").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _CREATE_TIME_DIGITS_MAX):
        raise Malformed("CreateTime is not a number of seconds", kind="field")
    return int(digits)


def _need_anti_fake(document: Document) -> bool:
    """Read the one field that WeChat's page leaves open: any way to say yes is yes, all else is no.

    Nothing hangs on it: the verdict is the same.
    """
    value = document.get("NeedAntiFake")
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1", "yes")
    return isinstance(value, int) and value == 1
