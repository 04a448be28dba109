"""Turns a request into what WeChat would answer: token, right, quota, and then the call itself. Performs no I/O."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scanhook.sandbox.route import Asked, Blob, OpenRoute, Posted, Refusal, Right, Route, Stranger
from scanhook.sandbox.tenant import Kind, Tenant
from scanhook.sandbox.world import World

__all__ = ["Answerer", "Request", "refused"]

_TEXT_KEPT_CHARS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, as it came.

    :param content: the body, unless it is a form with files.
    :param files: of the form; ``None`` when the body is something else.
    :param peer: the address it comes from.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(repr=False)
    content: bytes = field(default=b"", repr=False)
    files: Mapping[str, Posted] | None = None
    peer: str


def refused(refusal: Refusal) -> dict[str, Any]:
    """Return the answer with an error code; ``errmsg`` ends with a rid (facts.md section 4)."""
    rid = "-".join(secrets.token_hex(4) for _ in range(3))
    return {"errcode": refusal.code, "errmsg": f"{refusal.message} rid: {rid}"}


class Answerer:
    """Answers every call of one world.

    :param routes: where two share method and path, the token's side decides (``/cgi-bin/media/get``).
    """

    def __init__(self, world: World, routes: Iterable[Route], open_routes: Iterable[OpenRoute]) -> None:
        self._world = world
        self._open = {(route.method, route.path): route for route in open_routes}
        self._routes: dict[tuple[str, str], list[Route]] = {}
        routes = tuple(routes)
        world.quotas.counted_as = {route.path: route.counts_with for route in routes if route.counts_with}
        for route in routes:
            self._routes.setdefault((route.method, route.path), []).append(route)

    def answer(self, request: Request) -> Mapping[str, Any] | Blob:
        """Return the JSON object, or the file, that WeChat would answer."""
        world = self._world
        with world.lock:
            tenant: Tenant | None = None
            try:
                opened = self._open.get((request.method, request.path))
                if opened is not None:
                    stranger = Stranger(
                        query=request.query, body=_json(request), peer=request.peer, now=world.clock.now()
                    )
                    return opened.handle(stranger)
                route = self._find(request)
                tenant = self._caller(request, route)
                return self._call(request, route, tenant)
            except Refusal as refusal:
                answer = refused(refusal)
                if tenant is not None:
                    self._remember(request, tenant, answer)
                return answer

    def _find(self, request: Request) -> Route:
        found = self._routes.get((request.method, request.path))
        if not found:
            other = "POST" if request.method == "GET" else "GET"
            if (other, request.path) in self._routes or (other, request.path) in self._open:
                raise Refusal(43002 if other == "POST" else 43001, f"require {other} method")
            raise Refusal(40066, "invalid url")
        kind = self._world.tokens.kind_of(request.query.get("access_token"))
        return min(found, key=lambda route: (_side(route) is not kind, _side(route) is not None))

    def _caller(self, request: Request, route: Route) -> Tenant:
        token = request.query.get("access_token")
        if token is None and self._world.cloud is not None:
            return self._world.cloud
        side = _side(route) or self._world.tokens.kind_of(token) or Kind.WECHAT
        return self._world.tokens.holder(token, side=side, now=self._world.clock.now())

    def _call(self, request: Request, route: Route, tenant: Tenant) -> Mapping[str, Any] | Blob:
        if route.right is not Right.NONE and route.right not in tenant.rights:
            # facts.md 4 gives WeChat's code; WeCom's global one is another.
            raise Refusal(48002, "api forbidden") if tenant.kind is Kind.WECOM else Refusal(48001, "api unauthorized")
        now = self._world.clock.now()
        self._world.quotas.use(tenant, route.path, daily=route.quota, now=now)
        query = {name: value for name, value in request.query.items() if name != "access_token"}
        asked = Asked(tenant=tenant, query=query, body=_json(request), files=request.files or {}, now=now)
        given = route.handle(asked)
        return given if isinstance(given, Blob) else {"errcode": 0, "errmsg": "ok", **given}

    def _remember(self, request: Request, tenant: Tenant, answer: Mapping[str, Any]) -> None:
        rid = str(answer["errmsg"]).rpartition("rid: ")[2]
        self._world.remember(
            rid,
            tenant,
            {
                "invoke_time": int(self._world.clock.now()),
                "cost_in_ms": 0,
                "request_url": request.path,
                "request_body": request.content.decode(errors="replace")[:_TEXT_KEPT_CHARS],
                "response_body": json.dumps(answer, ensure_ascii=False),
                "client_ip": request.peer,
            },
        )


def _side(route: Route) -> Kind | None:
    """Return which of the two servers a call belongs to; ``None`` where both have it."""
    if route.right is Right.NONE:
        return None
    return Kind.WECOM if route.right is Right.ALBUMS else Kind.WECHAT


def _json(request: Request) -> Mapping[str, Any]:
    if request.method == "GET" or request.files is not None:
        return {}
    try:
        found = json.loads(request.content, parse_constant=_refuse_constant)
        json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        raise Refusal(47001, "data format error") from None
    if not isinstance(found, dict):
        raise Refusal(47001, "data format error")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
