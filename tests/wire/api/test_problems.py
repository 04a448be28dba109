from __future__ import annotations

import pytest
from pydantic import ValidationError

from scanhook.errors import (
    CodeFileRefused,
    IdTaken,
    PepperMismatch,
    Refused,
    ScanhookError,
    StorageError,
    Undecided,
    VerifierFailed,
)
from scanhook.wire.api.changes import NewChange
from scanhook.wire.api.problems import of_error, of_validation, problem


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (Refused("mend it so"), 400, {}),
        (CodeFileRefused("mend it so"), 400, {}),
        (IdTaken("mend it so"), 409, {}),
    ],
)
def test_an_error_says_its_sentence_with_its_own_status(
    error: ScanhookError, status: int, headers: dict[str, str]
) -> None:
    stop = of_error(error)
    assert (stop.told.status, stop.told.detail, stop.headers) == (status, "mend it so", headers)


@pytest.mark.parametrize(
    ("error", "detail", "headers"),
    [
        (StorageError("make room in /srv/brand"), "the storage cannot be used now", {"Retry-After": "2"}),
        (PepperMismatch("make room in /srv/brand"), "the storage cannot be used now", {}),
        (Undecided("registry: make room in /srv/brand"), "no verdict can be given now", {"Retry-After": "2"}),
        (VerifierFailed("https://inside.example gave no answer"), "no verdict can be given now", {"Retry-After": "2"}),
    ],
)
def test_a_fault_of_ours_is_named_in_the_log_only(error: ScanhookError, detail: str, headers: dict[str, str]) -> None:
    stop = of_error(error)
    assert (stop.told.status, stop.headers) == (503, headers)
    assert stop.told.detail is not None
    assert stop.told.detail.startswith(detail)
    assert "brand" not in stop.told.detail


def test_a_problem_is_titled_as_its_status() -> None:
    assert problem(409).told.model_dump(exclude_none=True) == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
    }


def test_no_more_faults_are_named_than_somebody_reads_and_none_shows_what_was_sent() -> None:
    with pytest.raises(ValidationError) as error:
        NewChange.model_validate({"action": "void", "level": "batch", "why": "x", "targets": ["SECRET"] * 100})
    told = of_validation(error.value).told
    assert told.errors is not None
    assert len(told.errors) == 20
    assert told.errors[0].field == "targets.0"
    assert "SECRET" not in told.model_dump_json()
