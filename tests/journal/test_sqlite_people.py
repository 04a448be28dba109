from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import pytest

from scanhook.errors import SchemaMismatch, StorageError
from scanhook.journal import Noted, Tally, Wanted, erase_person, kept_of, read_erasures, reapply_erasures, retain
from scanhook.journal.sqlite import SqliteJournal
from scanhook.message import CodeResult
from scanhook.registry import Reason
from scanhook.storage import Pepper, open_file, rows_of, schema_of, upgrade
from tests.conftest import OPENID
from tests.journal.scans import AT, PERSON, TAG, scan, verdict, verdict_on_unknown

DAY = 86_400
TAGS = [bytes([number]) * 10 for number in range(5)]


@pytest.fixture
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.journal.sql_steps._PAGE_ROWS", 3)
    monkeypatch.setattr("scanhook.journal.sql_steps._PAUSE_MAX_S", 0)
    monkeypatch.setattr("scanhook.journal.sql_reading._PAGE_ROWS", 2)
    monkeypatch.setattr("scanhook.journal.sql_reading._LOOKED_ROWS_MAX", 4)
    monkeypatch.setattr("scanhook.journal.sql_erasing._STEP_ROWS", 1)
    monkeypatch.setattr("scanhook.journal.sql_prune._STEP_ROWS", 2)


def note(journal: SqliteJournal, number: int, person: bytes, *, openid: str | None = None, at: float = AT) -> None:
    journal.store_all(
        events=[
            Noted(
                identity=number.to_bytes(16, "big"),
                received_at=at,
                account="main",
                create_time=1,
                event="user_scan_product",
                key_standard="ean13",
                key_str="6900873042720",
                person=person,
                tag=TAG,
                fields={},
                openid=openid,
            )
        ],
        now=AT,
    )


def counts_agree(journal: SqliteJournal) -> bool:
    connection = journal.database.connection
    tallies = rows_of(connection, "SELECT tag, persons FROM tallies ORDER BY tag")
    return (
        tallies
        == rows_of(connection, "SELECT tag, count(*) FROM scanners GROUP BY tag ORDER BY tag")
        == rows_of(connection, "SELECT tag, count(DISTINCT person) FROM scans GROUP BY tag ORDER BY tag")
    )


def test_an_erased_person_leaves_no_trace_in_the_files(journal: SqliteJournal, folder: Path, pepper: Pepper) -> None:
    person = pepper.person(OPENID)
    for number in range(40):
        journal.record(scan(number, person=person, openid=OPENID), verdict(tag=TAGS[number % 5]), now=AT)
        note(journal, number, person, openid=OPENID)
    in_between = b"".join(file.read_bytes() for file in folder.iterdir())
    assert OPENID.encode() in in_between
    assert person in in_between

    erase_person(journal, OPENID, pepper=pepper, erasures=folder / "erasures", now=AT + DAY)

    kept = b"".join(file.read_bytes() for file in sorted(folder.iterdir()))
    assert OPENID.encode() not in kept
    assert person not in kept
    assert counts_agree(journal)


def test_an_openid_that_was_dropped_leaves_no_trace_in_the_files(journal: SqliteJournal, folder: Path) -> None:
    for number in range(40):
        journal.record(scan(number, openid=OPENID), verdict(), now=AT)
        note(journal, number, PERSON, openid=OPENID)

    retain(journal, now=AT, keep_openid_days=0, keep_scans_days=0)

    kept = b"".join(file.read_bytes() for file in sorted(folder.iterdir()))
    assert OPENID.encode() not in kept
    assert PERSON in kept


def test_only_deletions_overwrite_whole_pages(journal: SqliteJournal) -> None:
    in_between: list[int] = []
    journal.record(scan(), verdict(), now=AT)
    journal.prune(
        before=AT + 1, progress=lambda *_: in_between.append(journal.database.connection.pragma("secure_delete"))
    )

    assert in_between == [1]
    assert journal.database.connection.pragma("secure_delete") == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from scanhook.journal import erase_person
