from __future__ import annotations

import pytest

from scanhook.wechat.live_ledger import china_day, next_china_day

MIDNIGHT = 1795363200
"""2026-11-23 00:00 in China, 2026-11-22 16:00 UTC."""


@pytest.mark.parametrize(
    ("now", "day"), [(MIDNIGHT - 0.1, "2026-11-22"), (MIDNIGHT, "2026-11-23"), (MIDNIGHT + 86399, "2026-11-23")]
)
def test_a_day_begins_at_midnight_in_china(now: float, day: str) -> None:
    assert china_day(now) == day


@pytest.mark.parametrize(("now", "next_day"), [(MIDNIGHT - 1, MIDNIGHT), (MIDNIGHT, MIDNIGHT + 86400)])
def test_the_next_day_begins_at_the_next_midnight(now: float, next_day: float) -> None:
    assert next_china_day(now) == next_day
