from __future__ import annotations

from scanhook.journal import ANSWERS, REASONS, Wanted
from scanhook.message import CodeResult
from scanhook.registry import Reason


def test_every_answer_and_every_reason_can_be_wanted() -> None:
    assert [Wanted(verdict=answer).verdict for answer in (*CodeResult, "success")] == list(ANSWERS)
    assert [Wanted(reason=reason).reason for reason in (*Reason, "undecided")] == list(REASONS)
