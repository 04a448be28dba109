"""Fills a world with sample products in all five systems, so that no list is empty."""

from __future__ import annotations

from scanhook.sandbox.album_shelf import AlbumShelf
from scanhook.sandbox.goods import LiveShelf
from scanhook.sandbox.media import MediaShelf
from scanhook.sandbox.offers import UnionShelf
from scanhook.sandbox.page_shelf import PageShelf
from scanhook.sandbox.qrcode import Picture
from scanhook.sandbox.route import Posted, Right
from scanhook.sandbox.sample_pages import stock_pages
from scanhook.sandbox.tenant import Tenant
from scanhook.sandbox.wecom_media import AttachmentShelf
from scanhook.sandbox.window_shelf import WindowShelf
from scanhook.sandbox.world import World

__all__ = ["SAMPLE_PICTURE", "stock"]

SAMPLE_PICTURE = Picture(content="scanhook", size_px=180)
_DAY_S = 86_400
_SHOP = "wxee9f94a3360ad25f"
_ALBUMS = (
    ("微信相框 moment, 核桃木", 29900, "FRAME01"),
    ("有机胡萝卜泥 110 g", 1280, "PUREE01"),
    ("高山绿茶 250 g", 16800, ""),
)
_GOODS = (
    {"name": "TIT茶杯", "priceType": 1, "price": 99.5, "url": "pages/index/index"},
    {"name": "微信相框", "priceType": 3, "price": 299, "price2": 259, "url": "pages/frame/index?id=1"},
)


def stock(world: World) -> None:
    """Give each tenant samples in the systems that it has rights to, unless there is something of its own."""
    now, picture_url = world.clock.now(), f"{world.base_url}/sandbox/picture.png"
    with world.lock:
        for tenant in world.tenants:
            if Right.SCAN in tenant.rights and not tenant.shelf(PageShelf).pages:
                stock_pages(world, tenant)
            if Right.ALBUMS in tenant.rights and not tenant.shelf(AlbumShelf).albums:
                _stock_albums(tenant, now=now - _DAY_S)
            if Right.WINDOW in tenant.rights and not tenant.shelf(WindowShelf).find():
                _stock_window(tenant, picture_url)
            if Right.LIVE in tenant.rights and not tenant.shelf(LiveShelf).goods:
                _stock_live(tenant, picture_url, now=now - _DAY_S)
            if Right.UNION in tenant.rights:
                tenant.shelf(UnionShelf).show(picture_url)


def _stock_albums(tenant: Tenant, *, now: float) -> None:
    shelf, pictures = tenant.shelf(AlbumShelf), tenant.shelf(AttachmentShelf)
    for description, price, product_sn in _ALBUMS:
        media_id = pictures.keep(SAMPLE_PICTURE.png(), purpose="2", now=now)
        pictures.keep_for_good(media_id)
        shelf.add(
            description=description,
            price=price,
            product_sn=product_sn,
            media_ids=(media_id,),
            added_by=tenant.name,
            now=now,
        )


def _stock_window(tenant: Tenant, picture_url: str) -> None:
    shelf = tenant.shelf(WindowShelf)
    shelf.picture_url = picture_url
    shelf.put_own(_SHOP, "100234056", title="微信相框", price_fen=29900)
    shelf.put_own(_SHOP, "100234057", title="高山绿茶", price_fen=16800, hidden=True)
    shelf.put_promoted("439000124321", "100234058", title="有机胡萝卜泥", price_fen=1280)


def _stock_live(tenant: Tenant, picture_url: str, *, now: float) -> None:
    shelf = tenant.shelf(LiveShelf)
    shelf.picture_url = picture_url
    cover = Posted(filename="cover.png", content=SAMPLE_PICTURE.png(), content_type="image/png")
    for goods in _GOODS:
        media_id = tenant.shelf(MediaShelf).keep(cover, now=now)
        shelf.add({**goods, "coverImgUrl": media_id}, now=now)
