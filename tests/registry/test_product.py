from __future__ import annotations

from typing import Any

import pytest

from scanhook.message import CodeResult
from scanhook.registry import ACCOUNT_REASONS, DEFAULT_VERDICTS, Mark, Normalisation, Product, Reason, State
from scanhook.registry.product import merged

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


# What somebody wants to change, while somebody else has changed it.

READ = {
    "loading": False,
    "normalisation": Normalisation.parse("trim"),
    "qr_prefix": "http://a.cn/",
    "verdicts": {Reason.VOID: None, Reason.STOLEN: CodeResult.NOT_ACTIVE},
}
THERE = {
    "loading": True,
    "normalisation": Normalisation.parse("upper"),
    "qr_prefix": "http://b.cn/",
    "verdicts": {Reason.VOID: CodeResult.REAL, Reason.EXPIRED: CodeResult.FAKE},
}


@pytest.mark.parametrize(
    ("wanted", "changed"),
    [
        ({}, {}),
        ({"loading": True}, {"loading": True}),
        ({"normalisation": Normalisation.parse("check")}, {"normalisation": Normalisation.parse("check")}),
        ({"qr_prefix": ""}, {"qr_prefix": ""}),
        # A verdict that is wanted, another, and one that is to be the default again.
        (
            {"verdicts": {Reason.VOID: None, Reason.STOLEN: CodeResult.NOT_ACTIVE, Reason.ACTIVE: None}},
            {"verdicts": {Reason.VOID: CodeResult.REAL, Reason.EXPIRED: CodeResult.FAKE, Reason.ACTIVE: None}},
        ),
        (
            {"verdicts": {Reason.VOID: CodeResult.NOT_ACTIVE, Reason.STOLEN: CodeResult.NOT_ACTIVE}},
            {"verdicts": {Reason.VOID: CodeResult.NOT_ACTIVE, Reason.EXPIRED: CodeResult.FAKE}},
        ),
        ({"verdicts": {Reason.STOLEN: CodeResult.NOT_ACTIVE}}, {"verdicts": {Reason.EXPIRED: CodeResult.FAKE}}),
        ({"verdicts": {}}, {"verdicts": {Reason.EXPIRED: CodeResult.FAKE}}),
        (
            {"verdicts": {Reason.VOID: None, Reason.STOLEN: None}},
            {"verdicts": {Reason.VOID: CodeResult.REAL, Reason.EXPIRED: CodeResult.FAKE, Reason.STOLEN: None}},
        ),
    ],
    ids=str,
)
def test_only_what_somebody_changes_is_changed(wanted: dict[str, Any], changed: dict[str, Any]) -> None:
    recalled = Mark(state=State.RECALLED, change_id=9)
    there = product(**THERE, mark=recalled)

    done = merged(there, was=product(**READ), wanted=product(**{**READ, **wanted}))

    assert done == product(**{**THERE, **changed}, mark=recalled)


def test_a_mark_is_no_setting() -> None:
    active, void = product(), product(mark=Mark(state=State.VOID, change_id=3))

    assert merged(active, was=active, wanted=void) == active
    assert merged(void, was=void, wanted=active) == void
