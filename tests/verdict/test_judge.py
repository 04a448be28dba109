from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import pytest

from scanhook.errors import Refused, StorageError, Undecided, VerifierFailed
from scanhook.message import CodeResult
from scanhook.registry import (
    Action,
    Change,
    LookUp,
    Normalisation,
    Order,
    Product,
    Reason,
    Scope,
    check_character,
)
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.verdict import (
    BUDGET_S,
    Finding,
    Judge,
    Link,
    Question,
    RegistryVerifier,
    Verdict,
    VerifierPlug,
    verifier_from_url,
)
from tests.registry.codes import AT, EAN, load
from tests.verdict.questions import Scripted, fails, finds, never, question
from tests.verdict.service import SECRET, Asked, BrandService, Reply, says

PATIENCE_S = 5.0
"""How long a test waits for what must come at once."""

# Reasons a verifier may give that end the asking; the two others hand the question on.
FINAL = sorted(set(Reason) - {Reason.UNKNOWN_CODE, Reason.UNKNOWN_PRODUCT})


def judge_of(*verifiers: Any, **options: Any) -> Judge:
    return Judge([Link(name=f"v{number}", verifier=each) for number, each in enumerate(verifiers, 1)], **options)


@pytest.fixture
def judge(registry: SqliteRegistry) -> Iterator[Judge]:
    made = Judge([Link(name="registry", verifier=RegistryVerifier(registry))])
    yield made
    made.close()


def asked_of(judge: Judge, ext_info: str, **changed: Any) -> tuple[str | None, str]:
    verdict = judge.judge(question(ext_info, **changed), late=never)
    return verdict.code_result, verdict.reason


def order(registry: SqliteRegistry, action: str, level: str, code: str = "A1", *, at: int | None = None) -> Change:
    """Change the state of a code of the batch B-7, or of what it lies in."""
    found = registry.look_up("main", *EAN, code)
    assert found.product is not None
    assert found.tag is not None
    assert found.code is not None
    scopes = {
        "code": Scope(tags=(found.tag,)),
        "range": Scope(product=found.product, batch="B-7", first=found.code.position, last=found.code.position),
        "batch": Scope(product=found.product, batch="B-7"),
        "product": Scope(product=found.product),
    }
    return registry.change(Order(action=Action(action), scopes=(scopes[level],), who="mei", why="tested", at=at))


def set_product(registry: SqliteRegistry, **settings: Any) -> Product:
    product = registry.find_product("main", *EAN)
    assert product is not None
    registry.save_product(replace(product, **settings), was=product)
    return product


# The table of DESIGN.md, section 4, row by row.


def test_an_active_code_is_real(judge: Judge) -> None:
    assert asked_of(judge, "A1") == ("real", "active")


def test_an_issued_code_is_not_active(judge: Judge) -> None:
    assert asked_of(judge, "P1") == ("not_active", "not_active")


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("activate", ("real", "active")),
        ("suspend", ("not_active", "suspended")),
        ("recall", ("real", "recalled")),
        ("expire", ("real", "expired")),
        ("void", ("fake", "void")),
        ("stolen", ("fake", "stolen")),
    ],
)
@pytest.mark.parametrize("level", ["code", "range", "batch", "product"])
def test_what_staff_say_of_a_code_range_batch_or_product_is_in_force(
    judge: Judge, registry: SqliteRegistry, level: str, action: str, answer: tuple[str, str]
) -> None:
    done = order(registry, action, level)

    assert asked_of(judge, "A1") == answer
    registry.undo(done.id, who="mei", why="a mistake")
    assert asked_of(judge, "A1") == ("real", "active")


@pytest.mark.parametrize("level", ["code", "range", "batch"])
def test_an_issued_code_that_is_activated_is_real(judge: Judge, registry: SqliteRegistry, level: str) -> None:
    order(registry, "activate", level, "P1")

    assert asked_of(judge, "P1") == ("real", "active")


def test_an_issued_code_of_an_activated_product_is_not_active(judge: Judge, registry: SqliteRegistry) -> None:
    order(registry, "activate", "product")

    assert asked_of(judge, "P1") == ("not_active", "not_active")


