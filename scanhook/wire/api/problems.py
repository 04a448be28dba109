"""Problem details (RFC 9457): the one form that every error of the API has. Performs no I/O.

None shows a code, an openid, a secret, a path of this machine or a trace. What was sent is not repeated; only the
registry may name a product, a batch or a change that it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scanhook.errors import ScanhookError, StorageError

__all__ = ["FieldFault", "Problem", "Stop", "not_found", "of_error", "of_validation", "problem"]

_FAULTS_MAX = 20
_RETRY_AFTER_S = 2
_FAULT = 500
_CUSTOM = "value_error"
_STORAGE_FAILED = "the storage cannot be used now: the service's log says why"
_UNDECIDED = "no verdict can be given now: ask again; the service's log says why"


class FieldFault(BaseModel):
    """What is wrong with one field."""

    field: Annotated[str, Field(description="Its path, such as `targets.0.batch`; empty: the whole.")]
    message: str


class Problem(BaseModel):
    """A problem, as RFC 9457 has it."""

    model_config = ConfigDict(frozen=True)

    type: Annotated[str, Field(description="`about:blank`, or `urn:scanhook:…` where a program may act on it.")]
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldFault] | None = None
    codes: Annotated[int | None, Field(description="How many codes a change would touch (`urn:scanhook:confirm`).")] = (
        None
    )


class Stop(Exception):
    """Ends a request with a problem.

    :param headers: that go along with it.
    """

    def __init__(self, told: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(told.title)
        self.told = told
        self.headers = dict(headers or {})


def problem(
    status: int,
    detail: str | None = None,
    *,
    type_: str = "about:blank",
    title: str | None = None,
    errors: list[FieldFault] | None = None,
    codes: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Stop:
    """Make what a handler raises.

    :param title: the status's own words when not given.
    """
    told = Problem(
        type=type_,
        title=title or HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=errors,
        codes=codes,
    )
    return Stop(told, headers)


def not_found(what: str) -> Stop:
    """Say that something is not there.

    :param what: a sentence.
    """
    return problem(404, what)


def of_error(error: ScanhookError) -> Stop:
    """Say what an error of scanhook's says, with the status that it asks for; of our faults only what they stop."""
    headers = {} if error.permanent else {"Retry-After": str(_RETRY_AFTER_S)}
    # Its sentence names paths and services, and whoever can mend it reads the log.
    fault = _STORAGE_FAILED if isinstance(error, StorageError) else _UNDECIDED
    return problem(error.status_hint, fault if error.status_hint >= _FAULT else error.why, headers=headers)


def of_validation(error: ValidationError) -> Stop:
    """Say which fields cannot be taken, and why; never what stood in them."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if any(fault["type"] == "json_invalid" for fault in found):
        return problem(400, "the body is no JSON")
    faults = [
        FieldFault(field=".".join(map(str, fault["loc"])), message=_said(fault["type"], fault["msg"]))
        for fault in found[:_FAULTS_MAX]
    ]
    return problem(422, "some fields cannot be taken", errors=faults)


def _said(type_: str, message: str) -> str:
    return message.removeprefix("Value error, ") if type_ == _CUSTOM else message
