"""Scans that are stored in groups are stored as if each had come alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scanhook.journal import JournalStore, Recorded, Scan, open_journal
from scanhook.message import CodeResult
from scanhook.registry import LookUp, Reason
from scanhook.storage import Pepper
from scanhook.verdict import Verdict
from tests.contract.engines import Place
from tests.journal.scans import AT, scan, verdict

RUNS = itertools.count(1)
"""Every run has pushes, persons and codes of its own: making a journal for each would take longer than the test."""
VERDICTS = ("real", "void", "unknown product", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One scan of a group, by small numbers: what is alike in two steps is the same.

    :param asked: about which code an API key asks; ``None``: WeChat pushes.
    """

    push: int
    person: int
    code: int
    verdict: str | None
    asked: int | None
    seconds: int

    def given(self, run: int) -> tuple[Scan, Verdict | None]:
        stray_tag = _tag(run, self.code if self.asked is None else self.asked, stray=True)
        came = scan(
            identity=run.to_bytes(8, "big") + self.push.to_bytes(8, "big"),
            person=run.to_bytes(8, "big") + self.person.to_bytes(8, "big"),
            stray_tag=stray_tag,
            received_at=AT + self.seconds,
            source=None if self.asked is None else "shop",
        )
        if self.verdict == "unknown product":
            unknown = Verdict(code_result=None, reason=Reason.UNKNOWN_PRODUCT, verifier="registry", look_up=LookUp())
            return came, unknown
        if self.verdict == "void":
            return came, verdict(Reason.VOID, CodeResult.FAKE, tag=_tag(run, self.code))
        return came, verdict(tag=_tag(run, self.code)) if self.verdict else None


def _tag(run: int, code: int, *, stray: bool = False) -> bytes:
    return run.to_bytes(8, "big") + bytes([stray, code])


STEPS = st.builds(
    Step,
    push=st.integers(0, 6),
    person=st.integers(0, 2),
    code=st.integers(0, 2),
    verdict=st.sampled_from(VERDICTS),
    asked=st.sampled_from((None, None, 0, 1)),
    seconds=st.integers(0, 3),
)
RESET = st.integers(0, 2)
"""A code whose counts begin anew."""
JOBS = st.lists(st.lists(STEPS, min_size=1, max_size=8) | RESET, min_size=1, max_size=6)
PUSH = Step(push=0, person=0, code=0, verdict="real", asked=None, seconds=0)


@pytest.fixture
def in_groups(place: Place, pepper: Pepper) -> Iterator[JournalStore]:
    opened = open_journal(place.storage, pepper=pepper)
    yield opened
    opened.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(jobs=JOBS)
@example(jobs=[[replace(PUSH, verdict=None), PUSH, replace(PUSH, verdict="void")]])
@example(jobs=[[replace(PUSH, verdict=None)], 0, [replace(PUSH, push=1), PUSH]])
@example(jobs=[[replace(PUSH, verdict=None, asked=0), replace(PUSH, asked=1), replace(PUSH, asked=0)]])
@example(jobs=[[replace(PUSH, push=push, person=push % 2, seconds=3 - push) for push in range(4)], [PUSH]])
def test_a_group_is_stored_as_if_each_scan_had_come_alone(
    in_groups: JournalStore, one_by_one: JournalStore, jobs: list[list[Step] | int]
) -> None:
    run = next(RUNS)
    after = [next((entry.number for entry in reversed(store.tail(1))), 0) for store in (in_groups, one_by_one)]

    for minute, job in enumerate(jobs):
        now = AT + 60 * minute
        if isinstance(job, int):
            resets = [store.reset_counts([_tag(run, job)], who="ann", now=now) for store in (in_groups, one_by_one)]
            assert resets[0] == resets[1]
            continue
        given_now = [step.given(run) for step in job]
        together = in_groups.store_all(given_now, now=now).scans
        alone = [one_by_one.record(came, given, now=now) for came, given in given_now]
        assert [_told(one) for one in together] == [_told(one) for one in alone]

    kept = [
        [replace(entry, number=0) for entry in store.entries(after=first)]
        for store, first in zip((in_groups, one_by_one), after, strict=True)
    ]
    assert kept[0] == kept[1]
    for code, stray in itertools.product(range(3), (False, True)):
        tag = _tag(run, code, stray=stray)
        assert in_groups.tally(tag) == one_by_one.tally(tag)


def _told(recorded: Recorded) -> tuple[object, ...]:
    return replace(recorded.entry, number=0), recorded.repeated, recorded.decided_now


def test_numbers_go_on_in_the_order_of_a_group(in_groups: JournalStore) -> None:
    numbers = [
        one.entry.number
        for job in ([1, 2, 3], [4, 2, 5], [2, 6], [7])
        for one in in_groups.store_all([(scan(push), verdict()) for push in job], now=AT).scans
    ]

    assert numbers[4] == numbers[6] == numbers[1]
    new = [number for place, number in enumerate(numbers) if place not in (4, 6)]
    assert new == sorted(set(new))
    assert [entry.number for entry in in_groups.entries()] == new


def test_a_group_of_nobody_stores_nothing(in_groups: JournalStore) -> None:
    assert in_groups.store_all([], now=AT).scans == []
    assert in_groups.tail(1) == []
