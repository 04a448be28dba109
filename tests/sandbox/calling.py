"""Calls a sandbox: its handlers alone, or all of it, without a socket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient

from scanhook.clock import FixedClock
from scanhook.sandbox.app import create_sandbox
from scanhook.sandbox.route import Asked, Blob, Posted, Refusal, Route
from scanhook.sandbox.tenant import Tenant
from scanhook.sandbox.world import World

AT = 1795312800.0


@dataclass(kw_only=True)
class Shop:
    """A tenant who calls some routes; its time stands still until a test moves it."""

    routes: Iterable[Route]
    tenant: Tenant = field(
        default_factory=lambda: Tenant("wxba5fad812f8e6fb9", secret="s", rights=frozenset({"live", "union"}))
    )
    now: float = AT

    def get(self, path: str, **query: object) -> dict[str, Any]:
        return self._call("GET", path, query={name: str(value) for name, value in query.items()})

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self._call("POST", path, body=body or {})

    def upload(self, path: str, content: bytes | None, **query: str) -> dict[str, Any]:
        file = None if content is None else Posted(filename="a.png", content=content, content_type="text/plain")
        return self._call("POST", path, query=query, files={"media": file} if file else {})

    def download(self, path: str, **query: str) -> Blob:
        found = self._route("GET", path).handle(self._asked(query=query))
        assert isinstance(found, Blob)
        return found

    def code(self, verb: str, path: str, body: Mapping[str, Any] | None = None, **query: object) -> int:
        """Call something that is refused, and return the error code."""
        try:
            answer = self.post(path, body) if verb == "POST" else self.get(path, **query)
        except Refusal as refusal:
            return refusal.code
        return int(answer.get("errcode", 0))

    def _call(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        found = self._route(method, path).handle(self._asked(**asked))
        assert not isinstance(found, Blob)
        return dict(found)

    def _asked(self, **asked: Any) -> Asked:
        return Asked(**{"tenant": self.tenant, "query": {}, "body": {}, "files": {}, "now": self.now, **asked})

    def _route(self, method: str, path: str) -> Route:
        [route] = [route for route in self.routes if (route.method, route.path) == (method, path)]
        return route


def serve(rights: frozenset[str]) -> tuple[FlaskClient, str]:
    """Return a client of a whole sandbox with one tenant, and that tenant's token."""
    world = World([Tenant("wxba5fad812f8e6fb9", secret="s", rights=rights)], clock=FixedClock(AT))
    client = create_sandbox(world).test_client()
    asked = {"grant_type": "client_credential", "appid": "wxba5fad812f8e6fb9", "secret": "s"}
    token: str = client.post("/cgi-bin/stable_token", json=asked).get_json()["access_token"]
    return client, token
