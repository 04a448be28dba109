"""The calls about the platform itself: addresses, quotas, and what became of a request. Performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanhook.sandbox.quotas import DEFAULT_DAILY
from scanhook.sandbox.route import Asked, Refusal, Right, Route
from scanhook.sandbox.world import World

__all__ = ["platform_routes"]

LOOPBACK = "127.0.0.1"
_ACTIONS = ("dns", "ping", "all")
_OPERATORS = ("CHINANET", "UNICOM", "CAP", "DEFAULT")


def platform_routes(world: World, daily: Mapping[str, int]) -> tuple[Route, ...]:
    """Return the calls of one world.

    :param daily: the day's quota of each path that has one.
    """
    desk = _Desk(world, daily)
    addresses = "facts.md 3.5: a list of addresses. This sandbox pushes from, and answers on, this machine."
    return (
        _route("GET", "/cgi-bin/getcallbackip", desk.addresses, addresses),
        _route("GET", "/cgi-bin/get_api_domain_ip", desk.addresses, addresses),
        _route(
            "POST",
            "/cgi-bin/callback/check",
            desk.check_callback,
            "facts.md 3.5: action dns, ping or all; operator CHINANET, UNICOM, CAP or DEFAULT. It gives no answer's "
            "shape and no codes: those here are from memory.",
        ),
        _route(
            "POST",
            "/cgi-bin/clear_quota",
            desk.clear,
            "facts.md 4: ten times a month together with the others, then 48006.",
        ),
        _route(
            "POST",
            "/cgi-bin/openapi/quota/get",
            desk.quota,
            "facts.md 4 gives the request; the answer's shape is from memory. A call without a documented quota is "
            f"shown with {DEFAULT_DAILY}.",
        ),
        _route(
            "POST",
            "/cgi-bin/openapi/quota/clear",
            desk.clear_one,
            "facts.md 4 gives the path alone; that it is one of the ten a month is inferred.",
        ),
        _route(
            "POST",
            "/cgi-bin/openapi/rid/get",
            desk.rid,
            "facts.md 4 gives the request; the answer's shape and 76001 are from memory. The last 1000 are kept.",
        ),
    )


def _route(method: str, path: str, handle: Any, rule: str) -> Route:
    return Route(method=method, path=path, handle=handle, right=Right.NONE, rule=rule)


class _Desk:
    def __init__(self, world: World, daily: Mapping[str, int]) -> None:
        self._world = world
        self._daily = daily

    def addresses(self, _: Asked) -> Mapping[str, Any]:
        return {"ip_list": [LOOPBACK]}

    def check_callback(self, asked: Asked) -> Mapping[str, Any]:
        action, operator = asked.body.get("action"), asked.body.get("check_operator", "DEFAULT")
        if action not in _ACTIONS:
            raise Refusal(40202, "invalid action")
        if operator not in _OPERATORS:
            raise Refusal(40203, "invalid check_operator")
        if not asked.tenant.callback_url:
            raise Refusal(40201, "callback url is not set")
        found: dict[str, Any] = {}
        if action in ("dns", "all"):
            found["dns"] = [{"ip": LOOPBACK, "real_operator": operator}]
        if action in ("ping", "all"):
            ping = {"ip": LOOPBACK, "from_operator": operator, "package_loss": "0%", "time": "0.050ms"}
            found["ping"] = [ping]
        return found

    def clear(self, asked: Asked) -> Mapping[str, Any]:
        if asked.body.get("appid") != asked.tenant.app_id:
            raise Refusal(40013, "invalid appid")
        self._world.quotas.clear(asked.tenant, now=asked.now)
        return {}

    def clear_one(self, asked: Asked) -> Mapping[str, Any]:
        self._world.quotas.clear(asked.tenant, _path(asked), now=asked.now)
        return {}

    def quota(self, asked: Asked) -> Mapping[str, Any]:
        path = _path(asked)
        daily = self._daily.get(path, DEFAULT_DAILY)
        used = self._world.quotas.used(asked.tenant, path, now=asked.now)
        return {"quota": {"daily_limit": daily, "used": used, "remain": max(daily - used, 0)}}

    def rid(self, asked: Asked) -> Mapping[str, Any]:
        rid = asked.body.get("rid")
        tenant, request = self._world.rids.get(rid if isinstance(rid, str) else "", (None, {}))
        if tenant is not asked.tenant:
            raise Refusal(76001, "rid not found")
        return {"request": request}


def _path(asked: Asked) -> str:
    path = asked.body.get("cgi_path")
    if not isinstance(path, str) or not path.startswith("/"):
        raise Refusal(47001, "data format error, cgi_path begins with a slash")
    return path