@pytest.mark.parametrize(
    ("code", "batch", "product", "answer"),
    [
        ("activate", "void", "recall", ("fake", "void")),
        ("suspend", "activate", "stolen", ("fake", "stolen")),
        ("recall", "suspend", "expire", ("real", "recalled")),
        ("activate", "expire", "suspend", ("not_active", "suspended")),
        ("activate", "expire", "activate", ("real", "expired")),
        ("suspend", "activate", "activate", ("not_active", "suspended")),
    ],
)
def test_the_strictest_of_several_states_is_in_force(
    judge: Judge, registry: SqliteRegistry, code: str, batch: str, product: str, answer: tuple[str, str]
) -> None:
    for level, action in (("code", code), ("batch", batch), ("product", product)):
        order(registry, action, level)

    assert asked_of(judge, "A1") == answer


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        (AT, ("not_active", "not_active")),
        (AT + 49.9, ("not_active", "not_active")),
        (AT + 50, ("real", "active")),
        (AT + 99.9, ("real", "active")),
        (AT + 100, ("real", "expired")),
        (AT + 101, ("real", "expired")),
    ],
)
@pytest.mark.parametrize("level", ["code", "range", "batch"])
def test_activation_and_expiry_are_compared_with_the_time_of_the_scan(
    judge: Judge, registry: SqliteRegistry, level: str, now: float, answer: tuple[str, str]
) -> None:
    order(registry, "activate", level, "P1", at=int(AT) + 50)
    order(registry, "expire", level, "P1", at=int(AT) + 100)

    assert asked_of(judge, "P1", asked_at=now) == answer


@pytest.mark.parametrize("level", ["code", "range", "batch"])
def test_an_activation_to_come_takes_nothing_from_what_is_in_the_shops(
    judge: Judge, registry: SqliteRegistry, level: str
) -> None:
    order(registry, "activate", level, at=int(AT) + 50)

    assert asked_of(judge, "A1", asked_at=AT + 49.9) == ("real", "active")


def test_a_product_expires_at_its_second(judge: Judge, registry: SqliteRegistry) -> None:
    order(registry, "expire", "product", at=int(AT) + 100)

    answers = [asked_of(judge, "A1", asked_at=now) for now in (AT + 99.9, AT + 100)]
    assert answers == [("real", "active"), ("real", "expired")]


@pytest.mark.parametrize("now", [AT, AT + 50, AT + 100])
def test_no_time_lifts_a_stricter_state(judge: Judge, registry: SqliteRegistry, now: float) -> None:
    order(registry, "activate", "batch", at=int(AT) + 50)
    order(registry, "expire", "batch", at=int(AT) + 100)
    order(registry, "void", "batch")

    assert asked_of(judge, "A1", asked_at=now) == ("fake", "void")


def test_an_unknown_code_of_a_known_product_is_fake(judge: Judge) -> None:
    assert asked_of(judge, "Z9") == ("fake", "unknown_code")


def test_an_unknown_code_of_a_product_that_is_loading_is_not_called_fake(
    judge: Judge, registry: SqliteRegistry
) -> None:
    set_product(registry, loading=True)

    assert asked_of(judge, "Z9") == ("not_active", "not_loaded")
    assert asked_of(judge, "A1") == ("real", "active")


def test_a_code_with_a_wrong_check_character_is_unreadable(
    judge: Judge, registry: SqliteRegistry, pepper: Any, tmp_path: Any
) -> None:
    tea = replace(
        registry.draft_product("main", "qrcode", "tea"), normalisation=Normalisation.parse("upper,look-alikes,check")
    )
    registry.add_product(tea)
    good, other = ("6J5T9XQ" + check_character("6J5T9XQ"), "6J5T9XR" + check_character("6J5T9XR"))
    load(registry, tmp_path / "tea.csv", pepper, f"qrcode,tea,{good},active")
    name = {"key_standard": "qrcode", "key_str": "tea"}

    assert asked_of(judge, good.lower(), **name) == ("real", "active")
    assert asked_of(judge, other, **name) == ("fake", "unknown_code")
    assert asked_of(judge, good[:-1] + ("0" if good[-1] != "0" else "1"), **name) == ("fake", "unreadable")


