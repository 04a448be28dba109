"""The products in a Channels account's window (``channels-window-list.md``).

The token must be the 视频号助手 account's (the Channels assistant's), or one of a third party's with the permission set
133 or 177; a shop's token is answered with 48001 (facts.md 5.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from scanhook.errors import Refused, WechatUnreachable
from scanhook.wechat.answer import Answer
from scanhook.wechat.api import Api

__all__ = ["PAGE_SIZE_MAX", "REACH_MAX", "ProductSource", "Window", "WindowFilter", "WindowPage", "WindowProduct"]

PAGE_SIZE_MAX = 200
REACH_MAX = 10_000
"""``page_size`` times ``page_index`` may not be more; what lies behind is reached by ``last_buffer`` only."""

_PATH = "/channels/ec/window/product/list/get"


class ProductSource(IntEnum):
    """Where a product of the window comes from."""

    SELF_OPERATED = 0
    PROMOTED = 1
    """From the selection centre (选品中心), sold for a commission: 带货商品."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFilter:
    """Which products of the window are meant; by default all.

    :param app_id: only those from this shop.
    :param branch_id: only those of this branch of a shop.
    :param promoted_only: only those sold for a commission (``query_cps_product``). With an app id, too, WeChat goes by
        the app id alone.
    """

    app_id: str = ""
    branch_id: int | None = None
    promoted_only: bool = False

    @property
    def app_id_wins(self) -> bool:
        """Whether ``promoted_only`` has no effect, since an app id is given, too."""
        return self.promoted_only and bool(self.app_id)

    def as_json(self) -> dict[str, Any]:
        """Return what is sent."""
        return {
            **({"appid": self.app_id} if self.app_id else {}),
            **({} if self.branch_id is None else {"branch_id": self.branch_id}),
            **({"query_cps_product": True} if self.promoted_only else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowProduct:
    """A product of the window, which the list tells nothing but ids of.

    :param product_id: in the window; of a promoted product, its id as such.
    :param app_id: the shop's, of a self-operated product; else empty.
    :param out_product_id: of a promoted product, its id in the shop that supplies it; else empty.
    :param source: a number that no page knows stays as it came. WeChat leaves the field out of self-operated products.
    """

    product_id: str
    app_id: str
    out_product_id: str
    source: ProductSource | int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPage:
    """One page of the list.

    :param last_buffer: for the page behind this one.
    :param total: of all products that the filter lets through; ``None`` unless it was asked for.
    """

    products: tuple[WindowProduct, ...]
    last_buffer: str
    total: int | None


class Window:
    """A Channels account's window.

    :param api: of ``api.weixin.qq.com``.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def page(
        self,
        wanted: WindowFilter | None = None,
        *,
        page_size: int = PAGE_SIZE_MAX,
        page_index: int = 1,
        last_buffer: str = "",
        need_total: bool = False,
    ) -> WindowPage:
        """Return one page.

        :param page_size: 1 to 200.
        :param page_index: from 1; times ``page_size`` at most 10 000. It has no effect beside ``last_buffer``.
        :param last_buffer: as the page before this one gave it.
        :raises Refused: when WeChat would not take it.
        :raises WechatError: when WeChat does not say.
        """
        if not 1 <= page_size <= PAGE_SIZE_MAX:
            raise Refused(f"the page size is {page_size}: WeChat gives 1 to {PAGE_SIZE_MAX} products at a time")
        body: dict[str, Any] = {**(wanted or WindowFilter()).as_json(), "page_size": page_size}
        if last_buffer:
            body["last_buffer"] = last_buffer
        else:
            body["page_index"] = _reachable(page_index, page_size)
        if need_total:
            body["need_total_num"] = True
        answer = Answer(self._api.read(_PATH, body), path=_PATH)
        return WindowPage(
            products=tuple(map(_product, answer.parts("products"))),
            last_buffer=answer.text("last_buffer", ""),
            total=answer.whole("total_num") if answer.has("total_num") else None,
        )

    def pages(
        self,
        wanted: WindowFilter | None = None,
        *,
        page_size: int = PAGE_SIZE_MAX,
        last_buffer: str = "",
        need_total: bool = False,
    ) -> Iterator[WindowPage]:
        """Yield every page, each by the ``last_buffer`` of the one before it, so that no limit ends the list.

        The page does not say how the last one is known: it has no products or no ``last_buffer``, or is not full and
        repeats one.

        :param last_buffer: to begin behind a page that came earlier.
        :param need_total: asked with the first page only.
        :raises WechatError: when WeChat does not say, or gives a ``last_buffer`` again, which would never end.
        """
        seen = {last_buffer}
        while True:
            page = self.page(wanted, page_size=page_size, last_buffer=last_buffer, need_total=need_total)
            if page.products or need_total:
                yield page
            last_buffer, need_total = page.last_buffer, False
            if not (page.products and last_buffer):
                return
            if last_buffer in seen:
                if len(page.products) < page_size:
                    return
                raise WechatUnreachable(f"{_PATH}: the same last_buffer came twice", acted=None)
            seen.add(last_buffer)

    def products(self, wanted: WindowFilter | None = None) -> Iterator[WindowProduct]:
        """Yield every product, page by page."""
        for page in self.pages(wanted):
            yield from page.products


def _reachable(page_index: int, page_size: int) -> int:
    if page_index < 1:
        raise Refused(f"the page index is {page_index}: it begins with 1")
    if page_index * page_size > REACH_MAX:
        raise Refused(
            f"page {page_index} with {page_size} products lies behind the first {REACH_MAX:,}, where WeChat gives no "
            "pages by number: read on by last_buffer"
        )
    return page_index


def _product(answer: Answer) -> WindowProduct:
    source = answer.whole("product_source", ProductSource.SELF_OPERATED)
    return WindowProduct(
        product_id=answer.id("product_id"),
        app_id=answer.text("appid", ""),
        out_product_id=answer.id("out_product_id", ""),
        source=ProductSource(source) if source in list(ProductSource) else source,
    )
