"""What every journal knows of who scanned which code just now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scanhook.journal import JournalStore, Sighting, open_journal
from scanhook.journal.sql_rows import first_id
from scanhook.message import CodeResult
from scanhook.registry import LookUp, Reason
from scanhook.storage import Pepper
from scanhook.verdict import Verdict
from tests.contract.engines import Place
from tests.journal.scans import AT, PERSON, STRAY_TAG, TAG, scan, verdict

OTHER = b"\xbb" * 16
OTHER_TAG = b"\x77" * 10


@pytest.fixture
def journal(place: Place, pepper: Pepper) -> Iterator[JournalStore]:
    opened = open_journal(place.storage, pepper=pepper)
    yield opened
    opened.close()


def seen(journal: JournalStore, *tags: bytes, person: bytes = PERSON, since: float = AT - 1200) -> int | None:
    """Return the number of the scan that is found."""
    found = journal.sighting(person, tags or (TAG,), since=since)
    return found.entry.number if found else None


def begins(journal: Any, at: float) -> int:
    with journal.database.reading() as session:
        return first_id(session, "scans", round(at * 1000))


def test_a_scan_is_found_by_person_and_code(journal: JournalStore) -> None:
    recorded = journal.record(scan(7), verdict(), now=AT)
    assert journal.sighting(PERSON, [TAG], since=AT - 1200) == Sighting(
        identity=(7).to_bytes(16, "big"), entry=recorded.entry
    )


def test_the_newest_of_several_is_found(journal: JournalStore) -> None:
    for number in range(3):
        journal.record(scan(number, received_at=AT + number), verdict(), now=AT + number)
    assert seen(journal) == 3


def test_another_person_and_another_code_are_not_found(journal: JournalStore) -> None:
    journal.record(scan(1), verdict(), now=AT)
    journal.record(scan(2, person=OTHER), verdict(tag=OTHER_TAG), now=AT)
    assert (seen(journal, OTHER_TAG), seen(journal, person=OTHER)) == (None, None)
    assert (seen(journal), seen(journal, OTHER_TAG, person=OTHER)) == (1, 2)


@pytest.mark.parametrize(("since", "found"), [(AT - 600, 1), (AT, 1), (AT + 0.001, None), (AT + 600, None)])
def test_a_scan_is_found_from_the_time_when_it_was_received(
    journal: JournalStore, since: float, found: int | None
) -> None:
    journal.record(scan(1), verdict(), now=AT)
    # The code was scanned later, too, but by somebody else.
    journal.record(scan(2, person=OTHER, received_at=AT + 700), verdict(), now=AT)
    assert seen(journal, since=since) == found


def test_an_older_scan_does_not_hide_behind_one_by_another_person(journal: JournalStore) -> None:
    journal.record(scan(1, received_at=AT - 5000), verdict(), now=AT)
    journal.record(scan(2, person=OTHER), verdict(), now=AT)
    assert seen(journal) is None
    assert seen(journal, since=AT - 6000) == 1


def test_an_undecided_scan_is_found_once_it_is_decided(journal: JournalStore) -> None:
    journal.record(scan(1), None, now=AT)
    assert seen(journal, TAG, STRAY_TAG) is None
    journal.record(scan(1), verdict(), now=AT + 1)
    assert seen(journal) == 1


def test_a_question_over_the_api_is_none(journal: JournalStore) -> None:
    journal.record(scan(1, source="erp"), verdict(), now=AT)
    assert seen(journal) is None


def test_a_code_is_found_by_the_tag_that_it_has_without_a_product(journal: JournalStore) -> None:
    unknown = Verdict(code_result=CodeResult.REAL, reason=Reason.ACTIVE, verifier="https", look_up=LookUp())
    journal.record(scan(1), unknown, now=AT)
    journal.record(scan(2), verdict(), now=AT)
    assert (seen(journal, STRAY_TAG), seen(journal, TAG), seen(journal, TAG, STRAY_TAG)) == (1, 2, 2)
    assert seen(journal, STRAY_TAG, TAG) == 2


def test_nothing_is_found_in_an_empty_journal(journal: JournalStore) -> None:
    assert seen(journal) is None


def test_clocks_that_differ_by_minutes_hide_nothing(journal: JournalStore) -> None:
    for number, at in enumerate((AT + 290, AT - 290, AT + 100)):
        journal.record(scan(number, received_at=at, person=OTHER if number == 2 else PERSON), verdict(), now=at)
    assert seen(journal, since=AT - 300) == 2
    assert seen(journal, since=AT) == 1


def test_where_a_time_begins_is_found_among_numbers_with_gaps(journal: JournalStore, place: Place) -> None:
    assert begins(journal, AT) == 0
    for number in range(40):
        journal.record(scan(number, received_at=AT + number // 3), verdict(), now=AT)
    place.journal_sql("DELETE FROM scans WHERE id < 5 OR id % 7 IN (2, 3) OR id BETWEEN 20 AND 30")
    rows = place.journal_sql("SELECT id, received_at FROM scans ORDER BY id")
    assert (rows[0][0], rows[-1][0], len(rows)) == (5, 40, 18)

    for second in range(-1, 15):
        first = begins(journal, AT + second)
        wanted = [id_ for id_, received_at in rows if received_at >= (AT + second) * 1000]
        assert [id_ for id_, _ in rows if id_ >= first] == wanted
        assert first <= 41
