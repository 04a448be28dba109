"""Brings what a product system lists into the directory, portion by portion, so that a stopped run goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from scanhook.clock import Clock
from scanhook.errors import Refused, WechatError, WechatRefused
from scanhook.office.catalog import PRICE_MAX_FEN, CatalogEntry, CatalogSync, Listed
from scanhook.office.catalogstore import CatalogStore
from scanhook.wechat import System

__all__ = ["RESUMED_WITHIN_S", "Known", "Portion", "Source", "sync_system", "told"]

RESUMED_WITHIN_S = 86_400
"""A run that began earlier is not gone on with: what it saw first may have changed since."""

Known = Callable[[Iterable[str]], Mapping[str, CatalogEntry]]
"""Returns those of some products that are in the directory, by their ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """Some products of a system's list.

    :param place: where the list goes on behind them, in the source's own words.
    :param total: how many products the list has in all; ``None`` where the system does not say.
    :param left_out: how many more there were, which the directory cannot keep.
    """

    listed: tuple[Listed, ...]
    place: str
    total: int | None = None
    left_out: int = 0

    @classmethod
    def of(cls, products: Iterable[Listed | None], *, place: str, total: int | None = None) -> Portion:
        """Return a portion of what :func:`told` returned."""
        found = list(products)
        listed = tuple(product for product in found if product is not None)
        return cls(listed=listed, place=place, total=total, left_out=len(found) - len(listed))


class Source(Protocol):
    """A product system that yields what it has."""

    @property
    def system(self) -> System:
        """Which one."""

    @property
    def owner(self) -> str:
        """Whose products: the app id or corp id."""

    def portions(self, place: str, known: Known) -> Iterator[Portion]:
        """Yield the list in portions that take seconds, not minutes.

        :param place: of the portion after which to go on; empty: from the beginning.
        :param known: so that what has not changed need not be asked for again.
        :raises WechatError: when the system does not give it, or nobody can say that all of it was seen.
        """


def told(*, price: int | None = None, **fields: Any) -> Listed | None:
    """Return a product as its system lists it; ``None`` for one whose id cannot be kept.

    A price that cannot be kept is none: one bad product must not keep all others out of the directory.

    :param price: in fen.
    :param fields: the others of :class:`~scanhook.office.catalog.Listed`; an empty text is what the system does not
        give.
    """
    try:
        return Listed(price=price if price is not None and 0 <= price <= PRICE_MAX_FEN else None, **fields)
    except ValueError:
        return None


def sync_system(
    catalog: CatalogStore,
    source: Source,
    *,
    clock: Clock,
    tell: Callable[[CatalogSync, int | None], None] = lambda _sync, _total: None,
    leave_out: Callable[[int], None] = lambda _count: None,
    enough: Callable[[], bool] = lambda: False,
) -> CatalogSync:
    """Go through a system, or go on with the run that was stopped less than a day ago.

    Only when the whole list was seen has a product gone that it does not show.

    :param tell: is told how far it is after each portion, and how many products there are in all, if that is known.
    :param leave_out: is told of each portion how many products the directory cannot keep.
    :param enough: asked after each portion: whether to stop here; the next call goes on.
    :returns: the run; ``finished_at`` tells whether it came to its end.
    :raises WechatError: when the system fails; that is noted, and the next call goes on where this one was.
    :raises Refused: when the settings do not let it be asked, which is noted alike; or when another process has brought
        the same run to its end meanwhile.
    :raises StorageError: when the directory cannot be written.
    """
    now = int(clock.now())
    sync = catalog.begin_sync(source.system, source.owner, now=now, newer_than=now - RESUMED_WITHIN_S)
    try:
        for at, portion in _timed(_found_again(source, sync.place, catalog), clock):
            sync = catalog.keep(sync, portion.listed, place=portion.place, now=at)
            tell(sync, portion.total)
            leave_out(portion.left_out)
            if enough():
                return sync
    except (WechatError, Refused) as error:
        catalog.fail_sync(sync, str(error), now=int(clock.now()))
        raise
    return catalog.finish_sync(sync, now=int(clock.now()))


def _found_again(source: Source, place: str, catalog: CatalogStore) -> Iterator[Portion]:
    """Yield the portions behind a place; from the beginning where the system does not know the place any more."""

    def known(ids: Iterable[str]) -> Mapping[str, CatalogEntry]:
        return catalog.known(source.system, source.owner, ids)

    portions = source.portions(place, known)
    try:
        first = next(portions, None)
    except WechatRefused as error:
        if not (place and error.permanent):
            raise
        portions = source.portions("", known)
        first = next(portions, None)
    if first is not None:
        yield first
    yield from portions


def _timed(portions: Iterator[Portion], clock: Clock) -> Iterator[tuple[int, Portion]]:
    """Yield each portion with the time before it was asked for: a review that comes meanwhile is newer."""
    while True:
        at = int(clock.now())
        portion = next(portions, None)
        if portion is None:
            return
        yield at, portion
