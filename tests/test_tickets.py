from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scanhook.asking import Inquiry, ask
from scanhook.clock import FixedClock
from scanhook.errors import Undecided
from scanhook.journal import erase_person
from scanhook.message import CodeResult
from scanhook.registry import Action, Order, Reason, Scope
from scanhook.settings import House
from scanhook.tickets import Binder, Checked, Unbound
from scanhook.verdict import Judge, Link, Verdict
from scanhook.verdict.verifier import Finding, Question
from scanhook.wechat.ticket import Ticket
from scanhook.wire.service import Service, open_service
from tests.conftest import OPENID
from tests.tickets import scan

AT = 1795312800
WINDOW_S = 1200.0
TICKET = Ticket(
    key_standard="qrcode", key_str="moment-frame", openid=OPENID, scene="scan", is_check=True, is_contact=False
)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


@pytest.fixture
def service(stocked_house: House, clock: FixedClock) -> Iterator[Service]:
    service = open_service(stocked_house, clock=clock)
    yield service
    service.close()


def binder(service: Service) -> Binder:
    return Binder(
        registry=service.registry,
        journal=service.journal,
        judge=service.judge,
        pepper=service.pepper,
        clock=service.clock,
        window_s=WINDOW_S,
    )


def bind(service: Service, ext_info: str | None = "GENUINE0001", *, ticket: Ticket = TICKET) -> Checked:
    return binder(service).bind("main", ticket, ext_info)


def told(checked: Checked) -> tuple[str | None, str] | Unbound | None:
    if checked.proof is None:
        return checked.unbound
    return checked.proof.verdict.code_result, checked.proof.verdict.reason


def change(service: Service, action: Action, batch: str = "autumn") -> None:
    product = service.registry.find_product("main", "qrcode", "moment-frame")
    assert product
    service.registry.change(Order(action=action, scopes=(Scope(product=product, batch=batch),), who="x", why="y"))


@pytest.mark.parametrize(
    ("ext_info", "verdict"),
    [
        ("GENUINE0001", ("real", "active")),
        ("PRINTED0003", ("not_active", "not_active")),
        ("COPIED99999", ("fake", "unknown_code")),
        ("", (None, "no_code")),
    ],
)
def test_a_code_that_this_person_has_just_scanned_gets_its_verdict(
    service: Service, clock: FixedClock, ext_info: str, verdict: tuple[str | None, str]
) -> None:
    scan(service, ext_info)
    clock.at += 60
    checked = bind(service, ext_info)
    assert told(checked) == verdict
    assert checked.proof
    assert (checked.proof.sighting.entry.received_at, checked.proof.sighting.entry.reason) == (AT, verdict[1])
    assert checked.proof.tally
    assert (checked.proof.tally.persons, checked.proof.tally.first_at) == (1, AT)
    assert checked.product == service.registry.find_product("main", "qrcode", "moment-frame")


@pytest.mark.parametrize("written", [" GENUINE0001 ", "ＧＥＮＵＩＮＥ０００１"])
def test_the_same_code_written_otherwise_is_the_same(service: Service, written: str) -> None:
    scan(service)
    assert told(bind(service, written)) == ("real", "active")


def test_a_forgers_link_to_a_genuine_code_says_nothing(service: Service) -> None:
    scan(service, "COPIED99999")  # what the victim holds
    scan(service, "GENUINE0001", FromUserName="oTheForgerHasOneGenuineItem0")
    assert told(bind(service, "GENUINE0001")) is Unbound.NOT_SCANNED


def test_another_genuine_item_of_the_same_product_says_nothing(service: Service) -> None:
    scan(service, "GENUINE0002")
    assert told(bind(service, "GENUINE0001")) is Unbound.NOT_SCANNED


def test_a_product_that_wechat_does_not_name_says_nothing(service: Service) -> None:
    scan(service)
    for other in (replace(TICKET, key_str="other"), replace(TICKET, key_standard="ean13")):
        assert told(bind(service, ticket=other)) is Unbound.NOT_SCANNED


def test_nobody_guesses_a_code_that_the_link_does_not_name(service: Service) -> None:
    scan(service)
    checked = bind(service, None)
    assert told(checked) is Unbound.NO_EXTINFO
    assert checked.product is not None


