from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanhook.errors import PepperMismatch
from scanhook.journal import ANY_SCAN, Entry, JournalStore, Noted, Tally, Wanted, open_journal
from scanhook.message import CodeResult
from scanhook.registry import LookUp, Reason
from scanhook.storage import Pepper
from scanhook.verdict import Verdict
from tests.contract.engines import Place
from tests.journal.scans import AT, CODE, PERSON, STRAY_TAG, TAG, scan, verdict, verdict_on_unknown

THREADS = 32
PROCESSES = 4


@pytest.fixture
def journal(place: Place, pepper: Pepper) -> Iterator[JournalStore]:
    opened = open_journal(place.storage, pepper=pepper)
    yield opened
    opened.close()


def rows(journal: JournalStore) -> list[Entry]:
    return list(journal.entries())


def test_a_scan_is_kept_as_it_was_recorded(journal: JournalStore) -> None:
    recorded = journal.record(scan(), verdict(), now=AT + 0.5)

    assert recorded.entry == Entry(
        number=1,
        received_at=1_760_000_000.25,
        account="main",
        create_time=1_759_999_999,
        key_standard="ean13",
        key_str="6900873042720",
        person=b"\xaa" * 16,
        reason="active",
        code_result=CodeResult.REAL,
        verifier="registry",
        decided_at=1_760_000_000.75,
        tag=b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09",
        batch="B-7",
        position=42,
        ext_info=None,
    )
    assert recorded.entry.decided
    assert recorded.decided_now
    assert not recorded.repeated
    assert rows(journal) == [recorded.entry]
    assert journal.recall(scan().identity) == recorded.entry


def test_a_scan_that_never_came_is_not_recalled(journal: JournalStore) -> None:
    journal.record(scan(1), verdict(), now=AT)

    assert journal.recall(scan(2).identity) is None


def test_an_answer_without_a_verdict_is_recalled_too(journal: JournalStore) -> None:
    journal.record(scan(), verdict(Reason.NO_CODE, None), now=AT)

    recalled = journal.recall(scan().identity)

    assert recalled is not None
    assert recalled.decided
    assert (recalled.reason, recalled.code_result) == ("no_code", None)


@pytest.mark.parametrize("again", [verdict(Reason.VOID, CodeResult.FAKE), None], ids=["another verdict", "undecided"])
def test_the_first_verdict_stays(journal: JournalStore, again: Verdict | None) -> None:
    first = journal.record(scan(), verdict(), now=AT)

    repeat = journal.record(scan(received_at=AT + 5), again, now=AT + 5)

    assert repeat.entry == first.entry
    assert repeat.repeated
    assert not repeat.decided_now
    assert rows(journal) == [first.entry]
    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)


def test_an_undecided_scan_is_kept_and_not_counted(journal: JournalStore) -> None:
    recorded = journal.record(scan(), None, now=AT)

    entry = recorded.entry
    assert not entry.decided
    assert (entry.reason, entry.code_result, entry.verifier, entry.decided_at) == ("undecided", None, None, None)
    assert (entry.tag, entry.batch, entry.position, entry.ext_info) == (None, None, None, None)
    assert not recorded.decided_now
    assert not recorded.repeated
    assert rows(journal) == [entry]
    assert journal.recall(scan().identity) is None
    assert journal.tally(TAG) is None
    assert journal.tally(STRAY_TAG) is None


def test_the_first_real_verdict_completes_an_undecided_scan(journal: JournalStore) -> None:
    undecided = journal.record(scan(), None, now=AT).entry

    completed = journal.record(scan(), verdict(), now=AT + 5)

    assert completed.entry == replace(
        undecided,
        reason="active",
        code_result=CodeResult.REAL,
        verifier="registry",
        decided_at=AT + 5,
        tag=TAG,
        batch="B-7",
        position=42,
    )
    assert completed.repeated
    assert completed.decided_now
    assert journal.recall(scan().identity) == completed.entry
    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)


def test_an_undecided_scan_is_completed_only_once(journal: JournalStore) -> None:
    for given in (None, None):
        journal.record(scan(), given, now=AT)
    completed = journal.record(scan(), verdict(), now=AT + 5)

    late = journal.record(scan(), verdict(Reason.VOID, CodeResult.FAKE), now=AT + 6)

    assert late.entry == completed.entry
    assert not late.decided_now
    assert rows(journal) == [completed.entry]
    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)


