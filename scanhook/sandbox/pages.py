"""The scan product pages' calls; the seed ``scan-product-management.md`` and facts.md section 1. Performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanhook.sandbox.page_rules import check_key
from scanhook.sandbox.page_shelf import PageShelf, Status
from scanhook.sandbox.qrcode import Picture
from scanhook.sandbox.route import Asked, Refusal, Right, Route
from scanhook.sandbox.world import World

__all__ = ["page_routes"]

TESTERS_MAX = 10
QRCODE_PREFIX = "http://p.url.cn/"
QRCODE_DEFAULT_PX = 100
QRCODE_MAX_PX = 2000
CONTENT_MAX_BYTES = 78
"""What QR version 4 holds at level L: the largest that facts.md 1.5 speaks of."""
_EXTINFO = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_().*")


def page_routes(world: World) -> tuple[Route, ...]:
    """Return the family's calls in one world."""
    desk = _PageDesk(world)
    return tuple(
        Route(method=method, path=path, handle=handle, right=Right.SCAN, rule=rule)
        for method, path, handle, rule in (
            ("GET", "/scan/merchantinfo/get", desk.merchant, _MERCHANT),
            ("POST", "/scan/product/create", desk.create, _CREATE),
            ("POST", "/scan/product/get", desk.get, _GET),
            ("POST", "/scan/product/getlist", desk.getlist, _LIST),
            ("POST", "/scan/product/update", desk.update, _UPDATE),
            ("POST", "/scan/product/clear", desk.clear, _CLEAR),
            ("POST", "/scan/product/modstatus", desk.modify, _MODIFY),
            ("POST", "/scan/product/getqrcode", desk.qrcode, _QRCODE),
            ("POST", "/scan/testwhitelist/set", desk.testers, _TESTERS),
            ("POST", "/scan/scanticket/check", desk.ticket, _TICKET),
        )
    )


class _PageDesk:
    def __init__(self, world: World) -> None:
        self._world = world

    def merchant(self, asked: Asked) -> Mapping[str, Any]:
        return _shelf(asked).merchant.tell(self._world.policy.merchant_shape)

    def create(self, asked: Asked) -> Mapping[str, Any]:
        return {"pid": _shelf(asked).create(_key(asked), asked.body.get("brand_info"), now=asked.now).pid}

    def get(self, asked: Asked) -> Mapping[str, Any]:
        return {"brand_info": _shelf(asked).find(_key(asked)).shown()}

    def getlist(self, asked: Asked) -> Mapping[str, Any]:
        offset, limit = _number(asked, "offset", 0), _number(asked, "limit", 10)
        status, part = asked.body.get("status", "all"), asked.body.get("keystr", "")
        if status != "all" and status not in list(Status):
            raise Refusal(63154, "invalid status")
        if not isinstance(part, str):
            raise Refusal(47001, "data format error")
        shelf = _shelf(asked)
        hits = [page for page in shelf.pages.values() if status in ("all", page.status) and part in page.keystr]
        hits.sort(key=lambda page: page.updated_at, reverse=True)
        key_list = []
        for page in hits[offset : offset + limit]:
            category = page.parts["base_info"]["category_id"]
            key_list.append(
                {
                    "keystandard": page.keystandard,
                    "keystr": page.keystr,
                    "category_id": category,
                    "category_name": shelf.merchant.categories.get(category, ""),
                    "update_time": int(page.updated_at),
                    "status": page.status.value,
                }
            )
        return {"total": len(hits), "key_list": key_list}

    def update(self, asked: Asked) -> Mapping[str, Any]:
        review_s, given = self._world.policy.review_s, asked.body.get("brand_info")
        return {"pid": _shelf(asked).update(_key(asked), given, now=asked.now, review_s=review_s).pid}

    def clear(self, asked: Asked) -> Mapping[str, Any]:
        page = _shelf(asked).find(_key(asked))
        del _shelf(asked).pages[page.key]
        return {}

    def modify(self, asked: Asked) -> Mapping[str, Any]:
        match asked.body.get("status"):
            case "on":
                _shelf(asked).submit(_key(asked), now=asked.now, review_s=self._world.policy.review_s)
            case "off":
                _shelf(asked).withdraw(_key(asked), now=asked.now)
            case _:
                raise Refusal(63154, "invalid status")
        return {}

    def qrcode(self, asked: Asked) -> Mapping[str, Any]:
        page = _shelf(asked).find(_key(asked))
        extinfo = asked.body.get("extinfo", "")
        if not isinstance(extinfo, str) or not _EXTINFO.issuperset(extinfo):
            raise Refusal(61314, "invalid qrcode extinfo")
        content = f"{QRCODE_PREFIX}{page.pid}{extinfo}"
        if len(content) > CONTENT_MAX_BYTES:
            raise Refusal(61314, "invalid qrcode extinfo")
        size = _number(asked, "qrcode_size", QRCODE_DEFAULT_PX)
        if not 1 <= size <= QRCODE_MAX_PX:
            raise Refusal(61312, "invalid buffer size")
        name = self._world.pictures.keep(Picture(content=content, size_px=size))
        return {"pic_url": f"{self._world.base_url}/sandbox/qrcode/{name}.png", "qrcode_url": content}

    def testers(self, asked: Asked) -> Mapping[str, Any]:
        openids, usernames = (asked.body.get(name, []) for name in ("openid", "username"))
        for listed in (openids, usernames):
            if not isinstance(listed, list) or not all(isinstance(name, str) and name for name in listed):
                raise Refusal(47001, "data format error")
        if len(openids) + len(usernames) > TESTERS_MAX:
            raise Refusal(61341, "too many white list uin")
        shelf = _shelf(asked)
        shelf.tester_openids, shelf.tester_usernames = tuple(openids), tuple(usernames)
        return {}

    def ticket(self, asked: Asked) -> Mapping[str, Any]:
        if "ticket" in asked.body:
            return self._world.tickets.check(asked.tenant, asked.body["ticket"])
        if "keystr" not in asked.body:
            raise Refusal(61317, "ticket invalid")
        page, extinfo = _shelf(asked).find(_key(asked)), asked.body.get("extinfo", "")
        if not isinstance(extinfo, str):
            raise Refusal(47001, "data format error")
        _shelf(asked).forget_scans(page.key, extinfo)
        return {}