@pytest.mark.parametrize("ext_info", ["", "  ", "\u3000"])
@pytest.mark.parametrize("loading", [False, True])
def test_an_empty_code_that_is_not_registered_gets_no_verdict(
    judge: Judge, registry: SqliteRegistry, ext_info: str, *, loading: bool
) -> None:
    set_product(registry, loading=loading)

    assert asked_of(judge, ext_info) == (None, "no_code")


@pytest.mark.parametrize("ext_info", ["A1", ""])
@pytest.mark.parametrize(
    "other", [{"key_str": "6900873042737"}, {"key_standard": "ean8"}, {"account": "second"}], ids=str
)
def test_an_unknown_product_gets_no_verdict(judge: Judge, other: dict[str, str], ext_info: str) -> None:
    assert asked_of(judge, ext_info, **other) == (None, "unknown_product")


def test_a_registry_that_fails_leaves_the_scan_undecided(judge: Judge, registry: SqliteRegistry) -> None:
    with registry.database.writing() as connection:
        connection.execute("UPDATE meta SET value = '00000000' WHERE name = 'pepper_id'")

    with pytest.raises(Undecided, match=r"registry: the registry gives no answer: .* another pepper"):
        judge.judge(question("A1"), late=never)


def test_a_registry_that_is_upgraded_in_flight_leaves_the_scan_undecided(
    judge: Judge, registry: SqliteRegistry
) -> None:
    assert asked_of(judge, "A1") == ("real", "active")
    with registry.database.writing() as connection:
        connection.pragma("user_version", 99)

    with pytest.raises(Undecided, match=r"registry: .* made by a newer version of scanhook .* install") as undecided:
        judge.judge(question("A1"), late=never)
    assert undecided.value.status_hint == 503


@pytest.mark.parametrize("result", ["real", "fake", "not_active", None])
@pytest.mark.parametrize(
    ("reason", "ext_info", "action"),
    [
        ("active", "A1", ""),
        ("not_active", "P1", ""),
        ("suspended", "A1", "suspend"),
        ("recalled", "A1", "recall"),
        ("expired", "A1", "expire"),
        ("void", "A1", "void"),
        ("stolen", "A1", "stolen"),
        ("unknown_code", "Z9", ""),
        ("not_loaded", "Z9", ""),
        ("no_code", "", ""),
    ],
)
def test_a_product_answers_each_reason_as_it_is_set(
    judge: Judge, registry: SqliteRegistry, reason: str, ext_info: str, action: str, result: str | None
) -> None:
    own = None if result is None else CodeResult(result)
    set_product(registry, verdicts={Reason(reason): own}, loading=reason == "not_loaded")
    if action:
        order(registry, action, "batch")

    assert asked_of(judge, ext_info) == (result, reason)


def test_a_verdict_carries_what_the_registry_found(judge: Judge, registry: SqliteRegistry) -> None:
    verdict = judge.judge(question("A1"), late=never)

    assert verdict.verifier == "registry"
    assert verdict.look_up == registry.look_up("main", *EAN, "A1")
    assert verdict.look_up.code is not None
    assert (verdict.look_up.code.batch, verdict.look_up.code.position) == ("B-7", 1)


def test_a_judge_apart_takes_no_place_of_the_first_and_leaves_its_verifiers_open() -> None:
    go_on, told = threading.Event(), SimpleQueue[Reason]()

    def answer(_question: Question) -> Finding:
        go_on.wait(PATIENCE_S)
        return Finding(reason=Reason.ACTIVE)

    verifier = Scripted(answer=answer, waits=True)
    judge = judge_of(verifier, waiters_max=1)
    apart = judge.apart(waiters_max=1)
    threads = []
    for each in (apart, judge):
        threads.append(threading.Thread(target=lambda: told.put(each.judge(question(), late=never).reason)))  # noqa: B023
        threads[-1].start()
        while each._aside and each._aside._places._value:
            threads[-1].join(0.001)
    for each in (apart, judge):
        with pytest.raises(Undecided, match="all places"):
            each.judge(question(), late=lambda _verdict: None)
    go_on.set()
    for thread in threads:
        thread.join()

    assert [told.get_nowait(), told.get_nowait()] == ["active", "active"]
    apart.close()
    assert verifier.closed == 0
    judge.close()
    assert verifier.closed == 1


