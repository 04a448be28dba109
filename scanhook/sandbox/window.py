"""A Channels account's window (``channels-window-list.md``) and its sibling calls (facts.md 5.2). Performs no I/O.

A tenant with the right ``window`` is a Channels assistant (视频号助手); any other's token gets 48001 before it comes
here. 10022001 and 10022002, an account that cannot be verified or whose window is banned, are for the sandbox's faults.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from scanhook.sandbox.route import Asked, Refusal, Right, Route
from scanhook.sandbox.window_shelf import UINT64_MAX, WindowItem, WindowShelf

__all__ = ["ROUTES"]

_FAMILY = "/channels/ec/window/product"
_PAGE_SIZE_MAX = 200
_REACH_MAX = 10_000
_ON_SALE = 1


def _list_get(asked: Asked) -> Mapping[str, Any]:
    body = asked.body
    page_size = _number(body.get("page_size"), least=1, most=_PAGE_SIZE_MAX)
    last_buffer = _text(body.get("last_buffer"))
    wanted = asked.tenant.shelf(WindowShelf).find(
        app_id=_text(body.get("appid")),
        branch_id=None if body.get("branch_id") is None else _number(body["branch_id"]),
        promoted=_flag(body.get("query_cps_product")),
    )
    if last_buffer:
        place = _place(last_buffer)
        found = [item for item in wanted if item.number > place][:page_size]
    else:
        page_index = _number(body.get("page_index", 1), least=1)
        if page_size * page_index > _REACH_MAX:
            raise _bad()
        found = wanted[page_size * (page_index - 1) : page_size * page_index]
    answer: dict[str, Any] = {"products": [_listed(item) for item in found]}
    if found:
        answer["last_buffer"] = base64.b64encode(b"window:%d" % found[-1].number).decode()
    if _flag(body.get("need_total_num")):
        answer["total_num"] = len(wanted)
    return answer


def _get(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(WindowShelf)
    product_id, app_id = _product_id(asked.body), _text(asked.body.get("appid"))
    if _flag(asked.body.get("need_cps_product")):
        promoted = [item for item in shelf.find(promoted=True) if product_id in (item.product_id, item.out_product_id)]
        own = shelf.own(app_id, product_id)
        answer: dict[str, Any] = {"cps_products": [_described(item) for item in promoted]}
        return {**answer, "product": _described(own)} if own else answer
    if not app_id:
        raise _bad()
    found = shelf.own(app_id, product_id)
    if found is None:
        raise Refusal(10022003, "橱窗商品未找到")
    return {"product": _described(found)}


def _add(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(WindowShelf)
    product_id, app_id = _product_id(asked.body), _text(asked.body.get("appid"))
    if not re.fullmatch(r"wx[0-9A-Za-z]+", app_id):
        raise _bad()
    _check_bound(shelf, app_id)
    shelf.put_own(app_id, product_id, hidden=_flag(asked.body.get("is_hide_for_window")))
    return {}


def _off(asked: Asked) -> Mapping[str, Any]:
    shelf = asked.tenant.shelf(WindowShelf)
    product_id, app_id = _product_id(asked.body), _text(asked.body.get("appid"))
    if any(product_id == item.product_id for item in shelf.find(promoted=True)):
        raise Refusal(10022007, "不支持操作带货中心来源的商品")
    _check_bound(shelf, app_id)
    if shelf.own(app_id, product_id) is None:
        raise Refusal(10022003, "橱窗商品未找到")
    return {}


def _listed(item: WindowItem) -> dict[str, Any]:
    # The page's example of a self-operated product has no product_source: 0 is not written.
    if item.out_product_id:
        return {"product_id": item.product_id, "out_product_id": item.out_product_id, "product_source": 1}
    return {"product_id": item.product_id, "appid": item.app_id}


def _described(item: WindowItem) -> dict[str, Any]:
    return {
        **_listed(item),
        "title": item.title,
        "img_url": item.image,
        "third_category_id": item.category_id,
        "leaf_category_id": item.category_id,
        "status": _ON_SALE,
        "market_price": item.price_fen,
        "selling_price": item.price_fen,
        "is_hide_for_window": item.hidden,
    }


def _check_bound(shelf: WindowShelf, app_id: str) -> None:
    if shelf.bound_shops is not None and app_id not in shelf.bound_shops:
        raise Refusal(10022008, "请求的appid不属于该视频号的绑定店铺")


def _product_id(body: Mapping[str, Any]) -> str:
    given = body.get("product_id")
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)  # SDKs send the number
    if not isinstance(given, str) or not re.fullmatch(r"[1-9][0-9]{0,19}", given) or int(given) > UINT64_MAX:
        raise _bad()
    return given


def _number(given: object, *, least: int = 0, most: int = UINT64_MAX) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
        raise _bad()
    return given


def _text(given: object) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise _bad()
    return given


def _flag(given: object) -> bool:
    if given is None:
        return False
    if not isinstance(given, bool):
        raise _bad()
    return given


def _place(last_buffer: str) -> int:
    try:
        found = re.fullmatch(rb"window:([0-9]{1,18})", base64.b64decode(last_buffer.encode(), validate=True))
    except (binascii.Error, UnicodeEncodeError):
        found = None
    if found is None:
        raise _bad()
    return int(found[1])


def _bad() -> Refusal:
    return Refusal(10022006, "请求参数错误,请检查请求参数是否符合限制")


ROUTES = (
    Route(
        method="POST",
        path=f"{_FAMILY}/list/get",
        handle=_list_get,
        right=Right.WINDOW,
        rule=(
            "channels-window-list.md: page_size up to 200, page_size × page_index up to 10 000, last_buffer before "  # noqa: RUF001
            "page_index, appid before query_cps_product. Not said: the order, and what last_buffer is at the end; here "
            "it is that of adding, and a page without products has none."
        ),
    ),
    Route(
        method="POST",
        path=f"{_FAMILY}/get",
        handle=_get,
        right=Right.WINDOW,
        rule="facts.md 5.2 and the page 获取橱窗商品详情: appid unless need_cps_product. Some fields are left out.",
    ),
    Route(
        method="POST",
        path=f"{_FAMILY}/add",
        handle=_add,
        right=Right.WINDOW,
        rule="facts.md 5.2, SDKs: product_id, appid, is_hide_for_window. What a shop has the sandbox cannot know.",
    ),
    Route(
        method="POST",
        path=f"{_FAMILY}/off",
        handle=_off,
        right=Right.WINDOW,
        rule="facts.md 5.2, page 下架橱窗商品: does nothing any more; 10022007 for promoted ones, 10022008, 10022003.",
    ),
)