def _shelf(asked: Asked) -> PageShelf:
    return asked.tenant.shelf(PageShelf)


def _key(asked: Asked) -> tuple[str, str]:
    return check_key(asked.body.get("keystandard"), asked.body.get("keystr"))


def _number(asked: Asked, name: str, default: int) -> int:
    """Read a number, which the seed's example writes in quotes, and SDKs do not (facts.md 0.5)."""
    value = asked.body.get(name, default)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refusal(47001, f"data format error, {name}")
    return value


_MERCHANT = "facts.md 1.1: two shapes, by the sandbox's setting."
_CREATE = (
    "facts.md 1.2 and 1.7. Not documented: which parts a new page needs (here all but module_info), which code "
    "a missing field gives, and what counts as a purchase channel (63159). A banner is none of the three links "
    "(63174), since the pages' own sample has one more. The EAN's check digit is not looked at."
)
_GET = "Seed, 查询商品信息. base_info.retail_price is that of the action `price`, else 0.00: inferred from the samples."
_LIST = (
    "Seed, 批量查询商品信息. Numbers may stand in quotes (facts.md 0.5). Not documented: the order (here the latest "
    "update first, as in the sample), a largest limit (here none), what is left out (here offset 0, limit 10, status "
    "all)."
)
_UPDATE = (
    "Seed, 更新商品信息: each part alone or all; a page that is `on` goes into review; one in review is refused, "
    "63166. Not documented: whether the former page stays visible meanwhile (here not)."
)
_CLEAR = (
    "Seed, 清除商品信息. Not documented: in which states it may be cleared (here in all), and what of a page that is "
    "not there (here 61334)."
)
_MODIFY = (
    "facts.md 1.3 and 63166 to 63169. Not documented: how long a review lasts, and which state gives which code (here "
    "off of a page that is `off` 63167, `reject` 63168; on of one that is `on` 63169)."
)
_QRCODE = (
    "facts.md 1.5: prefix, pid, extinfo; letters, digits and -_().* only, else 61314. A largest length is not "
    "documented: here what QR version 4 holds at level L. The picture's edge is at most qrcode_size, in whole pixels a "
    "module."
)
_TESTERS = (
    "facts.md 1.4: replaces the whole list; more than 10 in all give 61341. Testers, by their openids, can scan items "
    "whose page is not published; for others nothing is pushed (facts.md 1.3)."
)
_TICKET = (
    "Seed, 检查wxticket参数: 20 minutes, then 61317; also of another account. Seed, 清除扫码记录: the same URL, told "
    "apart by the body (facts.md 0.1). Not documented: whether a ticket may be checked twice (here it may)."
)
