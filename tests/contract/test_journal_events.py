"""What every journal does for whoever follows one kind of events."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scanhook.journal import JournalStore, Noted, open_journal
from scanhook.journal import sql_events as engine
from scanhook.storage import Pepper
from tests.contract.engines import Place

AT = 1_760_000_000.25
REVIEW = "user_scan_product_verify_action"


@pytest.fixture
def journal(place: Place, pepper: Pepper) -> Iterator[JournalStore]:
    opened = open_journal(place.storage, pepper=pepper)
    yield opened
    opened.close()


def note(journal: JournalStore, number: int, *, event: str = REVIEW) -> None:
    journal.note(
        Noted(
            identity=number.to_bytes(16, "big"),
            received_at=AT,
            account="main",
            create_time=1450429257,
            event=event,
            key_standard="ean13",
            key_str="6901481811083",
            person=None,
            tag=bytes(10),
            fields={"result": "verify_ok", "reason_msg": ""},
        )
    )


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
