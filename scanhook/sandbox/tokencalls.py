"""The calls that give out tokens, and those that need none; facts.md section 4. Performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanhook.sandbox.route import OpenRoute, Refusal, Stranger
from scanhook.sandbox.tenant import Kind, Tenant
from scanhook.sandbox.tokens import Issued, Way
from scanhook.sandbox.world import World

__all__ = ["open_routes"]

STABLE_A_MINUTE = 10_000
STABLE_A_DAY = 500_000


def open_routes(world: World) -> tuple[OpenRoute, ...]:
    """Return the calls that need no token, of one world."""
    desk = _TokenDesk(world)
    return (
        OpenRoute(
            method="GET",
            path="/cgi-bin/token",
            handle=desk.token,
            rule="facts.md 4: 7200 s; fetching again invalidates the former token. Whether both work for a short time "
            "is from memory only; here they do not.",
        ),
        OpenRoute(
            method="POST",
            path="/cgi-bin/stable_token",
            handle=desk.stable,
            rule="facts.md 4: repeats the same token, renewed 5 minutes before it expires, isolated from "
            "cgi-bin/token; 10 000 a minute, 500 000 a day; force_refresh 20 a day, 30 s apart. The codes beyond that "
            "are not documented: 45009 for a day's quota, 45011 for too often.",
        ),
        OpenRoute(
            method="GET",
            path="/cgi-bin/gettoken",
            handle=desk.gettoken,
            rule="facts.md 4 (WeCom): one token for each application, the same while it is valid.",
        ),
        OpenRoute(
            method="POST",
            path="/cgi-bin/clear_quota/v2",
            handle=desk.clear_quota,
            rule="facts.md 4: by app id and secret; ten times a month together with the others, then 48006.",
        ),
    )


class _TokenDesk:
    def __init__(self, world: World) -> None:
        self._world = world

    def token(self, asked: Stranger) -> Mapping[str, Any]:
        self._check_grant(asked.query)
        tenant = self._tenant(asked, asked.query, names=("appid", "secret"), kind=Kind.WECHAT)
        return _given(self._world.tokens.replace(tenant, Way.TOKEN, now=asked.now))

    def stable(self, asked: Stranger) -> Mapping[str, Any]:
        self._check_grant(asked.body)
        force = asked.body.get("force_refresh", False)
        if not isinstance(force, bool):
            raise Refusal(47001, "data format error")
        tenant = self._tenant(asked, asked.body, names=("appid", "secret"), kind=Kind.WECHAT)
        self._world.quotas.use(
            tenant, "/cgi-bin/stable_token", daily=STABLE_A_DAY, by_minute=STABLE_A_MINUTE, now=asked.now
        )
        tokens = self._world.tokens
        if force:
            return _given(tokens.force(tenant, now=asked.now))
        return _given(tokens.repeat(tenant, Way.STABLE, now=asked.now))

    def gettoken(self, asked: Stranger) -> Mapping[str, Any]:
        tenant = self._tenant(asked, asked.query, names=("corpid", "corpsecret"), kind=Kind.WECOM)
        issued = self._world.tokens.repeat(tenant, Way.GETTOKEN, now=asked.now)
        return {"errcode": 0, "errmsg": "ok", **_given(issued)}

    def clear_quota(self, asked: Stranger) -> Mapping[str, Any]:
        tenant = self._tenant(asked, asked.body, names=("appid", "appsecret"), kind=Kind.WECHAT)
        self._world.quotas.clear(tenant, now=asked.now)
        return {"errcode": 0, "errmsg": "ok"}

    @staticmethod
    def _check_grant(given: Mapping[str, Any]) -> None:
        if given.get("grant_type") != "client_credential":
            raise Refusal(40002, "invalid grant_type")

    def _tenant(self, asked: Stranger, given: Mapping[str, Any], *, names: tuple[str, str], kind: Kind) -> Tenant:
        app_id, secret = (given.get(name) for name in names)
        if not app_id or not isinstance(app_id, str):
            raise Refusal(41002, f"{names[0]} missing")
        if not secret or not isinstance(secret, str):
            raise Refusal(41004, f"{names[1]} missing")
        tenant = self._world.authenticate(app_id, secret, peer=asked.peer)
        if tenant.kind is not kind:
            raise Refusal(40013, f"invalid {names[0]}")
        return tenant


def _given(issued: Issued) -> Mapping[str, Any]:
    return {"access_token": issued.token, "expires_in": issued.expires_in}
