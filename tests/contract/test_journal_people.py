"""What every journal does for people: find them, erase them, and let go of what is old."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanhook.journal import (
    Erasure,
    JournalStore,
    KeptEvent,
    Noted,
    Pseudonym,
    Retained,
    Tally,
    erase_person,
    kept_of,
    open_journal,
    read_erasures,
    reapply_erasures,
    retain,
)
from scanhook.journal.people import mark_of
from scanhook.message import CodeResult
from scanhook.registry import Reason
from scanhook.storage import Pepper
from scanhook.verdict import Verdict
from tests.contract.engines import Place
from tests.journal.scans import AT, TAG, scan, verdict, verdict_on_unknown

OPENID = "otAzGjrJVN21mpDF4ZWQiYZwdK0Y"
OTHER_OPENID = "otAzGjh7qX0lYtmJ3r1bqv8SN0hE"
DAY = 86_400
TAGS = [bytes([number]) * 10 for number in range(4)]


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def journal(place: Place, pepper: Pepper) -> Iterator[JournalStore]:
    opened = open_journal(place.storage, pepper=pepper)
    yield opened
    opened.close()


@pytest.fixture
def erasures(tmp_path: Path) -> Path:
    return tmp_path / "erasures"


class Shop:
    """Somebody's scans in a journal, and how they are erased."""

    def __init__(self, journal: JournalStore, place: Place, pepper: Pepper, erasures: Path) -> None:
        self.journal, self.place, self.pepper, self.erasures = journal, place, pepper, erasures
        self.scanned = 0

    def scan(
        self, openid: str, tag: bytes = TAG, *, at: float = AT, given: Verdict | None = None, **changed: Any
    ) -> None:
        self.scanned += 1
        one = scan(
            self.scanned,
            person=self.pepper.person(openid),
            openid=openid,
            received_at=at,
            **changed,
        )
        self.journal.record(one, given or verdict(tag=tag), now=at)

    def note(self, openid: str | None, *, at: float = AT) -> None:
        self.scanned += 1
        self.journal.store_all(
            events=[
                Noted(
                    identity=self.scanned.to_bytes(16, "big"),
                    received_at=at,
                    account="main",
                    create_time=1,
                    event="user_scan_product",
                    key_standard="ean13",
                    key_str="6900873042720",
                    person=None if openid is None else self.pepper.person(openid),
                    tag=TAG,
                    fields={"city": "广州"},
                    openid=openid,
                )
            ],
            now=AT,
        )

    def erase(self, openid: str = OPENID, *, at: float = AT + DAY, **more: Any) -> int:
        return erase_person(self.journal, openid, pepper=self.pepper, erasures=self.erasures, now=at, **more)

    def reapply(self, *, at: float = AT + 2 * DAY, **more: Any) -> int:
        return reapply_erasures(self.journal, self.erasures, pepper=self.pepper, now=at, **more)

    def kept(self, openid: str = OPENID) -> tuple[int, int, int]:
        person = self.pepper.person(openid)
        return (
            len(list(self.journal.scans_of(person))),
            len(list(self.journal.events_of(person))),
            len(list(self.journal.codes_of(person))),
        )

    def persons_by_code(self) -> dict[bytes, int]:
        """Return the persons of each code; its tally, its scanners and its scans must agree."""
        counts = self.place.journal_sql(
            "SELECT t.tag, t.persons, count(s.tag) FROM tallies t LEFT JOIN scanners s ON s.tag = t.tag "
            "GROUP BY t.tag, t.persons"
        )
        assert [persons for _, persons, _ in counts] == [scanners for _, _, scanners in counts]
        assert self.place.journal_sql("SELECT tag FROM scanners WHERE tag NOT IN (SELECT tag FROM tallies)") == []
        return {tag: persons for tag, persons, _ in counts}

    def persons_in_scans(self) -> dict[bytes, int]:
        return dict(
            self.place.journal_sql(
                "SELECT tag, count(DISTINCT person) FROM scans WHERE reason <> 'undecided' GROUP BY tag"
            )
        )


@pytest.fixture
def shop(journal: JournalStore, place: Place, pepper: Pepper, erasures: Path) -> Shop:
    return Shop(journal, place, pepper, erasures)


