from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any, cast

import pytest

from scanhook.clock import FixedClock
from scanhook.journal import EventPage, JournalStore, KeptEvent
from scanhook.office import CatalogStore, Listed, open_office
from scanhook.office import reviews as module
from scanhook.office.reviews import apply_reviews
from scanhook.storage import Pepper, StorageUrl
from scanhook.wechat import System
from tests.office.directory import AT, OWNER

OWNERS = {"main": OWNER, "other": "wxee9f94a3360ad25f"}
ID = "ean13/6901481811083"


class Journal:
    """Stands where a journal does, with one event on each page."""

    def __init__(self, *events: KeptEvent) -> None:
        self.kept = list(events)
        self.asked: list[int] = []

    def events(self, event: str, *, after: int) -> EventPage:
        assert event == "user_scan_product_verify_action"
        self.asked.append(after)
        found = next((kept for kept in self.kept if kept.number > after), None)
        if found is None:
            newest = self.kept[-1].number if self.kept else 0
            return EventPage(events=(), looked=newest, more=False)
        return EventPage(events=(found,), looked=found.number, more=True)


def review(number: int, result: str = "verify_ok", **changed: Any) -> KeptEvent:
    fields: dict[str, Any] = {
        "number": number,
        "received_at": AT + 60.5,
        "account": "main",
        "event": "user_scan_product_verify_action",
        "key_standard": "ean13",
        "key_str": "6901481811083",
        "person": None,
        "tag": bytes(10),
        "fields": {"result": result, "reason_msg": ""},
    }
    return KeptEvent(**fields | changed)


@pytest.fixture
def catalog(tmp_path: Path, empty_storage: Path, pepper: Pepper) -> Iterator[CatalogStore]:
    folder = Path(copytree(empty_storage, tmp_path / "data"))
    office = open_office(StorageUrl(engine="sqlite", folder=folder), pepper=pepper, clock=FixedClock(AT))
    sync = office.catalog.begin_sync(System.PAGES, OWNER, now=AT, newer_than=0)
    sync = office.catalog.keep(sync, [Listed(id=ID, state="check")], place="", now=AT)
    office.catalog.finish_sync(sync, now=AT)
    yield office.catalog
    office.close()


def apply(catalog: CatalogStore, journal: Journal) -> int:
    return apply_reviews(catalog, cast(JournalStore, journal), owners=OWNERS)


def state(catalog: CatalogStore) -> str | None:
    return catalog.entries()[0].listed.state


@pytest.mark.parametrize(("result", "wanted"), [("verify_ok", "on"), ("verify_not_pass", "reject")])
def test_the_outcome_of_a_review_is_the_page_s_state(catalog: CatalogStore, result: str, wanted: str) -> None:
    assert apply(catalog, Journal(review(1, result))) == 1
    assert state(catalog) == wanted


@pytest.mark.parametrize(
    "event",
    [
        review(1, "what nobody knows"),
        review(1, fields={}),
        review(1, account="other"),
        review(1, account="one that was deleted"),
        review(1, key_str="6390000000000"),
        review(1, received_at=AT - 60.5),
    ],
)
def test_a_review_of_something_else_changes_nothing(catalog: CatalogStore, event: KeptEvent) -> None:
    assert apply(catalog, Journal(event)) == 0
    assert state(catalog) == "check"
    assert catalog.reviews_read() == 1


def test_the_newest_review_counts(catalog: CatalogStore) -> None:
    apply(catalog, Journal(review(1, "verify_not_pass"), review(2, "verify_ok")))
    assert state(catalog) == "on"


def test_what_was_looked_through_is_not_looked_through_again(catalog: CatalogStore) -> None:
    journal = Journal(review(1), review(5, "verify_not_pass"))
    apply(catalog, journal)
    journal.asked.clear()

    assert apply(catalog, journal) == 0
    assert journal.asked == [5]


def test_a_journal_that_was_exchanged_is_looked_through_from_its_beginning(catalog: CatalogStore) -> None:
    catalog.note_reviews_read(9)
    journal = Journal(review(3))

    assert (apply(catalog, journal), catalog.reviews_read()) == (0, 0)
    assert (apply(catalog, journal), catalog.reviews_read()) == (1, 3)


def test_a_long_journal_is_looked_through_bit_by_bit(catalog: CatalogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGES_MAX", 2)
    journal = Journal(review(1), review(2), review(3, "verify_not_pass"))

    apply(catalog, journal)
    assert (catalog.reviews_read(), state(catalog)) == (2, "on")

    apply(catalog, journal)
    assert (catalog.reviews_read(), state(catalog)) == (3, "reject")
