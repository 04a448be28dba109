"""The sandbox as a Flask application: WeChat's calls at WeChat's paths, and its own under ``/sandbox/``."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import flask
from werkzeug.wrappers import Response as BaseResponse

from scanhook.sandbox import albums, live, media, union, wecom_media, window
from scanhook.sandbox.answering import Answerer, Request, refused
from scanhook.sandbox.breaking import broken
from scanhook.sandbox.controls import controls
from scanhook.sandbox.faults import Fault, FaultKind
from scanhook.sandbox.guard import check_visitor
from scanhook.sandbox.pages import page_routes
from scanhook.sandbox.platform import platform_routes
from scanhook.sandbox.route import Blob, Posted, Route
from scanhook.sandbox.tokencalls import open_routes
from scanhook.sandbox.world import World

__all__ = ["create_sandbox"]

BODY_MAX_BYTES = 12 * 1024 * 1024
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]
_SOME_ANSWER = b'{"errcode":0,"errmsg":"ok"}'


def all_routes(world: World) -> tuple[Route, ...]:
    """Return every call of WeChat's that bears a token."""
    families = (
        *page_routes(world),
        *albums.ROUTES,
        *wecom_media.ROUTES,
        *window.ROUTES,
        *live.ROUTES,
        *media.ROUTES,
        *union.ROUTES,
    )
    daily = {route.path: route.quota for route in families if route.quota is not None}
    return (*families, *platform_routes(world, daily))


def create_sandbox(world: World, *, stop: threading.Event | None = None) -> flask.Flask:
    """Return the application of a sandbox, which answers nobody but the person at this machine.

    :param stop: set when the server ends, so that slow answers do not hold it up.
    """
    app = flask.Flask("scanhook.sandbox", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    app.before_request(check_visitor)
    routes, opened = all_routes(world), open_routes(world)
    answerer = Answerer(world, routes, opened)
    stop = stop or threading.Event()
    app.register_blueprint(controls(world, routes, opened))

    @app.get("/")
    def first_page() -> BaseResponse:
        return flask.redirect("/sandbox/")

    @app.route("/<path:path>", methods=_METHODS)
    def answer(path: str) -> flask.Response:
        with world.lock:
            fault = world.faults.take(f"/{path}")
        if fault is None:
            return _perform(answerer)
        return _go_wrong(fault, answerer, stop)

    return app


def _perform(answerer: Answerer) -> flask.Response:
    asked = flask.request
    files = None
    if asked.mimetype == "multipart/form-data":
        files = {
            name: Posted(
                filename=file.filename or "",
                content=file.read(),
                content_type=file.content_type or "application/octet-stream",
            )
            for name, file in asked.files.items()
        }
    request = Request(
        method=asked.method,
        path=asked.path,
        query=asked.args.to_dict(),
        content=asked.get_data() if files is None else b"",
        files=files,
        peer=asked.remote_addr or "",
    )
    return _written(answerer.answer(request))


def _written(answer: Mapping[str, Any] | Blob) -> flask.Response:
    if isinstance(answer, Blob):
        response = flask.Response(answer.content, content_type=answer.content_type)
        if answer.filename:
            response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(answer.filename)}"
        return response
    # WeChat writes its JSON so: not escaped, and with this word for the charset.
    return flask.Response(json.dumps(answer, ensure_ascii=False), content_type="application/json; encoding=utf-8")


def _go_wrong(fault: Fault, answerer: Answerer, stop: threading.Event) -> flask.Response:
    refusal = fault.refusal()
    if refusal is not None:
        return _written(refused(refusal))
    if fault.kind is FaultKind.SLOW:
        stop.wait(fault.seconds)
        return _perform(answerer)
    right = _perform(answerer).get_data() if fault.acts else _SOME_ANSWER
    return broken(fault.kind, right)
