"""Answers the API's requests inside Flask: admits the caller, reads query and body, and gives every error one form.

These hundred lines over pydantic stand where a framework could: the API must mount as a plain Flask blueprint into
anybody's application, with nothing of its own at the application's level (error pages, JSON, URLs).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from http import HTTPMethod, HTTPStatus
from typing import Any

from flask import Blueprint, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import ClientDisconnected, HTTPException

from scanhook.errors import ScanhookError
from scanhook.wire.api.auth import admit
from scanhook.wire.api.operation import Call, Operation, Told
from scanhook.wire.api.paging import NUMBER_MAX
from scanhook.wire.api.problems import FieldFault, Stop, not_found, of_error, of_validation, problem
from scanhook.wire.api.schema import Answer, Given
from scanhook.wire.log import last_line, log
from scanhook.wire.service import Service

__all__ = ["JSON_MAX_BYTES", "PREFIX", "add_operations", "is_api_path", "refuse"]

PREFIX = "/api/v1"
JSON_MAX_BYTES = 16 * 1024 * 1024
"""Enough for a list of 100 000 codes."""

_METHODS = tuple(method.value for method in HTTPMethod)
_JSON = "application/json"
_PROBLEM = "application/problem+json"


def add_operations(blueprint: Blueprint, service: Service, operations: Sequence[Operation]) -> None:
    """Add the API to a blueprint: its operations, and problems for whatever else is asked for below ``/api/v1``."""
    by_path: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_path[operation.path].append(operation)
    for path, found in by_path.items():
        for operation in found:
            _add(blueprint, path, f"api_{operation.id}", _view(service, operation), [operation.method])
        allowed = {operation.method for operation in found}
        allowed |= {"HEAD"} & {"HEAD" if "GET" in allowed else ""}
        others = [method for method in _METHODS if method not in allowed]
        _add(blueprint, path, f"api_refused_{found[0].id}", _refuse_method(", ".join(sorted(allowed))), others)
    for path in ("", "/", "/<path:_>"):
        _add(blueprint, path, "api_unknown", _unknown, _METHODS)


def is_api_path(path: str) -> bool:
    """Tell whether a path is one of the API's, whatever it names there."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def refuse(error: HTTPException) -> Response:
    """Give an error that no rule of ours has met the form of a problem: a method that nobody has heard of, or `//`."""
    if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        return _refused(problem(error.code, "no such method here"))
    return _unknown() if error.code == HTTPStatus.NOT_FOUND else _refused(problem(error.code or 500))


def _add(blueprint: Blueprint, path: str, endpoint: str, view: Callable[..., Response], methods: Sequence[str]) -> None:
    rule = PREFIX + path.replace("{id}", "<int:id>").replace("{", "<").replace("}", ">")
    # Nobody who sends an order follows a redirection.
    options = {"merge_slashes": False, "provide_automatic_options": False}
    blueprint.add_url_rule(rule, endpoint, view, methods=methods, **options)


def _view(service: Service, operation: Operation) -> Callable[..., Response]:
    def answer(**path: Any) -> Response:
        key = None
        try:
            _check_path(path)
            key = admit(service.office, operation.scope) if operation.scope else None
            call = Call(
                service=service,
                key=key,
                path=path,
                query=_query(operation.query) if operation.query else None,
                body=_body(operation.body) if operation.body else None,
            )
            return _answered(operation, operation.handle(call))
        except Exception as error:  # noqa: BLE001  (every error gets its form here)
            stop = _stop(error)
            _tell(stop, error, operation, key.name if key else None)
            return _refused(stop)

    return answer


def _answered(operation: Operation, told: Answer | Told) -> Response:
    if isinstance(told, Answer):
        told = Told(content=told)
    if isinstance(told.content, Response):
        response = told.content
    else:
        response = Response(told.content.model_dump_json(), content_type=_JSON)
    response.status_code = operation.status
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(told.headers)
    return response


def _stop(error: Exception) -> Stop:
    if isinstance(error, Stop):
        return error
    if isinstance(error, ScanhookError):
        return of_error(error)
    if isinstance(error, ValidationError):
        return of_validation(error)
    if isinstance(error, ClientDisconnected):
        return problem(400, "the body was cut off")
    if isinstance(error, HTTPException):
        return problem(error.code or 500)
    return problem(500, "the service's log says where it broke")


def _tell(stop: Stop, error: Exception, operation: Operation, key: str | None) -> None:
    """Say in the log what was refused and why; never what was sent."""
    told = stop.told
    asked = {"operation": operation.id} | ({"key": key} if key else {})
    if told.status == 500:
        # Not its text: what broke may have had a code or an openid in its hands.
        log.error("broken", status=500, why=type(error).__name__, where=last_line(error), **asked)
    elif told.status in (401, 403):
        log.warning("refused", status=told.status, reason="key", address=request.remote_addr, **asked)
    elif told.status >= 503:
        why = error.why if isinstance(error, ScanhookError) else told.detail
        log.error("refused", status=told.status, reason="storage", why=why, **asked)
    else:
        # What the registry says may repeat what was sent, and that may have been a code.
        why = type(error).__name__ if isinstance(error, ScanhookError) else told.detail
        log.info("refused", status=told.status, reason="request", why=why, **asked)


def _refused(stop: Stop) -> Response:
    response = Response(
        stop.told.model_dump_json(exclude_none=True), stop.told.status, headers=stop.headers, content_type=_PROBLEM
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _refuse_method(allowed: str) -> Callable[..., Response]:
    def refuse(**_path: Any) -> Response:
        return _refused(problem(405, f"this takes {allowed}", headers={"Allow": allowed}))

    return refuse


def _unknown(**_path: Any) -> Response:
    return _refused(not_found("nothing is here: GET /api/v1/openapi.json says what is"))


def _check_path(path: Mapping[str, Any]) -> None:
    if path.get("id", 0) > NUMBER_MAX:
        raise not_found("nothing has so high a number")


def _query(model: type[Given]) -> Given:
    given = request.args.to_dict(flat=False)
    faults = [
        FieldFault(field=name, message="it is given more than once")
        for name, values in given.items()
        if len(values) > 1
    ]
    if faults:
        raise problem(422, "some fields cannot be taken", errors=faults)
    return model.model_validate({name: values[0] for name, values in given.items()})


def _body(model: type[Given]) -> Given:
    if request.mimetype != _JSON:
        raise problem(415, f"send the body as {_JSON}")
    too_large = problem(413, f"a body is at most {JSON_MAX_BYTES} bytes")
    if (request.content_length or 0) > JSON_MAX_BYTES:
        raise too_large
    body = bytearray()
    while piece := request.stream.read(JSON_MAX_BYTES + 1 - len(body)):
        body += piece
        if len(body) > JSON_MAX_BYTES:
            raise too_large
    return model.model_validate_json(bytes(body), strict=True)
