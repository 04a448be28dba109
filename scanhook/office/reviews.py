"""Brings the outcomes of WeChat's reviews into the directory.

WeChat tells them by a push (facts.md 2.5), which the journal notes like every other. They are read from there, so that
no push waits for the directory, and one that came to another worker or machine counts as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from scanhook.journal import JournalStore, KeptEvent
from scanhook.message import ReviewResult
from scanhook.office.catalog import EntryKey, page_id
from scanhook.office.catalogstore import CatalogStore
from scanhook.wechat import System

__all__ = ["apply_reviews"]

_PAGES_MAX = 100
"""So many pages of the journal's events in one call: a busy account has a million page visits between two."""
_STATES: Mapping[str, str] = MappingProxyType({"verify_ok": "on", "verify_not_pass": "reject"})


def apply_reviews(catalog: CatalogStore, journal: JournalStore, *, owners: Mapping[str, str]) -> int:
    """Look through the events that came since the last call, and give the pages that were reviewed their state.

    A call that is stopped is repeated by the next without harm.

    :param owners: the app id of each account, by its name.
    :returns: how many pages have another state now.
    :raises StorageError: when the journal cannot be read, or the directory cannot be written.
    """
    count, number = 0, catalog.reviews_read()
    for _ in range(_PAGES_MAX):
        page = journal.events(ReviewResult.event, after=number)
        count += sum(_apply(catalog, event, owners) for event in page.events)
        # A journal that was exchanged for an older one gives numbers again: it is looked through from its beginning.
        looked = page.looked if page.looked >= number else 0
        if looked != number:
            catalog.note_reviews_read(looked)
        number = looked
        if not page.more:
            break
    return count


def _apply(catalog: CatalogStore, event: KeptEvent, owners: Mapping[str, str]) -> bool:
    owner, state = owners.get(event.account), _STATES.get(event.fields.get("result", ""))
    if not owner or state is None:
        return False
    key = EntryKey(System.PAGES, owner, page_id(event.key_standard, event.key_str))
    return catalog.reviewed(key, state=state, at=event.received_at)
