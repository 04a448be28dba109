"""Knows when a day of WeChat's begins. Performs no I/O."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

__all__ = ["day_of"]

_BEIJING = timedelta(hours=8)


def day_of(now: float) -> date:
    """Return the day that quotas are counted for: it begins at midnight in Beijing, which no page says.

    :param now: seconds since 1970.
    """
    return (datetime.fromtimestamp(now, tz=UTC) + _BEIJING).date()
