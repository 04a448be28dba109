from __future__ import annotations

import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copy

import apsw
import pytest

from scanhook.errors import PepperMismatch, SchemaMismatch, StorageError
from scanhook.journal import Erasure, Noted
from scanhook.journal.sqlite import SqliteJournal
from scanhook.message import CodeResult
from scanhook.registry import LookUp, Reason
from scanhook.storage import Pepper, rows_of
from scanhook.verdict import Verdict
from tests.conftest import OPENID
from tests.journal.scans import AT, CODE, PERSON, TAG, scan, verdict, verdict_on_unknown


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def test_a_scan_is_on_the_disk_when_recording_returns(journal: SqliteJournal) -> None:
    connection = journal.database.connection

    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2
    assert "synchronous 2 (2 is FULL)" in journal.describe()
    journal.record(scan(), verdict(), now=AT)
    assert not connection.in_transaction


KILLED = """
import os, signal, sys
from pathlib import Path
from scanhook.journal.sqlite import SqliteJournal
from scanhook.storage import Pepper
from tests.journal.scans import AT, scan, verdict
journal = SqliteJournal(Path(sys.argv[1]), pepper=Pepper(secret=bytes(range(32))))
journal.record(scan(), verdict(), now=AT)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_scan_outlives_the_process_that_is_killed_behind_it(folder: Path, pepper: Pepper) -> None:
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder)], cwd=root, check=False, timeout=30)

    assert killed.returncode == -9
    journal = SqliteJournal(folder, pepper=pepper)
    assert [entry.reason for entry in journal.entries()] == ["active"]
    journal.close()


def test_its_files_are_private(journal: SqliteJournal, folder: Path) -> None:
    journal.record(scan(), verdict(), now=AT)

    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_no_openid_and_no_known_code_stands_in_its_files(journal: SqliteJournal, folder: Path, pepper: Pepper) -> None:
    person = pepper.person(OPENID)
    stray_tag = pepper.stray_tag("main", "ean13", "6900873042720", CODE)
    known = scan(1, person=person, stray_tag=stray_tag)
    journal.record(known, None, now=AT)
    journal.record(known, verdict(), now=AT)
    for number, reason in enumerate(set(Reason) - {Reason.UNKNOWN_CODE, Reason.UNREADABLE}, 2):
        journal.record(scan(number, person=person), verdict_on_unknown(reason, None), now=AT)
    unknown_product = Verdict(code_result=None, reason=Reason.UNKNOWN_PRODUCT, verifier="registry", look_up=LookUp())
    journal.record(scan(99, person=person, stray_tag=stray_tag), unknown_product, now=AT)
    journal.store_all(
        events=[
            Noted(
                identity=bytes(16),
                received_at=AT,
                account="main",
                create_time=1,
                event="user_scan_product",
                key_standard="ean13",
                key_str="6900873042720",
                person=person,
                tag=stray_tag,
                fields={"city": "Guangzhou"},
            )
        ],
        now=AT,
    )

    kept = everything_in(folder)
    assert b"Guangzhou" in kept
    assert person in kept
    assert OPENID.encode() not in kept
    assert CODE.encode() not in kept


def test_an_unknown_code_stands_in_its_files(journal: SqliteJournal, folder: Path) -> None:
    journal.record(scan(), verdict_on_unknown(Reason.UNKNOWN_CODE, CodeResult.FAKE), now=AT)

    assert CODE.encode() in everything_in(folder)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_scans_are_read_in_pages(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr("scanhook.journal.sql_reading._PAGE_ROWS", 2)
    for number in range(count):
        journal.record(scan(number), verdict(), now=AT)

    assert [entry.number for entry in journal.entries()] == list(range(1, count + 1))
    assert [entry.number for entry in journal.entries(after=1)] == list(range(2, count + 1))


def test_no_transaction_is_open_while_a_page_is_used(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.journal.sql_reading._PAGE_ROWS", 2)
    for number in range(5):
        journal.record(scan(number), verdict(), now=AT)
    reading = journal.entries()
    next(reading)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(journal.record, scan(9), verdict(), now=AT).result()
    checkpoint = rows_of(journal.database.connection, "PRAGMA wal_checkpoint(TRUNCATE)")

    assert checkpoint == [(0, 0, 0)]
    assert [entry.number for entry in reading] == [2, 3, 4, 5, 6]


def test_tags_are_the_keys_of_tables_without_rowid(journal: SqliteJournal) -> None:
    tables = rows_of(journal.database.connection, "SELECT name, wr FROM pragma_table_list WHERE schema = 'main'")

    assert {name for name, without_rowid in tables if without_rowid} == {
        "meta",
        "counts",
        "erasures",
        "resets",
    }


def _not_a_database(journal: SqliteJournal) -> None:
    journal.close()
    journal.database.path.with_name("journal.db-wal").unlink(missing_ok=True)
    journal.database.path.write_bytes(b"no database" * 1000)


def _full(journal: SqliteJournal) -> None:
    connection = journal.database.connection
    connection.pragma("max_page_count", connection.pragma("page_count"))


def _gone(journal: SqliteJournal) -> None:
    journal.close()
    journal.database.path.unlink()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_not_a_database, "it is not a database"),
        (_full, "the disk is full"),
        (_gone, "it cannot be opened"),
    ],
)
def test_a_scan_that_cannot_be_stored_is_told(
    journal: SqliteJournal, spoil: Callable[[SqliteJournal], None], why: str
) -> None:
    spoil(journal)

    with pytest.raises(StorageError, match=why):
        journal.record(scan(account="m" * 100_000), verdict(), now=AT)


def test_a_file_that_cannot_be_written_is_told_by_the_probe(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What SQLite does by itself where the file's mode allows no more; the superuser is stopped by no mode.
    monkeypatch.setattr(apsw, "SQLITE_OPEN_READWRITE", apsw.SQLITE_OPEN_READONLY)

    with pytest.raises(StorageError, match="it cannot be written"):
        journal.probe()
    assert journal.newest_at() is None


def test_a_file_that_was_exchanged_under_a_running_service_is_noticed_by_the_probe(
    journal: SqliteJournal, empty_storage: Path
) -> None:
    journal.probe()
    path = journal.database.path
    Path(copy(empty_storage / "journal.db", path.with_name("backup.db"))).replace(path)

    with pytest.raises(StorageError, match="was exchanged while scanhook runs"):
        journal.probe()


def test_a_file_that_somebody_holds_too_long_is_told(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.storage.sqlite_connection.BUSY_WAIT_S", 0.02)
    holder = apsw.Connection(str(journal.database.path))
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageError, match="another process held it"):
        journal.record(scan(), verdict(), now=AT)
    assert journal.recall(scan().identity) is None
    holder.close()

    assert journal.record(scan(), verdict(), now=AT).decided_now


def test_a_recording_that_fails_leaves_nothing(journal: SqliteJournal) -> None:
    journal.database.connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON counts WHEN NEW.person = x'' "
        "BEGIN SELECT raise(ABORT, 'the disk is full'); END"
    )

    with pytest.raises(StorageError, match="the disk is full"):
        journal.record(scan(), verdict(), now=AT)

    assert list(journal.entries()) == []
    assert rows_of(journal.database.connection, "SELECT * FROM counts") == []


@pytest.mark.parametrize("version", [4, 99])
def test_the_schema_of_a_newer_version_is_refused(journal: SqliteJournal, pepper: Pepper, version: int) -> None:
    journal.database.connection.pragma("user_version", version)

    with pytest.raises(SchemaMismatch, match="a newer version"):
        SqliteJournal(journal.database.path.parent, pepper=pepper)


def test_a_foreign_database_is_refused(tmp_path: Path, pepper: Pepper) -> None:
    foreign = apsw.Connection(str(tmp_path / "journal.db"))
    foreign.execute("CREATE TABLE scans (id)")
    foreign.close()

    with pytest.raises(StorageError, match="not one of scanhook's"):
        SqliteJournal(tmp_path, pepper=pepper)


def test_a_journal_without_its_pepper_is_refused_by_the_probe(journal: SqliteJournal) -> None:
    with journal.database.writing() as connection:
        connection.execute("DELETE FROM meta WHERE name = 'pepper_id'")

    with pytest.raises(PepperMismatch):
        journal.probe()


@pytest.mark.parametrize(
    "use",
    [
        lambda journal: journal.recall(scan().identity),
        lambda journal: journal.record(scan(), verdict(), now=AT),
        lambda journal: journal.begin_erasure(Erasure(mark=bytes(16), at=AT), bytes(16)),
    ],
)
def test_it_is_looked_once_whether_the_file_is_ours(
    journal: SqliteJournal, use: Callable[[SqliteJournal], object]
) -> None:
    journal.store_all([(scan(number), verdict()) for number in range(3)], now=AT)
    looks: Counter[str] = Counter()

    def trace(_cursor: object, statement: str, bindings: object) -> bool:
        looks[statement] += "pepper_id" in statement or bindings == ("moved_to",)
        return True

    journal.database.connection.exec_trace = trace
    use(journal)

    assert max(looks.values()) == 1


def test_a_journal_that_now_belongs_to_another_pepper_is_not_changed(journal: SqliteJournal) -> None:
    journal.record(scan(), verdict(), now=AT)
    journal.database.connection.execute("UPDATE meta SET value = '00000000' WHERE name = 'pepper_id'")

    for change in (
        lambda: journal.prune(before=AT + 99),
        lambda: journal.reset_counts([TAG], who="ann", now=AT),
        lambda: journal.record(scan(2), verdict(), now=AT),
    ):
        with pytest.raises(PepperMismatch, match="now belongs to another pepper"):
            change()
    assert len(journal.tail(9)) == 1


FORKED = """
import os, sys
from pathlib import Path
from scanhook.journal.sqlite import SqliteJournal
from scanhook.storage import Pepper
from tests.journal.scans import AT, scan, verdict

journal = SqliteJournal(Path(sys.argv[1]), pepper=Pepper(secret=bytes(range(32))))
journal.record(scan(1), verdict(), now=AT)
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        for own in range(5):
            journal.record(scan(10 * number + own + 10, person=bytes([number, own]) * 8), verdict(), now=AT)
        assert journal.record(scan(1), None, now=AT).entry.reason == "active"
        journal.close()
        os._exit(0)
    children.append(child)
journal.record(scan(2), verdict(), now=AT)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
journal.record(scan(3), verdict(), now=AT)
sys.exit(max(codes))
"""


def test_a_journal_that_was_opened_before_a_fork_serves_parent_and_children(folder: Path, pepper: Pepper) -> None:
    command = [sys.executable, "-W", "error", "-c", FORKED, str(folder)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, done.stderr) == (0, "")
    journal = SqliteJournal(folder, pepper=pepper)
    tally = journal.tally(TAG)
    assert tally is not None
    assert (tally.scans, tally.persons) == (18, 16)
    assert len(list(journal.entries())) == 18
    assert journal.database.connection.pragma("integrity_check") == "ok"
    assert PERSON in {entry.person for entry in journal.entries()}
    journal.close()
