from __future__ import annotations

from collections import Counter

import pytest

from scanhook.bench.plan import Plan
from scanhook.message import CodeResult

PLAN = Plan(codes=200, one_code=False, seed=6)


def test_every_tenth_code_is_printed_and_not_activated() -> None:
    lines = [*Plan(codes=12, one_code=False, seed=6).code_file()]

    assert lines[0] == "keystandard,keystr,extinfo,status,batch\n"
    assert lines[1] == "qrcode,bench-item,BENCH0000000000,inactive,issued\n"
    assert lines[2] == "qrcode,bench-item,BENCH0000000001,active,active\n"
    assert [line.split(",")[3] for line in lines[1:]] == ["inactive", *["active"] * 9, "inactive", "active"]


def test_every_verdict_occurs_and_is_what_the_code_file_says() -> None:
    states = {line.split(",")[2]: line.split(",")[3] for line in PLAN.code_file()}
    expected = {"active": CodeResult.REAL, "inactive": CodeResult.NOT_ACTIVE, None: CodeResult.FAKE}
    scans = [PLAN.told(number) for number in range(1000)]

    assert [verdict for _, verdict in scans] == [expected[states.get(ext_info)] for ext_info, _ in scans]
    counts = Counter(verdict for _, verdict in scans)
    assert counts[CodeResult.REAL] > 700
    assert min(counts[CodeResult.FAKE], counts[CodeResult.NOT_ACTIVE]) > 60


def test_one_code_is_scanned_by_everybody() -> None:
    plan = Plan(codes=200, one_code=True, seed=6)

    assert {plan.told(number) for number in range(50)} == {("BENCH0000000001", CodeResult.REAL)}
    assert len({plan.person(number) for number in range(50)}) == 50


def test_every_scan_is_sent_and_some_come_again_after_they_came_first() -> None:
    order = PLAN.order(range(100, 3100))

    assert sorted(set(order)) == [*range(100, 3100)]
    repeats = len(order) - 3000
    assert 30 < repeats < 90
    seen: set[int] = set()
    newest = 99
    for number in order:
        assert number == newest + 1 or number in seen
        newest = max(newest, number)
        seen.add(number)


def test_two_processes_make_the_same_plan() -> None:
    again = Plan(codes=200, one_code=False, seed=6)

    assert [again.told(number) for number in range(50)] == [PLAN.told(number) for number in range(50)]
    assert again.order(range(500)) == PLAN.order(range(500))
    assert Plan(codes=200, one_code=False, seed=7).order(range(500)) != PLAN.order(range(500))


def test_with_a_scan_come_that_the_page_was_opened_and_where_it_was() -> None:
    plan = Plan(codes=200, one_code=False, seed=6, events=True)
    scan = PLAN.told(1)

    assert [plan.event(number) for number in range(3, 6)] == [
        "user_scan_product",
        "scan_product_callback",
        "user_scan_product_async",
    ]
    assert [plan.told(number) for number in range(3, 6)] == [(scan[0], "success"), scan, (scan[0], "success")]
    assert {plan.person(number) for number in range(3, 6)} == {PLAN.person(1)}
    assert {PLAN.event(number) for number in range(9)} == {"scan_product_callback"}


def test_too_few_codes_for_every_verdict_are_no_plan() -> None:
    with pytest.raises(ValueError, match="10 codes are the fewest"):
        Plan(codes=9, one_code=False, seed=6)