# The chain.


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("reason", FINAL)
def test_the_next_is_not_asked_when_one_has_decided(reason: Reason, *, waits: bool) -> None:
    first, second = finds(reason, waits=waits), finds(Reason.ACTIVE, waits=waits)
    judge = judge_of(first, second)

    verdict = judge.judge(question(), late=never)

    assert (verdict.reason, verdict.verifier) == (reason, "v1")
    assert second.asked == []
    judge.close()


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("reason", [Reason.UNKNOWN_CODE, Reason.UNKNOWN_PRODUCT])
def test_the_next_is_asked_about_what_is_unknown(reason: Reason, *, waits: bool) -> None:
    first, second, third = finds(reason), finds(Reason.STOLEN, waits=waits), finds(Reason.ACTIVE)
    judge = judge_of(first, second, third)

    verdict = judge.judge(question(), late=never)

    assert (verdict.reason, verdict.code_result, verdict.verifier) == ("stolen", "fake", "v2")
    assert first.asked == second.asked == [question()]
    assert third.asked == []
    judge.close()


@pytest.mark.parametrize(
    ("reasons", "reason", "verifier"),
    [
        (("unknown_code", "unknown_code"), "unknown_code", "v2"),
        (("unknown_product", "unknown_product"), "unknown_product", "v1"),
        (("unknown_code", "unknown_product"), "unknown_code", "v1"),
        (("unknown_product", "unknown_code"), "unknown_code", "v2"),
        (("unknown_product", "unknown_code", "active"), "active", "v3"),
        (("unknown_code", "unknown_product", "unknown_product"), "unknown_code", "v1"),
    ],
)
def test_who_knows_the_product_decides_over_who_does_not(reasons: tuple[str, ...], reason: str, verifier: str) -> None:
    judge = judge_of(*(finds(Reason(each)) for each in reasons))

    verdict = judge.judge(question(), late=never)

    assert (verdict.reason, verdict.verifier) == (reason, verifier)


@pytest.mark.parametrize("waits", [False, True])
def test_the_product_that_the_registry_found_says_what_the_next_ones_reason_means(
    registry: SqliteRegistry, *, waits: bool
) -> None:
    product = set_product(registry, verdicts={Reason.RECALLED: CodeResult.FAKE})
    judge = judge_of(RegistryVerifier(registry), finds(Reason.RECALLED, waits=waits))

    verdict = judge.judge(question("Z9"), late=never)

    assert (verdict.code_result, verdict.reason, verdict.verifier) == ("fake", "recalled", "v2")
    assert verdict.look_up == registry.look_up("main", *EAN, "Z9")
    assert verdict.look_up.product is not None
    assert verdict.look_up.product.id == product.id
    judge.close()


def test_a_verifier_may_bring_a_look_up_of_its_own() -> None:
    mine, theirs = LookUp(tag=b"mine"), LookUp(tag=b"theirs")
    judge = judge_of(finds(Reason.UNKNOWN_CODE, look_up=mine), finds(Reason.ACTIVE, look_up=theirs))

    assert judge.judge(question(), late=never).look_up is theirs


def test_a_verifiers_own_verdict_goes_over_the_products(registry: SqliteRegistry) -> None:
    judge = judge_of(RegistryVerifier(registry), finds(Reason.ACTIVE, code_result=CodeResult.NOT_ACTIVE))

    assert asked_of(judge, "Z9") == ("not_active", "active")


def test_the_registry_may_stand_behind_a_service(registry: SqliteRegistry) -> None:
    service = finds(Reason.UNKNOWN_PRODUCT, waits=True)
    judge = judge_of(service, RegistryVerifier(registry))

    verdict = judge.judge(question("A1"), late=never)

    assert (verdict.code_result, verdict.reason, verdict.verifier) == ("real", "active", "v2")
    assert verdict.look_up.code is not None
    judge.close()