def test_an_erased_person_is_nowhere_and_every_count_stays(shop: Shop) -> None:
    for tag in (TAGS[0], TAGS[0], TAGS[1]):
        shop.scan(OPENID, tag)
    shop.scan(OTHER_OPENID, TAGS[0])
    shop.note(OPENID)
    shop.note(OTHER_OPENID)
    shop.note(None)
    before = [shop.journal.tally(tag) for tag in TAGS]

    assert shop.erase() == 3

    assert shop.kept() == (0, 0, 0)
    assert shop.kept(OTHER_OPENID) == (1, 1, 1)
    assert [shop.journal.tally(tag) for tag in TAGS] == before
    assert before[0] == Tally(scans=3, persons=2, first_at=AT, last_at=AT)
    assert shop.persons_by_code() == shop.persons_in_scans() == {TAGS[0]: 2, TAGS[1]: 1}
    assert shop.place.journal_sql("SELECT count(DISTINCT person), count(openid) FROM scans") == [(2, 1)]
    assert shop.place.journal_sql("SELECT count(person), count(openid) FROM events") == [(2, 1)]


def test_one_random_hash_stands_for_the_person_in_scans_events_and_counts(shop: Shop) -> None:
    shop.scan(OPENID, TAGS[0])
    shop.scan(OPENID, TAGS[1])
    shop.note(OPENID)

    shop.erase(random=lambda size: b"R" * size)

    everywhere = " UNION ALL ".join(f"SELECT person FROM {table}" for table in ("scans", "events", "scanners"))
    assert shop.place.journal_sql(f"SELECT DISTINCT person FROM ({everywhere})") == [(b"R" * 16,)]


def test_a_replacement_is_forgotten_once_the_erasure_is_done(shop: Shop) -> None:
    shop.scan(OPENID)

    shop.erase(at=AT + 1)
    assert shop.reapply(at=AT + 1 + 3599) == 0
    assert shop.place.journal_sql("SELECT replacement IS NULL FROM erasures") == [(0,)]
    assert shop.reapply(at=AT + 1 + 3600) == 0

    assert shop.place.journal_sql("SELECT replacement FROM erasures") == [(None,)]


def test_an_erased_push_cannot_be_found_by_its_openid(shop: Shop) -> None:
    shop.scan(OPENID)
    shop.note(OPENID)
    shop.scan(OPENID, source="call centre")

    shop.erase()

    for table in ("scans", "events"):
        kept = {row[0] for row in shop.place.journal_sql(f"SELECT identity FROM {table}")}
        assert not {number.to_bytes(16, "big") for number in (1, 2)} & kept
    # A caller's id is not made of an openid, and must still be known.
    assert shop.journal.recall(scan(3).identity) is not None


def test_a_push_of_this_hour_is_still_known_by_its_repeat(shop: Shop) -> None:
    shop.scan(OPENID, at=AT)

    shop.erase(at=AT + 1)
    repeat = shop.journal.record(scan(1, person=shop.pepper.person(OPENID)), verdict(), now=AT + 5)

    assert repeat.repeated
    assert not repeat.decided_now
    assert shop.kept() == (0, 0, 0)
    assert shop.journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)


def test_a_push_of_the_last_hour_cannot_be_found_by_its_openid_an_hour_later(shop: Shop) -> None:
    shop.scan(OPENID, at=AT)
    shop.note(OPENID, at=AT)
    shop.scan(OPENID, at=AT, source="call centre")
    shop.scan(OTHER_OPENID, at=AT)
    shop.erase(at=AT + 1)
    identities = [(number.to_bytes(16, "big"),) for number in (1, 3, 4)]
    assert shop.place.journal_sql("SELECT identity FROM scans ORDER BY id") == identities

    shop.reapply(at=AT + 3601)

    (changed, *kept) = shop.place.journal_sql("SELECT identity FROM scans ORDER BY id")
    assert changed != identities[0]
    assert kept == identities[1:]
    assert shop.place.journal_sql("SELECT identity FROM events") != [(bytes(15) + b"\x02",)]
    assert shop.persons_by_code() == shop.persons_in_scans() == {TAG: 2}


