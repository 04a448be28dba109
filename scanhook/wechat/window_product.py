"""What a product of a Channels window is: the sibling of the list, which tells nothing but ids (facts.md 5.2).

Its page is not among those that scanhook follows: title, picture and state are facts.md's, price and shape those that
client libraries read.
"""

from __future__ import annotations

from dataclasses import dataclass

from scanhook.wechat.answer import Answer
from scanhook.wechat.api import Api
from scanhook.wechat.window import ProductSource, WindowProduct

__all__ = ["WindowDetails", "window_details"]

_PATH = "/channels/ec/window/product/get"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowDetails:
    """What a product is.

    :param image: the address of its picture; empty, like the title, where WeChat gives none.
    :param price_fen: what it costs; ``None``, like the status, where WeChat does not say it.
    :param status: a number whose meaning no page tells.
    """

    title: str
    image: str
    price_fen: int | None
    status: int | None


def window_details(api: Api, product: WindowProduct) -> WindowDetails:
    """Ask what a product of the window is.

    :param api: of ``api.weixin.qq.com``, called by the Channels assistant's account, like the list.
    :param product: as the list gives it.
    :raises WechatRefused: 10022003 when it is not there, 10022007 for one that cannot be asked for.
    :raises WechatUnreachable: when there is no answer that can be used.
    """
    promoted = {"need_cps_product": True} if product.source == ProductSource.PROMOTED else {}
    found = api.read(_PATH, {"product_id": product.product_id, "appid": product.app_id, **promoted})
    whole = Answer(found, path=_PATH)
    # Asked for one of several offers, WeChat gives a list of them.
    offers = whole.parts("cps_products")
    answer = offers[0] if offers else whole.part("product")
    return WindowDetails(
        title=answer.text("title", ""),
        image=answer.text("img_url", ""),
        price_fen=answer.whole("selling_price") if answer.has("selling_price") else None,
        status=answer.whole("status") if answer.has("status") else None,
    )
