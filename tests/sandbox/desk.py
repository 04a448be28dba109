"""Asks a whole sandbox as WeChat's servers are asked, without HTTP; its time stands still until a test moves it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scanhook.clock import FixedClock
from scanhook.sandbox.answering import Answerer, Request
from scanhook.sandbox.app import all_routes
from scanhook.sandbox.policy import Policy
from scanhook.sandbox.route import Blob
from scanhook.sandbox.sample_tenants import sample_tenants
from scanhook.sandbox.tokencalls import open_routes
from scanhook.sandbox.world import World

AT = 1795312800.0
"""2026-11-22 02:00 UTC, 10:00 in Beijing."""
DAY_S = 86_400


class Desk:
    """A sandbox with the sample tenants, and no sample products."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.clock = FixedClock(AT)
        self.world = World(sample_tenants(), clock=self.clock, policy=policy)
        self.main, self.shop, self.assistant, self.goods, self.other = self.world.tenants
        self._answerer = Answerer(self.world, all_routes(self.world), open_routes(self.world))

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Ask without any token but one in the query."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        request = Request(method=method, path=path, query=query or {}, content=content, peer="127.0.0.1")
        answer = self._answerer.answer(request)
        assert not isinstance(answer, Blob)
        return dict(answer)

    def stable(self, *, force: bool | None = None, name: str = "main", **changed: Any) -> dict[str, Any]:
        """Ask for a stable token."""
        tenant = self.tenant(name)
        body = {"grant_type": "client_credential", "appid": tenant.app_id, "secret": tenant.secret}
        return self.ask(
            "POST", "/cgi-bin/stable_token", {**body, **({} if force is None else {"force_refresh": force}), **changed}
        )

    def token(self, name: str = "main") -> dict[str, Any]:
        """Ask for a token of the older kind."""
        tenant = self.tenant(name)
        query = {"grant_type": "client_credential", "appid": tenant.app_id, "secret": tenant.secret}
        return self.ask("GET", "/cgi-bin/token", query=query)

    def gettoken(self, name: str = "goods") -> dict[str, Any]:
        """Ask for a WeCom application's token."""
        tenant = self.tenant(name)
        return self.ask("GET", "/cgi-bin/gettoken", query={"corpid": tenant.app_id, "corpsecret": tenant.secret})

    def call(self, path: str, body: Mapping[str, Any] | bytes | None = None, *, name: str = "main") -> dict[str, Any]:
        """Make a call as a tenant: a POST, or without a body a GET."""
        method = "GET" if body is None else "POST"
        return self.ask(method, path, body, query={"access_token": str(self.stable(name=name)["access_token"])})

    def code(self, token: str, path: str = "/cgi-bin/getcallbackip") -> int:
        """Return what a call with a token is answered with."""
        return int(self.ask("GET", path, query={"access_token": token})["errcode"])

    def tenant(self, name: str) -> Any:
        """Return a tenant by its name."""
        return next(tenant for tenant in self.world.tenants if tenant.name == name)