@pytest.mark.parametrize(("age_s", "bound"), [(0, True), (1199, True), (1200, True), (1201, False), (9999, False)])
def test_a_scan_binds_for_the_windows_length(service: Service, clock: FixedClock, age_s: int, *, bound: bool) -> None:
    scan(service)
    clock.at += age_s
    # Somebody else has scanned it meanwhile: that must not make the first one's scan any newer.
    scan(service, FromUserName="oSomebodyElse")
    assert (bind(service).proof is not None) is bound


def test_a_question_over_the_api_proves_no_scan(service: Service) -> None:
    ask(
        service.receiver,
        Inquiry(
            source="erp",
            id="q1",
            account="main",
            key_standard="qrcode",
            key_str="moment-frame",
            ext_info="GENUINE0001",
            person=OPENID,
        ),
    )
    assert told(bind(service)) is Unbound.NOT_SCANNED


def test_a_scan_at_another_account_says_nothing(service: Service) -> None:
    scan(service)
    assert told(binder(service).bind("other", TICKET, "GENUINE0001")) is Unbound.NOT_SCANNED


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        (Action.RECALL, ("real", "recalled")),
        (Action.SUSPEND, ("not_active", "suspended")),
        (Action.VOID, ("fake", "void")),
        (Action.STOLEN, ("fake", "stolen")),
        (Action.EXPIRE, ("real", "expired")),
    ],
)
def test_what_was_done_to_a_batch_since_the_scan_is_told(
    service: Service, action: Action, verdict: tuple[str, str]
) -> None:
    scan(service)
    change(service, action)
    checked = bind(service)
    assert told(checked) == verdict
    assert checked.proof
    assert checked.proof.sighting.entry.reason == "active"


def test_an_item_that_was_activated_since_the_scan_is_genuine_now(service: Service) -> None:
    scan(service, "PRINTED0003")
    change(service, Action.ACTIVATE, "winter")
    assert told(bind(service, "PRINTED0003")) == ("real", "active")


def test_nothing_is_written(service: Service) -> None:
    scan(service)
    before = list(service.journal.entries()), bind(service).proof
    again = list(service.journal.entries()), bind(service).proof
    assert before == again
    assert len(before[0]) == 1


@pytest.mark.parametrize("ext_info", ["x" * 65, "x" * 10_000, "a\x00b", "a\ud800b", "a\nb"])
def test_what_no_code_can_be_is_not_looked_for(service: Service, ext_info: str) -> None:
    assert told(bind(service, ext_info)) is Unbound.NOT_SCANNED


def test_a_scan_without_a_verdict_binds_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(_judge: object, questions: Sequence[Question]) -> list[Undecided]:
        return [Undecided("nobody knows") for _ in questions]

    with monkeypatch.context() as patched:
        patched.setattr(type(service.judge), "judge_at_once", undecided)
        with pytest.raises(Undecided):
            scan(service)
    assert told(bind(service)) is Unbound.NOT_SCANNED


class Elsewhere:
    """A verifier of the brand's own, which says what it is told to."""

    waits = False

    def __init__(self, reason: Reason, result: CodeResult | None = None) -> None:
        self.finding = Finding(reason=reason, code_result=result)
        self.asked: list[Question] = []

    def verify(self, question: Question) -> Finding:
        self.asked.append(question)
        return self.finding

    def close(self) -> None:
        """Nothing is open."""


def answering(service: Service, verifier: Elsewhere) -> Service:
    judge = Judge([Link(name="https", verifier=verifier)])
    return replace(service, judge=judge, receiver=replace(service.receiver, judge=judge))


def test_a_brands_own_verifier_is_asked_about_the_same_push_again(service: Service) -> None:
    brand = Elsewhere(Reason.ACTIVE)
    asking = answering(service, brand)
    scan(asking, "ELSEWHERE1")
    assert told(bind(asking, "ELSEWHERE1")) == ("real", "active")
    assert [question.id for question in brand.asked] == [brand.asked[0].id] * 2
    brand.finding = Finding(reason=Reason.RECALLED)
    assert told(bind(asking, "ELSEWHERE1")) == ("real", "recalled")