from scanhook.journal import sql_erasing, sql_steps
from scanhook.journal.sqlite import SqliteJournal
from scanhook.storage import Pepper
pepper, folder = Pepper(secret=bytes(range(32))), Path(sys.argv[1])
sql_steps._PAGE_ROWS, sql_erasing._STEP_ROWS, left = 3, 2, int(sys.argv[2])
def die(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
erase_person(SqliteJournal(folder, pepper=pepper), sys.argv[3], pepper=pepper, erasures=folder / "erasures",
             now=float(sys.argv[4]), progress=die)
"""


@pytest.mark.parametrize("steps", [1, 4])
def test_an_erasure_whose_process_is_killed_is_completed_by_the_next(folder: Path, pepper: Pepper, steps: int) -> None:
    journal = SqliteJournal(folder, pepper=pepper)
    for number in range(12):
        journal.record(scan(number, person=pepper.person(OPENID)), verdict(tag=TAGS[number % 5]), now=AT)
    journal.close()
    command = [sys.executable, "-c", KILLED, str(folder), str(steps), OPENID, str(AT + 1)]
    root = Path(__file__).parents[2]
    assert subprocess.run(command, cwd=root, check=False, timeout=30).returncode == -9
    journal = SqliteJournal(folder, pepper=pepper)
    assert 0 < len(list(journal.scans_of(pepper.person(OPENID)))) <= 9 or steps == 4

    erase_person(journal, OPENID, pepper=pepper, erasures=folder / "erasures", now=AT + 2)

    assert list(kept_of(journal, pepper.person(OPENID))) == []
    assert counts_agree(journal)
    assert rows_of(journal.database.connection, "SELECT count(DISTINCT person) FROM scans") == [(1,)]
    assert len(read_erasures(folder / "erasures")) == 2
    assert reapply_erasures(journal, folder / "erasures", pepper=pepper, now=AT + 3) == 0
    journal.close()


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize("seed", range(5))
def test_counts_stay_right_in_small_pages_too(journal: SqliteJournal, folder: Path, pepper: Pepper, seed: int) -> None:
    chance, number = random.Random(seed), 0

    def anything(*_told: object) -> None:
        nonlocal number
        for _ in range(chance.randrange(3)):
            number += 1
            person = pepper.person(chance.choice("abc"))
            given = verdict(tag=chance.choice(TAGS)) if chance.random() < 0.9 else None
            journal.record(scan(number, person=person, received_at=AT + number), given, now=AT)
            if given is None:
                journal.record(scan(number, person=person), verdict(tag=chance.choice(TAGS)), now=AT)
        if chance.random() < 0.05:
            raise InterruptedError

    for _ in range(6):
        for _ in range(6):
            with suppress(InterruptedError):
                anything()
        with suppress(InterruptedError, StorageError):
            erase_person(
                journal,
                chance.choice("abc"),
                pepper=pepper,
                erasures=folder / "erasures",
                now=AT + number,
                progress=anything,
            )
        connection = journal.database.connection
        assert rows_of(connection, "SELECT tag, persons FROM tallies ORDER BY tag") == rows_of(
            connection, "SELECT tag, count(*) FROM scanners GROUP BY tag ORDER BY tag"
        )
    reapply_erasures(journal, folder / "erasures", pepper=pepper, now=AT + number)
    for openid in "abc":
        erase_person(journal, openid, pepper=pepper, erasures=folder / "erasures", now=AT + number + 1)
        assert list(kept_of(journal, pepper.person(openid))) == []
    assert counts_agree(journal)
    assert rows_of(journal.database.connection, "SELECT sum(scans) FROM tallies") == [(number,)]


@pytest.mark.usefixtures("_small_pages")
def test_old_scans_go_page_by_page(journal: SqliteJournal) -> None:
    for number in range(9):
        journal.record(scan(number, received_at=AT + number, openid=OPENID), verdict(), now=AT)
        note(journal, number, PERSON, openid=OPENID, at=AT + number)

    assert journal.prune(before=AT + 5, dry_run=True) == (5, 5)
    assert journal.drop_openids(before=AT + 7, dry_run=True) == 14
    assert journal.drop_openids(before=AT + 7) == 14
    assert journal.prune(before=AT + 5) == (5, 5)
    assert [(entry.number, entry.openid is None) for entry in journal.entries()] == [
        (6, True),
        (7, True),
        (8, False),
        (9, False),
    ]
    assert journal.tally(TAG) == Tally(scans=9, persons=1, first_at=AT, last_at=AT + 8)


@pytest.mark.usefixtures("_small_pages")
def test_a_page_looks_only_so_far_and_says_where_to_go_on(journal: SqliteJournal) -> None:
    for number in range(12):
        given = verdict(Reason.VOID, CodeResult.FAKE) if number == 1 else verdict()
        journal.record(scan(number), given, now=AT)

    found, looks, before = [], 0, None
    while looks == 0 or before is not None:
        page = journal.entries_before(before, limit=3, wanted=Wanted(verdict="fake"))
        found += [entry.number for entry in page.entries]
        before, looks = page.before, looks + 1

    assert found == [2]
    assert looks > 2
    assert [entry.number for entry in journal.tail(3, wanted=Wanted(verdict="fake"))] == [2]
    assert journal.counts() == {("active", CodeResult.REAL): 11, ("void", CodeResult.FAKE): 1}


def plans_of(journal: SqliteJournal) -> tuple[list[str], dict[str, list[str]]]:
    """Make the journal's connection tell each statement's plan from now on; returns where it tells them."""
    connection = journal.database.connection
    other = apsw.Connection(str(journal.database.path))
    seen: list[str] = []
    plans: dict[str, list[str]] = {}

    def explain(_cursor: Any, statement: str, bindings: Any) -> bool:
        first = statement.split(maxsplit=1)[0].upper()
        if first in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            seen.append(first)
            rows = other.execute(f"EXPLAIN QUERY PLAN {statement}", bindings or ()).fetchall()
            plans[statement] = [str(row[3]) for row in rows]
        return True

    connection.exec_trace = explain
    return seen, plans


def full_scans(plans: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        statement: plan
        for statement, plan in plans.items()
        if any(step.startswith("SCAN") and step != "SCAN CONSTANT ROW" for step in plan)
    }


def test_no_statement_reads_a_whole_table(journal: SqliteJournal, folder: Path, pepper: Pepper) -> None:
    for number in range(3):
        journal.record(scan(number), verdict(), now=AT)
    seen, plans = plans_of(journal)

    journal.record(scan(8), None, now=AT)
    journal.record(scan(8), verdict_on_unknown(Reason.UNKNOWN_CODE, CodeResult.FAKE), now=AT)
    journal.recall(scan(8).identity)
    journal.tally(TAG)
    note(journal, 9, PERSON)
    everything = Wanted(
        account="main", key_standard="ean13", key_str="x", batch="B-7", reason="active", verdict="real", source="shop"
    )
    for wanted in (Wanted(), everything, Wanted(verdict="success")):
        journal.tail(5, wanted=wanted)
        list(journal.entries(after=1, since=AT - 1, until=AT + 1, wanted=wanted))
        journal.entries_before(3, limit=2, since=AT - 1, until=AT + 1, wanted=wanted)
        journal.counts(since=AT - 1, until=AT + 1, wanted=wanted)
    journal.newest_at()
    journal.newest_at(pushed=True)
    journal.probe()
    erase_person(journal, OPENID, pepper=pepper, erasures=folder / "erasures", now=AT + 1)
    list(kept_of(journal, PERSON))
    list(journal.persons())
    retain(journal, now=AT + 9 * DAY, keep_openid_days=1, keep_scans_days=1, dry_run=True)
    retain(journal, now=AT + 9 * DAY, keep_openid_days=1, keep_scans_days=1)

    # Only the list of erasures is read as a whole: it is short, and somebody asks for all of it.
    assert [statement for statement in full_scans(plans) if "FROM erasures ORDER BY" not in statement] == []
    assert len(plans) > 30
    assert {"SELECT", "INSERT", "UPDATE", "DELETE"} <= set(seen)


def test_a_whole_table_that_is_read_would_be_seen(journal: SqliteJournal) -> None:
    _, plans = plans_of(journal)
    rows_of(journal.database.connection, "SELECT count(*) FROM scans WHERE person = ?", (PERSON,))

    assert len(full_scans(plans)) == 1


def test_a_scan_of_a_known_code_takes_few_statements(journal: SqliteJournal) -> None:
    journal.record(scan(1), verdict(), now=AT)
    seen, _ = plans_of(journal)

    journal.record(scan(2), verdict(), now=AT)

    # The scan, the person, the tally; before them whether the file is still ours.
    assert seen[-3:] == ["INSERT"] * 3
    assert 1 <= seen.count("SELECT") == len(seen) - 3 <= 3


@pytest.fixture
def old_journal(tmp_path: Path, pepper: Pepper) -> Path:
    """Return the file of a journal as the first schema had it, with a scan and an event."""
    path = tmp_path / "old" / "journal.db"
    path.parent.mkdir()
    connection = apsw.Connection(str(path))
    for statement in schema_of("scanhook.journal")[0].split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.pragma("user_version", 1)
    connection.execute("INSERT INTO meta VALUES ('pepper_id', ?), ('pepper_check', ?)", (pepper.id, pepper.check))
    scans = [
        (1, bytes(16), "active", "real", "registry", 1_760_000_000_500, b"\x01" * 8, TAG, "B-7", 42, None),
        (2, bytes(15) + b"\x01", "undecided", None, None, None, None, None, None, None, None),
    ]
    for row in scans:
        connection.execute(
            "INSERT INTO scans VALUES (?, ?, 1760000000250, 'main', 1759999999, 'ean13', '6900873042720', ?, "
            "?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row[:2], PERSON, *row[2:]),
        )
    connection.execute("INSERT INTO tallies VALUES (?, 1, 1, 1760000000250, 1760000000250)", (TAG,))
    connection.execute("INSERT INTO scanners VALUES (?, ?)", (TAG, PERSON))
    connection.execute(
        "INSERT INTO events VALUES (1, ?, 1760000000250, 'main', 1, 'subscribe', 'ean13', 'x', ?, ?, '{\"a\": \"b\"}')",
        (bytes(16), PERSON, TAG),
    )
    connection.close()
    return path


def test_a_journal_of_the_first_schema_must_be_upgraded(old_journal: Path, pepper: Pepper) -> None:
    with pytest.raises(SchemaMismatch, match="scanhook storage upgrade"):
        SqliteJournal(old_journal.parent, pepper=pepper)


def test_an_upgrade_of_the_first_schema_loses_nothing(old_journal: Path, pepper: Pepper) -> None:
    assert upgrade(old_journal, package="scanhook.journal") == (1, 3)

    journal = SqliteJournal(old_journal.parent, pepper=pepper)
    decided, undecided = journal.entries()
    assert (decided.number, decided.reason, decided.batch, decided.position) == (1, "active", "B-7", 42)
    assert (decided.person, decided.received_at, decided.decided_at) == (PERSON, AT, 1_760_000_000.5)
    assert (decided.openid, decided.source, decided.need_anti_fake) == (None, None, None)
    assert not undecided.decided
    (event,) = journal.events_of(PERSON)
    assert (event.event, event.fields, event.openid) == ("subscribe", {"a": "b"}, None)
    assert journal.tally(TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)
    completed = journal.record(scan(1, openid=OPENID), verdict(), now=AT)
    assert (completed.repeated, completed.decided_now, completed.entry.number) == (True, True, 2)
    assert journal.tally(TAG) == Tally(scans=2, persons=1, first_at=AT, last_at=AT)
    assert journal.erase([], now=AT) == 0
    journal.close()


def test_an_upgraded_journal_is_made_like_a_new_one(old_journal: Path, journal: SqliteJournal) -> None:
    upgrade(old_journal, package="scanhook.journal")
    upgraded = apsw.Connection(str(old_journal))

    statement = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
    assert rows_of(upgraded, statement) == rows_of(journal.database.connection, statement)
    assert upgraded.pragma("user_version") == journal.database.connection.pragma("user_version") == 3
    upgraded.close()


def test_a_journal_that_is_upgraded_under_a_running_service_is_noticed(journal: SqliteJournal) -> None:
    journal.database.connection.pragma("user_version", 4)

    with pytest.raises(SchemaMismatch, match="a newer version"):
        journal.record(scan(), verdict(), now=AT)


def test_scans_never_wait_for_a_reader_whom_the_housekeeper_meets(
    journal: SqliteJournal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.record(scan(1, openid=OPENID), verdict(), now=AT)
    backup = open_file(folder / "journal.db")
    backup.execute("BEGIN")
    assert rows_of(backup, "SELECT count(*) FROM scans") == [(1,)]
    # Whoever waits for a reader with the lock for writing in his hand makes scans wait.
    nobody_waits = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _s: pytest.fail("it waits"))
    with monkeypatch.context() as patched:
        patched.setattr("scanhook.storage.sqlite_connection.time", nobody_waits)
        assert journal.drop_openids(before=AT + 1) == 1
    assert OPENID.encode() in (folder / "journal.db-wal").read_bytes()
    backup.close()

    assert journal.drop_openids(before=AT + 1) == 0

    assert OPENID.encode() not in b"".join(file.read_bytes() for file in sorted(folder.iterdir()))
    assert rows_of(journal.database.connection, "SELECT name FROM meta WHERE name = 'log_is_uncut'") == []
