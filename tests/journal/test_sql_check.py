from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanhook.journal.sql_check import contradictions
from scanhook.storage import Pepper, SqliteConnection, upgrade
from tests.journal.writable import make_writable
from tests.storage.old import make_old_storage


@pytest.fixture
def journal(tmp_path: Path, pepper: Pepper) -> Iterator[SqliteConnection]:
    """Return a journal with two scans of one code by two persons."""
    make_old_storage(tmp_path / "data", pepper)
    upgrade(tmp_path / "data" / "journal.db", package="scanhook.journal")
    connection = SqliteConnection(str(tmp_path / "data" / "journal.db"))
    make_writable(connection)
    yield connection
    connection.close()


def found(journal: SqliteConnection, *, quick: bool = False) -> list[str]:
    return list(contradictions(journal, quick=quick, tell=lambda _what, _done, _of: None))


def test_a_good_journal_agrees_with_itself(journal: SqliteConnection) -> None:
    journal.execute(
        "INSERT INTO scans (identity, received_at, account, create_time, key_standard, key_str, person, reason) "
        "VALUES (x'aa', 1, 'main', 1, 'a', 'b', x'bb', 'undecided')"
    )

    assert found(journal) == []


def test_an_empty_journal_agrees_with_itself(journal: SqliteConnection) -> None:
    for table in ("scans", "tallies", "scanners"):
        journal.execute(f"DELETE FROM {table}")

    assert found(journal) == []


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE tallies SET persons = 3", "codes whose tally has other persons than scanned them: 1"),
        ("INSERT INTO scanners VALUES (x'00', x'01')", "persons who scanned codes without a tally: 1"),
        ("UPDATE tallies SET scans = 1", "codes whose tally has other scans than there are: 1"),
        ("UPDATE tallies SET scans = 3", "codes whose tally has other scans than there are: 1"),
        ("INSERT INTO tallies VALUES (x'00', 1, 0, 1, 1)", "codes with a tally and without a scan: 1"),
    ],
)
def test_counts_that_are_wrong_are_told_unless_it_must_be_quick(
    journal: SqliteConnection, statement: str, what: str
) -> None:
    journal.execute(statement)

    assert found(journal) == [what]
    assert found(journal, quick=True) == []


def test_where_old_scans_were_deleted_a_tally_may_say_more(journal: SqliteConnection) -> None:
    journal.execute("DELETE FROM scans WHERE id = 1")
    assert found(journal) == []

    journal.execute("UPDATE tallies SET scans = 0")
    assert found(journal) == ["codes whose tally has other scans than there are: 1"]


def test_scans_before_the_counts_began_anew_are_left_out(journal: SqliteConnection) -> None:
    journal.execute("INSERT INTO resets SELECT tag, 1, 9, 'ann', '', 1, 1, 1, 8, 8 FROM tallies")
    assert found(journal) == ["codes whose tally has other scans than there are: 1"]

    journal.execute("UPDATE tallies SET scans = 1")
    assert found(journal) == []

    journal.execute("UPDATE resets SET through = 2")
    assert found(journal) == ["codes with a tally and without a scan: 1"]

    journal.execute("DELETE FROM tallies")
    journal.execute("DELETE FROM scanners")
    assert found(journal) == []


def test_where_all_scans_were_deleted_their_tallies_stay(journal: SqliteConnection) -> None:
    journal.execute("DELETE FROM scans")

    assert found(journal) == []
