from __future__ import annotations

from typing import Any

import pytest

from scanhook.message import CodeResult
from scanhook.registry import LookUp, Product, Reason
from scanhook.verdict import Finding, Verdict
from tests.verdict.questions import question

PRODUCT = Product(
    id=bytes(8),
    account="main",
    key_standard="ean13",
    key_str="6900873042720",
    verdicts={Reason.EXPIRED: CodeResult.FAKE, Reason.VOID: None},
)


@pytest.mark.parametrize(
    ("product", "finding", "result"),
    [
        (None, Finding(reason=Reason.EXPIRED), "real"),
        (PRODUCT, Finding(reason=Reason.EXPIRED), "fake"),
        (PRODUCT, Finding(reason=Reason.VOID), None),
        (PRODUCT, Finding(reason=Reason.STOLEN), "fake"),
        (PRODUCT, Finding(reason=Reason.UNKNOWN_PRODUCT), None),
        (PRODUCT, Finding(reason=Reason.EXPIRED, code_result=CodeResult.NOT_ACTIVE), "not_active"),
        (PRODUCT, Finding(reason=Reason.VOID, code_result=CodeResult.REAL), "real"),
        (None, Finding(reason=Reason.NO_CODE, code_result=CodeResult.REAL), "real"),
    ],
)
def test_a_verdict_is_the_verifiers_own_or_the_products_or_the_default(
    product: Product | None, finding: Finding, result: str | None
) -> None:
    look_up = LookUp(product=product)

    verdict = Verdict.of(finding, verifier="brand", look_up=look_up)

    assert (verdict.code_result, verdict.reason, verdict.verifier) == (result, finding.reason, "brand")
    assert verdict.look_up is look_up


@pytest.mark.parametrize("wrong", [{"reason": "nonsense"}, {"reason": Reason.ACTIVE, "code_result": "genuine"}])
def test_a_finding_that_means_nothing_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"nonsense|genuine"):
        Finding(**wrong)


def test_a_question_does_not_show_the_code() -> None:
    assert "6J5T9XQ2" not in repr(question("6J5T9XQ2"))