def test_a_tally_has_the_time_that_the_journal_has(journal: JournalStore) -> None:
    journal.record(scan(received_at=AT), None, now=AT)
    journal.record(scan(received_at=AT + 5), verdict(), now=AT + 5)

    (entry,) = rows(journal)
    assert entry.received_at == AT
    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)


def test_scans_and_persons_are_counted_by_code(journal: JournalStore) -> None:
    others = b"\xbb" * 16
    for number, (seconds, person) in enumerate([(10, PERSON), (30, PERSON), (20, others)]):
        journal.record(scan(number, received_at=AT + seconds, person=person), verdict(), now=AT)
    journal.record(scan(9, received_at=AT + 99), verdict(tag=b"another tag"), now=AT)

    assert journal.tally(TAG) == Tally(scans=3, persons=2, first_at=AT + 10, last_at=AT + 30)
    assert journal.tally(b"another tag") == Tally(scans=1, persons=1, first_at=AT + 99, last_at=AT + 99)
    assert journal.tally(b"never seen") is None


def test_a_scan_that_is_decided_late_can_be_the_first_of_its_code(journal: JournalStore) -> None:
    journal.record(scan(1, received_at=AT + 30), verdict(), now=AT)
    journal.record(scan(2, received_at=AT + 10), verdict(), now=AT + 40)

    assert journal.tally(TAG) == Tally(scans=2, persons=1, first_at=AT + 10, last_at=AT + 30)


def test_a_code_of_no_known_product_is_counted_as_a_stray(journal: JournalStore) -> None:
    unknown = Verdict(code_result=None, reason=Reason.UNKNOWN_PRODUCT, verifier="registry", look_up=LookUp())

    entry = journal.record(scan(), unknown, now=AT).entry

    assert entry.tag == STRAY_TAG
    assert journal.tally(STRAY_TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)


@pytest.mark.parametrize("reason", Reason)
def test_the_plain_code_is_kept_only_where_nobody_knows_it(journal: JournalStore, reason: Reason) -> None:
    kept = CODE if reason in ("unknown_code", "unreadable") else None

    assert journal.record(scan(), verdict_on_unknown(reason, None), now=AT).entry.ext_info == kept
    assert rows(journal)[0].ext_info == kept


def test_the_plain_code_is_kept_too_where_the_verdict_came_later(journal: JournalStore) -> None:
    journal.record(scan(), None, now=AT)

    completed = journal.record(scan(), verdict_on_unknown(Reason.UNKNOWN_CODE, CodeResult.FAKE), now=AT)

    assert completed.entry.ext_info == CODE


@pytest.mark.parametrize("before", [None, verdict()], ids=["undecided before", "new"])
def test_a_scan_that_many_threads_bring_at_once_is_counted_once(journal: JournalStore, before: Verdict | None) -> None:
    if before is None:
        journal.record(scan(), None, now=AT)
    barrier = threading.Barrier(THREADS)

    def bring(number: int) -> tuple[str | None, bool]:
        barrier.wait()
        given = replace(verdict(), verifier=f"v{number}")
        recorded = journal.record(scan(), given, now=AT)
        return recorded.entry.verifier, recorded.decided_now

    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(bring, range(THREADS)))

    assert len({verifier for verifier, _ in answers}) == 1
    assert [decided for _, decided in answers].count(True) == 1
    assert len(rows(journal)) == 1
    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)


