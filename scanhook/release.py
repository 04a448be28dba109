"""Which scanhook this is."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["RELEASED_AT", "VERSION"]

VERSION = "0.1.0"
RELEASED_AT = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
"""Seconds since 1970. A clock that stands before this is wrong, and every push would be refused."""
