"""The Flask application, and the blueprint that any other Flask application can mount."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Flask, Response, abort, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from scanhook.envelope import BODY_MAX_BYTES
from scanhook.receive import Account, Meter
from scanhook.settings import House, find_config, load_settings
from scanhook.wire.access import AccessLog
from scanhook.wire.api import add_api
from scanhook.wire.api.serve import is_api_path, refuse
from scanhook.wire.callback import CALLBACK_PATH, Callback, HttpAnswer
from scanhook.wire.door import Door
from scanhook.wire.landing import add_landing
from scanhook.wire.log import log
from scanhook.wire.metrics import Metrics
from scanhook.wire.monitor import add_monitor
from scanhook.wire.service import Service, open_service

__all__ = ["create_app", "create_blueprint", "create_door"]


_OTHER_METHODS = ("CONNECT", "DELETE", "OPTIONS", "PATCH", "PUT", "TRACE")


def create_app(config: House | Path | str | None = None) -> Flask:
    """Make the WSGI application.

    :param config: the settings file, or settings that were loaded; else ``$SCANHOOK_CONFIG``, else ``./scanhook.toml``.
    :raises SettingsError: when the settings, or the pepper they name, cannot be used.
    :raises StorageError: when the storage cannot be opened or belongs to another pepper.

    .. versionadded:: 0.1.0
    """
    service, metrics = _furnish(config)
    return _flask(service, metrics, Callback(service, metrics))


def create_blueprint(config: House | Path | str | None = None) -> Blueprint:
    """Make a blueprint with every route of scanhook, for an application that is already there.

    ``app.register_blueprint(scanhook.create_blueprint("scanhook.toml"), url_prefix="/brand")``

    :param config: as for :func:`create_app`, like the errors.

    .. versionadded:: 0.1.0
    """
    service, metrics = _furnish(config)
    return _blueprint(service, metrics, Callback(service, metrics))


def create_door(config: House | Path | str | None = None, *, logs_access: bool = False) -> Door:
    """Make the ASGI application that ``scanhook serve`` runs: the same answers, and pushes cost less.

    :param config: as for :func:`create_app`, like the errors.
    :param logs_access: write each request to the standard output: gunicorn's own access log costs far more.

    .. versionadded:: 0.1.0
    """
    service, metrics = _furnish(config)
    threads = service.house.settings.service.threads
    callback = Callback(service, metrics)
    return Door(
        callback,
        _flask(service, metrics, callback),
        threads=threads,
        close=callback.close,
        access_log=AccessLog() if logs_access else None,
    )


def _furnish(config: House | Path | str | None) -> tuple[Service, Metrics]:
    if not isinstance(config, House):
        config = load_settings(find_config(Path(config) if config else None))
    metrics = Metrics()
    meter = Meter(
        pushed=metrics.pushed,
        judged=metrics.judged,
        committed=metrics.committed,
        warned=lambda account, why: log.warning("attention", account=account, why=why),
    )
    return open_service(config, meter=meter), metrics


def _flask(service: Service, metrics: Metrics, callback: Callback) -> Flask:
    app = Flask("scanhook", static_folder=None)
    app.register_blueprint(_blueprint(service, metrics, callback))
    app.register_error_handler(HTTPException, _plain)
    return app


def _blueprint(service: Service, metrics: Metrics, callback: Callback) -> Blueprint:
    blueprint = Blueprint("scanhook", __name__)
    _add_callback(blueprint, callback)
    add_monitor(blueprint, service, metrics)
    add_api(blueprint, service)
    add_landing(blueprint, service, metrics)
    return blueprint


def _add_callback(blueprint: Blueprint, callback: Callback) -> None:
    def verify_url(name: str = "") -> Response:
        return _response(callback.verify_url(_known(callback.account(name)), request.query_string))

    def push(name: str = "") -> Response:
        account = _known(callback.account(name))
        return _response(callback.push(account, request.query_string, _body(), request.headers.get("Content-Type", "")))

    def refuse_method(name: str = "") -> Response:
        response = _response(callback.refuse_method(_known(callback.account(name)), request.method))
        response.headers["Allow"] = "GET, HEAD, POST"
        return response

    for path in (CALLBACK_PATH, f"{CALLBACK_PATH}/<name>"):
        blueprint.add_url_rule(path, view_func=verify_url, methods=["GET"], provide_automatic_options=False)
        blueprint.add_url_rule(path, view_func=push, methods=["POST"], provide_automatic_options=False)
        blueprint.add_url_rule(path, view_func=refuse_method, methods=_OTHER_METHODS, provide_automatic_options=False)


def _known(account: Account | None) -> Account:
    return account or abort(404)


def _body() -> bytes:
    """Read the body, chunked or not, and no more of it than a byte over what a push may have."""
    body = b""
    while len(body) <= BODY_MAX_BYTES and (piece := request.stream.read(BODY_MAX_BYTES + 1 - len(body))):
        body += piece
    return body


def _response(answer: HttpAnswer) -> Response:
    return Response(answer.body, answer.status, content_type=answer.content_type)


def _plain(error: HTTPException) -> Response:
    if isinstance(error, MethodNotAllowed):  # a method that nobody has heard of; the known ones have their own answer
        log.warning("refused", status=405, reason="method", why="no such method here", method=request.method[:20])
    if is_api_path(request.path):
        return refuse(error)
    response = error.get_response()
    return Response(
        f"{error.name.lower()}\n",
        error.code,
        {name: value for name, value in response.headers if name == "Allow"},
        content_type="text/plain; charset=utf-8",
    )
