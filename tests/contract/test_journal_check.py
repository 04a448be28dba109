from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scanhook.journal import JournalStore, open_journal
from scanhook.journal.sql_check import contradictions
from scanhook.storage import Pepper
from tests.contract.engines import Place
from tests.journal.scans import AT, TAG, noted, scan, verdict

OTHERS = b"\xbb" * 16


@pytest.fixture
def journal(place: Place, pepper: Pepper) -> Iterator[JournalStore]:
    """Return a journal with two scans of one code by two persons."""
    opened = open_journal(place.storage, pepper=pepper)
    opened.store_all([(scan(1), verdict()), (scan(2, person=OTHERS, received_at=AT + 9), verdict())], now=AT)
    yield opened
    opened.close()


def found(journal: Any, *, quick: bool = False) -> list[str]:
    with journal.database.seeing_one_state() as session:
        return list(contradictions(session, quick=quick, tell=lambda *_: None))


def test_what_was_recorded_agrees_with_itself(journal: JournalStore) -> None:
    journal.record(scan(3), None, now=AT)
    journal.store_all(events=[noted()], now=AT)

    assert found(journal) == []


def test_an_empty_journal_agrees_with_itself(journal: JournalStore) -> None:
    journal.prune(before=AT + 99)
    journal.reset_counts([TAG], who="staff", now=AT)

    assert found(journal) == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE tallies SET persons = 3", "codes whose tally has other persons than scanned them: 1"),
        ("INSERT INTO scanners VALUES ('tag', 'person')", "persons who scanned codes without a tally: 1"),
        ("UPDATE tallies SET scans = 1", "codes whose tally has other scans than there are: 1"),
        ("UPDATE tallies SET scans = 3", "codes whose tally has other scans than there are: 1"),
        ("INSERT INTO tallies VALUES ('tag', 1, 0, 1, 1)", "codes with a tally and without a scan: 1"),
    ],
)
def test_counts_that_are_wrong_are_told_unless_it_must_be_quick(
    journal: JournalStore, place: Place, statement: str, fault: str
) -> None:
    place.journal_sql(statement)

    assert found(journal) == [fault]
    assert found(journal, quick=True) == []


def test_a_push_that_came_twice_is_no_deleted_scan(journal: JournalStore, place: Place) -> None:
    assert journal.record(scan(1), verdict(), now=AT).repeated
    assert journal.record(scan(4), verdict(), now=AT).entry.number > 2
    place.journal_sql("UPDATE tallies SET scans = 4")

    assert found(journal) == ["codes whose tally has other scans than there are: 1"]


@pytest.mark.parametrize("before", [AT + 1, AT + 99], ids=["some", "all"])
def test_where_scans_were_deleted_a_tally_may_say_more_and_not_less(
    journal: JournalStore, place: Place, before: float
) -> None:
    journal.prune(before=before)
    assert found(journal) == []

    journal.record(scan(4, received_at=AT + 200), verdict(), now=AT)
    assert found(journal) == []
    place.journal_sql("UPDATE tallies SET scans = 0")
    assert found(journal) == ["codes whose tally has other scans than there are: 1"]


def test_scans_before_the_counts_began_anew_are_left_out(journal: JournalStore) -> None:
    journal.reset_counts([TAG], who="staff", now=AT)
    assert found(journal) == []

    journal.record(scan(4), verdict(), now=AT)
    assert found(journal) == []


def test_scans_go_on_meanwhile_and_are_not_looked_at(journal: JournalStore, place: Place) -> None:
    looks: list[str] = []

    def store(what: str, _done: int, _of: int) -> None:
        looks.append(what)
        place.journal_sql("UPDATE tallies SET scans = scans + 1")

    engine: Any = journal
    with engine.database.seeing_one_state() as session:
        assert list(contradictions(session, quick=False, tell=store)) == []
    assert looks == ["journal: tallies"] * 5
    assert len(found(journal)) == 1