BROKEN = [
    VerifierFailed("it is closed on Sundays"),
    StorageError("its disk is full"),
    Refused("no"),
    RuntimeError("6J5T9XQ2"),
    KeyError("6J5T9XQ2"),
    ValueError("no such code: 6J5T9XQ2"),
    TimeoutError("6J5T9XQ2"),
    RecursionError("6J5T9XQ2"),
    MemoryError("6J5T9XQ2"),
    AssertionError("6J5T9XQ2"),
    StopIteration("6J5T9XQ2"),
]


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "aside"])
@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("before", [(), (Reason.UNKNOWN_CODE,), (Reason.UNKNOWN_PRODUCT, Reason.UNKNOWN_CODE)], ids=len)
def test_one_that_fails_makes_the_whole_undecided(error: Exception, before: tuple[Reason, ...], *, waits: bool) -> None:
    after = finds(Reason.ACTIVE)
    judge = judge_of(*(finds(reason) for reason in before), fails(error, waits=waits), after)

    with pytest.raises(Undecided) as undecided:
        judge.judge(question("6J5T9XQ2"), late=never)

    assert str(undecided.value).startswith(f"v{len(before) + 1}: ")
    assert "6J5T9XQ2" not in str(undecided.value)
    assert after.asked == []
    judge.close()


UNTYPED: Any = Finding
"""As it is made by those who do not type."""


def test_what_broke_is_told_by_its_kind() -> None:
    with pytest.raises(Undecided, match=r"^v1: the verifier broke with KeyError$"):
        judge_of(fails(KeyError("6J5T9XQ2"))).judge(question(), late=never)


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "aside"])
@pytest.mark.parametrize(
    "answer",
    [
        lambda _question: None,
        lambda _question: "active",
        lambda _question: UNTYPED(reason="nonsense"),
        lambda _question: UNTYPED(reason=None),
        lambda _question: UNTYPED(reason=Reason.ACTIVE, code_result="genuine"),
        lambda _question: UNTYPED(reason=Reason.ACTIVE, look_up="what I found"),
    ],
    ids=["nothing", "a text", "an unknown reason", "no reason", "an unknown result", "no look-up"],
)
def test_an_answer_that_is_no_finding_leaves_the_scan_undecided(answer: Any, *, waits: bool) -> None:
    judge = judge_of(Scripted(answer=answer, waits=waits))

    with pytest.raises(Undecided, match=r"^v1: "):
        judge.judge(question(), late=never)
    judge.close()


def test_a_chain_of_nobody_decides_nothing() -> None:
    with pytest.raises(Undecided, match="no verifier is set"):
        judge_of().judge(question(), late=never)


@pytest.mark.parametrize(("waits", "expected"), [((), False), ((False,), False), ((False, True), True)])
def test_a_judge_tells_whether_it_may_wait(waits: tuple[bool, ...], *, expected: bool) -> None:
    judge = judge_of(*(finds(Reason.ACTIVE, waits=each) for each in waits))

    assert judge.waits is expected
    judge.close()


def test_verifiers_are_asked_aside_from_the_first_that_waits_on() -> None:
    threads: list[str] = []

    def here(_question: Question) -> Finding:
        threads.append(threading.current_thread().name)
        return Finding(reason=Reason.UNKNOWN_CODE)

    judge = judge_of(Scripted(answer=here), Scripted(answer=here, waits=True), Scripted(answer=here))

    assert asked_of(judge, "Z9") == ("fake", "unknown_code")

    mine = threading.current_thread().name
    assert [name == mine for name in threads] == [True, False, False]
    assert threads[1] == threads[2]
    judge.close()


@pytest.mark.parametrize(("asked", "allowed"), [(0.5, 0.5), (3.0, 3.0), (60.0, 3.0)])
def test_no_scan_waits_longer_than_the_budget(asked: float, allowed: float) -> None:
    assert BUDGET_S == 3.0
    assert judge_of(timeout_s=asked)._timeout_s == allowed


class Gate:
    """A brand's service that answers when the gate is opened."""

    def __init__(self, service: BrandService) -> None:
        self.opened = threading.Event()
        service.answer = self._answer

    def _answer(self, _asked: Asked) -> Reply:
        self.opened.wait(PATIENCE_S)
        return says(reason="active")


def judge_over_http(registry: SqliteRegistry, service: BrandService, **options: Any) -> Judge:
    plug = VerifierPlug(url=service.url, registry=registry, secret=SECRET, allow_private_addresses=True)
    return judge_of(RegistryVerifier(registry), verifier_from_url(plug), **options)


