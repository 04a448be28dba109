from __future__ import annotations

from dataclasses import replace

import pytest

from scanhook.errors import VerifierFailed
from scanhook.message import CodeResult
from scanhook.registry import CodeRecord, LookUp, Mark, Normalisation, Product, Reason, State
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.verdict import Finding, RegistryVerifier, reason_of
from tests.verdict.questions import question


def product(rules: str = "trim", *, loading: bool = False) -> Product:
    return Product(
        id=bytes(8),
        account="main",
        key_standard="ean13",
        key_str="6900873042720",
        normalisation=Normalisation.parse(rules),
        loading=loading,
    )


def test_what_the_registry_found_goes_along(registry: SqliteRegistry) -> None:
    asked = question("A1")

    finding = RegistryVerifier(registry).verify(asked)

    look_up = registry.look_up("main", "ean13", "6900873042720", "A1")
    assert finding == Finding(reason=Reason.ACTIVE, look_up=look_up)
    assert look_up.code is not None


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("active", "active"),
        ("issued", "not_active"),
        ("suspended", "suspended"),
        ("recalled", "recalled"),
        ("expired", "expired"),
        ("void", "void"),
        ("stolen", "stolen"),
    ],
)
def test_every_state_has_its_reason(state: str, reason: str) -> None:
    # Only a file makes a code issued, and only time makes it expired.
    mark = {"issued": Mark(), "expired": Mark(expires_at=0)}.get(state) or Mark(state=State(state))
    loaded_as = State.ISSUED if state == "issued" else State.ACTIVE
    code = CodeRecord(batch="B", position=1, loaded_as=loaded_as, below=(mark,))

    assert code.state_at(0.0) == state
    assert reason_of(LookUp(product=product(), tag=b"", normal="A1", code=code), now=0.0) == reason


NEVER = CodeRecord(batch="B", position=1, loaded_as=State.ISSUED, loaded_by=5)


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        (Mark(state=State.RECALLED, change_id=6), "not_active"),
        (Mark(expires_at=0, change_id=6), "not_active"),
        (Mark(state=State.RECALLED, activated_by=4, change_id=6), "not_active"),
        (Mark(state=State.RECALLED, activated_by=6, change_id=7), "recalled"),
        (Mark(state=State.RECALLED, activated_by=6, activates_at=1, change_id=7), "not_active"),
        (Mark(activated_by=6, expires_at=0, change_id=7), "expired"),
        (Mark(state=State.VOID, change_id=6), "void"),
        (Mark(state=State.SUSPENDED, change_id=6), "suspended"),
    ],
)
def test_what_was_never_activated_is_never_real(mark: Mark, reason: str) -> None:
    code = replace(NEVER, below=(mark,))
    assert reason_of(LookUp(product=product(), tag=b"", normal="A1", code=code), now=0.0) == reason


def test_a_product_may_answer_otherwise_than_real_for_what_was_never_activated() -> None:
    strict = replace(product(), verdicts={Reason.RECALLED: CodeResult.FAKE})
    code = replace(NEVER, below=(Mark(state=State.RECALLED, change_id=6),))
    assert reason_of(LookUp(product=strict, tag=b"", normal="A1", code=code), now=0.0) == "recalled"


@pytest.mark.parametrize(
    ("look_up", "reason"),
    [
        (LookUp(), "unknown_product"),
        (LookUp(product=product(), normal="A1"), "unknown_code"),
        (LookUp(product=product(), normal=""), "no_code"),
        (LookUp(product=product("check"), normal="A0"), "unreadable"),
        (LookUp(product=product("check"), normal="12"), "unknown_code"),
        (LookUp(product=product(loading=True), normal="A1"), "not_loaded"),
        (LookUp(product=product(loading=True), normal=""), "no_code"),
        (LookUp(product=product("check"), normal=""), "no_code"),
    ],
)
def test_a_code_that_is_not_there_has_its_reason(look_up: LookUp, reason: str) -> None:
    assert reason_of(look_up, now=0.0) == reason


def test_a_registry_that_gives_no_answer_fails(registry: SqliteRegistry) -> None:
    registry.close()
    registry.database.path.unlink()

    with pytest.raises(VerifierFailed, match="the registry gives no answer: "):
        RegistryVerifier(registry).verify(question())


def test_closing_the_verifier_leaves_the_registry_open(registry: SqliteRegistry) -> None:
    verifier = RegistryVerifier(registry)
    verifier.close()

    assert verifier.verify(question()).reason == "active"
    assert not verifier.waits
