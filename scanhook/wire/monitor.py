"""What machines ask the service about itself: ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, request

from scanhook.loopback import is_loopback
from scanhook.wire.metrics import Metrics
from scanhook.wire.ready import check_ready
from scanhook.wire.service import Service, storage_url
from scanhook.wire.standing import Standing

__all__ = ["add_monitor"]

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")


def add_monitor(blueprint: Blueprint, service: Service, metrics: Metrics) -> None:
    """Add the three to a blueprint. ``/healthz`` answers anybody, the others this machine or the bearer of a token."""
    settings = service.house.settings
    token = settings.service.monitor_token.get_secret_value().encode()
    standing = Standing(
        service.registry,
        url=storage_url(service.house),
        clock=service.clock,
        hours=settings.registry.unactivated_hours,
    )

    def guard() -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        if token and hmac.compare_digest(given, token):
            return
        # Behind a proxy on the same machine everybody seems to come from it; it asks for the name that they asked for.
        local = urlsplit(f"//{request.host}").hostname in _LOCAL_NAMES
        if not (local and is_loopback(request.remote_addr)) or any(name in request.headers for name in _FORWARDED):
            abort(403)

    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    def readyz() -> tuple[Response, int]:
        guard()
        checks = check_ready(service)
        ready = not any(check.fault for check in checks)
        answer = {"ready": ready, "checks": {check.name: check.fault or "ok" for check in checks}}
        return jsonify(answer), 200 if ready else 503

    def exposition() -> Response:
        guard()
        figures = metrics.exposition(standing.gauges())
        return Response(figures, content_type="text/plain; version=0.0.4; charset=utf-8")

    blueprint.add_url_rule("/healthz", view_func=healthz)
    blueprint.add_url_rule("/readyz", view_func=readyz)
    blueprint.add_url_rule("/metrics", "metrics", exposition)
