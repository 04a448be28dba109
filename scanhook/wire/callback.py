"""The callback: what the console calls 服务器地址(URL)."""

from __future__ import annotations

import time

from flask import Blueprint, Response, abort, request
from werkzeug.exceptions import HTTPException

from scanhook.envelope import BODY_MAX_BYTES
from scanhook.errors import PushError, ScanhookError, TooLarge
from scanhook.receive import Account, Answer
from scanhook.wire.log import log
from scanhook.wire.metrics import Metrics
from scanhook.wire.service import Service

__all__ = ["add_callback"]

_TEXT = "text/plain; charset=utf-8"


def add_callback(blueprint: Blueprint, service: Service, metrics: Metrics) -> None:
    """Add ``/wechat/callback`` (the first account) and ``/wechat/callback/NAME`` to a blueprint."""
    first = next(iter(service.accounts))

    def verify_url(name: str = first) -> Response:
        return _response(service.receiver.echo(_account(service, name), request.query_string))

    def push(name: str = first) -> Response:
        started = time.perf_counter()
        account = _account(service, name)
        answer = service.receiver.receive(account, request.query_string, _body())
        metrics.push_seconds.observe(time.perf_counter() - started)
        return _response(answer)

    for path in ("/wechat/callback", "/wechat/callback/<name>"):
        blueprint.add_url_rule(path, view_func=verify_url, methods=["GET"], provide_automatic_options=False)
        blueprint.add_url_rule(path, view_func=push, methods=["POST"], provide_automatic_options=False)

    def refuse(error: Exception) -> Response | HTTPException:
        """Turn every error of the callback into an answer: the one place where that happens."""
        where = {"account": (request.view_args or {}).get("name", first), "method": request.method}
        if isinstance(error, HTTPException):
            return error
        if isinstance(error, PushError):
            metrics.refusals.labels(error.kind).inc()
            log.warning("refused", status=error.status_hint, reason=error.kind, why=error.why, **where)
            return Response(error.answer, error.status_hint, content_type=_TEXT)
        if isinstance(error, ScanhookError):
            log.error("undecided", status=503, why=error.why, **where)
        else:
            # Not its text: what broke may have had a code or an openid in its hands.
            log.error("broken", status=503, why=type(error).__name__, at_line=_last_line(error), **where)
        return Response("try again", 503, content_type=_TEXT)

    blueprint.register_error_handler(Exception, refuse)


def _account(service: Service, name: str) -> Account:
    return service.accounts.get(name) or abort(404)


def _body() -> bytes:
    """Read the body, chunked or not, and no more of it than a push may have."""
    body = b""
    while len(body) <= BODY_MAX_BYTES and (piece := request.stream.read(BODY_MAX_BYTES + 1 - len(body))):
        body += piece
    if len(body) > BODY_MAX_BYTES:
        raise TooLarge(f"the body has more than {BODY_MAX_BYTES} bytes", kind="size")
    return body


def _response(answer: Answer) -> Response:
    return Response(answer.body, content_type=answer.content_type)


def _last_line(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
