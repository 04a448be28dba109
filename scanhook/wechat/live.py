"""Reads live goods (facts.md 5.3): how far their review is, and all that a mini program has of them.

The caller is the mini program, or a third-party platform with permission set 52.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from scanhook.errors import Refused
from scanhook.wechat.answer import Answer
from scanhook.wechat.api import Api
from scanhook.wechat.live_goods import AuditStatus, Goods, written_id
from scanhook.wechat.live_price import PriceType
from scanhook.wechat.paging import pages_from

__all__ = ["ASKED_AT_ONCE_MAX", "PAGE_MAX", "LiveGoods", "LivePage"]

ASKED_AT_ONCE_MAX = 20
PAGE_MAX = 100

_STATES = "/wxa/business/getgoodswarehouse"
_LIST = "/wxaapi/broadcast/goods/getapproved"


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePage:
    """One page of goods.

    :param total: of all goods in that state.
    """

    goods: tuple[Goods, ...]
    total: int


class LiveGoods:
    """What can be asked of live goods.

    :param api: of ``api.weixin.qq.com``.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def states(self, goods_ids: Sequence[str]) -> Iterator[Goods]:
        """Yield goods with the state of their review, 20 at a call; those that WeChat does not know are left out.

        :raises WechatError: when WeChat does not say.
        """
        for start in range(0, len(goods_ids), ASKED_AT_ONCE_MAX):
            asked = list(map(written_id, goods_ids[start : start + ASKED_AT_ONCE_MAX]))
            answer = Answer(self._api.read(_STATES, {"goods_ids": asked}), path=_STATES)
            yield from (_read_snake(goods) for goods in answer.parts("goods"))

    def page(self, status: AuditStatus, *, offset: int = 0, limit: int = PAGE_MAX) -> LivePage:
        """Return one page of the goods in a state, whoever added them.

        :param offset: from 0.
        :param limit: 1 to 100.
        :raises WechatError: when WeChat does not say.
        """
        if offset < 0 or not 1 <= limit <= PAGE_MAX:
            raise Refused(f"a page starts at 0 or later, with 1 to {PAGE_MAX} goods: {offset} and {limit} were given")
        query = {"offset": str(offset), "limit": str(limit), "status": str(int(status))}
        answer = Answer(self._api.read(_LIST, query=query), path=_LIST)
        goods = tuple(_read_camel(entry).in_state(status) for entry in answer.parts("goods"))
        # Without a total nobody could tell the first page from the whole list; WeChat may leave out a total of 0.
        return LivePage(goods=goods, total=answer.whole("total", None if goods else 0))

    def pages(self, status: AuditStatus) -> Iterator[LivePage]:
        """Yield every page of the goods in a state.

        The last page is the one that reaches the total, or an empty one, which is not yielded.

        :raises WechatError: when WeChat does not say, or repeats itself.
        """
        pages = pages_from(
            lambda offset: self.page(status, offset=offset), keys=lambda page: [goods.id for goods in page.goods]
        )
        return (page for page in pages if page.goods)

    def goods(self, *statuses: AuditStatus) -> Iterator[Goods]:
        """Yield all goods in some states; without one, all there are."""
        for status in statuses or tuple(AuditStatus):
            for page in self.pages(status):
                yield from page.goods


def _read_snake(answer: Answer) -> Goods:
    """Read goods as ``getgoodswarehouse`` writes them; of the type its table and its example differ."""
    return _goods(
        answer,
        id_=answer.id("goods_id"),
        image=answer.text("cover_img_url", ""),
        price_type=answer.whole("price_type") if answer.has("price_type") else answer.whole("priceType", 0),
        status=answer.whole("audit_status") if answer.has("audit_status") else None,
        tags=("third_party_tag",),
    )


def _read_camel(answer: Answer) -> Goods:
    """Read goods as ``getapproved`` writes them."""
    return _goods(
        answer,
        id_=answer.id("goodsId"),
        image=answer.text("coverImgUrl", ""),
        price_type=answer.whole("priceType", 0),
        status=None,
        tags=("thirdPartyTag", "third_party_tag"),
    )


def _goods(
    answer: Answer, *, id_: str, image: str, price_type: int, status: int | None, tags: tuple[str, ...]
) -> Goods:
    tag = next((name for name in tags if answer.has(name)), None)
    has_second = price_type != PriceType.FIXED and answer.has("price2")
    return Goods(
        id=id_,
        name=answer.text("name", ""),
        image=image,
        path=answer.text("url", ""),
        price_type=price_type,
        price=answer.decimal("price", Decimal(0)),
        price2=answer.decimal("price2") if has_second else None,
        status=status,
        by_api=None if tag is None else answer.whole(tag) in (1, 2),
        third_party_app_id=answer.text("thirdPartyAppid", ""),
    )
