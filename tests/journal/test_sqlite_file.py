"""The one table that has what is counted of a code, and who has scanned it: how it is come to, and how it is read."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import apsw
import pytest

from scanhook.journal import Tally, erase_person, reapply_erasures
from scanhook.journal.sql_check import contradictions
from scanhook.journal.sqlite import SqliteJournal
from scanhook.storage import Pepper, StorageUrl, rows_of, schema_of
from scanhook.storage.upgrading import upgrade_storage
from tests.conftest import OPENID
from tests.journal.scans import AT, PERSON, TAG, scan, verdict

OTHER = b"\xbb" * 16
_SCANNED = 1500
_READ = (
    "SELECT tag, scans, persons, first_at, last_at FROM tallies ORDER BY tag",
    "SELECT tag, person FROM scanners ORDER BY tag, person",
)


def _persons(pepper: Pepper) -> list[bytes]:
    return [pepper.person(name) for name in (OPENID, *"abcdefghijklmnopqrstuvwxyz")]


@pytest.fixture
def before(folder: Path, pepper: Pepper) -> Path:
    """Return the folder of a storage whose journal is of the version before, and was scanned in for long."""
    path = folder / "journal.db"
    path.unlink()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA secure_delete=fast")
    for script in schema_of("scanhook.journal")[:2]:
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('pepper_id', ?), ('pepper_check', ?)", (pepper.id, pepper.check))
    connection.pragma("user_version", 2)
    _live(connection, random.Random(5), _persons(pepper))
    connection.close()
    return folder


def _live(connection: apsw.Connection, chance: random.Random, persons: list[bytes]) -> None:
    tags = [chance.randbytes(10) for _ in range(90)]
    seen: dict[bytes, list[bytes]] = defaultdict(list)
    with connection:
        for number in range(1, _SCANNED + 1):
            tag, person, at = chance.choice(tags), chance.choice(persons), 1000 * number
            seen[tag].append(person)
            connection.execute(
                "INSERT INTO scans (id, identity, received_at, account, create_time, key_standard, key_str, person, "
                "reason, verdict, tag) VALUES (?, ?, ?, 'main', 1, 'ean13', 'x', ?, 'active', 'real', ?)",
                (number, number.to_bytes(16, "big"), at, person, tag),
            )
            connection.execute("INSERT INTO scanners VALUES (?, ?) ON CONFLICT DO NOTHING", (tag, person))
            connection.execute(
                "INSERT INTO tallies VALUES (?1, 1, 1, ?2, ?2) ON CONFLICT (tag) DO UPDATE SET scans = scans + 1, "
                "persons = ?3, last_at = ?2",
                (tag, at, len(set(seen[tag]))),
            )


def _upgraded(folder: Path, pepper: Pepper) -> None:
    upgrade_storage(StorageUrl(engine="sqlite", folder=folder), pepper=pepper)


def _read(folder: Path) -> list[list[tuple[Any, ...]]]:
    connection = apsw.Connection(str(folder / "journal.db"))
    try:
        return [rows_of(connection, statement) for statement in _READ]
    finally:
        connection.close()


def test_after_the_upgrade_all_counts_are_as_before(before: Path, pepper: Pepper) -> None:
    tallies, scanners = _read(before)
    assert (len(tallies), sum(scans for _, scans, *_ in tallies)) == (90, _SCANNED)

    _upgraded(before, pepper)

    assert _read(before) == [tallies, scanners]
    journal = SqliteJournal(before, pepper=pepper)
    connection = journal.database.connection
    assert list(contradictions(connection, quick=False, tell=lambda *_: None)) == []
    assert rows_of(connection, "SELECT count(*) FROM counts") == [(len(tallies) + len(scanners),)]
    tag, scans, persons, first_at, last_at = tallies[7]
    assert journal.tally(tag) == Tally(scans=scans, persons=persons, first_at=first_at / 1000, last_at=last_at / 1000)
    journal.record(scan(_SCANNED + 1, person=OTHER), verdict(tag=tag), now=AT)
    assert journal.tally(tag) == Tally(scans=scans + 1, persons=persons + 1, first_at=first_at / 1000, last_at=AT)
    journal.close()


def test_the_upgrade_leaves_no_copy_of_who_has_scanned_what(before: Path, pepper: Pepper) -> None:
    _, scanners = _read(before)

    _upgraded(before, pepper)

    whole = b"".join(path.read_bytes() for path in before.glob("journal.db*"))
    assert {whole.count(tag + person) for tag, person in scanners} == {1}


def test_whoever_is_erased_after_the_upgrade_is_in_no_byte_of_the_file(before: Path, pepper: Pepper) -> None:
    person = pepper.person(OPENID)
    _upgraded(before, pepper)
    journal = SqliteJournal(before, pepper=pepper)
    assert len(list(journal.codes_of(person))) > 3

    erase_person(journal, OPENID, pepper=pepper, erasures=before / "erasures", now=AT)
    reapply_erasures(journal, before / "erasures", pepper=pepper, now=AT + 7200)

    whole = b"".join(path.read_bytes() for path in before.glob("journal.db*"))
    assert (person in whole, PERSON in whole, pepper.person("c") in whole) == (False, False, True)
    assert list(contradictions(journal.database.connection, quick=False, tell=lambda *_: None)) == []
    journal.close()


def test_an_upgrade_that_fails_leaves_both_tables_as_they_were(
    before: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = _read(before)
    scripts = [
        *schema_of("scanhook.journal")[:2],
        schema_of("scanhook.journal")[2] + "INSERT INTO nowhere VALUES (1);\n",
    ]
    with monkeypatch.context() as patch:
        patch.setattr("scanhook.storage.sqlite.schema_of", lambda _package: scripts)
        with pytest.raises(Exception, match="no such table: nowhere"):
            _upgraded(before, pepper)

    assert _read(before) == counted
    _upgraded(before, pepper)
    assert _read(before) == counted


def test_the_row_of_a_code_is_no_person(journal: SqliteJournal, folder: Path, pepper: Pepper) -> None:
    journal.store_all([(scan(1), verdict()), (scan(2, person=OTHER), verdict())], now=AT)
    connection = journal.database.connection
    counts = "SELECT tag, person, scans, persons FROM counts ORDER BY tag, person"
    assert rows_of(connection, counts) == [(TAG, b"", 2, 2), (TAG, PERSON, 0, 0), (TAG, OTHER, 0, 0)]
    journal.prune(before=AT + 1)  # so that nothing but this table knows them

    assert sorted(journal.persons()) == [PERSON, OTHER]
    assert (list(journal.codes_of(b"")), list(journal.codes_of(OTHER))) == ([], [TAG])
    assert rows_of(connection, "SELECT * FROM scanners") == [(TAG, PERSON), (TAG, OTHER)]
    assert [len(row) for row in rows_of(connection, "SELECT * FROM tallies")] == [5]
    for person in (PERSON, OTHER):
        journal.record(scan(5 + person[0], person=person), verdict(), now=AT)
    erase_person(journal, OPENID, pepper=pepper, erasures=folder / "erasures", now=AT + 1)
    journal.reset_counts([TAG], who="ann", now=AT + 2)
    assert rows_of(connection, counts) == []


def test_nothing_is_counted_without_its_numbers(journal: SqliteJournal) -> None:
    connection = journal.database.connection
    for column in ("tag", "person", "scans", "persons", "first_at", "last_at"):
        columns = {"tag": TAG, "person": PERSON, column: None}
        with pytest.raises(apsw.ConstraintError, match=f"NOT NULL constraint failed: counts.{column}"):
            connection.execute(
                f"INSERT INTO counts ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
                (*columns.values(),),
            )


def test_rows_are_found_by_the_key_of_the_table_whoever_reads_or_writes(
    journal: SqliteJournal, folder: Path, pepper: Pepper
) -> None:
    connection, other = journal.database.connection, apsw.Connection(str(journal.database.path))
    ways: set[tuple[str, str]] = set()

    def explain(_cursor: object, statement: str, bindings: Any) -> bool:
        verb = statement.split(maxsplit=1)[0]
        if verb in ("SELECT", "UPDATE", "DELETE"):
            steps = [str(row[3]) for row in other.execute(f"EXPLAIN QUERY PLAN {statement}", bindings or ())]
            if any("counts" in step for step in steps):
                ways.update((verb, step) for step in steps if "counts" in step or "TEMP" in step)
        return True

    connection.exec_trace = explain
    journal.record(scan(1), verdict(), now=AT)
    journal.record(scan(2, person=pepper.person(OPENID)), verdict(), now=AT)
    assert journal.tally(TAG) == Tally(scans=2, persons=2, first_at=AT, last_at=AT)
    assert journal.sighting(PERSON, [TAG], since=AT - 1)
    assert list(journal.codes_of(PERSON)) == [TAG]
    erase_person(journal, OPENID, pepper=pepper, erasures=folder / "erasures", now=AT + 1)
    connection.execute(journal.database.counting.add_persons, (0, TAG))
    journal.reset_counts([TAG], who="ann", now=AT + 2)
    connection.exec_trace = None

    assert ways == {
        ("SELECT", "SEARCH counts USING PRIMARY KEY (tag=? AND person=?)"),
        ("SELECT", "SEARCH counts USING PRIMARY KEY ((tag,person)>(?,?))"),
        ("UPDATE", "SEARCH counts USING PRIMARY KEY (tag=? AND person=?)"),
        ("DELETE", "SEARCH counts USING PRIMARY KEY (tag=? AND person=?)"),
        ("DELETE", "SEARCH counts USING PRIMARY KEY (tag=?)"),
    }
