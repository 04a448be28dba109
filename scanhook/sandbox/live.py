"""Live goods (``live-goods-add.md``) and their sibling calls (facts.md 5.3). Performs no I/O.

The siblings are known by their official pages "商品管理", of which facts.md keeps the quotas and states. Those write
the price's type as ``priceType``, while the libraries read ``price_type``: both are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanhook.sandbox.goods import APPROVED, FIELDS, IN_REVIEW, REJECTED, Good, LiveShelf, check_good
from scanhook.sandbox.route import Asked, Refusal, Right, Route

__all__ = ["ROUTES"]

_ADD_PATH = "/wxaapi/broadcast/goods/add"
_PAGE_DEFAULT = 30
_PAGE_MAX = 100
_PRICES = frozenset({"priceType", "price", "price2"})
_ADDED_BY_API = 2
"""``third_party_tag``, and in getapproved ``thirdPartyTag``: 1 and 2 are goods that came by the API."""


def _add(asked: Asked) -> Mapping[str, Any]:
    fields = _goods_info(asked)
    fields.pop("goodsId", None)
    shelf = asked.tenant.shelf(LiveShelf)
    check_good(asked.tenant, fields, now=asked.now, given={"coverImgUrl": None, **fields})
    good = shelf.add(fields, now=asked.now)
    answer: dict[str, Any] = {"goodsId": good.goods_id, "auditId": good.audit_id}
    if good.submitted_at is None:
        answer |= {"errcode": 300021, "errmsg": "add goods succ, but submit audit fail"}
    return answer


def _audit(asked: Asked) -> Mapping[str, Any]:
    good = _good(asked.tenant.shelf(LiveShelf), asked.body.get("goodsId"))
    shelf = asked.tenant.shelf(LiveShelf)
    if shelf.status_of(good, now=asked.now) in (IN_REVIEW, APPROVED):
        raise Refusal(300010, "goods audit status error")
    shelf.submit(good, now=asked.now)
    if good.submitted_at is None:
        raise Refusal(300013, "submit audit fail")
    return {"auditId": good.audit_id}


def _resetaudit(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(LiveShelf)
    good = _good(shelf, asked.body.get("goodsId"))
    if good.submitted_at is None:
        raise Refusal(300017, "goods not submit audit")
    if asked.body.get("auditId") != good.audit_id or shelf.status_of(good, now=asked.now) != IN_REVIEW:
        raise Refusal(300009, "reset audit fail")
    good.submitted_at = None
    return {}


def _delete(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(LiveShelf)
    good = _good(shelf, asked.body.get("goodsId"))
    if shelf.status_of(good, now=asked.now) == IN_REVIEW:
        raise Refusal(300014, "goods in audit, can not delete")
    del shelf.goods[good.goods_id]
    return {}


def _update(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(LiveShelf)
    given = _goods_info(asked)
    good = _good(shelf, given.pop("goodsId", None))
    status = shelf.status_of(good, now=asked.now)
    if status == IN_REVIEW:
        raise Refusal(300010, "goods audit status error")
    changed = {name for name, value in given.items() if value != good.fields.get(name)}
    if status == APPROVED and not changed <= _PRICES:
        raise Refusal(300010, "goods audit status error")
    fields = {**good.fields, **given}
    if fields.get("priceType") == 1 and "price2" not in given:
        fields.pop("price2", None)
    check_good(asked.tenant, fields, now=asked.now, given={name: given[name] for name in changed})
    good.fields = fields
    # Rejected goods that were changed wait for a new submission; the page does not say so.
    if status == REJECTED:
        good.submitted_at = None
    return {}


def _getgoodswarehouse(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(LiveShelf)
    wanted = asked.body.get("goods_ids")
    if not isinstance(wanted, list):
        raise Refusal(200002, "invalid params: goods_ids")
    # Goods that are not there are left out: no page says what comes for them.
    found = [shelf.goods[key] for key in dict.fromkeys(map(_whole, wanted)) if key in shelf.goods]
    goods = [
        {
            "goods_id": good.goods_id,
            "name": good.fields["name"],
            "cover_img_url": _cover_url(shelf, good),
            "url": good.fields["url"],
            "price_type": good.fields["priceType"],
            **_prices(good),
            "audit_status": shelf.status_of(good, now=asked.now),
            "third_party_tag": _ADDED_BY_API,
            "thirdPartyAppid": good.fields.get("thirdPartyAppid") or "",
        }
        for good in found
    ]
    return {"goods": goods, "total": len(goods)}


def _getapproved(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(LiveShelf)
    offset, status = _whole(asked.query.get("offset")), _whole(asked.query.get("status"))
    limit = _whole(asked.query.get("limit", _PAGE_DEFAULT))
    if offset < 0 or not 0 <= status <= REJECTED or not 1 <= limit <= _PAGE_MAX:
        raise Refusal(200002, "invalid params")
    found = [good for good in shelf.goods.values() if shelf.status_of(good, now=asked.now) == status]
    goods = [
        {
            "goodsId": good.goods_id,
            "name": good.fields["name"],
            "coverImgUrl": _cover_url(shelf, good),
            "url": good.fields["url"],
            **_prices(good),
            "thirdPartyTag": _ADDED_BY_API,
            "thirdPartyAppid": good.fields.get("thirdPartyAppid") or "",
        }
        for good in found[offset : offset + limit]
    ]
    return {"goods": goods, "total": len(found)}


def _goods_info(asked: Asked) -> dict[str, Any]:
    found = asked.body.get("goodsInfo")
    if not isinstance(found, dict):
        raise Refusal(200002, "invalid params: goodsInfo")
    return {name: value for name, value in found.items() if name in (*FIELDS, "goodsId") and value is not None}


def _good(shelf: LiveShelf, goods_id: object) -> Good:
    found = shelf.goods.get(_whole(goods_id))
    if found is None:
        raise Refusal(1003, "goods id not exist")
    return found


def _whole(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 18:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Refusal(200002, "invalid params")


def _cover_url(shelf: LiveShelf, good: Good) -> str:
    """Write a cover's address as WeChat would. The picture that was sent up is not served: no page asks for it."""
    return shelf.picture_url or f"https://mmbiz.invalid/live/{good.goods_id}.jpg"


