"""What an engine must be able to do for live goods."""

from __future__ import annotations

from typing import Protocol

from scanhook.wechat.live_ledger import KeptGoods, LiveLedger

__all__ = ["LiveStore"]


class LiveStore(LiveLedger, Protocol):
    """The ids of live goods, and the calls of each day; of several mini programs."""

    def kept(self, app_id: str, *, after: str = "", limit: int = 1000) -> list[KeptGoods]:
        """Return one page of the goods that were added and not deleted, by their ids: the shorter first.

        :param after: the last id of the page before.
        """
