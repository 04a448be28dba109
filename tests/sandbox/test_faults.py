from __future__ import annotations

from typing import Any

import pytest

from scanhook.sandbox.faults import Fault, FaultKind, Faults


def test_a_fault_lasts_for_its_calls() -> None:
    faults = Faults()
    fault = Fault(kind=FaultKind.BUSY, calls=2)
    faults.tell(fault)
    assert [faults.take("/scan/product/get") for _ in range(3)] == [fault, fault, None]
    assert faults.told() == []


def test_a_fault_without_a_number_lasts_until_it_is_cleared() -> None:
    faults = Faults()
    fault = Fault(kind=FaultKind.DROP, calls=None)
    faults.tell(fault)
    assert [faults.take("/") for _ in range(3)] == [fault] * 3
    faults.clear()
    assert faults.take("/") is None


def test_a_fault_concerns_the_paths_that_begin_so() -> None:
    faults = Faults()
    scan, live = Fault(kind=FaultKind.BUSY, path="/scan/"), Fault(kind=FaultKind.HTML, path="/wxa")
    faults.tell(scan)
    faults.tell(live)
    assert faults.take("/cgi-bin/token") is None
    assert faults.take("/wxaapi/broadcast/goods/add") == live
    assert faults.told() == [(scan, 1)]


def test_faults_come_in_the_order_in_which_they_were_told() -> None:
    faults = Faults()
    first, second = Fault(kind=FaultKind.BUSY), Fault(kind=FaultKind.HTML, calls=3)
    faults.tell(first)
    faults.tell(second)
    assert [faults.take("/"), faults.take("/")] == [first, second]
    assert faults.told() == [(second, 2)]


@pytest.mark.parametrize(
    ("kind", "code"),
    [(FaultKind.BUSY, -1), (FaultKind.QUOTA, 45009), (FaultKind.FREQUENT, 45011)],
)
def test_some_faults_are_error_codes(kind: FaultKind, code: int) -> None:
    refusal = Fault(kind=kind).refusal()
    assert refusal is not None
    assert refusal.code == code


def test_any_error_code_can_be_told() -> None:
    refusal = Fault(kind=FaultKind.CODE, code=48001).refusal()
    assert refusal is not None
    assert refusal.code == 48001
    assert Fault(kind=FaultKind.HTML).refusal() is None


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "slow"},
        {"kind": "slow", "seconds": 601.0},
        {"kind": "busy", "seconds": 1.0},
        {"kind": "code"},
        {"kind": "busy", "code": 5},
        {"kind": "busy", "calls": 0},
        {"kind": "busy", "path": "scan"},
        {"kind": "slow", "seconds": -1},
        {"kind": "busy", "seconds": -1},
        {"kind": "busy", "acts": True},
    ],
)
def test_a_fault_that_makes_no_sense_cannot_be_told(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Fault(**given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"kind": "broken"}, "kind is one of slow, busy, quota, "),
        ({"kind": ["busy"]}, "kind is one of slow, busy, quota, "),
        ({"kind": "busy", "calls": 1.5}, "calls is a whole number"),
        ({"kind": "busy", "calls": True}, "calls is a whole number"),
        ({"kind": "busy", "calls": "2"}, "calls is a whole number"),
        ({"kind": "busy", "path": 5}, "path begins with a slash"),
        ({"kind": "slow", "seconds": "x"}, "seconds is a number"),
        ({"kind": "slow", "seconds": True}, "seconds is a number"),
        ({"kind": "slow", "seconds": None}, "seconds is a number"),
        ({"kind": "slow", "seconds": float("nan")}, "slow needs seconds, up to 600"),
        ({"kind": "code", "code": "x"}, "code is a whole number"),
        ({"kind": "code", "code": [1]}, "code is a whole number"),
        ({"kind": "code", "code": True}, "code is a whole number"),
        ({"kind": "half", "acts": "no"}, "acts is true or false"),
        ({"kind": "half", "acts": 1}, "acts is true or false"),
    ],
)
def test_a_fault_of_the_wrong_type_is_refused_in_words(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}"):
        Fault(**given)