def _prices(good: Good) -> dict[str, Any]:
    prices = {"priceType": good.fields["priceType"], "price": good.fields["price"]}
    return prices if good.fields.get("price2") is None else {**prices, "price2": good.fields["price2"]}


_ADD = (
    "live-goods-add.md: rules of name, prices, cover and path; 500 submissions a day. Silent on how long a review "
    "takes, which words are forbidden and which paths there are: settings of the sandbox."
)
_SIBLING = "facts.md 5.3: quotas and states; field names from the official pages on live goods."

ROUTES = (
    Route(method="POST", path=_ADD_PATH, handle=_add, right=Right.LIVE, rule=_ADD, quota=500),
    Route(
        method="POST",
        path="/wxaapi/broadcast/goods/resetaudit",
        handle=_resetaudit,
        right=Right.LIVE,
        rule=f"{_SIBLING} Only goods in review can be taken back; what was counted is not given back.",
        quota=500,
    ),
    Route(
        method="POST",
        path="/wxaapi/broadcast/goods/audit",
        handle=_audit,
        right=Right.LIVE,
        rule=f"{_SIBLING} Counts with the 500 of adding.",
        quota=500,
        counts_with=_ADD_PATH,
    ),
    Route(
        method="POST",
        path="/wxaapi/broadcast/goods/delete",
        handle=_delete,
        right=Right.LIVE,
        rule=f"{_SIBLING} Goods in review cannot be deleted (300014).",
        quota=1000,
    ),
    Route(
        method="POST",
        path="/wxaapi/broadcast/goods/update",
        handle=_update,
        right=Right.LIVE,
        rule=f"{_SIBLING} Approved goods: only priceType and prices; in review: nothing (300010). Only what is sent "
        "changes.",
        quota=1000,
    ),
    Route(
        method="POST",
        path="/wxa/business/getgoodswarehouse",
        handle=_getgoodswarehouse,
        right=Right.LIVE,
        rule=_SIBLING,
        quota=1000,
    ),
    Route(
        method="GET",
        path="/wxaapi/broadcast/goods/getapproved",
        handle=_getapproved,
        right=Right.LIVE,
        rule=f"{_SIBLING} limit 30 by default, 100 at most; beyond it 200002, the page does not say.",
        quota=10_000,
    ),
)
