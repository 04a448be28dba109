from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from scanhook.journal import sql_reading
from scanhook.journal.sqlite import SqliteJournal
from scanhook.storage import Pepper
from tests.journal.scans import AT, PERSON, TAG, scan, verdict

OTHER = b"\xbb" * 16
OTHER_TAG = b"\x77" * 10
LOOKED_ROWS = 5


@pytest.fixture
def journal(
    tmp_path: Path, empty_storage: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SqliteJournal]:
    monkeypatch.setattr(sql_reading, "_LOOKED_ROWS_MAX", LOOKED_ROWS)
    opened = SqliteJournal(Path(copytree(empty_storage, tmp_path / "data")), pepper=pepper)
    yield opened
    opened.close()


def add(journal: SqliteJournal, number: int, *, person: bytes = OTHER, tag: bytes = OTHER_TAG) -> None:
    """Record a scan, ten seconds after the one before."""
    at = AT + 10 * number
    journal.record(scan(number, person=person, received_at=at), verdict(tag=tag), now=at)


def seen(journal: SqliteJournal) -> int | None:
    found = journal.sighting(PERSON, [TAG], since=AT)
    return found.entry.number if found else None


def test_whoever_scanned_a_code_last_is_found_behind_any_number_of_other_scans(journal: SqliteJournal) -> None:
    add(journal, 1, person=PERSON, tag=TAG)
    for number in range(2, 50):
        add(journal, number)
    assert seen(journal) == 1


@pytest.mark.parametrize(("behind", "found"), [(LOOKED_ROWS - 2, 1), (LOOKED_ROWS - 1, None)])
def test_where_others_scanned_it_later_only_the_newest_scans_are_looked_through(
    journal: SqliteJournal, behind: int, found: int | None
) -> None:
    add(journal, 1, person=PERSON, tag=TAG)
    add(journal, 2, tag=TAG)
    for number in range(3, 3 + behind):
        add(journal, number)
    assert seen(journal) == found


def test_a_crowd_in_the_same_second_is_not_looked_through_either(journal: SqliteJournal) -> None:
    for number in range(1, 20):
        crowd = scan(number, person=PERSON if number == 1 else OTHER, received_at=AT)
        journal.record(crowd, verdict(), now=AT)
    assert seen(journal) is None
