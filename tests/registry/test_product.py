from __future__ import annotations

from typing import Any

import pytest

from scanhook.message import CodeResult
from scanhook.registry import ACCOUNT_REASONS, DEFAULT_VERDICTS, Mark, Product, Reason, State

# The table of DESIGN.md, section 4.
DEFAULTS = {
    "active": "real",
    "not_active": "not_active",
    "suspended": "not_active",
    "recalled": "real",
    "expired": "real",
    "void": "fake",
    "stolen": "fake",
    "unknown_code": "fake",
    "unreadable": "fake",
    "not_loaded": "not_active",
    "no_code": None,
    "unknown_product": None,
}


def product(**changed: Any) -> Product:
    fields: dict[str, Any] = {"id": b"\x01" * 8, "account": "main", "key_standard": "ean13", "key_str": "6900873042720"}
    return Product(**{**fields, **changed})


def test_the_default_verdicts_are_those_of_the_design() -> None:
    assert DEFAULT_VERDICTS == DEFAULTS
    assert {reason: product().answer_to(reason) for reason in Reason} == DEFAULTS


def test_the_default_verdicts_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DEFAULT_VERDICTS[Reason.ACTIVE] = None  # type: ignore[index]


@pytest.mark.parametrize("reason", sorted(set(Reason) - ACCOUNT_REASONS))
@pytest.mark.parametrize("result", [*CodeResult, None])
def test_a_product_may_answer_any_reason_its_own_way(reason: Reason, result: CodeResult | None) -> None:
    own = product(verdicts={reason: result})

    assert own.answer_to(reason) == result
    assert {other: own.answer_to(other) for other in Reason if other is not reason} == {
        other: expected for other, expected in DEFAULTS.items() if other != reason
    }


def test_no_product_answers_for_an_unknown_one() -> None:
    with pytest.raises(ValueError, match="arises where there is no product"):
        product(verdicts={Reason.UNKNOWN_PRODUCT: CodeResult.REAL})


@pytest.mark.parametrize("name", ["key_standard", "key_str"])
@pytest.mark.parametrize("text", ["", "x" * 65, " x", "x ", "a\nb", "a\x00b", "a\u200bb", "a/b"])
def test_a_name_that_cannot_be_written_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"keystandard|keystr"):
        product(**{name: text})


@pytest.mark.parametrize("text", ["x", "x" * 64, "茅台 53°", "wxscandemo_1-2", "6900873042720"])
def test_a_name_that_can_be_written_is_taken(text: str) -> None:
    assert product(key_str=text).key_str == text


def test_a_new_product_says_nothing_against_its_codes() -> None:
    assert product().mark == Mark(state=State.ACTIVE, activated_by=0, activates_at=None, expires_at=None, change_id=0)
