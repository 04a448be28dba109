"""Union products (``union-product-list.md``): what shops let others promote for a commission.

The caller is a mini program that promotes, or a third-party platform with permission set 93. The products are those of
the older 小商店 shops; WeChat's newer shops have another API, which is not this one (facts.md 5.4).
"""

from __future__ import annotations

from collections.abc import Iterator

from scanhook.errors import Refused
from scanhook.wechat.answer import Answer
from scanhook.wechat.api import Api
from scanhook.wechat.paging import pages_from
from scanhook.wechat.union_filter import UnionFilter
from scanhook.wechat.union_product import UnionPage, UnionProduct, read_union_product

__all__ = ["LIST_PATH", "PAGE_DEFAULT", "Union"]

LIST_PATH = "/union/promoter/product/list"
PAGE_DEFAULT = 20
"""The page says neither a default nor a limit; client libraries ask for this many."""

_EVERYTHING = UnionFilter()


class Union:
    """The products that one caller may promote.

    :param api: of ``api.weixin.qq.com``.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def page(self, wanted: UnionFilter = _EVERYTHING, *, start: int = 0, limit: int = PAGE_DEFAULT) -> UnionPage:
        """Return one page.

        :param start: how many products stand before it; the first page starts at 0.
        :param limit: how many products it may hold.
        :raises Refused: when start or limit make no sense.
        :raises WechatError: when WeChat does not say.
        """
        if start < 0 or limit < 1:
            raise Refused(f"a page starts at 0 or later and holds at least 1 product: {start} and {limit} were given")
        query = {"from": str(start), "limit": str(limit), **wanted.as_query()}
        answer = Answer(self._api.read(LIST_PATH, query=query), path=LIST_PATH)
        products = tuple(map(read_union_product, answer.parts("productList")))
        # Without a total nobody could tell the first page from the whole list; WeChat may leave out a total of 0.
        return UnionPage(products=products, total=answer.whole("total", None if products else 0))

    def pages(
        self, wanted: UnionFilter = _EVERYTHING, *, start: int = 0, limit: int = PAGE_DEFAULT
    ) -> Iterator[UnionPage]:
        """Yield every page from a start on.

        The page does not say how many products WeChat gives at most. The last page is the one that reaches the total,
        or an empty one, which is not yielded.

        :raises WechatError: when WeChat does not say, or repeats itself.
        """
        pages = pages_from(
            lambda offset: self.page(wanted, start=offset, limit=limit),
            keys=lambda page: [product.id for product in page.products],
            offset=start,
        )
        return (page for page in pages if page.products)

    def products(self, wanted: UnionFilter = _EVERYTHING, *, limit: int = PAGE_DEFAULT) -> Iterator[UnionProduct]:
        """Yield every product once, page by page: the list may shift while it is read.

        :param limit: how many are asked for at a time.
        :raises WechatError: when WeChat does not say.
        """
        seen: set[str] = set()
        for page in self.pages(wanted, limit=limit):
            for product in page.products:
                if product.id not in seen:
                    seen.add(product.id)
                    yield product
