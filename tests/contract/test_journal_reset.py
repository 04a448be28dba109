"""What every journal does when the counts of a code are to begin anew."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scanhook.journal import JournalStore, Reset, Tally, erase_person, open_journal, reapply_erasures
from scanhook.registry import LookUp, Reason
from scanhook.storage import Pepper
from scanhook.verdict import Verdict
from tests.contract.engines import Place
from tests.journal.scans import AT, PERSON, STRAY_TAG, TAG, scan, verdict

OTHER = b"\xbb" * 16
OTHER_TAG = b"\x77" * 10
OPENID = "otAzGjrJVN21mpDF4ZWQiYZwdK0Y"
DAY = 86_400.0
RESET_AT = AT + 60
AFTER = AT + 120


@pytest.fixture
def journal(place: Place, pepper: Pepper) -> Iterator[JournalStore]:
    opened = open_journal(place.storage, pepper=pepper)
    yield opened
    opened.close()


def reset(journal: JournalStore, *tags: bytes, now: float = RESET_AT) -> list[Tally | None]:
    return [one.was for one in journal.reset_counts(tags or (TAG,), who="ann", why="sold again", now=now)]


def count(journal: JournalStore, number: int, person: bytes = PERSON, *, at: float = AT, tag: bytes = TAG) -> None:
    journal.record(scan(number, person=person, received_at=at), verdict(tag=tag), now=at)


def sums_hold(place: Place) -> bool:
    """Tell whether the persons of every code are those who are counted, and no scan is counted too often."""
    persons = place.journal_sql(
        "SELECT count(*) FROM tallies AS t WHERE persons <> (SELECT count(*) FROM scanners AS s WHERE s.tag = t.tag)"
    )
    strangers = place.journal_sql("SELECT count(*) FROM scanners WHERE tag NOT IN (SELECT tag FROM tallies)")
    crowds = place.journal_sql("SELECT count(*) FROM tallies WHERE persons > scans")
    return persons == strangers == crowds == [(0,)]


def test_the_counts_begin_anew_and_what_there_was_is_told(journal: JournalStore, place: Place) -> None:
    count(journal, 1)
    count(journal, 2, at=AT + 5)
    count(journal, 3, OTHER, at=AT + 9)

    assert reset(journal) == [Tally(scans=3, persons=2, first_at=AT, last_at=AT + 9)]

    assert journal.tally(TAG) is None
    count(journal, 4, at=AFTER)
    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AFTER, last_at=AFTER)
    assert sums_hold(place)


def test_the_scans_stay(journal: JournalStore) -> None:
    count(journal, 1)
    before = journal.tail(10)

    reset(journal)

    assert journal.tail(10) == before
    assert journal.recall((1).to_bytes(16, "big")) == before[0]
    assert journal.counts() == {("active", "real"): 1}
    assert list(journal.scans_of(PERSON)) == before
    assert list(journal.codes_of(PERSON)) == []


def test_the_counts_of_other_codes_stay(journal: JournalStore) -> None:
    count(journal, 1)
    count(journal, 2, tag=OTHER_TAG)

    reset(journal)

    assert (journal.tally(OTHER_TAG), journal.last_reset(OTHER_TAG)) == (
        Tally(scans=1, persons=1, first_at=AT, last_at=AT),
        None,
    )


def test_both_tags_of_a_code_begin_anew_at_once(journal: JournalStore) -> None:
    unknown = Verdict(code_result=None, reason=Reason.ACTIVE, verifier="https", look_up=LookUp())
    journal.record(scan(1), unknown, now=AT)
    count(journal, 2, at=AT + 1)

    assert reset(journal, TAG, STRAY_TAG, OTHER_TAG) == [
        Tally(scans=1, persons=1, first_at=AT + 1, last_at=AT + 1),
        Tally(scans=1, persons=1, first_at=AT, last_at=AT),
        None,
    ]
    assert (journal.tally(TAG), journal.tally(STRAY_TAG)) == (None, None)


def test_it_is_kept_who_did_it_and_what_there_was(journal: JournalStore, place: Place, pepper: Pepper) -> None:
    count(journal, 1)
    assert journal.last_reset(TAG) is None
    reset(journal)
    count(journal, 2, at=AFTER)
    count(journal, 3, at=AFTER)
    journal.reset_counts([TAG], who="ben", now=AFTER + 1)
    journal.close()

    again = open_journal(place.storage, pepper=pepper)
    assert again.last_reset(TAG) == Reset(
        at=AFTER + 1, who="ben", why="", was=Tally(scans=2, persons=1, first_at=AFTER, last_at=AFTER)
    )
    again.close()


def test_a_code_that_was_never_scanned_is_noted_too(journal: JournalStore) -> None:
    assert reset(journal) == [None]
    assert journal.last_reset(TAG) == Reset(at=RESET_AT, who="ann", why="sold again", was=None)


def test_two_resets_of_one_moment_are_two(journal: JournalStore) -> None:
    count(journal, 1)
    reset(journal)
    assert reset(journal) == [None]
    assert journal.last_reset(TAG) == Reset(at=RESET_AT, who="ann", why="sold again", was=None)


def test_a_repeat_of_an_old_push_is_not_counted(journal: JournalStore) -> None:
    count(journal, 1)
    reset(journal)

    repeated = journal.record(scan(1), verdict(), now=AFTER)

    assert (repeated.repeated, repeated.decided_now) == (True, False)
    assert journal.tally(TAG) is None


def test_an_old_scan_that_is_decided_afterwards_gets_its_verdict_and_is_not_counted(
    journal: JournalStore, place: Place
) -> None:
    journal.record(scan(1), None, now=AT)
    reset(journal)
    journal.record(scan(2, person=OTHER, received_at=AFTER), None, now=AFTER)

    late, new = journal.store_all(
        [(scan(1), verdict()), (scan(2, person=OTHER, received_at=AFTER), verdict())], now=AFTER + 1
    ).scans

    assert (late.decided_now, late.entry.decided, new.decided_now) == (True, True, True)
    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AFTER, last_at=AFTER)
    assert sums_hold(place)


def test_who_scanned_it_just_now_is_still_found(journal: JournalStore) -> None:
    count(journal, 1)
    reset(journal)

    found = journal.sighting(PERSON, [STRAY_TAG, TAG], since=AT - 1200)
    assert found
    assert found.entry.number == 1
    assert journal.sighting(OTHER, [TAG], since=AT - 1200) is None
    assert journal.sighting(PERSON, [TAG], since=AT + 1) is None
    count(journal, 2, OTHER, at=AFTER)
    assert journal.sighting(PERSON, [TAG], since=AT) == found


def test_who_was_answered_only_after_the_reset_is_found(journal: JournalStore) -> None:
    journal.record(scan(1), None, now=AT)
    reset(journal)
    journal.record(scan(1), verdict(), now=AFTER)

    assert journal.sighting(PERSON, [TAG], since=AT - 1200) is not None


def test_an_erasure_leaves_new_counts_as_they_are(
    journal: JournalStore, place: Place, pepper: Pepper, tmp_path: Path
) -> None:
    person = pepper.person(OPENID)
    count(journal, 1, person)
    count(journal, 2, OTHER)
    reset(journal)
    count(journal, 3, person, at=AFTER)

    assert erase_person(journal, OPENID, pepper=pepper, erasures=tmp_path / "erasures", now=AFTER + DAY) == 2

    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AFTER, last_at=AFTER)
    assert list(journal.codes_of(person)) == []
    assert sums_hold(place)


def test_who_was_erased_and_scans_again_is_not_counted_for_what_lies_before_the_reset(
    journal: JournalStore, place: Place, pepper: Pepper, tmp_path: Path
) -> None:
    person, erasures = pepper.person(OPENID), tmp_path / "erasures"
    count(journal, 1, person)
    reset(journal)
    count(journal, 2, person, at=AFTER + DAY)

    # A restored journal: the erasure lies between both scans.
    assert erase_person(journal, OPENID, pepper=pepper, erasures=erasures, now=AFTER) == 1
    reapply_erasures(journal, erasures, pepper=pepper, now=AFTER + 2 * DAY)

    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AFTER + DAY, last_at=AFTER + DAY)
    assert list(journal.codes_of(person)) == [TAG]
    assert sums_hold(place)


def test_after_all_scans_were_deleted_a_new_one_counts(journal: JournalStore) -> None:
    count(journal, 1)
    count(journal, 2)
    journal.prune(before=AT + DAY)
    assert reset(journal) == [Tally(scans=2, persons=1, first_at=AT, last_at=AT)]

    journal.record(scan(3, received_at=AFTER), None, now=AFTER)
    journal.record(scan(3, received_at=AFTER), verdict(), now=AFTER)

    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AFTER, last_at=AFTER)


def test_scans_that_are_deleted_after_the_reset_change_no_count(journal: JournalStore, place: Place) -> None:
    count(journal, 1)
    reset(journal)
    count(journal, 2, at=AFTER + DAY)

    assert journal.prune(before=AFTER) == (1, 0)

    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AFTER + DAY, last_at=AFTER + DAY)
    assert sums_hold(place)


def test_scans_that_come_at_the_same_time_count_either_before_or_after(journal: JournalStore, place: Place) -> None:
    def scan_many(first: int) -> None:
        for number in range(first, first + 40):
            person = bytes([number % 5]) * 16
            journal.store_all([(scan(number, person=person), verdict())], now=AT)

    with ThreadPoolExecutor(4) as threads:
        scanning = [threads.submit(scan_many, first) for first in (0, 100, 200)]
        resets = [threads.submit(reset, journal).result()[0] for _ in range(5)]
        for each in scanning:
            each.result()

    last = journal.tally(TAG)
    assert sum(each.scans for each in (*resets, last) if each) == 120
    assert sums_hold(place)


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.ordeal) for seed in range(3, 8))])
def test_whatever_happens_only_what_came_after_the_last_reset_is_counted(
    journal: JournalStore, place: Place, seed: int
) -> None:
    chance = random.Random(seed)
    tags, persons = [TAG, OTHER_TAG], [PERSON, OTHER, b"\xcc" * 16]
    stored: dict[int, tuple[bytes, bytes, bool]] = {}
    decided: set[int] = set()
    for step in range(60):
        at, tag = AT + step, chance.choice(tags)
        if chance.random() < 0.08:
            journal.reset_counts([tag], who="ann", now=at)
            stored = {number: (of, person, counts and of != tag) for number, (of, person, counts) in stored.items()}
            continue
        number = chance.randrange(40)
        of, person, _ = stored.setdefault(number, (tag, chance.choice(persons), True))
        answer = None if chance.random() < 0.3 else verdict(tag=of)
        journal.record(scan(number, person=person, received_at=at), answer, now=at)
        decided |= {number} if answer else set()

    for tag in tags:
        counted = [stored[number][1] for number in decided if stored[number][0] == tag and stored[number][2]]
        tally = journal.tally(tag)
        found = (tally.scans, tally.persons) if tally else (0, 0)
        assert found == (len(counted), len(set(counted)))
    assert sums_hold(place)
