"""What staff should look at: batches that everybody has forgotten, and imports that never came to their end."""

from __future__ import annotations

from collections.abc import Iterator

from scanhook.registry import Batch, RegistryStore
from scanhook.registry.importstore import Import, Phase

__all__ = ["forgotten_batches", "unfinished_imports"]

_UNFINISHED = frozenset({Phase.QUEUED, Phase.READING, Phase.LOADING})
_PAGE_ROWS = 500


def forgotten_batches(registry: RegistryStore, *, now: float, hours: float) -> Iterator[Batch]:
    """Yield the batches that were minted that long ago and of which nothing was ever activated.

    :param now: seconds since 1970.
    :param hours: 0 finds none.
    """
    after = 0
    while hours and (page := registry.batches(after=after, limit=_PAGE_ROWS)):
        yield from (batch for batch in page if batch.is_forgotten(now, hours=hours))
        after = page[-1].id


def unfinished_imports(registry: RegistryStore) -> Iterator[Import]:
    """Yield the imports and mints that are still to come to their end, the newest first."""
    before = None
    while page := registry.imports(before=before, limit=_PAGE_ROWS):
        yield from (found for found in page if found.phase in _UNFINISHED)
        before = page[-1].id
