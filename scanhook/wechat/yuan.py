"""Prices: people write yuan, most of WeChat's systems count fen. Performs no I/O."""

from __future__ import annotations

import re
from decimal import Decimal

from scanhook.errors import Refused

__all__ = ["fen_of", "in_fen", "in_yuan", "read_yuan"]

_YUAN = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")


def in_yuan(fen: int) -> str:
    """Write a price in yuan, with two decimals."""
    return f"{Decimal(fen) / 100:.2f}"


def read_yuan(yuan: str) -> Decimal:
    """Read a price in yuan, such as ``300`` or ``299.90``.

    :raises Refused: when it is none, or has parts of a fen.
    """
    if not _YUAN.fullmatch(yuan):
        raise Refused(f"`{yuan}` is no price in yuan: write it like 300 or 299.90")
    return Decimal(yuan)


def in_fen(yuan: str) -> int:
    """Read a price in yuan as fen.

    :raises Refused: as :func:`read_yuan`.
    """
    return int(read_yuan(yuan) * 100)


def fen_of(yuan: str | Decimal) -> int | None:
    """Return a price that WeChat writes in yuan as fen; ``None`` for what is none, or has parts of a fen."""
    try:
        return in_fen(yuan if isinstance(yuan, str) else f"{yuan:f}")
    except Refused:
        return None
