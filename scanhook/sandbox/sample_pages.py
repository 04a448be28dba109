"""Sample scan product pages, in each of the states that a page can be in. Performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanhook.sandbox.page_shelf import PageShelf, Status
from scanhook.sandbox.phone import Sample
from scanhook.sandbox.scan import Item
from scanhook.sandbox.tenant import Tenant
from scanhook.sandbox.world import World

__all__ = ["SAMPLE_CODES", "stock_pages"]

_FRAME = ("qrcode", "moment-frame")
SAMPLE_CODES = tuple(
    Sample(item=Item(key_standard=_FRAME[0], key_str=_FRAME[1], ext_info=code), english=english, chinese=chinese)
    for code, english, chinese in (
        # Whose registry is asked has the last word: a label must not promise a verdict.
        ("GENUINE0001", "Sample code: genuine only if your registry has it", "示例码 · 已登记时才是正品"),
        ("COPIED99999", "Sample code: not genuine unless your registry has it", "示例码 · 未登记时不是正品"),
        ("PRINTED0003", "Sample code: not activated if your registry says so", "示例码 · 登记为未激活时才是未激活"),
    )
)
_PAGES = (
    (_FRAME, "微信相框", 0, Status.ON),
    (("ean13", "6900873042720"), "有机胡萝卜泥", 537117576, Status.ON),
    (("ean13", "6390000000000"), "苹果香蕉泥", 537117576, Status.OFF),
    (("ean13", "6390000000002"), "高山绿茶", 538071212, Status.REJECT),
    (("qrcode", "cosmetics1"), "手工酱油", 200531967, Status.OFF),
)


def stock_pages(world: World, tenant: Tenant) -> None:
    """Give a tenant its sample pages. The links lead to its landing page, the pictures to the sandbox."""
    shelf, now = tenant.shelf(PageShelf), world.clock.now()
    with world.lock:
        for age, (key, title, category, status) in enumerate(_PAGES):
            brand = _brand(world, tenant, title=title, category=category)
            shelf.create(key, brand, now=now - 3600 * age).status = status


def _brand(world: World, tenant: Tenant, *, title: str, category: int) -> Mapping[str, Any]:
    picture = f"{world.base_url}/sandbox/picture.png"
    link = tenant.landing_url or f"{world.base_url}/sandbox/"
    return {
        "base_info": {
            "title": title,
            "thumb_url": picture,
            "brand_tag": "小耿哥8",
            "category_id": category,
            "store_mgr_type": "auto",
            "store_vendorid_list": [],
            "color": "auto",
        },
        "detail_info": {"banner_list": [{"link": picture}], "detail_list": [{"title": "产品名称", "desc": title}]},
        "action_info": {
            "action_list": [
                {"type": "price", "retail_price": "12.00"},
                {"type": "link", "name": "查看真伪", "link": link},
            ]
        },
        "module_info": {"module_list": [{"type": "anti_fake", "native_show": "true"}]},
    }
