"""Union products (``union-product-list.md``; the request as facts.md 5.4a completes it). Performs no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scanhook.sandbox.offers import SORTS, Search, UnionShelf
from scanhook.sandbox.route import Asked, Refusal, Right, Route

__all__ = ["ROUTES"]

_WAYS = ("express", "sameCity", "pickup")
_PLACES = ("provinceName", "cityName", "countryName")
_QUERY_TYPES = 3


def _list(asked: Asked) -> Mapping[str, Any]:
    query = asked.query
    start, limit = _whole(query, "from"), _whole(query, "limit")
    if limit < 1:
        raise _wrong("limit")
    sort = _whole(query, "sortType", 0)
    if sort >= len(SORTS):
        raise _wrong("sortType")
    search = _search(query)
    found = sorted(filter(search.finds, asked.tenant.shelf(UnionShelf).offers), key=SORTS[sort])
    return {
        "errmsg": "",  # the page's example has it empty
        "productList": [offer.offer for offer in found[start : start + limit]],
        "total": len(found),
    }


def _search(query: Mapping[str, str]) -> Search:
    query_type = _whole(query, "queryType", 0)
    if query_type >= _QUERY_TYPES:
        raise _wrong("queryType")
    has_coupon = _whole(query, "hasCoupon", 0)
    if has_coupon > 1:
        raise _wrong("hasCoupon")
    max_price = query.get("maxPrice")
    category_id = query.get("categoryId")
    return Search(
        query=query.get("query", ""),
        query_type=query_type,
        min_price=_whole(query, "minPrice", 0),
        max_price=None if max_price in (None, "") else _whole(query, "maxPrice"),
        min_commission=_whole(query, "minCommissionValue", 0),
        min_ratio=_whole(query, "minCommissionRatio", 0),
        shop_app_ids=_shops(query.get("shopAppIds", "")),
        has_coupon=bool(has_coupon),
        # "若与 categoryid 同时存在,取categoryid"
        categories=(str(_whole(query, "categoryId")),) if category_id else _ids(query, "category"),
        no_categories=_ids(query, "noCategory"),
        product_ids=_ids(query, "productId"),
        shipping=_ways(_nested(query, "shippingMethods", dict), "shippingMethods"),
        addresses=tuple(map(_address, _nested(query, "addressList", list))),
    )


def _whole(query: Mapping[str, str], name: str, default: int | None = None) -> int:
    value = query.get(name)
    if default is not None and value in (None, ""):
        return default
    if value is None or not (value.isascii() and value.isdecimal()) or len(value) > 18:
        raise _wrong(name)
    return int(value)


def _ids(query: Mapping[str, str], name: str) -> tuple[str, ...]:
    ids = tuple(part.strip() for part in query.get(name, "").split(",") if part.strip())
    if not all(part.isascii() and part.isdecimal() for part in ids):
        raise _wrong(name)
    return ids


def _shops(written: str) -> tuple[str, ...]:
    """Read app ids: a JSON array, or by commas, as libraries disagree."""
    if not written.lstrip().startswith("["):
        return tuple(part.strip() for part in written.split(",") if part.strip())
    found = _json(written, "shopAppIds")
    if not all(isinstance(app_id, str) for app_id in found):
        raise _wrong("shopAppIds")
    return tuple(found)


def _nested(query: Mapping[str, str], name: str, kind: type) -> Any:
    written = query.get(name)
    found = _json(written, name) if written else kind()
    if not isinstance(found, kind):
        raise _wrong(name)
    return found


def _json(written: str, name: str) -> Any:
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        raise _wrong(name) from None


def _ways(asked_for: object, name: str) -> tuple[str, ...]:
    """Read which ways of shipping are demanded; that 0 demands nothing is inferred."""
    if not isinstance(asked_for, dict) or any(asked_for.get(way, 0) not in (0, 1) for way in _WAYS):
        raise _wrong(name)
    return tuple(way for way in _WAYS if asked_for.get(way))


def _address(written: object) -> tuple[Mapping[str, str], tuple[str, ...]]:
    if not isinstance(written, dict):
        raise _wrong("addressList")
    place = written.get("addressInfo", {})
    if not isinstance(place, dict) or not all(isinstance(place.get(part, ""), str) for part in _PLACES):
        raise _wrong("addressList")
    wanted = {part: place[part] for part in _PLACES if place.get(part)}
    return wanted, _ways(written.get("addressType", {}), "addressList")


def _wrong(name: str) -> Refusal:
    return Refusal(200020, f"invalid params: {name}")


ROUTES = (
    Route(
        method="GET",
        path="/union/promoter/product/list",
        handle=_list,
        right=Right.UNION,
        rule="union-product-list.md; query, shopAppIds, shippingMethods and addressList as in facts.md 5.4a. Silent on "
        "the code of a wrong parameter: 200020 is the only one of its list; on the largest limit: there is none here; "
        "on whether filters take their bounds in: they do; on quotas: there are none here.",
    ),
)
