"""WeChat's product systems as the directory reads them; each gives what it has, and the rest stays empty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from scanhook.clock import Clock
from scanhook.office.catalog import Listed
from scanhook.office.details import Details
from scanhook.office.rounds import ROUNDS_MAX, never_whole, whole_list
from scanhook.office.syncing import Known, Portion, told
from scanhook.wechat import Api, System
from scanhook.wechat.album import AlbumProduct
from scanhook.wechat.albums import PAGE_MAX, Albums
from scanhook.wechat.live import LiveGoods, LivePage
from scanhook.wechat.live_goods import AuditStatus, Goods
from scanhook.wechat.paging import Walk
from scanhook.wechat.union import PAGE_DEFAULT, Union
from scanhook.wechat.union_filter import UnionFilter
from scanhook.wechat.union_product import UnionPage, UnionProduct
from scanhook.wechat.window import Window, WindowProduct
from scanhook.wechat.window_product import window_details
from scanhook.wechat.yuan import fen_of

__all__ = ["AlbumsSource", "LiveSource", "UnionSource", "WindowSource"]

_WINDOW_AT_ONCE = 50
_DETAILS_KEPT_S = 7 * 86_400
"""The window does not tell when a product was changed: its details are asked for again after so long."""
_ASKED_AGAIN_S = 86_400
"""Of a product that had none."""
_NO_WINDOW_DETAILS = (10022003, 10022007, 10022008)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumsSource:
    """A company's product albums. An album's name is its description, and its image the id of a material."""

    system: ClassVar[System] = System.ALBUMS
    owner: str
    albums: Albums

    def portions(self, place: str, known: Known) -> Iterator[Portion]:  # noqa: ARG002  (the list gives everything)
        """Yield a page of the list at a time; the place is its cursor."""
        for page in self.albums.pages(limit=PAGE_MAX, cursor=place):
            yield Portion.of(map(_album, page.products), place=page.next_cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSource:
    """The products of a Channels account's window: the list gives ids, a call for each new product the rest."""

    system: ClassVar[System] = System.WINDOW
    owner: str
    api: Api
    clock: Clock

    def portions(self, place: str, known: Known) -> Iterator[Portion]:
        """Yield a page of the list at a time; the place is its ``last_buffer``."""
        details = Details(*_NO_WINDOW_DETAILS)
        for page in Window(self.api).pages(page_size=_WINDOW_AT_ONCE, last_buffer=place, need_total=True):
            there = known(product.product_id for product in page.products)
            listed = [
                self._described(
                    product,
                    there[product.product_id].listed if product.product_id in there else told(id=product.product_id),
                    details,
                )
                for product in page.products
            ]
            yield Portion.of(listed, place=page.last_buffer, total=page.total)

    def _described(self, product: WindowProduct, there: Listed | None, details: Details) -> Listed | None:
        if there is None:
            return None
        now = int(self.clock.now())
        if there.revision is not None and 0 <= now - int(there.revision) < _DETAILS_KEPT_S:
            return there
        found = details.ask(lambda: window_details(self.api, product))
        if found is None:
            return replace(there, revision=str(now - _DETAILS_KEPT_S + _ASKED_AGAIN_S))
        return told(
            id=product.product_id,
            name=found.title,
            price=found.price_fen,
            image=found.image,
            state=None if found.status is None else str(found.status),
            revision=str(now),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSource:
    """Live goods: WeChat lists them by the state of their review. The price is the lower one.

    The states are read one after the other, and goods go from one to the other meanwhile. So all of them are seen as a
    whole when the list of each was, and has as many goods at the end as it had then.
    """

    system: ClassVar[System] = System.LIVE
    owner: str
    goods: LiveGoods

    def portions(self, place: str, known: Known) -> Iterator[Portion]:  # noqa: ARG002  (begins anew; the list gives all)
        """Yield a page of a state at a time, always from the beginning: a hundred goods cost one call."""
        walks = {status: self._walk(status) for status in AuditStatus}
        for _ in range(ROUNDS_MAX):
            totals = {}
            for status, walk in walks.items():
                for step in walk.round():
                    totals[status] = step.total
                    yield Portion.of(map(_live, step.fresh), place="")
            if all(walk.is_whole for walk in walks.values()) and totals == self._totals():
                return
        raise never_whole(self.system)

    def _walk(self, status: AuditStatus) -> Walk[LivePage, Goods]:
        return Walk(
            lambda offset: self.goods.page(status, offset=offset),
            rows=lambda page: page.goods,
            key=lambda goods: goods.id,
        )

    def _totals(self) -> dict[AuditStatus, int]:
        return {status: self.goods.page(status, limit=1).total for status in AuditStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionSource:
    """Union products: those of some shops, or found by some words, since nobody could want all of them."""

    system: ClassVar[System] = System.UNION
    owner: str
    union: Union
    wanted: UnionFilter

    def portions(self, place: str, known: Known) -> Iterator[Portion]:  # noqa: ARG002  (the list gives everything)
        """Yield a page of the list at a time until a round through it was whole."""
        walk: Walk[UnionPage, UnionProduct] = Walk(
            lambda offset: self.union.page(self.wanted, start=offset, limit=PAGE_DEFAULT),
            rows=lambda page: page.products,
            key=lambda product: product.id,
        )
        return whole_list(walk, place, system=self.system, described=lambda products: list(map(_union, products)))


def _album(product: AlbumProduct) -> Listed | None:
    return told(
        id=product.product_id,
        name=product.description,
        price=product.price_fen,
        image=next(iter(product.images), None),
    )


def _union(product: UnionProduct) -> Listed | None:
    return told(
        id=product.id,
        name=product.title,
        price=product.min_price_fen,
        image=next(iter(product.images), None),
        state=None if product.status is None else str(product.status),
    )


def _live(goods: Goods) -> Listed | None:
    prices = [price for price in (goods.price, goods.price2) if price is not None]
    status = AuditStatus(goods.status) if goods.status in list(AuditStatus) else None
    return told(
        id=goods.id,
        name=goods.name,
        price=fen_of(min(prices)),
        image=goods.image,
        state=status.name.lower() if status is not None else None,
    )
