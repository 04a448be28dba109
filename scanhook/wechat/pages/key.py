"""By what WeChat knows a scan product page: the code's standard and its content. Performs no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scanhook.errors import Refused
from scanhook.registry.product import key_fault

__all__ = ["KEY_STANDARDS", "PageKey", "creation_fault"]

KEY_STANDARDS = ("ean13", "ean8", "qrcode")
QRCODE_KEY_MAX_CHARS = 20

# No page speaks of the barcode's check digit, and WeChat's own samples (6390000000000) have wrong ones.
_WRITTEN = {
    "ean13": (re.compile(r"[0-9]{13}"), "13 digits"),
    "ean8": (re.compile(r"[0-9]{8}"), "8 digits"),
    "qrcode": (
        re.compile(rf"[A-Za-z0-9_-]{{1,{QRCODE_KEY_MAX_CHARS}}}"),
        f"1 to {QRCODE_KEY_MAX_CHARS} letters, digits, underscores and hyphens",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKey:
    """A page's name. Unknown standards are taken, as WeChat itself writes some (facts.md section 0, 7 and 9).

    :raises Refused: when a part is empty, too long, or holds what cannot be printed.
    """

    key_standard: str
    key_str: str

    def __post_init__(self) -> None:
        for name, text in (("keystandard", self.key_standard), ("keystr", self.key_str)):
            if fault := key_fault(name, text):
                raise Refused(fault)

    @classmethod
    def parse(cls, text: str) -> PageKey:
        """Read a key as scanhook writes it: KEYSTANDARD/KEYSTR.

        :raises Refused: when it is not written so.
        """
        key_standard, slash, key_str = text.partition("/")
        if not slash or "/" in key_str:
            raise Refused("write KEYSTANDARD/KEYSTR, such as ean13/6900873042720")
        return cls(key_standard=key_standard, key_str=key_str)

    @property
    def body(self) -> dict[str, str]:
        """What stands for the page in a request."""
        return {"keystandard": self.key_standard, "keystr": self.key_str}

    def __str__(self) -> str:
        """Write the key as :meth:`parse` reads it."""
        return f"{self.key_standard}/{self.key_str}"


def creation_fault(key: PageKey) -> tuple[str, str] | None:
    """Return what keeps a page from being created under a key: the field, and what is wrong (facts.md 1.2).

    Only a new page is held to this: one that is there already must stay within reach.
    """
    written = _WRITTEN.get(key.key_standard)
    if written is None:
        return "keystandard", f"must be one of {', '.join(KEY_STANDARDS)}"
    pattern, words = written
    if not pattern.fullmatch(key.key_str):
        return "keystr", f"is not {words}, as {key.key_standard} needs them"
    return None
