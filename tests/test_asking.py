from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from scanhook.asking import Inquiry, ask
from scanhook.errors import IdTaken, StorageError, Undecided
from scanhook.journal.sqlite import SqliteJournal
from scanhook.receive import Meter
from scanhook.registry import Normalisation
from scanhook.settings import House
from scanhook.verdict import Verdict
from scanhook.wire.service import Service, open_service

INQUIRY = Inquiry(
    source="erp",
    id="q1",
    account="main",
    key_standard="qrcode",
    key_str="moment-frame",
    ext_info="GENUINE0001",
    person="somebody",
)


class Told:
    """What the meter was told."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, str]] = []
        self.judged: list[str] = []
        self.commits = 0

    def meter(self) -> Meter:
        return Meter(
            pushed=lambda event, outcome, count: self.pushed.extend([(event, outcome)] * count),
            judged=lambda reason, count: self.judged.extend([reason] * count),
            committed=lambda _seconds: setattr(self, "commits", self.commits + 1),
        )


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def service(stocked_house: House, told: Told) -> Iterator[Service]:
    service = open_service(stocked_house, meter=told.meter())
    yield service
    service.close()


def test_a_question_is_judged_stored_and_measured_like_a_push(service: Service, told: Told) -> None:
    asked = ask(service.receiver, INQUIRY)
    assert (asked.entry.code_result, asked.entry.source, asked.repeated) == ("real", "erp", False)
    assert asked.entry.person == service.pepper.person("somebody")
    assert asked.entry.openid is None
    assert (told.pushed, told.judged, told.commits) == ([("api", "real")], ["active"], 1)
    assert service.journal.tail(9) == [asked.entry]


def test_a_repeat_is_the_first_answer_again(service: Service, told: Told) -> None:
    first = ask(service.receiver, INQUIRY)
    again = ask(service.receiver, INQUIRY)
    assert (again.entry, again.repeated) == (first.entry, True)
    assert (told.pushed, told.judged) == ([("api", "real"), ("api", "repeated")], ["active"])


@pytest.mark.parametrize("changed", [{"ext_info": "GENUINE0002"}, {"key_str": "nothing"}, {"key_standard": "ean13"}])
def test_an_id_names_one_code(service: Service, changed: dict[str, str]) -> None:
    ask(service.receiver, INQUIRY)
    with pytest.raises(IdTaken):
        ask(service.receiver, replace(INQUIRY, **changed))


def test_the_same_code_written_otherwise_is_the_same(service: Service) -> None:
    ask(service.receiver, INQUIRY)
    assert ask(service.receiver, replace(INQUIRY, ext_info=" GENUINE0001 ")).repeated


def test_a_code_whose_product_was_added_since_is_the_same(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = replace(INQUIRY, key_str="later")
    assert ask(service.receiver, unknown).entry.reason == "unknown_product"
    known = service.registry.find_product("main", "qrcode", "moment-frame")
    assert known
    service.registry.add_product(replace(known, id=b"12345678", key_str="later"), who="x", why="y")
    again = ask(service.receiver, unknown)
    assert (again.entry.reason, again.repeated) == ("unknown_product", True)


def undecided(*_: object, **__: object) -> Verdict:
    raise Undecided("nobody knows")


def test_a_question_without_a_verdict_is_stored_as_undecided_and_completed_later(
    service: Service, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(type(service.judge), "judge", undecided)
        with pytest.raises(Undecided, match="nobody knows"):
            ask(service.receiver, INQUIRY)
    assert [entry.reason for entry in service.journal.tail(9)] == ["undecided"]
    asked = ask(service.receiver, INQUIRY)
    assert (asked.entry.code_result, asked.repeated) == ("real", False)
    assert told.pushed == [("api", "undecided"), ("api", "real")]


def test_a_question_without_a_verdict_is_no_other_codes(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(type(service.judge), "judge", undecided)
        with pytest.raises(Undecided):
            ask(service.receiver, INQUIRY)
    with pytest.raises(IdTaken):
        ask(service.receiver, replace(INQUIRY, key_str="other"))


@pytest.mark.parametrize("changed", [{"ext_info": "GENUINE0002"}, {"ext_info": "COPIED99999"}])
def test_the_verdict_on_another_code_never_completes_a_question(
    service: Service, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(type(service.judge), "judge", undecided)
        with pytest.raises(Undecided):
            ask(service.receiver, INQUIRY)
    with pytest.raises(IdTaken):
        ask(service.receiver, replace(INQUIRY, **changed))
    assert [entry.reason for entry in service.journal.tail(9)] == ["undecided"]
    assert ask(service.receiver, INQUIRY).entry.position == 1


def test_a_question_stays_the_same_when_its_product_is_normalised_otherwise(service: Service) -> None:
    unknown = replace(INQUIRY, key_str="later", ext_info="copied 1")
    known = service.registry.find_product("main", "qrcode", "moment-frame")
    assert known
    later = replace(known, id=b"12345678", key_str="later", normalisation=Normalisation.parse("trim"))
    service.registry.add_product(later, who="x", why="y")
    first = ask(service.receiver, unknown)
    assert first.entry.reason == "unknown_code"
    changed = replace(later, normalisation=Normalisation.parse("trim,upper"))
    service.registry.save_product(changed, was=later, who="x", why="y")
    assert ask(service.receiver, unknown) == replace(first, repeated=True)


def test_a_verdict_that_another_worker_brought_meanwhile_is_the_answer(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(_judge: object, _question: object, *, late: Any) -> Verdict:
        monkeypatch.undo()
        ask(service.receiver, INQUIRY)
        raise Undecided("too late")

    monkeypatch.setattr(type(service.judge), "judge", late)
    asked = ask(service.receiver, INQUIRY)
    assert (asked.entry.code_result, asked.repeated) == ("real", True)


def test_a_late_verdict_is_stored(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[Any] = []

    def slow(_judge: object, _question: object, *, late: Any) -> Verdict:
        handed.append(late)
        raise Undecided("the verifier was too slow")

    verdict = Verdict(code_result=None, reason="no_code", verifier="https")  # type: ignore[arg-type]
    with monkeypatch.context() as patched:
        patched.setattr(type(service.judge), "judge", slow)
        with pytest.raises(Undecided):
            ask(service.receiver, INQUIRY)
    handed[0](verdict)
    assert ask(service.receiver, INQUIRY).entry.reason == "no_code"


def test_neither_code_nor_person_shows(service: Service) -> None:
    assert "GENUINE0001" not in repr(INQUIRY)
    assert "somebody" not in repr(INQUIRY)


def test_the_journal_is_written_before_anything_is_answered(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[int] = []
    record = SqliteJournal.record

    def noted(*given: Any, **more: Any) -> Any:
        stored.append(1)
        return record(*given, **more)

    monkeypatch.setattr(SqliteJournal, "record", noted)
    ask(service.receiver, INQUIRY)
    assert stored == [1]


def test_a_repeat_is_answered_only_when_a_transaction_says_so(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(service.receiver, INQUIRY)

    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(SqliteJournal, "store_all", full)
        with pytest.raises(StorageError):
            ask(service.receiver, INQUIRY)
    assert ask(service.receiver, INQUIRY).entry == first.entry