def test_a_scan_that_was_under_way_during_the_erasure_is_erased_an_hour_later(shop: Shop) -> None:
    shop.scan(OPENID, TAGS[0], at=AT)
    shop.erase(at=AT + 1)
    for tag in TAGS[:2]:
        shop.scan(OPENID, tag, at=AT + 0.5)
    shop.note(OPENID, at=AT + 0.5)
    shop.scan(OPENID, TAGS[1], at=AT + 2)
    assert shop.reapply(at=AT + 3600) == 0

    assert shop.reapply(at=AT + 3601) == 2

    assert shop.kept() == (1, 0, 1)
    assert shop.persons_by_code() == shop.persons_in_scans() == {TAGS[0]: 1, TAGS[1]: 2}


def test_an_erasure_waits_for_its_hour_without_a_walk(shop: Shop) -> None:
    shop.scan(OPENID)
    shop.erase(at=AT + 1)

    assert shop.reapply(at=AT + 3600, progress=lambda *_: pytest.fail("it walked")) == 0


def test_the_second_walk_sees_only_what_is_recent(shop: Shop) -> None:
    shop.scan(OPENID, at=AT)
    shop.erase(at=AT + 10 * DAY)
    shop.scan(OTHER_OPENID, at=AT + 10 * DAY)
    walked: list[str] = []

    shop.reapply(at=AT + 11 * DAY, progress=lambda what, done, _: walked.append(f"{what} {done}"))

    assert walked == ["scans 2", "scans 2"]


def test_the_journal_tells_whom_it_has_erased(shop: Shop) -> None:
    assert shop.journal.erasures() == []
    shop.erase(OTHER_OPENID, at=AT + 2)
    shop.erase(at=AT + 1)
    shop.erase(at=AT + 3)
    mark, other = (mark_of(shop.pepper.person(openid), pepper=shop.pepper) for openid in (OPENID, OTHER_OPENID))

    assert shop.journal.erasures() == [Erasure(mark=other, at=AT + 2), Erasure(mark=mark, at=AT + 3)]


def test_who_is_erased_twice_within_an_hour_stays_one_person(shop: Shop) -> None:
    shop.scan(OPENID, at=AT)
    shop.erase(at=AT + 1)
    shop.scan(OPENID, at=AT + 2)

    assert shop.erase(at=AT + 3) == 1
    shop.reapply(at=AT + 3603)

    assert shop.kept() == (0, 0, 0)
    assert shop.persons_by_code() == shop.persons_in_scans() == {TAG: 1}
    assert shop.place.journal_sql("SELECT replacement FROM erasures") == [(None,)]
    assert (bytes(15) + b"\x01",) not in shop.place.journal_sql("SELECT identity FROM scans")


def test_a_scan_that_is_decided_after_the_erasure_counts_for_the_replacement(shop: Shop) -> None:
    one = scan(1, person=shop.pepper.person(OPENID), openid=OPENID)
    shop.journal.record(one, None, now=AT)

    assert shop.erase(at=AT + 1) == 1
    shop.journal.record(one, verdict(), now=AT + 5)

    assert shop.kept() == (0, 0, 0)
    assert shop.persons_by_code() == shop.persons_in_scans() == {TAG: 1}


def test_who_scans_again_after_an_erasure_is_a_new_person_and_can_be_erased_again(shop: Shop) -> None:
    shop.scan(OPENID, at=AT)
    shop.erase(at=AT + 1)
    shop.scan(OPENID, at=AT + 2)
    assert shop.persons_by_code() == {TAG: 2}
    shop.reapply(at=AT + 3601)

    assert shop.erase(at=AT + 3602) == 1

    assert shop.kept() == (0, 0, 0)
    assert shop.persons_by_code() == shop.persons_in_scans() == {TAG: 2}
    tally = shop.journal.tally(TAG)
    assert tally is not None
    assert (tally.scans, tally.persons) == (2, 2)


def test_erasing_somebody_who_never_scanned_concerns_nothing_and_is_remembered(shop: Shop) -> None:
    shop.scan(OTHER_OPENID)

    assert shop.erase() == 0

    assert shop.kept(OTHER_OPENID) == (1, 0, 1)
    assert len(read_erasures(shop.erasures)) == 1


