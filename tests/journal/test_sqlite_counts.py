from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanhook.errors import StorageError
from scanhook.journal import erase_person, reapply_erasures
from scanhook.journal.sql_check import contradictions
from scanhook.journal.sqlite import SqliteJournal
from scanhook.storage import Pepper
from tests.journal.scans import AT, STRAY_TAG, TAG, scan, verdict

OPENIDS = [f"otAzGjrJVN21mpDF4ZWQiYZwdK{number:02}" for number in range(50)]


@pytest.fixture
def journal(tmp_path: Path, pepper: Pepper) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(tmp_path, pepper=pepper)
    yield opened
    opened.close()


def test_whoever_is_erased_after_a_reset_is_in_no_byte_of_the_file(
    journal: SqliteJournal, pepper: Pepper, tmp_path: Path
) -> None:
    persons = [pepper.person(openid) for openid in OPENIDS]
    journal.store_all([(scan(number, person=person), verdict()) for number, person in enumerate(persons)], now=AT)
    journal.reset_counts([TAG], who="ann", now=AT + 1)
    for openid in OPENIDS[:3]:
        erase_person(journal, openid, pepper=pepper, erasures=tmp_path / "erasures", now=AT + 2)
    reapply_erasures(journal, tmp_path / "erasures", pepper=pepper, now=AT + 7200)

    whole = b"".join(file.read_bytes() for file in tmp_path.glob("journal.db*"))
    assert [person in whole for person in persons[:3]] == [False, False, False]
    assert all(person in whole for person in persons[3:])


def test_the_journal_agrees_with_itself_after_a_reset_and_new_scans(journal: SqliteJournal) -> None:
    for number in range(4):
        journal.record(scan(number), verdict(), now=AT)
    journal.record(scan(4), None, now=AT)
    journal.reset_counts([TAG, STRAY_TAG], who="ann", now=AT + 1)
    journal.record(scan(4), verdict(), now=AT + 2)
    journal.record(scan(5), verdict(), now=AT + 3)

    assert list(contradictions(journal.database.connection, quick=False, tell=lambda _what, _done, _of: None)) == []


def test_a_reset_that_fails_leaves_the_counts_as_they_were(journal: SqliteJournal) -> None:
    journal.record(scan(1), verdict(), now=AT)
    before = journal.tally(TAG)
    journal.database.connection.execute(
        "CREATE TRIGGER full BEFORE DELETE ON counts WHEN OLD.person <> x'' "
        "BEGIN SELECT raise(ABORT, 'the disk is full'); END"
    )

    with pytest.raises(StorageError, match="the disk is full"):
        journal.reset_counts([TAG], who="ann", now=AT + 1)

    assert (journal.tally(TAG), journal.last_reset(TAG)) == (before, None)
    assert list(journal.codes_of(scan(1).person)) == [TAG]


def test_a_scan_asks_nothing_about_resets_while_it_is_stored(journal: SqliteJournal) -> None:
    asked: list[str] = []

    def trace(_cursor: object, statement: str, _bindings: object) -> bool:
        asked.append(statement)
        return True

    journal.database.connection.exec_trace = trace
    journal.reset_counts([TAG], who="ann", now=AT)
    del asked[:]

    journal.record(scan(1), verdict(), now=AT)

    assert asked
    assert not [statement for statement in asked if "resets" in statement]