def test_a_code_that_many_threads_scan_at_once_is_counted_exactly(journal: JournalStore) -> None:
    barrier = threading.Barrier(THREADS)

    def bring(number: int) -> None:
        barrier.wait()
        journal.record(scan(number, person=bytes([number // 2]) * 16), verdict(), now=AT)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(bring, range(THREADS)))

    assert journal.tally(TAG) == Tally(scans=32, persons=16, first_at=AT, last_at=AT)
    assert [entry.number for entry in rows(journal)] == list(range(1, 33))


@pytest.mark.ordeal
def test_a_scan_that_many_processes_bring_at_once_is_counted_once(journal: JournalStore, place: Place) -> None:
    script = Path(__file__).with_name("many_writers.py")
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), place.url, str(THREADS // PROCESSES), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [line.split() for process in processes for line in process.communicate(timeout=30)[0].splitlines()]

    assert [process.returncode for process in processes] == [0] * PROCESSES
    assert len(told) == THREADS
    assert [decided_now for decided_now, _, _, _ in told].count("1") == 1
    assert [repeated for _, repeated, _, _ in told].count("0") == 1
    assert len({verifier for _, _, verifier, _ in told}) == 1
    assert {own for _, _, _, own in told} == {"1"}
    assert len(rows(journal)) == THREADS + 1
    assert journal.tally(bytes(10)) == Tally(scans=33, persons=33, first_at=1.0, last_at=1.0)


def noted(number: int = 1) -> Noted:
    return Noted(
        identity=number.to_bytes(16, "big"),
        received_at=AT,
        account="main",
        create_time=1_759_999_999,
        event="user_scan_product_async",
        key_standard="ean13",
        key_str="6900873042720",
        person=PERSON,
        tag=TAG,
        fields={"region_code": "440105", "city": "广州"},
    )


def test_another_event_is_kept_field_by_field(journal: JournalStore, place: Place) -> None:
    assert journal.store_all(events=[noted()], now=AT).events[0]
    assert journal.store_all(events=[replace(noted(2), person=None)], now=AT).events[0]

    kept = place.journal_sql(
        "SELECT received_at, account, create_time, event, key_standard, key_str, person, tag, fields FROM events "
        "ORDER BY id"
    )
    head = (1_760_000_000_250, "main", 1_759_999_999, "user_scan_product_async", "ean13", "6900873042720")
    fields = '{"region_code": "440105", "city": "广州"}'
    assert kept == [(*head, b"\xaa" * 16, TAG, fields), (*head, None, TAG, fields)]


def test_another_event_that_comes_again_is_kept_once(journal: JournalStore, place: Place) -> None:
    assert [
        journal.store_all(events=[noted()], now=AT).events[0],
        journal.store_all(events=[noted()], now=AT).events[0],
        journal.store_all(events=[noted(2)], now=AT).events[0],
    ] == [
        True,
        False,
        True,
    ]
    assert place.journal_sql("SELECT count(*) FROM events") == [(2,)]


def test_the_newest_scans_are_returned_in_their_order(journal: JournalStore) -> None:
    assert journal.tail(3) == []
    for number in range(5):
        journal.record(scan(number), verdict(), now=AT)

    assert [entry.number for entry in journal.tail(3)] == [3, 4, 5]
    assert [entry.number for entry in journal.tail(50)] == [1, 2, 3, 4, 5]


def test_scans_can_be_chosen_by_number_and_time(journal: JournalStore) -> None:
    for number in range(5):
        journal.record(scan(number, received_at=AT + number), verdict(), now=AT)

    assert [entry.number for entry in journal.entries(after=3)] == [4, 5]
    assert [entry.number for entry in journal.entries(since=AT + 1)] == [2, 3, 4, 5]
    assert [entry.number for entry in journal.entries(until=AT + 3)] == [1, 2, 3]
    assert [entry.number for entry in journal.entries(after=1, since=AT, until=AT + 4)] == [2, 3, 4]
    assert list(journal.entries(since=AT + 9)) == []
    assert list(journal.entries(until=0.0)) == []


def test_scans_can_be_recorded_while_others_are_read(journal: JournalStore) -> None:
    for number in range(3):
        journal.record(scan(number), verdict(), now=AT)
    reading = journal.entries()
    first = next(reading)

    journal.record(scan(9), verdict(), now=AT)

    assert first.number == 1
    assert [entry.number for entry in reading][:2] == [2, 3]
    assert len(rows(journal)) == 4


def test_it_tells_when_the_newest_scan_came(journal: JournalStore) -> None:
    assert journal.newest_at() is None
    journal.record(scan(1, received_at=AT + 7), verdict(), now=AT)
    journal.record(scan(2, received_at=AT + 3), verdict(), now=AT)

    assert journal.newest_at() == AT + 3


def test_the_newest_push_is_found_behind_questions_over_the_api(journal: JournalStore) -> None:
    journal.record(scan(1, source="call centre"), verdict(), now=AT)
    assert journal.newest_at(pushed=True) is None
    journal.record(scan(2, received_at=AT + 1), verdict(), now=AT)
    journal.record(scan(3, received_at=AT + 2, source="call centre"), verdict(), now=AT)
    assert (journal.newest_at(), journal.newest_at(pushed=True)) == (AT + 2, AT + 1)


def test_a_probe_leaves_no_scan(journal: JournalStore) -> None:
    journal.probe()
    journal.probe()

    assert rows(journal) == []


def test_a_probe_tells_that_the_pepper_was_exchanged(journal: JournalStore, place: Place) -> None:
    place.journal_sql("UPDATE meta SET value = '00000000' WHERE name = 'pepper_id'")
    place.journal_sql("UPDATE meta SET value = '1/00000000' WHERE name = 'journal'")

    with pytest.raises(PepperMismatch, match="put back the right one"):
        journal.probe()


def test_it_names_its_engine(journal: JournalStore, place: Place) -> None:
    assert place.engine.name in journal.describe().lower()


def test_everything_is_there_after_it_was_closed(journal: JournalStore, place: Place, pepper: Pepper) -> None:
    entry = journal.record(scan(), verdict(), now=AT).entry
    journal.close()

    again = open_journal(place.storage, pepper=pepper)
    assert again.recall(scan().identity) == entry
    assert again.tally(TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)
    again.close()


@pytest.mark.usefixtures("journal")
def test_another_pepper_cannot_open_it(place: Place) -> None:
    with pytest.raises(PepperMismatch):
        open_journal(place.storage, pepper=Pepper(secret=bytes(range(1, 33))))


def test_scans_that_are_recorded_together_are_kept_in_their_order(journal: JournalStore) -> None:
    recorded = journal.store_all([(scan(1), verdict()), (scan(2), None), (scan(3), verdict())], now=AT).scans

    assert [(one.entry.number, one.entry.reason) for one in recorded] == [
        (1, "active"),
        (2, "undecided"),
        (3, "active"),
    ]
    assert rows(journal) == [one.entry for one in recorded]


def test_a_push_that_comes_twice_together_is_one_scan_with_the_first_verdict(journal: JournalStore) -> None:
    first, second = journal.store_all(
        [(scan(), verdict()), (scan(), verdict(Reason.VOID, CodeResult.FAKE))], now=AT
    ).scans

    assert (first.repeated, second.repeated) == (False, True)
    assert (first.decided_now, second.decided_now) == (True, False)
    assert second.entry == first.entry
    assert rows(journal) == [first.entry]
    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)


def test_scans_that_are_recorded_together_are_numbered_as_they_came(journal: JournalStore) -> None:
    journal.record(scan(5), verdict(), now=AT)
    recorded = journal.store_all([(scan(number), verdict()) for number in (9, 5, 3, 7)], now=AT).scans

    numbers = [one.entry.number for one in recorded]
    assert numbers[1] == 1
    assert [numbers[0], numbers[2], numbers[3]] == sorted([numbers[0], numbers[2], numbers[3]])
    assert [one.repeated for one in recorded] == [False, True, False, False]
    assert [entry.number for entry in rows(journal)] == sorted(numbers)


@pytest.mark.parametrize("there", [True, False], ids=["there before", "new"])
def test_a_push_that_is_decided_together_with_its_undecided_self_is_counted_once(
    journal: JournalStore, *, there: bool
) -> None:
    if there:
        journal.record(scan(), None, now=AT)
    void = verdict(Reason.VOID, CodeResult.FAKE)
    recorded = journal.store_all(
        [(scan(), None), (scan(2), None), (scan(), verdict()), (scan(), void)], now=AT + 5
    ).scans

    assert [one.entry.reason for one in recorded] == ["undecided", "undecided", "active", "active"]
    assert [one.repeated for one in recorded] == [there, False, True, True]
    assert [one.decided_now for one in recorded] == [False, False, True, False]
    assert recorded[3].entry == recorded[2].entry == journal.recall(scan().identity)
    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)


def test_new_scans_and_repeats_of_one_code_that_come_together_are_counted_exactly(journal: JournalStore) -> None:
    others = b"\xbb" * 16
    journal.record(scan(1, received_at=AT + 9), verdict(), now=AT)
    journal.record(scan(2, received_at=AT - 9, person=others), None, now=AT)
    given = [scan(1), scan(2), scan(3, person=others), scan(4, received_at=AT + 1)]
    recorded = journal.store_all([(one, verdict()) for one in given], now=AT + 10).scans

    assert [one.decided_now for one in recorded] == [False, True, True, True]
    assert journal.tally(TAG) == Tally(scans=4, persons=2, first_at=AT - 9, last_at=AT + 9)
    assert {entry.number for entry in rows(journal)} == {one.entry.number for one in recorded}
    assert [recorded[place].entry for place in (0, 1)] == rows(journal)[:2]


@pytest.mark.parametrize("field", ["account", "key_standard", "key_str", "batch", "source"])
def test_nothing_is_found_by_what_no_text_can_hold(journal: JournalStore, field: str) -> None:
    journal.record(scan(), verdict(), now=AT)

    assert list(journal.entries(wanted=Wanted(**{field: "a\0b"}))) == []


def test_it_says_whether_it_may_wait_for_another_machine(journal: JournalStore, place: Place) -> None:
    assert journal.waits is (place.engine.name != "sqlite")


def test_of_scans_that_are_recorded_together_all_are_kept_or_none(journal: JournalStore) -> None:
    broken = replace(scan(2), key_str=object())  # type: ignore[arg-type]

    with pytest.raises(Exception, match="object"):
        journal.store_all([(scan(1), verdict()), (broken, verdict())], now=AT)

    assert rows(journal) == []
    assert journal.tally(TAG) is None


def stock(journal: JournalStore) -> None:
    """Record one scan a second that differ in what can be chosen by."""
    unknown = Verdict(code_result=None, reason=Reason.UNKNOWN_PRODUCT, verifier="registry", look_up=LookUp())
    given = [
        (scan(1), verdict()),
        (scan(2, source="call centre"), verdict()),
        (scan(3, key_str="6900000000017"), verdict(Reason.VOID, CodeResult.FAKE)),
        (scan(4, key_standard="qrcode"), verdict_on_unknown(Reason.UNKNOWN_CODE, CodeResult.FAKE)),
        (scan(5, account="second"), unknown),
        (scan(6), None),
        (scan(7), verdict(Reason.NOT_ACTIVE, CodeResult.NOT_ACTIVE)),
    ]
    journal.store_all(
        [(replace(one, received_at=AT + seconds), judged) for seconds, (one, judged) in enumerate(given)], now=AT
    )


CHOICES = [
    (ANY_SCAN, [1, 2, 3, 4, 5, 6, 7]),
    (Wanted(account="second"), [5]),
    (Wanted(key_standard="ean13"), [1, 2, 3, 5, 6, 7]),
    (Wanted(key_standard="ean13", key_str="6900873042720"), [1, 2, 5, 6, 7]),
    (Wanted(batch="B-7"), [1, 2, 3, 7]),
    (Wanted(reason="active"), [1, 2]),
    (Wanted(reason="undecided"), [6]),
    (Wanted(verdict="fake"), [3, 4]),
    (Wanted(verdict="success"), [5]),
    (Wanted(source="call centre"), [2]),
    (Wanted(batch="B-7", verdict="fake"), [3]),
    (Wanted(batch="B-7", verdict="fake", reason="active"), []),
]


@pytest.mark.parametrize(("wanted", "numbers"), CHOICES)
def test_scans_are_chosen_by_what_they_are(journal: JournalStore, wanted: Wanted, numbers: list[int]) -> None:
    stock(journal)

    assert [entry.number for entry in journal.entries(wanted=wanted)] == numbers
    assert [entry.number for entry in journal.tail(9, wanted=wanted)] == numbers
    assert [entry.number for entry in journal.tail(1, wanted=wanted)] == numbers[-1:]
    page = journal.entries_before(limit=9, wanted=wanted)
    assert [entry.number for entry in page.entries] == numbers[::-1]
    assert page.before is None
    assert sum(journal.counts(wanted=wanted).values()) == len(numbers)


@pytest.mark.parametrize("wrong", [{"reason": "nonsense"}, {"verdict": "genuine"}])
def test_nothing_can_be_wanted_that_there_cannot_be(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is one of"):
        Wanted(**wrong)


@pytest.mark.parametrize(("wanted", "numbers"), CHOICES)
def test_pages_go_back_in_time_and_hold_every_scan_once(
    journal: JournalStore, wanted: Wanted, numbers: list[int]
) -> None:
    stock(journal)

    def turned(limit: int) -> list[int]:
        found, before, pages = [], None, 0
        while before is not None or not pages:
            page = journal.entries_before(before, limit=limit, wanted=wanted)
            assert len(page.entries) <= limit
            found += [entry.number for entry in page.entries]
            before, pages = page.before, pages + 1
        return found

    limits = (1, 2, 3, 7, 8)
    assert {limit: turned(limit) for limit in limits} == dict.fromkeys(limits, numbers[::-1])


def test_scans_that_come_while_pages_are_turned_move_none(journal: JournalStore) -> None:
    for number in range(4):
        journal.record(scan(number), verdict(), now=AT)
    first = journal.entries_before(limit=2)

    journal.record(scan(9), verdict(), now=AT)
    second = journal.entries_before(first.before, limit=2)

    assert [entry.number for entry in (*first.entries, *second.entries)] == [4, 3, 2, 1]


def test_a_page_of_an_empty_journal_is_empty(journal: JournalStore) -> None:
    page = journal.entries_before(limit=5)

    assert (page.entries, page.before) == ((), None)
    assert journal.counts() == {}


def test_a_page_keeps_to_its_time(journal: JournalStore) -> None:
    stock(journal)

    page = journal.entries_before(limit=9, since=AT + 1, until=AT + 4)

    assert [entry.number for entry in page.entries] == [4, 3, 2]


def test_scans_are_counted_by_reason_and_verdict(journal: JournalStore) -> None:
    stock(journal)

    assert journal.counts() == {
        ("active", CodeResult.REAL): 2,
        ("void", CodeResult.FAKE): 1,
        ("unknown_code", CodeResult.FAKE): 1,
        ("unknown_product", None): 1,
        ("undecided", None): 1,
        ("not_active", CodeResult.NOT_ACTIVE): 1,
    }


@pytest.mark.parametrize(
    ("since", "until", "count"),
    [(None, None, 7), (0, None, 7), (1, None, 6), (None, 3, 3), (2, 5, 3), (5, 2, 0), (7, None, 0), (None, 0, 0)],
)
def test_scans_are_counted_from_one_time_to_another(
    journal: JournalStore, since: int | None, until: int | None, count: int
) -> None:
    stock(journal)
    start, end = (None if seconds is None else AT + seconds for seconds in (since, until))

    assert sum(journal.counts(since=start, until=end).values()) == count
    assert len(list(journal.entries(since=start, until=end))) == count


def test_a_time_finds_scans_that_came_hours_apart_and_a_little_out_of_order(journal: JournalStore) -> None:
    seconds = [3600 * (number // 3) + (0, 290, -290)[number % 3] for number in range(60)]
    journal.store_all([(scan(number, received_at=AT + at), verdict()) for number, at in enumerate(seconds)], now=AT)

    for hour in range(-1, 22, 7 if journal.waits else 1):
        for offset in (-290, 0, 1, 290, 291):
            since, until = AT + 3600 * hour + offset, AT + 3600 * (hour + 2) - offset
            right = [number for number, at in enumerate(seconds, 1) if since <= AT + at < until]
            assert [entry.number for entry in journal.entries(since=since, until=until)] == right
            assert sum(journal.counts(since=since, until=until).values()) == len(right)


@pytest.mark.parametrize(
    "changed",
    [{"account": "other"}, {"key_standard": "qrcode"}, {"key_str": "other"}, {"stray_tag": b"\xef" * 10}],
    ids=lambda changed: next(iter(changed)),
)
def test_an_id_that_is_given_twice_completes_no_other_question(journal: JournalStore, changed: dict[str, Any]) -> None:
    first = journal.record(scan(1, source="call centre"), None, now=AT).entry

    other = journal.record(scan(1, source="call centre", **changed), verdict(), now=AT)

    assert (other.repeated, other.decided_now, other.entry) == (True, False, first)
    assert (first.decided, first.asked) == (False, STRAY_TAG)
    assert journal.tally(TAG) is None
    completed = journal.record(scan(1, source="call centre"), verdict(), now=AT)
    assert (completed.decided_now, completed.entry.asked) == (True, STRAY_TAG)


def test_who_asked_and_what_the_push_said_are_kept(journal: JournalStore) -> None:
    pushed = journal.record(scan(1, need_anti_fake=False), verdict(), now=AT).entry
    asked = journal.record(scan(2, source="call centre"), verdict(), now=AT).entry

    assert (pushed.source, pushed.need_anti_fake) == (None, False)
    assert (asked.source, asked.need_anti_fake) == ("call centre", None)
    assert (pushed.asked, asked.asked) == (None, STRAY_TAG)
    assert rows(journal) == [pushed, asked]
    assert journal.recall(scan(1).identity) == pushed
