"""Products, and what each reason is answered with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from scanhook.message import CodeResult
from scanhook.registry.life import NO_MARK, Mark
from scanhook.registry.normalise import Normalisation

__all__ = [
    "ACCOUNT_REASONS",
    "DEFAULT_VERDICTS",
    "KEY_MAX_CHARS",
    "Product",
    "Reason",
    "key_fault",
    "merged",
]

KEY_MAX_CHARS = 64


class Reason(StrEnum):
    """Why a verdict is what it is."""

    ACTIVE = "active"
    NOT_ACTIVE = "not_active"
    SUSPENDED = "suspended"
    RECALLED = "recalled"
    EXPIRED = "expired"
    VOID = "void"
    STOLEN = "stolen"
    UNKNOWN_CODE = "unknown_code"
    UNREADABLE = "unreadable"
    NOT_LOADED = "not_loaded"
    NO_CODE = "no_code"
    UNKNOWN_PRODUCT = "unknown_product"


DEFAULT_VERDICTS: Mapping[Reason, CodeResult | None] = MappingProxyType(
    {
        Reason.ACTIVE: CodeResult.REAL,
        Reason.NOT_ACTIVE: CodeResult.NOT_ACTIVE,
        Reason.SUSPENDED: CodeResult.NOT_ACTIVE,
        Reason.RECALLED: CodeResult.REAL,
        Reason.EXPIRED: CodeResult.REAL,
        Reason.VOID: CodeResult.FAKE,
        Reason.STOLEN: CodeResult.FAKE,
        Reason.UNKNOWN_CODE: CodeResult.FAKE,
        Reason.UNREADABLE: CodeResult.FAKE,
        Reason.NOT_LOADED: CodeResult.NOT_ACTIVE,
        # A plain EAN barcode carries no code, and calling it fake would condemn every genuine item.
        Reason.NO_CODE: None,
        # Only the account's owner can make a product page, so an unknown one is a fault of set-up.
        Reason.UNKNOWN_PRODUCT: None,
    }
)
"""What a product answers for each reason, unless it is set otherwise; ``None`` is ``success``: no verdict."""

ACCOUNT_REASONS = frozenset({Reason.UNKNOWN_PRODUCT})
"""Reasons that no product can set, since they arise where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product as the registry knows it.

    :param id: random, never shown to WeChat.
    :param account: the name of the account in the settings.
    :param key_standard: ``ean13``, ``ean8``, ``qrcode`` …
    :param key_str: the barcode, or the brand's own name.
    :param mark: what the product itself says of all its codes.
    :param loading: its codes are not all loaded, so an unknown one is not called fake.
    :param verdicts: only the reasons whose answer is not the default; ``None`` is ``success``.
    :param qr_prefix: what stands before the ExtInfo in the product's QR code.
    :raises ValueError: when a part is empty or out of its range.
    """

    id: bytes
    account: str
    key_standard: str
    key_str: str
    mark: Mark = NO_MARK
    loading: bool = False
    normalisation: Normalisation = field(default_factory=Normalisation)
    verdicts: Mapping[Reason, CodeResult | None] = field(default_factory=dict)
    qr_prefix: str = ""

    def __post_init__(self) -> None:
        for name, text in (("keystandard", self.key_standard), ("keystr", self.key_str)):
            if fault := key_fault(name, text):
                raise ValueError(fault)
            if "/" in text:
                raise ValueError(f"a {name} has no slash: scanhook writes a code as KEYSTANDARD/KEYSTR/EXTINFO")
        if ACCOUNT_REASONS & self.verdicts.keys():
            raise ValueError(f"`{Reason.UNKNOWN_PRODUCT}` arises where there is no product, so no product can set it")

    def answer_to(self, reason: Reason) -> CodeResult | None:
        """Return what this product answers for a reason; ``None`` is ``success``."""
        return self.verdicts[reason] if reason in self.verdicts else DEFAULT_VERDICTS[reason]


def key_fault(name: str, text: str) -> str | None:
    """Return what keeps a text from being part of a product's name at WeChat; ``None`` when nothing does.

    :param name: what it is called there: ``keystandard`` or ``keystr``.
    """
    if 0 < len(text) <= KEY_MAX_CHARS and text.isprintable() and text == text.strip():
        return None
    return f"a {name} is 1 to {KEY_MAX_CHARS} printable characters without blanks at its ends"


def merged(there: Product, *, was: Product, wanted: Product) -> Product:
    """Return a product with what somebody wants to change of it, and everything else as it is there.

    :param was: the product as they had read it.
    """
    changed = {
        name: getattr(wanted, name)
        for name in ("loading", "normalisation", "qr_prefix")
        if getattr(wanted, name) != getattr(was, name)
    }
    verdicts = dict(there.verdicts)
    for reason in was.verdicts.keys() | wanted.verdicts.keys():
        if reason not in wanted.verdicts:
            verdicts.pop(reason, None)
        elif reason not in was.verdicts or was.verdicts[reason] != wanted.verdicts[reason]:
            verdicts[reason] = wanted.verdicts[reason]
    return replace(there, verdicts=verdicts, **changed)
