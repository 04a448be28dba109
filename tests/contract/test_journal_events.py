"""How every journal stores other events in groups, and what it does for whoever follows one kind of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scanhook.errors import StorageError
from scanhook.journal import JournalStore, KeptEvent, Noted, Tally, open_journal
from scanhook.journal import sql_events as engine
from scanhook.storage import Pepper
from tests.contract.engines import Place
from tests.journal.scans import TAG, noted, scan, verdict

AT = 1_760_000_000.25
REVIEW = "user_scan_product_verify_action"
KINDS = (REVIEW, "user_scan_product")
RUNS = itertools.count(1)
"""Every run has pushes of its own: making a journal for each would take longer than the test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """One event of a group, by small numbers: what is alike in two of them is the same push, whatever else it says."""

    push: int
    kind: int = 0
    person: int | None = None

    def noted(self, run: int) -> Noted:
        return noted(
            identity=run.to_bytes(8, "big") + self.push.to_bytes(8, "big"),
            received_at=AT + self.push,
            event=KINDS[self.kind],
            person=None if self.person is None else bytes([self.person]) * 16,
            openid=None if self.person is None else f"o{self.person}",
            fields={"region": "广州", "said": str(self.kind)} if self.kind else {},
        )


CAME = st.builds(Came, push=st.integers(0, 5), kind=st.integers(0, 1), person=st.none() | st.integers(0, 2))
GROUPS = st.lists(st.lists(CAME, max_size=8), min_size=1, max_size=5)


@pytest.fixture
def journal(place: Place, pepper: Pepper) -> Iterator[JournalStore]:
    opened = open_journal(place.storage, pepper=pepper)
    yield opened
    opened.close()


def kept(journal: JournalStore, *, after: int = 0) -> list[KeptEvent]:
    """Return all events of both kinds behind a number, in the order of their numbers."""
    events = [event for kind in KINDS for event in journal.events(kind, after=after).events]
    return sorted(events, key=lambda event: event.number)


def note(journal: JournalStore, number: int, *, event: str = REVIEW) -> None:
    said = {"result": "verify_ok", "reason_msg": ""}
    journal.store_all(events=[noted(number, event=event, person=None, fields=said)], now=AT)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(groups=GROUPS)
@example(groups=[[Came(push=1), Came(push=1, kind=1)]])
@example(groups=[[Came(push=3), Came(push=2, person=1), Came(push=1)], [Came(push=4), Came(push=2), Came(push=4)]])
def test_a_group_of_events_is_stored_as_if_each_had_come_alone(
    journal: JournalStore, one_by_one: JournalStore, groups: list[list[Came]]
) -> None:
    run = next(RUNS)
    after = [max((event.number for event in kept(store)), default=0) for store in (journal, one_by_one)]

    for group in groups:
        events = [came.noted(run) for came in group]
        alone = [one_by_one.store_all(events=[event], now=AT).events[0] for event in events]
        assert journal.store_all(events=events, now=AT).events == alone

    together, singly = (
        [replace(event, number=0) for event in kept(store, after=first)]
        for store, first in zip((journal, one_by_one), after, strict=True)
    )
    assert together == singly


def test_an_event_that_comes_twice_in_a_group_came_for_the_first_time_once(journal: JournalStore) -> None:
    assert journal.store_all(events=[noted(1), noted(2), noted(1), noted(1)], now=AT).events == [
        True,
        True,
        False,
        False,
    ]
    assert journal.store_all(events=[noted(2), noted(3)], now=AT).events == [False, True]
    assert journal.store_all(events=[], now=AT).events == []
    assert len(kept(journal)) == 3


def test_of_a_group_that_cannot_be_stored_nothing_is(journal: JournalStore, place: Place) -> None:
    place.journal_sql("CREATE UNIQUE INDEX one_event_of_a_product ON events (key_str)")
    with pytest.raises(StorageError):
        journal.store_all(
            events=[noted(1, key_str="1"), noted(2, key_str="2"), noted(3, key_str="1"), noted(4, key_str="4")], now=AT
        )

    assert kept(journal) == []
    assert journal.store_all(events=[noted(1, key_str="1"), noted(2, key_str="2")], now=AT).events == [True, True]


def test_scans_and_events_that_come_together_keep_their_places(journal: JournalStore) -> None:
    journal.store_all([(scan(1), verdict())], [noted(1)], now=AT)

    together = journal.store_all([(scan(2), verdict()), (scan(1), verdict())], [noted(2), noted(1), noted(2)], now=AT)

    assert [one.repeated for one in together.scans] == [False, True]
    assert together.events == [True, False, False]
    assert len(kept(journal)) == 2
    assert journal.tally(TAG) == Tally(scans=2, persons=1, first_at=AT, last_at=AT)


def test_of_scans_and_events_that_cannot_be_stored_together_nothing_is(journal: JournalStore, place: Place) -> None:
    place.journal_sql("CREATE UNIQUE INDEX one_event_of_a_product ON events (key_str)")
    with pytest.raises(StorageError):
        journal.store_all([(scan(1), verdict())], [noted(1, key_str="1"), noted(2, key_str="1")], now=AT)

    assert kept(journal) == []
    assert journal.tail(1) == []
    assert journal.tally(TAG) is None


def test_events_of_a_kind_come_in_their_order(journal: JournalStore) -> None:
    note(journal, 1)
    note(journal, 2, event="user_scan_product")
    note(journal, 3)

    page = journal.events(REVIEW, after=0)

    assert [event.number for event in page.events] == [1, 3]
    assert page.events[0].fields == {"result": "verify_ok", "reason_msg": ""}
    assert (page.looked, page.more) == (3, True)


def test_who_has_seen_everything_is_told_so(journal: JournalStore) -> None:
    note(journal, 1)

    page = journal.events(REVIEW, after=1)

    assert (page.events, page.looked, page.more) == ((), 1, False)


def test_an_empty_journal_has_no_events(journal: JournalStore) -> None:
    page = journal.events(REVIEW, after=0)

    assert (page.events, page.looked, page.more) == ((), 0, False)


def test_a_number_that_is_not_given_yet_shows_that_the_journal_was_exchanged(journal: JournalStore) -> None:
    note(journal, 1)

    assert journal.events(REVIEW, after=9).looked == 1


def test_many_events_are_looked_through_in_pages(journal: JournalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_PAGE_ROWS", 2)
    for number in range(1, 6):
        note(journal, number, event=REVIEW if number % 2 else "user_scan_product")

    found, after, more = [], 0, True
    while more:
        page = journal.events(REVIEW, after=after)
        found += [event.number for event in page.events]
        after, more = page.looked, page.more

    assert (found, after) == ([1, 3, 5], 5)
