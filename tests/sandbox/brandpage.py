"""A whole page as facts.md 1.2 has it, and the seed's own requests, mended where they are no JSON."""

from __future__ import annotations

import copy
from typing import Any

KEY = {"keystandard": "qrcode", "keystr": "wxscandemo"}
BRAND: dict[str, Any] = {
    "base_info": {
        "title": "扫一扫动态主页demo",
        "thumb_url": "http://images.invalid/0",
        "brand_tag": "小耿哥8",
        "category_id": 0,
        "store_mgr_type": "auto",
        "store_vendorid_list": [],
        "color": "auto",
    },
    "detail_info": {
        "banner_list": [{"link": "http://images.invalid/1"}],
        "detail_list": [{"title": "产品名称", "desc": "微信相框moment"}],
    },
    "action_info": {
        "action_list": [
            {"type": "price", "retail_price": "12.00"},
            {
                "type": "link",
                "name": "banner",
                "link": "http://brand.invalid",
                "image": "http://images.invalid/2",
                "showtype": "banner",
            },
            {"type": "link", "name": "自定义活动1", "link": "http://brand.invalid/wxscan.php"},
            {"type": "user", "appid": "wx307e399609946068"},
            {"type": "text", "text": "此处可根据品牌商需要,用于简单描述商品或活动。"},
        ]
    },
    "module_info": {"module_list": [{"type": "anti_fake", "native_show": "true"}]},
}
UPDATE: dict[str, Any] = {
    "action_info": {
        "action_list": [
            {
                "type": "link",
                "name": "banner",
                "link": "http://brand.invalid",
                "image": "http://images.invalid/2",
                "showtype": "banner",
            },
            {"type": "link", "name": "更新的自定义活动1", "link": "http://brand.invalid/wxscan.php"},
            {"type": "link", "name": "更新的自定义活动2", "link": "http://brand.invalid/wxscan.php"},
            {"type": "user", "appid": "wx307e399609946068"},
            {"type": "text", "text": "此处可根据品牌商需要,用于简单描述商品或活动。"},
        ]
    }
}
"""The seed's 更新商品信息."""


def brand(**parts: Any) -> dict[str, Any]:
    """Return a page with other parts; one that is ``None`` is left out."""
    changed = {**copy.deepcopy(BRAND), **parts}
    return {name: part for name, part in changed.items() if part is not None}


def with_base(**changed: Any) -> dict[str, Any]:
    """Return a page with another ``base_info``; what is ``None`` is left out."""
    base = {**BRAND["base_info"], **changed}
    return brand(base_info={name: value for name, value in base.items() if value is not None})


def with_actions(*actions: dict[str, Any]) -> dict[str, Any]:
    """Return a page with these actions alone."""
    return brand(action_info={"action_list": list(actions)})


def with_modules(*modules: dict[str, Any]) -> dict[str, Any]:
    """Return a page with these modules."""
    return brand(module_info={"module_list": list(modules)})
