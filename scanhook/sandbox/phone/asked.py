"""Reads what the page asks for into a scan. Performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from scanhook.envelope import Format, Mode
from scanhook.errors import Refused
from scanhook.sandbox.scan import PERSONS, PROVINCES, Item, Scan

__all__ = ["BODY_MAX_BYTES", "OLD_S", "read_account", "read_scan"]

BODY_MAX_BYTES = 16 * 1024
OLD_S = 3600
"""How old a push with an old timestamp is: far beyond any window that a server may allow."""

Choice = TypeVar("Choice", bound=StrEnum)


class _Fault(StrEnum):
    NONE = ""
    SIGNATURE = "signature"
    TIMESTAMP = "timestamp"


def read_account(asked: Mapping[str, object]) -> str:
    """Return the account that is meant.

    :raises Refused: when it is no text.
    """
    return _text(asked, "account")


def read_scan(asked: Mapping[str, object]) -> Scan:
    """Return the scan that is asked for.

    :raises Refused: when something is missing or is none of what can be chosen.
    """
    fault = _choice(asked, "fault", _Fault)
    person = _text(asked, "person") or "1"
    region_code = _text(asked, "region") or "440000"
    if person not in ("1", "2"):
        raise Refused("person is 1 or 2")
    if region_code not in PROVINCES:
        raise Refused(f"region is one of {', '.join(PROVINCES)}")
    mode = _text(asked, "mode")
    return Scan(
        item=Item(
            key_standard=_text(asked, "keystandard"),
            key_str=_text(asked, "keystr"),
            ext_info=_text(asked, "extinfo"),
        ),
        person=PERSONS[int(person) - 1],
        region_code=region_code,
        format_=_choice(asked, "format", Format),
        mode=_choice(asked, "mode", Mode) if mode else None,
        skew_s=-OLD_S if fault is _Fault.TIMESTAMP else 0,
        forged=fault is _Fault.SIGNATURE,
    )


def _text(asked: Mapping[str, object], name: str) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str):
        raise Refused(f"{name} is no text")
    return value


def _choice(asked: Mapping[str, object], name: str, kind: type[Choice]) -> Choice:
    text = _text(asked, name)
    try:
        return kind(text)
    except ValueError:
        raise Refused(f"{name} is one of {', '.join(choice.value or 'nothing' for choice in kind)}") from None
