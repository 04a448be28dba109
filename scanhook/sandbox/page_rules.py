"""What a scan product page must be like, or which code refuses it; facts.md 1.2 and 1.7. Performs no I/O.

Which of two fitting codes WeChat gives is not documented; here it is the one whose text says more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from scanhook.sandbox.merchant import Merchant
from scanhook.sandbox.route import Refusal

__all__ = ["PARTS", "check_key", "check_parts"]

PARTS = ("base_info", "detail_info", "action_info", "module_info")
DESC_MAX_CHARS = 80
DETAIL_TITLE_MAX_CHARS = 6
BANNERS_MAX = 6
LINKS_MAX = 3
_VENDORS = (2, 3, 4, 9, 11, 19)
_KEYS = {
    "ean13": re.compile(r"[0-9]{13}"),
    "ean8": re.compile(r"[0-9]{8}"),
    "qrcode": re.compile(r"[A-Za-z0-9_-]{1,20}"),
}
_COLOR = re.compile(r"(auto|[0-9A-Fa-f]{6})?")
_PRICE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")
_APP_ID = re.compile(r"wx[0-9A-Za-z]+")


def check_key(keystandard: object, keystr: object) -> tuple[str, str]:
    """Return a page's key. The check digit of an EAN is not looked at: the seed's samples have wrong ones.

    :raises Refusal: 61343 of another standard, 61305 otherwise wrong.
    """
    if not isinstance(keystandard, str) or keystandard not in _KEYS:
        raise Refusal(61343, "keystandard error")
    if not isinstance(keystr, str) or not _KEYS[keystandard].fullmatch(keystr):
        raise Refusal(61305, "invalid key info")
    return keystandard, keystr


def check_parts(
    given: object, *, merchant: Merchant, is_published: Callable[[str, str], bool], whole: bool
) -> Mapping[str, Any]:
    """Return the parts of a page that were sent, once they are found right.

    :param whole: all but ``module_info`` must be there, as for a new page; that they must is inferred.
    :raises Refusal: 613xx or 631xx.
    """
    if not isinstance(given, dict) or not any(part in given for part in PARTS):
        raise Refusal(61303, "brand info not exist")
    missing = {"base_info": 61308, "detail_info": 61309, "action_info": 61310}
    for part, code in missing.items():
        if whole and part not in given:
            raise Refusal(code, f"{part.replace('_', ' ')} not exist")
    for part, code in {**missing, "module_info": 63165}.items():
        if not isinstance(given.get(part, {}), dict):
            raise Refusal(code, f"{part.replace('_', ' ')} not exist")
    if "base_info" in given:
        _check_base(given["base_info"], merchant)
    if "detail_info" in given:
        _check_detail(given["detail_info"])
    if "action_info" in given:
        _check_actions(given["action_info"], is_published)
    if "module_info" in given:
        _check_modules(given["module_info"])
    return {part: given[part] for part in PARTS if part in given}


def check_price(parts: Mapping[str, Any]) -> None:
    """Find out whether a whole page has a price where it needs one.

    It needs one "when no purchase channel is set"; what counts as one is not said: here ``store_mgr_type`` "auto", a
    vendor, or an action ``store`` or ``product``.

    :raises Refusal: 63159.
    """
    base, actions = parts["base_info"], parts["action_info"].get("action_list", [])
    kinds = {action["type"] for action in actions}
    channel = base.get("store_mgr_type") != "custom" or base.get("store_vendorid_list") or kinds & {"store", "product"}
    if not channel and "price" not in kinds:
        raise Refusal(63159, "retail_price empty")


def _check_base(base: Mapping[str, Any], merchant: Merchant) -> None:
    if not all(_text(base.get(name)) for name in ("title", "thumb_url")):
        raise Refusal(61300, "invalid base info")
    if not _text(base.get("brand_tag")):
        raise Refusal(63156, "invalid tag")
    category = base.get("category_id")
    if not isinstance(category, int) or isinstance(category, bool):
        raise Refusal(61319, "category invalid")
    if category and category not in merchant.categories:  # the pages' own samples have 0
        raise Refusal(61322, "category id no permission")
    if base.get("store_mgr_type", "auto") not in ("auto", "custom"):
        raise Refusal(61325, "brandinfo invalid store mgr type")
    vendors = base.get("store_vendorid_list", [])
    if not isinstance(vendors, list) or any(vendor not in _VENDORS for vendor in vendors):
        raise Refusal(61300, "invalid base info")
    color = base.get("color", "auto")
    if not isinstance(color, str) or not _COLOR.fullmatch(color):
        raise Refusal(63155, "invalid color")


def _check_detail(detail: Mapping[str, Any]) -> None:
    banners, lines = (_rows(detail.get(name, []), 61301) for name in ("banner_list", "detail_list"))
    if not banners and not lines:
        raise Refusal(63175, "detail info error")
    right = len(banners) <= BANNERS_MAX
    right = right and all(_text(banner.get("link")) and _short(banner, "desc", DESC_MAX_CHARS) for banner in banners)
    right = right and all(
        _text(line.get("title")) and _short(line, "title", DETAIL_TITLE_MAX_CHARS) and _short(line, "desc", 80)
        for line in lines
    )
    if not right:
        raise Refusal(61301, "invalid detail info")


def _check_actions(info: Mapping[str, Any], is_published: Callable[[str, str], bool]) -> None:
    actions = _rows(info.get("action_list", []), 61302)
    for action in actions:
        _check_action(action, is_published)
    kinds = Counter(action["type"] for action in actions)
    banners = sum(_is_banner(action) for action in actions)
    if kinds["media"] and banners:
        raise Refusal(63170, "only banner or media")
    for kind, code in (("card", 63171), ("user", 63172), ("text", 63173)):
        if kinds[kind] > 1:
            raise Refusal(code, f"{kind} num limit")
    # The pages' own sample has a banner, two links and a user: so a banner is none of the three.
    if kinds["link"] - banners + kinds["card"] + kinds["user"] > LINKS_MAX:
        raise Refusal(63174, "link card user sum limit")


_ACTION_CODES = {
    "media": (61347, "invalid actioninfo media"),
    "text": (61348, "invalid actioninfo text"),
    "link": (61302, "invalid action info"),
    "user": (61306, "invalid appid"),
    "card": (61307, "invalid card id"),
    "price": (63160, "priceinfo invalid"),
    "product": (61302, "invalid action info"),
    "store": (61346, "invalid actioninfo store"),
    "recommend": (63157, "invalid recommend"),
}
_ACTION_TEXTS = {
    "media": ("link", "image"),
    "text": ("text",),
    "link": ("name", "link"),
    "card": ("cardid",),
    "product": ("name", "productid"),
    "store": ("name", "link"),
}


def _check_action(action: Mapping[str, Any], is_published: Callable[[str, str], bool]) -> None:
    kind = action.get("type")
    if not isinstance(kind, str) or kind not in _ACTION_CODES:
        raise Refusal(61345, "invalid action code")
    right = _texts(action, *_ACTION_TEXTS.get(kind, ()))
    match kind:
        case "link":
            right = right and (not _is_banner(action) or _texts(action, "image"))
        case "user":
            right = bool(_APP_ID.fullmatch(str(action.get("appid"))))
        case "price":
            right = _price(action.get("retail_price"))
        case "store":
            right = right and _price(action.get("sale_price"))
        case "recommend":
            right = _recommends(action, is_published)
    if not right:
        raise Refusal(*_ACTION_CODES[kind])


def _recommends(action: Mapping[str, Any], is_published: Callable[[str, str], bool]) -> bool:
    recommend = action.get("recommend")
    if not isinstance(recommend, dict) or recommend.get("recommend_type") != "appointed":
        return False
    listed = _rows(recommend.get("recommend_list"), 63157)
    return bool(listed) and all(is_published(str(one.get("keystandard")), str(one.get("keystr"))) for one in listed)


def _check_modules(info: Mapping[str, Any]) -> None:
    modules = _rows(info.get("module_list", []), 63164)
    if any(module.get("type") != "anti_fake" for module in modules):
        raise Refusal(63164, "module type not exist")
    if len(modules) > 1:
        raise Refusal(63161, "antifake module num limit")
    for module in modules:
        if module.get("native_show") not in ("true", "false"):  # strings, and no booleans: facts.md 0.4
            raise Refusal(63162, "antifake native_type err")
        if module["native_show"] == "false" and not _text(module.get("anti_fake_url")):
            raise Refusal(63163, "antifake link not exists")


def _rows(listed: object, code: int) -> list[Mapping[str, Any]]:
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise Refusal(code, "invalid list")
    return listed


def _is_banner(action: Mapping[str, Any]) -> bool:
    return action.get("type") == "link" and action.get("showtype") == "banner"


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _texts(action: Mapping[str, Any], *names: str) -> bool:
    return all(_text(action.get(name)) for name in names)


def _short(row: Mapping[str, Any], name: str, most: int) -> bool:
    value = row.get(name, "")
    return isinstance(value, str) and len(value) <= most


def _price(value: object) -> bool:
    return isinstance(value, str) and bool(_PRICE.fullmatch(value))
