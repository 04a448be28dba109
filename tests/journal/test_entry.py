from __future__ import annotations

import pytest

from scanhook.journal import Entry, Recorded
from scanhook.message import CodeResult


def recorded(reason: str, code_result: CodeResult | None, *, repeated: bool, decided_now: bool) -> Recorded:
    entry = Entry(
        number=1,
        received_at=1447848570.0,
        account="main",
        create_time=1447848570,
        key_standard="qrcode",
        key_str="moment-frame",
        person=bytes(16),
        reason=reason,
        code_result=code_result,
        verifier=None,
        decided_at=None if reason == "undecided" else 1447848570.0,
        tag=None,
        batch=None,
        position=None,
        ext_info=None,
    )
    return Recorded(entry=entry, repeated=repeated, decided_now=decided_now, commit_s=0.001)


@pytest.mark.parametrize("repeated", [False, True], ids=["new", "undecided until now"])
@pytest.mark.parametrize(
    ("reason", "code_result", "outcome"),
    [("active", CodeResult.REAL, "real"), ("void", CodeResult.FAKE, "fake"), ("unreadable", None, "success")],
)
def test_a_scan_that_gets_its_verdict_is_counted_by_it(
    reason: str, code_result: CodeResult | None, outcome: str, *, repeated: bool
) -> None:
    assert recorded(reason, code_result, repeated=repeated, decided_now=True).outcome == outcome


def test_a_scan_that_had_its_verdict_is_counted_as_repeated() -> None:
    assert recorded("active", CodeResult.REAL, repeated=True, decided_now=False).outcome == "repeated"


@pytest.mark.parametrize("repeated", [False, True])
def test_a_scan_without_a_verdict_is_counted_as_undecided(*, repeated: bool) -> None:
    assert recorded("undecided", None, repeated=repeated, decided_now=False).outcome == "undecided"
