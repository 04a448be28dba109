"""What must be written down of live goods, and where: who loses the ids of goods has lost the goods."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

__all__ = ["SUBMISSIONS_A_DAY", "KeptGoods", "LiveLedger", "china_day", "next_china_day"]

SUBMISSIONS_A_DAY = 500
"""Adding and submitting again share them (``live-goods-add.md``, facts.md 5.3)."""

_CHINA = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGoods:
    """Goods that were added by this house.

    :param app_id: of the mini program.
    :param goods_id: as WeChat wrote it, like ``audit_id``: what it is made of, nobody here needs to know.
    :param audit_id: of their last review; ``None`` when WeChat did not say it.
    :param errcode: what WeChat answered: 0, or why their review failed, such as 300021.
    :param added_at: seconds since 1970, like ``deleted_at``, which is ``None`` while they are there.
    """

    app_id: str
    goods_id: str
    audit_id: str | None
    name: str
    errcode: int
    added_at: int
    deleted_at: int | None = None


class LiveLedger(Protocol):
    """Keeps goods and counts calls.

    Every method raises :class:`~scanhook.errors.StorageError` when it cannot, and what writes has written to the disk
    when it returns.
    """

    def keep(self, goods: KeptGoods) -> None:
        """Keep goods; of those that are kept already the audit id is replaced where a new one is known."""

    def find(self, app_id: str, goods_id: str) -> KeptGoods | None:
        """Return kept goods, the deleted ones too."""

    def mark_deleted(self, app_id: str, goods_id: str, *, at: int) -> None:
        """Note that goods were deleted at WeChat; those that are not kept are left alone."""

    def count_call(self, app_id: str, api: str, day: str) -> int:
        """Count one more call of a day, and return how many there are now."""

    def calls(self, app_id: str, api: str, day: str) -> int:
        """Return how many calls of a day were counted."""


def china_day(now: float) -> str:
    """Return the date in China, by which a day's quota is counted here.

    No page says when WeChat's day begins; midnight in China is inferred.

    :param now: seconds since 1970.
    """
    return datetime.fromtimestamp(now, tz=_CHINA).date().isoformat()


def next_china_day(now: float) -> float:
    """Return when the next day begins in China, in seconds since 1970."""
    tomorrow = datetime.fromtimestamp(now, tz=_CHINA).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=_CHINA).astimezone(UTC).timestamp()
