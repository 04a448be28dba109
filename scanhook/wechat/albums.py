"""WeCom's product albums (``wecom-product-album.md``): what salespeople show to customers in WeChat.

The caller is a WeCom application: a company's own among "applications that may call" of 客户联系, one developed for the
company or a third party's with the right 管理商品图册. Since 2023-12-01 the system application's secret is no longer
taken, except of companies that used it before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scanhook.errors import Refused, WechatUnreachable
from scanhook.wechat.album import AlbumChange, AlbumDraft, AlbumPage, AlbumProduct
from scanhook.wechat.answer import Answer
from scanhook.wechat.api import Api, Downloaded, Upload

__all__ = ["PAGE_DEFAULT", "PAGE_MAX", "Albums"]

PAGE_MAX = 100
PAGE_DEFAULT = 50

_FAMILY = "/cgi-bin/externalcontact"
_ALBUM_ATTACHMENT = "2"


class Albums:
    """The product albums that one WeCom application can see.

    :param api: of ``qyapi.weixin.qq.com``.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def add(self, draft: AlbumDraft) -> str:
        """Add a product.

        :returns: its product id.
        :raises WechatError: when WeCom does not do it; it is never asked twice.
        """
        path = f"{_FAMILY}/add_product_album"
        return Answer(self._api.write(path, draft.as_json()), path=path).id("product_id")

    def get(self, product_id: str) -> AlbumProduct:
        """Return a product: any of the company's, whichever application added it.

        :raises WechatError: when WeCom does not say.
        """
        path = f"{_FAMILY}/get_product_album"
        answer = Answer(self._api.read(path, {"product_id": _checked(product_id)}), path=path)
        return _product(answer.part("product"))

    def page(self, *, limit: int = PAGE_DEFAULT, cursor: str = "") -> AlbumPage:
        """Return one page of the list.

        A company's own application sees only what concerns the people in its visible range.

        :param limit: of products, 1 to 100. More is sent as it is asked for, and WeCom then falls back to 50.
        :param cursor: the page before this one gives it; empty for the first.
        :raises Refused: when the limit is below 1.
        :raises WechatError: when WeCom does not say.
        """
        if limit < 1:
            raise Refused(f"the limit is {limit}: ask for 1 to {PAGE_MAX} products")
        path = f"{_FAMILY}/get_product_album_list"
        body: dict[str, Any] = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        answer = Answer(self._api.read(path, body), path=path)
        products = tuple(map(_product, answer.parts("product_list")))
        return AlbumPage(products=products, next_cursor=answer.text("next_cursor", ""))

    def pages(self, *, limit: int = PAGE_MAX, cursor: str = "") -> Iterator[AlbumPage]:
        """Yield every page from a cursor on; the last is the one without a next cursor (facts.md 5.1, inferred).

        :raises WechatError: when WeCom does not say, or gives a cursor again, which would never end.
        """
        seen = set()
        while True:
            page = self.page(limit=limit, cursor=cursor)
            yield page
            cursor = page.next_cursor
            if not cursor:
                return
            if cursor in seen:
                raise WechatUnreachable(
                    f"{_FAMILY}/get_product_album_list: the same next_cursor came twice", acted=None
                )
            seen.add(cursor)

    def products(self) -> Iterator[AlbumProduct]:
        """Yield every product of the list, page by page; as a list gives them, without ``created_at``."""
        for page in self.pages():
            yield from page.products

    def update(self, product_id: str, change: AlbumChange) -> None:
        """Change a product: an application can change only what it has added itself.

        :raises WechatError: when WeCom does not do it.
        """
        self._api.write(f"{_FAMILY}/update_product_album", {"product_id": _checked(product_id), **change.as_json()})

    def delete(self, product_id: str) -> None:
        """Delete a product: an application can delete only what it has added itself.

        :raises WechatError: when WeCom does not do it.
        """
        self._api.write(f"{_FAMILY}/delete_product_album", {"product_id": _checked(product_id)})

    def upload_image(self, image: Upload) -> str:
        """Send an image up as an attachment of product albums (facts.md 5.1).

        :param image: from :func:`~scanhook.wechat.picture.image_upload`.
        :returns: its media id, which a product can be added with for three days.
        :raises WechatError: when WeCom does not take it.
        """
        path = "/cgi-bin/media/upload_attachment"
        query = {"media_type": "image", "attachment_type": _ALBUM_ATTACHMENT}
        return Answer(self._api.upload(path, image, query=query), path=path).text("media_id")

    def image(self, media_id: str) -> Downloaded:
        """Fetch an image of a product.

        :raises WechatError: when WeCom does not give it.
        """
        if not media_id:
            raise Refused("the media id is empty: `albums get` shows a product's")
        return self._api.download("/cgi-bin/media/get", query={"media_id": media_id})


def _checked(product_id: str) -> str:
    if not product_id:
        raise Refused("the product id is empty: `albums list` shows the products with theirs")
    return product_id


def _product(answer: Answer) -> AlbumProduct:
    return AlbumProduct(
        product_id=answer.id("product_id"),
        description=answer.text("description", ""),
        price_fen=answer.whole("price", 0),
        product_sn=answer.id("product_sn", ""),
        images=tuple(filter(None, map(_media_id, answer.parts("attachments")))),
        created_at=answer.whole("create_time") if answer.has("create_time") else None,
    )


def _media_id(attachment: Answer) -> str:
    # Only images are documented; what may come later is no reason to lose the product.
    if attachment.text("type", "image") != "image":
        return ""
    return attachment.part("image").text("media_id", "")
