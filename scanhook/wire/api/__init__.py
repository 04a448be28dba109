"""``/api/v1``: what programs ask and order. One module for each group of operations; ``serve`` answers them all."""

from __future__ import annotations

import functools
import json

from flask import Blueprint, Response, request

from scanhook.wire.api import (
    batches,
    catalog,
    changes,
    codes,
    history,
    imports,
    products,
    scans,
    tickets,
    uploading,
    verdicts,
)
from scanhook.wire.api.openapi import write_openapi
from scanhook.wire.api.operation import Call, Operation, Told
from scanhook.wire.api.serve import add_operations
from scanhook.wire.service import Service

__all__ = ["OPERATIONS", "add_api"]


def _describe(_call: Call) -> Told:
    text = _document(request.script_root + request.path.removesuffix("/openapi.json"))
    return Told(content=Response(text, content_type="application/json"))


@functools.lru_cache(maxsize=8)
def _document(server: str) -> str:
    # Anybody may ask for it, and writing it takes as long as a hundred other answers.
    return json.dumps(write_openapi(OPERATIONS, server=server), ensure_ascii=False)


OPERATIONS: tuple[Operation, ...] = (
    *products.OPERATIONS,
    *catalog.OPERATIONS,
    *batches.OPERATIONS,
    *history.OPERATIONS,
    *changes.OPERATIONS,
    *codes.OPERATIONS,
    *imports.OPERATIONS,
    *uploading.OPERATIONS,
    *scans.OPERATIONS,
    *verdicts.OPERATIONS,
    *tickets.OPERATIONS,
    Operation(
        id="describe",
        method="GET",
        path="/openapi.json",
        tag="openapi",
        summary="Describe all of this, as OpenAPI 3.1.",
        scope=None,
        handle=_describe,
        answer=None,
    ),
)
"""Everything that the API can do."""


def add_api(blueprint: Blueprint, service: Service) -> None:
    """Add the API to a blueprint."""
    add_operations(blueprint, service, OPERATIONS)
