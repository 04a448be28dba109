"""The three words that WeChat understands. Performs no I/O."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["CodeResult"]


class CodeResult(StrEnum):
    """What WeChat shows the consumer (the seed's ``CodeResult``)."""

    REAL = "real"
    FAKE = "fake"
    NOT_ACTIVE = "not_active"
