"""Writes the OpenAPI 3.1 document from the table of operations and their models. Performs no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from scanhook.release import VERSION
from scanhook.wire.api.operation import Operation
from scanhook.wire.api.problems import Problem

__all__ = ["write_openapi"]

_REF = "#/components/schemas/{model}"
_ABOUT = (
    "Products, batches, codes, scans, imports and verdicts of a scanhook service. "
    "Every request but this document bears a key: `Authorization: Bearer sh_…`. "
    "Lists are read page by page with `limit` and `cursor`. Errors are problem details (RFC 9457)."
)

Json = dict[str, Any]
_Mode = Literal["validation", "serialization"]
_Known = Mapping[tuple[Any, _Mode], str]
"""The names of the schemas, by model and by what it is for."""


def write_openapi(operations: Sequence[Operation], *, server: str) -> Json:
    """Return the document.

    :param server: the URL that the paths stand below.
    """
    queries = {operation.query for operation in operations if operation.query}
    wanted: list[tuple[type[BaseModel], _Mode]] = [(Problem, "serialization")]
    for operation in operations:
        wanted += [(model, "validation") for model in (operation.query, operation.body) if model]
        wanted += [(operation.answer, "serialization")] if operation.answer else []
    names, schemas = models_json_schema(list(dict.fromkeys(wanted)), ref_template=_REF)
    components: Json = schemas["$defs"]
    known: _Known = {pair: reference["$ref"].rpartition("/")[2] for pair, reference in names.items()}
    parameters = {model: list(_query_parameters(components.pop(known[model, "validation"]))) for model in queries}
    paths: dict[str, Json] = {}
    for operation in operations:
        described = _operation(operation, known, parameters)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "scanhook", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "sh_…"}},
        },
    }


def _operation(operation: Operation, known: _Known, parameters: dict[Any, list[Json]]) -> Json:
    described: Json = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": {str(operation.status): _success(operation, known), **_problems(operation)},
    }
    if operation.scope is not None:
        described["security"] = [{"key": []}]
        described["description"] = f"Needs a key of the scope `{operation.scope}`."
    given = [*_path_parameters(operation.path), *(parameters[operation.query] if operation.query else [])]
    if given:
        described["parameters"] = given
    if operation.body is not None:
        schema = {"$ref": _REF.format(model=known[operation.body, "validation"])}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if operation.file_types:
        content: Json = {media: {} for media in operation.file_types}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _success(operation: Operation, known: _Known) -> Json:
    schema: Json = {"type": "string"} if operation.media != "application/json" else {"type": "object"}
    if operation.answer is not None:
        schema = {"$ref": _REF.format(model=known[operation.answer, "serialization"])}
    told: Json = {"description": operation.summary, "content": {operation.media: {"schema": schema}}}
    if operation.status in (201, 202):
        told["headers"] = {"Location": {"schema": {"type": "string"}, "description": "Where it can be read."}}
    return told


def _problems(operation: Operation) -> Json:
    schema = {"$ref": _REF.format(model=Problem.__name__)}
    content = {"application/problem+json": {"schema": schema}}
    return {str(status): {"description": "A problem.", "content": content} for status in operation.statuses()}


def _path_parameters(path: str) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", path):
        schema = {"type": "integer", "minimum": 0} if name == "id" else {"type": "string"}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(schema: Json) -> Iterator[Json]:
    for name, described in schema.get("properties", {}).items():
        parameter: Json = {"name": name, "in": "query", "required": name in schema.get("required", ())}
        if "description" in described:
            parameter["description"] = described["description"]
        shown = {key: value for key, value in described.items() if key not in ("title", "description")}
        yield {**parameter, "schema": shown}