def test_a_slow_service_leaves_the_scan_undecided_and_its_verdict_comes_late(
    registry: SqliteRegistry, service: BrandService
) -> None:
    gate, late = Gate(service), SimpleQueue[Verdict]()
    judge = judge_over_http(registry, service, timeout_s=0.02)

    with pytest.raises(Undecided, match="the verifiers took longer"):
        judge.judge(question("Z9"), late=late.put)
    assert late.empty()
    gate.opened.set()

    verdict = late.get(timeout=PATIENCE_S)
    assert (verdict.code_result, verdict.reason, verdict.verifier) == ("real", "active", "v2")
    assert verdict.look_up == registry.look_up("main", *EAN, "Z9")
    judge.close()
    assert late.empty()


def test_a_slow_service_does_not_hold_up_scans_that_need_it_not(
    registry: SqliteRegistry, service: BrandService
) -> None:
    gate, late = Gate(service), SimpleQueue[Verdict]()
    judge = judge_over_http(registry, service, timeout_s=3.0, waiters_max=1)
    waited: list[Verdict] = []
    waiter = threading.Thread(target=lambda: waited.append(judge.judge(question("Z9"), late=never)))
    waiter.start()
    assert judge._aside is not None
    while judge._aside._places._value or not service.asked:
        waiter.join(0.001)

    assert asked_of(judge, "A1") == ("real", "active")
    with pytest.raises(Undecided, match="all places to wait for a verifier are taken"):
        judge.judge(question("Z8"), late=late.put)
    gate.opened.set()
    waiter.join()

    assert [verdict.reason for verdict in waited] == ["active"]
    assert late.get(timeout=PATIENCE_S).reason == "active"
    judge.close()


def test_a_service_that_fails_late_is_nobodys_verdict(registry: SqliteRegistry, service: BrandService) -> None:
    opened = threading.Event()

    def answer(_asked: Asked) -> Reply:
        opened.wait(PATIENCE_S)
        return Reply(status=500)

    service.answer = answer
    judge = judge_over_http(registry, service, timeout_s=0.02)

    with pytest.raises(Undecided):
        judge.judge(question("Z9"), late=never)
    opened.set()
    judge.close()

    assert len(service.asked) == 1


def test_a_service_that_answers_in_time_decides(registry: SqliteRegistry, service: BrandService) -> None:
    judge = judge_over_http(registry, service)

    assert asked_of(judge, "Z9") == ("real", "active")
    assert asked_of(judge, "P1") == ("not_active", "not_active")
    assert len(service.asked) == 1
    judge.close()


def test_a_service_that_fails_leaves_the_scan_undecided(registry: SqliteRegistry, service: BrandService) -> None:
    service.answer = lambda _asked: Reply(status=500)
    judge = judge_over_http(registry, service)

    with pytest.raises(Undecided, match="v2: the verifier's service answered with status 500"):
        judge.judge(question("Z9"), late=never)
    judge.close()


def test_closing_waits_for_a_late_verdict_and_closes_every_verifier(service: BrandService) -> None:
    gate, late = threading.Event(), SimpleQueue[Verdict]()

    def answer(_question: Question) -> Finding:
        gate.wait(PATIENCE_S)
        return Finding(reason=Reason.ACTIVE)

    first, second = finds(Reason.UNKNOWN_CODE), Scripted(answer=answer, waits=True)
    judge = judge_of(first, second, timeout_s=0.01)
    with pytest.raises(Undecided):
        judge.judge(question(), late=late.put)
    closing = threading.Thread(target=judge.close)
    closing.start()
    gate.set()
    closing.join()

    assert late.get_nowait().reason == "active"
    assert (first.closed, second.closed) == (1, 1)


def test_judging_changes_nothing(judge: Judge, registry: SqliteRegistry) -> None:
    registry.close()
    before = registry.database.path.read_bytes()

    for ext_info in ("A1", "P1", "Z9", "", "A1"):
        asked_of(judge, ext_info)
    asked_of(judge, "A1", key_str="6900873042737")
    registry.close()

    assert registry.database.path.read_bytes() == before