@pytest.mark.parametrize(
    ("elsewhere", "action", "verdict"),
    [
        (Finding(reason=Reason.ACTIVE), Action.VOID, ("fake", "void")),
        (Finding(reason=Reason.ACTIVE), Action.RECALL, ("real", "recalled")),
        (Finding(reason=Reason.ACTIVE), Action.SUSPEND, ("not_active", "suspended")),
        (Finding(reason=Reason.EXPIRED), Action.ACTIVATE, ("real", "expired")),
        (Finding(reason=Reason.STOLEN), Action.ACTIVATE, ("fake", "stolen")),
        (Finding(reason=Reason.STOLEN), Action.SUSPEND, ("fake", "stolen")),
        (Finding(reason=Reason.NO_CODE), Action.ACTIVATE, (None, "no_code")),
    ],
)
def test_nobody_elses_verdict_is_told_where_the_registry_is_stricter(
    service: Service, elsewhere: Finding, action: Action, verdict: tuple[str | None, str]
) -> None:
    brand = Elsewhere(elsewhere.reason)
    asking = answering(service, brand)
    scan(asking)
    change(service, action)
    assert told(bind(asking)) == verdict


@pytest.mark.parametrize(
    ("elsewhere", "result"),
    [
        (Reason.ACTIVE, "real"),
        (Reason.EXPIRED, "real"),
        (Reason.NO_CODE, None),
        (Reason.UNKNOWN_PRODUCT, None),
        (Reason.NOT_ACTIVE, "not_active"),
        (Reason.SUSPENDED, "not_active"),
        (Reason.NOT_LOADED, "not_active"),
        (Reason.VOID, "fake"),
        (Reason.STOLEN, "fake"),
        (Reason.UNKNOWN_CODE, "fake"),
        (Reason.UNREADABLE, "fake"),
    ],
)
def test_no_stricter_word_of_anybody_else_hides_a_recall(
    service: Service, elsewhere: Reason, result: str | None
) -> None:
    asking = answering(service, Elsewhere(elsewhere))
    scan(asking)
    change(service, Action.RECALL)
    checked = bind(asking)
    assert told(checked) == (result, "recalled")
    assert checked.proof
    assert checked.proof.verdict.look_up.code


def test_a_recall_that_the_brand_knows_of_is_not_hidden_by_a_stricter_registry(service: Service) -> None:
    asking = answering(service, Elsewhere(Reason.RECALLED))
    scan(asking)
    change(service, Action.SUSPEND)
    assert told(bind(asking)) == ("not_active", "recalled")


def test_counts_that_began_anew_say_since_when(service: Service, clock: FixedClock) -> None:
    scan(service, FromUserName="oTheFirst")
    scan(service)
    before = bind(service).proof
    tag = service.registry.look_up("main", "qrcode", "moment-frame", "GENUINE0001").tag
    assert tag
    service.journal.reset_counts([tag], who="ann", now=AT + 60)
    clock.at += 120
    nobody = bind(service).proof
    scan(service, FromUserName="oTheThird")
    after = bind(service).proof
    assert before
    assert nobody
    assert after
    assert before.tally
    assert after.tally
    assert (before.counted_since, before.tally.persons) == (None, 2)
    assert (nobody.counted_since, nobody.tally) == (AT + 60, None)
    assert (after.counted_since, after.tally.persons) == (AT + 60, 1)


def test_a_verdict_that_cannot_be_had_now_is_not_made_up(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    scan(service)

    def undecided(*_: object, **__: object) -> Verdict:
        raise Undecided("the verifier was too slow")

    monkeypatch.setattr(type(service.judge), "judge", undecided)
    with pytest.raises(Undecided):
        bind(service)


def test_who_was_erased_since_the_scan_is_bound_to_nothing(service: Service, clock: FixedClock, tmp_path: Path) -> None:
    scan(service)
    clock.at += 1
    erased = erase_person(service.journal, OPENID, pepper=service.pepper, erasures=tmp_path / "erasures", now=clock.at)
    assert erased == 1
    assert told(bind(service)) is Unbound.NOT_SCANNED


def test_neither_openid_nor_code_shows(service: Service) -> None:
    scan(service)
    shown = repr(bind(service)) + repr(binder(service))
    assert [word for word in (OPENID, "GENUINE0001", service.pepper.secret.hex()) if word in shown] == []


@pytest.mark.parametrize("unbound", [None, Unbound.NOT_SCANNED])
def test_a_ticket_is_either_bound_or_not(service: Service, unbound: Unbound | None) -> None:
    scan(service)
    checked = bind(service)
    with pytest.raises(ValueError, match="bound by a proof, or unbound for a reason"):
        replace(checked, proof=checked.proof if unbound else None, unbound=unbound)
