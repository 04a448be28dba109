from __future__ import annotations

from typing import Any

import pytest

from scanhook.errors import StorageError
from scanhook.journal.sqlite import SqliteJournal
from scanhook.registry.sqlite import SqliteRegistry
from tests.serving import journal_size, rows, traces
from tests.wire.api.conftest import GENUINE, Api

QUESTION = GENUINE | {"person": "whoScanned", "id": "call-1"}


def broken(*_: object, **__: object) -> Any:
    raise StorageError("the disk gave an error")


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({}, ("real", "active", "autumn", 1)),
        ({"extinfo": "PRINTED0003"}, ("not_active", "not_active", "winter", 1)),
        ({"extinfo": "COPIED99999"}, ("fake", "unknown_code", None, None)),
        ({"extinfo": ""}, ("success", "no_code", None, None)),
        ({"keystr": "nothing"}, ("success", "unknown_product", None, None)),
        ({"account": "main"}, ("real", "active", "autumn", 1)),
    ],
)
def test_a_question_is_answered_and_on_the_disk(api: Api, changed: dict[str, str], answer: tuple[object, ...]) -> None:
    told = api.post("/verdicts", QUESTION | changed, scope="operate")
    assert tuple(told[name] for name in ("verdict", "reason", "batch", "position")) == answer
    assert told["repeated"] is False
    assert journal_size(api.house) == (1, 0)
    ((reason, source),) = rows(api.house, "SELECT reason, source FROM scans")
    assert (reason, source) == (answer[1], "operate-key")


def test_a_repeat_gets_the_first_answer_and_counts_once(api: Api) -> None:
    first = api.post("/verdicts", QUESTION)
    api.post("/changes", {"action": "void", "level": "batch", "targets": [target()], "why": "x"})
    again = api.post("/verdicts", QUESTION)
    assert again == first | {"repeated": True}
    assert api.post("/verdicts", QUESTION | {"id": "call-2"})["reason"] == "void"
    assert api.post("/codes/check", GENUINE)["scans"] == 2


def target() -> dict[str, str]:
    return {"keystandard": "qrcode", "keystr": "moment-frame", "batch": "autumn"}


@pytest.mark.parametrize("changed", [{"extinfo": "GENUINE0002"}, {"extinfo": "COPIED99999"}, {"keystr": "nothing"}])
def test_an_id_that_was_used_for_another_code_is_a_conflict(api: Api, changed: dict[str, str]) -> None:
    api.post("/verdicts", QUESTION)
    told = api.problem("POST", "/verdicts", QUESTION | changed)
    assert told["status"] == 409
    assert told["detail"] == "this id was used for another code: every question needs an id of its own"
    assert journal_size(api.house) == (1, 0)


def test_the_ids_of_two_keys_are_their_own(api: Api) -> None:
    api.post("/verdicts", QUESTION, scope="operate")
    told = api.post("/verdicts", QUESTION | {"extinfo": "COPIED99999"}, scope="admin")
    assert (told["verdict"], told["repeated"]) == ("fake", False)


def test_a_question_without_a_verdict_is_recorded_and_answered_when_it_comes_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(SqliteRegistry, "look_up_all", broken)
        response = api("POST", "/verdicts", QUESTION)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert api.get("/scans")["items"][0]["reason"] == "undecided"
    assert api.get("/statistics")["by_verdict"] == {"undecided": 1}
    told = api.post("/verdicts", QUESTION)
    assert (told["verdict"], told["repeated"]) == ("real", False)
    assert journal_size(api.house) == (1, 0)


def test_nothing_is_answered_that_is_not_on_the_disk(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(SqliteJournal, "record", broken)
        assert api.problem("POST", "/verdicts", QUESTION)["status"] == 503
    assert journal_size(api.house) == (0, 0)


def test_neither_person_nor_id_nor_a_genuine_code_is_kept(api: Api) -> None:
    api.post("/verdicts", QUESTION)
    assert traces(api.house, "whoScanned", "call-1", "GENUINE0001") == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"person": ""}, "person"),
        ({"id": ""}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"keystr": "a\x00b"}, "keystr"),
        ({"extinfo": "GENUINE\x00001"}, "extinfo"),
        ({"extinfo": "\x1b[2J"}, "extinfo"),
        ({"account": "nobody"}, "account"),
        ({"extinfo": None}, "extinfo"),
    ],
)
def test_a_question_that_cannot_be_read_names_its_field(
    shared_api: Api, changed: dict[str, object], field: str
) -> None:
    told = shared_api.problem("POST", "/verdicts", QUESTION | changed)
    assert (told["status"], [fault["field"] for fault in told["errors"]]) == (422, [field])