def test_a_code_is_erased_although_its_scans_were_deleted(shop: Shop) -> None:
    shop.scan(OPENID, at=AT)
    shop.scan(OTHER_OPENID, at=AT + 9 * DAY)
    shop.journal.prune(before=AT + DAY)
    assert shop.kept() == (0, 0, 1)

    assert shop.erase(at=AT + 10 * DAY) == 0

    assert shop.kept() == (0, 0, 0)
    assert shop.persons_by_code() == {TAG: 2}


def test_scans_that_come_while_their_person_is_erased_break_nothing(shop: Shop) -> None:
    for tag in TAGS[:2]:
        shop.scan(OPENID, tag)

    def meanwhile(_what: str, _done: int, _total: int) -> None:
        for tag in TAGS:
            shop.scan(OPENID, tag, at=AT + DAY)

    assert shop.erase(at=AT + DAY, progress=meanwhile) == 2

    new, _, codes = shop.kept()
    assert new >= 4
    assert codes == 4
    assert shop.persons_by_code() == shop.persons_in_scans() == {TAGS[0]: 2, TAGS[1]: 2, TAGS[2]: 1, TAGS[3]: 1}
    assert shop.erase(at=AT + 2 * DAY) == new
    assert shop.kept() == (0, 0, 0)
    assert shop.persons_by_code() == shop.persons_in_scans()


def test_many_threads_scan_while_their_person_is_erased_again_and_again(shop: Shop, pepper: Pepper) -> None:
    person, started = pepper.person(OPENID), threading.Barrier(5)

    def bring(thread: int) -> None:
        started.wait()
        for number in range(15):
            one = scan(1000 * thread + number, person=person, openid=OPENID, received_at=AT + number)
            shop.journal.record(one, verdict(tag=TAGS[number % 4]), now=AT)

    with ThreadPoolExecutor(4) as threads:
        bringing = [threads.submit(bring, thread) for thread in range(4)]
        started.wait()
        while not all(each.done() for each in bringing):
            shop.erase(at=AT + DAY)
            shop.persons_by_code()
        for each in bringing:
            each.result()
    shop.erase(at=AT + 2 * DAY)

    assert shop.kept() == (0, 0, 0)
    assert shop.persons_by_code() == shop.persons_in_scans()
    assert shop.place.journal_sql("SELECT sum(scans) FROM tallies") == [(60,)]


@pytest.mark.parametrize("at_call", range(1, 4))
def test_an_erasure_that_was_cut_off_is_completed_by_the_next(shop: Shop, at_call: int) -> None:
    for tag in TAGS:
        shop.scan(OPENID, tag)
    shop.note(OPENID)
    before = shop.persons_by_code()
    calls = iter(range(1, 99))

    def kill(_what: str, _done: int, _total: int) -> None:
        if next(calls) == at_call:
            raise Killed

    with pytest.raises(Killed):
        shop.erase(progress=kill)
    shop.scan(OPENID, TAGS[0], at=AT + DAY)
    shop.erase(at=AT + 2 * DAY)

    assert shop.kept() == (0, 0, 0)
    shop.reapply(at=AT + 3 * DAY)
    assert shop.place.journal_sql("SELECT count(DISTINCT person) FROM scans") == [(1,)]
    assert shop.persons_by_code() == shop.persons_in_scans() == before
    assert shop.place.journal_sql("SELECT replacement FROM erasures") == [(None,)]


