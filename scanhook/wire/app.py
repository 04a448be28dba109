"""The Flask application, and the blueprint that any other Flask application can mount."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Flask, Response
from werkzeug.exceptions import HTTPException

from scanhook.receive import Meter
from scanhook.settings import House, find_config, load_settings
from scanhook.wire.callback import add_callback
from scanhook.wire.log import log
from scanhook.wire.metrics import Metrics
from scanhook.wire.monitor import add_monitor
from scanhook.wire.service import open_service

__all__ = ["create_app", "create_blueprint"]


def create_app(config: House | Path | str | None = None) -> Flask:
    """Make the WSGI application.

    :param config: the settings file, or settings that were loaded; else ``$SCANHOOK_CONFIG``, else ``./scanhook.toml``.
    :raises SettingsError: when the settings, or the pepper they name, cannot be used.
    :raises StorageError: when the storage cannot be opened or belongs to another pepper.

    .. versionadded:: 0.1.0
    """
    app = Flask("scanhook", static_folder=None)
    app.register_blueprint(create_blueprint(config))
    app.register_error_handler(HTTPException, _plain)
    return app


def create_blueprint(config: House | Path | str | None = None) -> Blueprint:
    """Make a blueprint with every route of scanhook, for an application that is already there.

    ``app.register_blueprint(scanhook.create_blueprint("scanhook.toml"), url_prefix="/brand")``

    :param config: as for :func:`create_app`, like the errors.

    .. versionadded:: 0.1.0
    """
    if not isinstance(config, House):
        config = load_settings(find_config(Path(config) if config else None))
    metrics = Metrics()
    service = open_service(
        config,
        meter=Meter(
            pushed=lambda event, outcome: metrics.pushes.labels(event, outcome).inc(),
            judged=lambda reason: metrics.verdicts.labels(reason).inc(),
            committed=metrics.commit_seconds.observe,
            warned=lambda account, why: log.warning("attention", account=account, why=why),
        ),
    )
    blueprint = Blueprint("scanhook", __name__)
    add_callback(blueprint, service, metrics)
    add_monitor(blueprint, service, metrics)
    return blueprint


def _plain(error: HTTPException) -> Response:
    response = error.get_response()
    response.set_data(f"{error.name.lower()}\n")
    response.content_type = "text/plain; charset=utf-8"
    return Response(response.get_data(), error.code, response.headers)
