from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from scanhook.journal import Scan, Tally
from scanhook.journal.sqlite import SqliteJournal
from scanhook.verdict import Verdict
from tests.journal.scans import AT, TAG, noted, scan, verdict

PERSONS = [number.to_bytes(16, "big") for number in range(40)]
BEFORE = ("BEGIN IMMEDIATE", "SELECT name", "PRAGMA user_version")
PERSON = "INSERT INTO counts (tag, person) VALUES"
COUNTS = "INSERT INTO counts (tag, person, scans, persons, first_at, last_at) VALUES"


def statements(journal: SqliteJournal, scans: Sequence[tuple[Scan, Verdict | None]]) -> Counter[str]:
    """Store scans, and return what was run for them, by the beginnings of the statements."""
    return run_by(journal, lambda: journal.store_all(scans, now=AT).scans)


def run_by(journal: SqliteJournal, store: Callable[[], object]) -> Counter[str]:
    seen: Counter[str] = Counter()

    def trace(_cursor: object, statement: str, _bindings: object) -> bool:
        said = " ".join(statement.split())
        one_of_two = [beginning for beginning in (PERSON, COUNTS) if said.startswith(beginning)]
        seen[one_of_two[0] if one_of_two else " ".join(said.split()[:3]).split(",")[0]] += 1
        return True

    journal.database.connection.exec_trace = trace
    store()
    journal.database.connection.exec_trace = None
    return seen


def test_a_code_that_everybody_scans_has_its_counts_written_once_for_a_group(journal: SqliteJournal) -> None:
    everybody = [(scan(number, person=person), verdict()) for number, person in enumerate(PERSONS)]

    seen = statements(journal, everybody)

    assert seen[COUNTS] == 1
    assert seen[PERSON] == 40
    assert journal.tally(TAG) == Tally(scans=40, persons=40, first_at=AT, last_at=AT)


def test_who_scans_a_code_often_is_looked_for_once_for_a_group(journal: SqliteJournal) -> None:
    again = [(scan(number, person=PERSONS[number % 2]), verdict()) for number in range(20)]

    seen = statements(journal, again)

    assert (seen[PERSON], seen[COUNTS]) == (2, 1)
    assert journal.tally(TAG) == Tally(scans=20, persons=2, first_at=AT, last_at=AT)


GROUP = [number.to_bytes(16, "big") for number in range(64)]


@pytest.mark.parametrize("known", [False, True], ids=["new to it", "known to it"])
def test_a_group_that_scans_one_code_costs_fewer_statements_than_one_that_scans_as_many_codes(
    journal: SqliteJournal, *, known: bool
) -> None:
    tags = [bytes([number]) * 10 for number in range(64)]

    def scanned(first: int, *, by: Callable[[int], bytes]) -> list[tuple[Scan, Verdict | None]]:
        return [(scan(first + place, person=GROUP[place]), verdict(tag=by(place))) for place in range(64)]

    journal.record(scan(999), verdict(), now=AT)
    if known:
        journal.store_all(scanned(0, by=lambda _: TAG), now=AT)
        journal.store_all(scanned(64, by=tags.__getitem__), now=AT)
    one = statements(journal, scanned(128, by=lambda _: TAG))
    many = statements(journal, scanned(192, by=tags.__getitem__))

    assert (sum(one.values()), sum(many.values())) == (3 + 64 + 64 + 1 + 1, 3 + 64 + 64 + 64 + 1)
    assert (one[COUNTS], many[COUNTS]) == (1, 64)


def test_whether_the_file_is_ours_is_looked_once_for_a_group(journal: SqliteJournal) -> None:
    journal.record(scan(99), verdict(), now=AT)
    own = [(scan(number), verdict(tag=bytes([number]) * 10)) for number in range(30)]

    seen = statements(journal, own)

    assert [seen[statement] for statement in BEFORE] == [1, 1, 1]
    assert sum(seen.values()) == 3 + 3 * 30 + 1  # a commit behind them


def test_a_group_of_other_events_makes_one_transaction(journal: SqliteJournal) -> None:
    journal.store_all(events=[noted(99)], now=AT)

    seen = run_by(journal, lambda: journal.store_all(events=[noted(number) for number in range(30)], now=AT).events)

    assert [seen[statement] for statement in BEFORE] == [1, 1, 1]
    assert sum(seen.values()) == 3 + 30 + 1
    assert not run_by(journal, lambda: journal.store_all(events=[], now=AT).events)


def test_where_every_event_was_deleted_a_group_is_numbered_behind_them(journal: SqliteJournal) -> None:
    journal.database.connection.execute("INSERT INTO meta (name, value) VALUES ('last_of_events', 41)")

    assert journal.store_all(events=[noted(1), noted(2), noted(1), noted(3)], now=AT).events == [
        True,
        True,
        False,
        True,
    ]

    assert [event.number for event in journal.events("user_scan_product", after=0).events] == [42, 43, 44]


def test_scans_that_are_new_are_not_read_back(journal: SqliteJournal) -> None:
    journal.record(scan(99), verdict(), now=AT)

    seen = statements(journal, [(scan(number), verdict() if number % 2 else None) for number in range(10)])

    assert seen["SELECT id"] == 0
    assert statements(journal, [(scan(99), verdict()), (scan(5), verdict())])["SELECT id"] == 2


def test_counts_are_written_in_the_order_of_codes(journal: SqliteJournal) -> None:
    tags: list[bytes] = []

    def trace(_cursor: object, statement: str, bindings: object) -> bool:
        if " ".join(statement.split()).startswith(COUNTS) and isinstance(bindings, tuple):
            tags.append(bindings[0])
        return True

    journal.database.connection.exec_trace = trace
    journal.store_all([(scan(number), verdict(tag=bytes([number * 7 % 10]) * 10)) for number in range(10)], now=AT)

    assert tags == [bytes([number]) * 10 for number in range(10)]
