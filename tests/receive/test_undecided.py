"""Scans that get no verdict at once, and what cannot be stored."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from scanhook.errors import StorageError, Undecided, VerifierFailed
from scanhook.receive import Meter
from scanhook.registry import Reason
from scanhook.settings import House, load_settings
from scanhook.verdict import Finding, Question
from scanhook.wire.service import open_service
from tests.receive.desk import NOW, SUCCESS, Desk, break_journal, failing, finding
from tests.serving import journal_size, scan_push


def test_an_undecided_scan_is_recorded_and_completed_by_the_next_push(desk: Desk) -> None:
    desk.ask(failing)
    with pytest.raises(Undecided, match="it is down"):
        desk.scan()
    (undecided,) = desk.journal.tail(9)
    assert (undecided.reason, undecided.code_result, undecided.tag) == ("undecided", None, None)
    desk.clock.at = NOW + 5
    desk.ask(finding(Reason.VOID))
    assert desk.scan() == "fake"
    (entry,) = desk.journal.tail(9)
    assert (entry.number, entry.received_at, entry.reason, entry.decided_at) == (
        undecided.number,
        NOW,
        "void",
        NOW + 5,
    )
    assert [outcome for _, outcome in desk.told.pushed] == ["undecided", "fake"]
    assert desk.told.judged == ["void"]


def test_a_scan_stays_undecided_as_long_as_nobody_decides(desk: Desk) -> None:
    desk.ask(failing)
    for _ in range(3):
        with pytest.raises(Undecided):
            desk.scan()
    assert [entry.reason for entry in desk.journal.tail(9)] == ["undecided"]
    assert desk.told.judged == []


def test_a_late_verdict_answers_the_push_that_comes_again(desk: Desk) -> None:
    go_on = threading.Event()

    def wait(_question: Question) -> Finding:
        assert go_on.wait(10)
        return Finding(reason=Reason.RECALLED)

    desk.ask(wait, timeout_s=0.01)
    with pytest.raises(Undecided, match="took longer than"):
        desk.scan()
    assert desk.told.judged == []
    go_on.set()
    desk.receiver.judge.close()  # waits for the verifier, and starts no other call
    assert desk.told.judged == ["recalled"]
    assert desk.scan() == "real"
    assert journal_size(desk.service.house) == (1, 0)


def test_what_is_there_is_answered_only_when_a_transaction_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be read on a primary may be on no standby yet; a commit waits for that."""
    desk.ask(lambda _question: Finding(reason=Reason.ACTIVE))
    assert desk.scan() == "real"
    break_journal(desk, monkeypatch)
    with pytest.raises(StorageError):
        desk.scan()
    monkeypatch.undo()
    desk.ask(failing)
    assert desk.scan() == "real"


def test_a_late_verdict_that_cannot_be_stored_warns_staff(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def wait(_question: Question) -> Finding:
        assert go_on.wait(10)
        return Finding(reason=Reason.ACTIVE)

    desk.ask(wait, timeout_s=0.01)
    with pytest.raises(Undecided):
        desk.scan()
    break_journal(desk, monkeypatch)
    go_on.set()
    desk.receiver.judge.close()
    assert desk.told.warned == [("main", "a verdict that came late could not be stored: the disk is full")]


def test_a_verdict_that_another_worker_found_meanwhile_is_answered(desk: Desk) -> None:
    other = replace(desk.receiver, meter=Meter())

    def fail_after_the_other_has_decided(_question: Question) -> Finding:
        push = scan_push(keys=desk.keys, at=NOW)
        other.receive(desk.account, push.query.encode(), push.body)
        raise VerifierFailed("it is down")

    desk.ask(fail_after_the_other_has_decided)
    assert desk.scan() == "real"
    assert desk.told.pushed == [("scan_product_callback", "repeated")]
    assert journal_size(desk.service.house) == (1, 0)


def test_of_two_verdicts_at_once_the_first_on_disk_is_answered(desk: Desk) -> None:
    other = replace(desk.receiver, meter=Meter())

    def say_fake_after_the_other_said_real(_question: Question) -> Finding:
        push = scan_push(keys=desk.keys, at=NOW)
        other.receive(desk.account, push.query.encode(), push.body)
        return Finding(reason=Reason.VOID)

    desk.ask(say_fake_after_the_other_said_real)
    assert desk.scan() == "real"
    assert desk.told.pushed == [("scan_product_callback", "repeated")]
    assert desk.told.judged == []


def test_success_may_stand_for_undecided_if_the_settings_say_so(desk: Desk) -> None:
    desk.ask(failing)
    desk.receiver = replace(desk.receiver, success_when_undecided=True)
    answer = desk.receive(scan_push(keys=desk.keys, at=NOW))
    assert answer == SUCCESS
    assert [entry.reason for entry in desk.journal.tail(9)] == ["undecided"]
    assert desk.told.pushed == [("scan_product_callback", "undecided")]
    ((account, why),) = desk.told.warned
    assert (account, why) == ("main", "answered `success` without a verdict: oracle: it is down")


def test_the_settings_choose_success_for_undecided(house: House) -> None:
    text = house.path.read_text().replace("[verifier]", '[verifier]\non_undecided = "success"')
    house.path.write_text(text)
    service = open_service(load_settings(house.path))
    assert service.receiver.success_when_undecided is True
    service.close()


def test_what_cannot_be_stored_is_not_answered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    break_journal(desk, monkeypatch)
    with pytest.raises(StorageError, match="the disk is full"):
        desk.scan()
    assert desk.told.pushed == [("scan_product_callback", "undecided")]


def test_what_cannot_be_stored_is_not_answered_success_either(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    break_journal(desk, monkeypatch)
    desk.receiver = replace(desk.receiver, success_when_undecided=True)
    with pytest.raises(StorageError, match="the disk is full"):
        desk.scan()
    assert (desk.told.pushed, desk.told.warned) == ([("scan_product_callback", "undecided")], [])


def test_an_event_that_cannot_be_stored_is_not_answered_and_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_journal(desk, monkeypatch)
    with pytest.raises(StorageError, match="the disk is full"):
        desk.scan(Event="user_scan_product")
    assert desk.told.pushed == [("user_scan_product", "undecided")]