def test_an_erasure_that_was_cut_off_is_completed_by_applying_the_list(shop: Shop) -> None:
    shop.scan(OPENID)

    def kill(*_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        shop.erase(progress=kill)
    shop.reapply()

    assert shop.kept() == (0, 0, 0)
    assert shop.persons_by_code() == shop.persons_in_scans() == {TAG: 1}


def test_a_second_erasure_that_was_cut_off_does_not_wait_for_the_hour_of_the_first(shop: Shop) -> None:
    def kill(*_: object) -> None:
        raise Killed

    shop.scan(OPENID, at=AT)
    shop.erase(at=AT + 1)
    shop.scan(OPENID, at=AT + 2)
    shop.note(OPENID, at=AT + 2)
    with pytest.raises(Killed):
        shop.erase(at=AT + 3, progress=kill)
    assert shop.kept() == (0, 1, 0)
    shop.reapply(at=AT + 4)

    assert shop.kept() == (0, 0, 0)


def forget_that_erasures_were_done(place: Place) -> None:
    """Bring the journal's own list back to what an older backup has."""
    place.journal_sql("DELETE FROM erasures")


def test_what_a_restore_brings_back_is_erased_again(shop: Shop) -> None:
    shop.erase(at=AT + 10)
    shop.erase(OTHER_OPENID, at=AT + 10)
    forget_that_erasures_were_done(shop.place)
    for openid in (OPENID, OTHER_OPENID, "somebody-else"):
        shop.scan(openid, TAGS[0], at=AT)
        shop.note(openid, at=AT)

    assert shop.reapply() == 2

    assert shop.kept() == shop.kept(OTHER_OPENID) == (0, 0, 0)
    assert shop.kept("somebody-else") == (1, 1, 1)
    assert shop.persons_by_code() == shop.persons_in_scans() == {TAGS[0]: 3}
    assert shop.reapply() == 0


def test_what_came_after_an_erasure_is_not_erased_by_the_list(shop: Shop) -> None:
    shop.erase(at=AT + 10)
    forget_that_erasures_were_done(shop.place)
    shop.scan(OPENID, TAGS[0], at=AT)
    shop.scan(OPENID, TAGS[0], at=AT + 10)
    shop.scan(OPENID, TAGS[1], at=AT)
    shop.scan(OPENID, TAGS[2], at=AT + 20)
    shop.note(OPENID, at=AT)
    shop.note(OPENID, at=AT + 20)

    assert shop.reapply() == 2

    assert shop.kept() == (2, 1, 2)
    assert shop.persons_by_code() == shop.persons_in_scans() == {TAGS[0]: 2, TAGS[1]: 1, TAGS[2]: 1}


def test_a_list_that_is_done_is_not_walked_for(shop: Shop) -> None:
    shop.scan(OPENID)
    shop.erase(at=AT + 10)
    shop.erase(at=AT + 20)
    shop.scan(OPENID, at=AT + 30)
    shop.reapply()

    assert shop.reapply(progress=lambda *_: pytest.fail("it walked")) == 0
    assert shop.kept() == (1, 0, 1)


def test_the_newest_erasure_of_a_person_counts(shop: Shop) -> None:
    shop.erase(at=AT + 20)
    shop.erase(at=AT + 10)
    forget_that_erasures_were_done(shop.place)
    shop.scan(OPENID, at=AT + 15)

    assert shop.reapply() == 1
    assert shop.kept() == (0, 0, 0)


def test_the_list_leads_to_nobody_without_the_pepper(shop: Shop) -> None:
    shop.scan(OPENID)
    shop.erase(at=AT + 10)

    person = shop.pepper.person(OPENID)
    (erasure,) = read_erasures(shop.erasures)
    assert erasure == Erasure(mark=mark_of(person, pepper=shop.pepper), at=AT + 10)
    assert erasure.mark not in (person, person[::-1])
    assert mark_of(person, pepper=Pepper(secret=bytes(range(1, 33)))) != erasure.mark
    assert person.hex() not in shop.erasures.read_text()


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.ordeal) for seed in range(2, 6))])
def test_counts_stay_right_whatever_happens_in_whatever_order(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    openids, now = ["a", "b", "c"], AT

    def anything() -> None:
        nonlocal now
        now += 1
        given = None if chance.random() < 0.8 else verdict(Reason.VOID, CodeResult.FAKE, tag=chance.choice(TAGS))
        shop.scan(chance.choice(openids), chance.choice(TAGS), at=now, given=given)

    def disturb(*_: object) -> None:
        if chance.random() < 0.5:
            anything()
        if chance.random() < 0.1:
            raise Killed

    for _ in range(3 if shop.journal.waits else 12):  # where every statement is a journey, it would take seconds
        for _ in range(chance.randrange(6)):
            anything()
        try:
            shop.erase(chance.choice(openids), at=now, progress=disturb)
        except Killed:
            shop.persons_by_code()
            shop.reapply(at=now)
        assert shop.persons_by_code() == shop.persons_in_scans()
    for openid in openids:
        shop.erase(openid, at=now + 1)
        assert shop.kept(openid) == (0, 0, 0)
    assert shop.persons_by_code() == shop.persons_in_scans()
    assert shop.place.journal_sql("SELECT sum(scans) FROM tallies") == [(shop.scanned,)]


def test_many_persons_are_erased_in_one_walk(shop: Shop) -> None:
    for number in range(30):
        shop.scan(f"person-{number}", at=AT)
    walks: list[str] = []

    count = shop.journal.erase(
        [
            Pseudonym(person=shop.pepper.person(f"person-{number}"), replacement=bytes([number]) * 16, before=AT + 1)
            for number in range(29)
        ],
        now=AT + 1,
        progress=lambda what, _done, _total: walks.append(what),
    )

    assert count == 29
    assert walks.count("scans") == 1
    assert shop.persons_by_code() == shop.persons_in_scans() == {TAG: 30}


def test_what_is_kept_of_a_person_is_told(shop: Shop) -> None:
    shop.scan(OPENID, TAGS[0], at=AT)
    shop.scan(OPENID, TAGS[3], at=AT + 9 * DAY, need_anti_fake=True, source="shop")
    shop.scan(OPENID, at=AT + 9 * DAY, given=verdict_on_unknown(Reason.UNKNOWN_CODE, CodeResult.FAKE))
    shop.scan(OTHER_OPENID, TAGS[1])
    shop.note(OPENID, at=AT + 9 * DAY)
    shop.journal.prune(before=AT + DAY)

    first, second, event, counted = kept_of(shop.journal, shop.pepper.person(OPENID))

    chosen = ("kind", "number", "openid", "code", "needantifake", "source", "extinfo", "event", "fields")
    assert [[row[name] for name in chosen] for row in (first, second, event, counted)] == [
        ["scan", 2, OPENID, "03" * 10, True, "shop", None, None, None],
        ["scan", 3, OPENID, TAG.hex(), None, None, "6J5T9XQ2", None, None],
        ["event", 1, OPENID, TAG.hex(), None, None, None, "user_scan_product", {"city": "广州"}],
        ["counted", None, None, "00" * 10, None, None, None, None, None],
    ]
    assert list(kept_of(shop.journal, b"nobody" * 2)) == []


def test_an_event_is_read_as_it_was_noted(shop: Shop) -> None:
    shop.note(OPENID)

    assert list(shop.journal.events_of(shop.pepper.person(OPENID))) == [
        KeptEvent(
            number=1,
            received_at=AT,
            account="main",
            event="user_scan_product",
            key_standard="ean13",
            key_str="6900873042720",
            person=shop.pepper.person(OPENID),
            tag=TAG,
            fields={"city": "广州"},
            openid=OPENID,
        )
    ]


def test_all_persons_are_found(shop: Shop) -> None:
    shop.scan(OPENID, at=AT)
    shop.scan(OTHER_OPENID, at=AT + 9 * DAY)
    shop.journal.prune(before=AT + DAY)
    shop.note("a visitor", at=AT)
    shop.note(None)

    assert set(shop.journal.persons()) == {shop.pepper.person(openid) for openid in (OPENID, OTHER_OPENID, "a visitor")}


@pytest.mark.parametrize("dry_run", [True, False])
def test_scans_older_than_the_settings_allow_go_and_every_count_stays(shop: Shop, *, dry_run: bool) -> None:
    for days in (0, 1, 2, 3):
        shop.scan(OPENID, at=AT + days * DAY)
        shop.note(OPENID, at=AT + days * DAY)
    tally = shop.journal.tally(TAG)

    gone = retain(shop.journal, now=AT + 5 * DAY, keep_openid_days=99, keep_scans_days=3, dry_run=dry_run)

    assert gone == Retained(scans=2, events=2, openids=0)
    assert shop.kept() == ((4, 4, 1) if dry_run else (2, 2, 1))
    assert shop.journal.tally(TAG) == tally


def test_a_scan_that_is_as_old_as_allowed_stays(shop: Shop) -> None:
    for seconds in (0, 1, 2):
        shop.scan(OPENID, at=AT + seconds)

    retain(shop.journal, now=AT + 1 + DAY, keep_openid_days=1, keep_scans_days=1)

    assert [entry.number for entry in shop.journal.entries()] == [2, 3]


def test_scans_are_kept_for_ever_unless_the_settings_say_otherwise(shop: Shop) -> None:
    shop.scan(OPENID)

    gone = retain(shop.journal, now=AT + 9999 * DAY, keep_openid_days=9999, keep_scans_days=0)

    assert gone == Retained(scans=0, events=0, openids=0)
    assert shop.kept() == (1, 0, 1)


def test_who_scans_a_code_again_after_a_deletion_is_not_counted_twice(shop: Shop) -> None:
    shop.scan(OPENID, at=AT)
    assert shop.journal.prune(before=AT + DAY) == (1, 0)

    shop.scan(OPENID, at=AT + 9 * DAY)

    assert shop.journal.tally(TAG) == Tally(scans=2, persons=1, first_at=AT, last_at=AT + 9 * DAY)


def test_a_number_is_never_given_twice(shop: Shop) -> None:
    for _ in range(3):
        shop.scan(OPENID)
        shop.note(OPENID)
    assert shop.journal.prune(before=AT + DAY) == (3, 3)
    assert list(shop.journal.entries()) == []

    shop.scan(OPENID, at=AT + DAY)
    shop.note(OPENID, at=AT + DAY)
    recorded = shop.journal.record(scan(9, received_at=AT + DAY), verdict(), now=AT)

    assert [entry.number for entry in shop.journal.entries()] == [4, 5]
    assert recorded.entry.number == 5
    assert [event.number for event in shop.journal.events_of(shop.pepper.person(OPENID))] == [4]
    assert shop.journal.prune(before=AT + 9 * DAY) == (2, 1)
    shop.scan(OPENID, at=AT + 9 * DAY)
    assert [entry.number for entry in shop.journal.entries()] == [6]


def test_nothing_is_deleted_where_there_is_nothing(shop: Shop) -> None:
    assert retain(shop.journal, now=AT, keep_openid_days=0, keep_scans_days=1) == Retained(scans=0, events=0, openids=0)


@pytest.mark.parametrize(("days", "left"), [(0, []), (1, [3]), (2, [2, 3]), (3, [1, 2, 3])])
def test_openids_go_when_they_are_older_than_the_settings_allow(shop: Shop, days: int, left: list[int]) -> None:
    for ago in (3, 2, 1):
        shop.scan(OPENID, at=AT - ago * DAY)
        shop.note(OPENID, at=AT - ago * DAY)
    looked = retain(shop.journal, now=AT, keep_openid_days=days, keep_scans_days=0, dry_run=True)

    gone = retain(shop.journal, now=AT, keep_openid_days=days, keep_scans_days=0)

    assert looked == gone == Retained(scans=0, events=0, openids=2 * (3 - len(left)))
    assert [entry.number for entry in shop.journal.entries() if entry.openid] == left
    person = shop.pepper.person(OPENID)
    assert [event.number for event in shop.journal.events_of(person) if event.openid] == left
    assert shop.kept() == (3, 3, 1)


def test_openids_go_day_by_day(shop: Shop) -> None:
    left = []
    for day in range(5):
        shop.scan(OPENID, at=AT + day * DAY)
        retain(shop.journal, now=AT + day * DAY + 1, keep_openid_days=2, keep_scans_days=4)
        left.append([entry.number for entry in shop.journal.entries() if entry.openid])

    assert left == [[1], [1, 2], [2, 3], [3, 4], [4, 5]]
    assert [entry.number for entry in shop.journal.entries()] == [2, 3, 4, 5]


def test_a_clock_that_is_a_little_off_makes_nothing_live_on(shop: Shop) -> None:
    for seconds in (0, 200, 100, 300, 50):
        shop.scan(OPENID, at=AT + seconds)
    assert shop.journal.drop_openids(before=AT + 150) == 3
    assert [entry.number for entry in shop.journal.entries() if entry.openid] == [2, 4]

    assert shop.journal.prune(before=AT + 250) == (3, 0)
    # The newest row stays until there is a newer one.
    assert [entry.number for entry in shop.journal.entries()] == [4, 5]
    assert shop.journal.drop_openids(before=AT + 9 * DAY) == 1


def test_an_openid_is_kept_as_it_was_handed_over(shop: Shop) -> None:
    entry = shop.journal.record(scan(1, openid=OPENID), verdict(), now=AT).entry
    assert entry.openid == OPENID
    assert OPENID not in repr(entry)
    assert shop.journal.recall(scan(1).identity) == entry
    assert shop.journal.record(scan(2), verdict(), now=AT).entry == replace(entry, number=2, openid=None)
