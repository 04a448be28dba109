"""Scan product pages as the directory reads them: the list gives states, a call for each page that changed the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from scanhook.office.catalog import Listed, page_id
from scanhook.office.details import Details
from scanhook.office.rounds import whole_list
from scanhook.office.syncing import Known, Portion, told
from scanhook.wechat import System
from scanhook.wechat.pages import NO_SUCH_PAGE, Page, PageSummary, PriceAction, ScanPages, walk_of
from scanhook.wechat.yuan import fen_of

__all__ = ["PagesSource"]

_PAGES_AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesSource:
    """The scan product pages of an account.

    What has not changed costs one call for many pages.
    """

    system: ClassVar[System] = System.PAGES
    owner: str
    pages: ScanPages

    def portions(self, place: str, known: Known) -> Iterator[Portion]:
        """Yield 20 pages at a time until a round through the list was whole."""
        details = Details(*NO_SUCH_PAGE)

        def described(pages: tuple[PageSummary, ...]) -> list[Listed | None]:
            there = known([_id(page) for page in pages])
            return [
                self._described(page, there[_id(page)].listed if _id(page) in there else None, details)
                for page in pages
            ]

        walk = walk_of(lambda offset: self.pages.list(offset=offset, limit=_PAGES_AT_ONCE))
        return whole_list(walk, place, system=self.system, described=described)

    def _described(self, summary: PageSummary, there: Listed | None, details: Details) -> Listed | None:
        """Return what is known of a page, which is asked for where its time of change is not the one that was kept."""
        there = there or Listed(id=_id(summary))
        revision = None if summary.update_time is None else str(summary.update_time)
        if revision is not None and there.revision == revision:
            return replace(there, state=summary.status)
        page = details.ask(lambda: self.pages.get(summary.key))
        if page is None:
            return replace(there, state=summary.status, revision=None)
        base = page.base_info
        return told(
            id=there.id,
            name=base.title if base else None,
            price=_price(page),
            image=base.thumb_url if base else None,
            state=page.status or summary.status,
            revision=revision,
        )


def _id(summary: PageSummary) -> str:
    return page_id(summary.key.key_standard, summary.key.key_str)


def _price(page: Page) -> int | None:
    """Return the price in fen. A page without one is answered with "0.00"."""
    actions = page.action_info.action_list if page.action_info else ()
    texts = [action.retail_price for action in actions if isinstance(action, PriceAction)]
    texts += [page.base_info.retail_price or ""] if page.base_info else []
    return next(filter(None, map(fen_of, texts)), None)
