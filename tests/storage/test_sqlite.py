from __future__ import annotations

import errno
import os
import resource
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from scanhook.errors import PepperMismatch, SchemaMismatch, StorageError
from scanhook.storage import Pepper, SqliteDatabase, rows_of, wording

OTHER_PEPPER = Pepper(secret=bytes(range(1, 33)))
OPEN_FILES = Path("/dev/fd")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.db"


@pytest.fixture
def database(path: Path, pepper: Pepper) -> Iterator[SqliteDatabase]:
    opened = opening(path, pepper)
    yield opened
    opened.close()


def opening(path: Path, pepper: Pepper) -> SqliteDatabase:
    return SqliteDatabase(path, package="scanhook.journal", pepper=pepper)


def keep(database: SqliteDatabase, name: str, value: object = 1) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (name, value))


def kept(database: SqliteDatabase) -> set[str]:
    with database.reading() as connection:
        rows = rows_of(connection, "SELECT name FROM meta WHERE name NOT LIKE 'pepper_%'")
    return {name for (name,) in rows}


def test_a_new_file_and_its_folder_are_private(database: SqliteDatabase) -> None:
    keep(database, "a")

    assert stat.S_IMODE(database.path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in database.path.parent.iterdir()} == {0o600}


def test_commits_are_durable(database: SqliteDatabase) -> None:
    assert database.connection.pragma("journal_mode") == "wal"
    assert database.connection.pragma("synchronous") == 2
    assert database.describe() == f"SQLite {apsw.sqlite_lib_version()}, journal_mode wal, synchronous 2 (2 is FULL)"


def test_sqlite_is_newer_than_its_wal_reset_bug() -> None:
    assert apsw.SQLITE_VERSION_NUMBER >= 3_051_003


def test_a_place_where_nothing_is_durable_is_refused(
    tmp_path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(StorageError, match="cannot make commits durable here"):
        opening(Path(":memory:"), pepper)


def test_every_row_of_a_statement_is_returned(database: SqliteDatabase) -> None:
    assert rows_of(database.connection, "SELECT value FROM json_each(?)", ("[3, 1, 2]",)) == [(3,), (1,), (2,)]


def test_a_thread_keeps_its_connection_and_shares_it_with_none(database: SqliteDatabase) -> None:
    mine = database.connection
    with ThreadPoolExecutor(1) as thread:
        theirs = thread.submit(lambda: database.connection).result()

    assert database.connection is mine
    assert theirs is not mine


def test_threads_that_have_ended_leave_no_file_open(database: SqliteDatabase) -> None:
    def in_a_thread(count: int) -> None:
        for _ in range(count):
            thread = threading.Thread(target=kept, args=(database,))
            thread.start()
            thread.join()

    in_a_thread(2)
    before = len(list(OPEN_FILES.iterdir()))
    in_a_thread(20)

    assert len(list(OPEN_FILES.iterdir())) <= before + 5


def test_what_a_block_writes_is_there_for_others_when_it_is_left(database: SqliteDatabase, pepper: Pepper) -> None:
    keep(database, "a")
    other = opening(database.path, pepper)

    assert kept(other) == {"a"}

    other.close()


def test_a_block_that_fails_writes_nothing_and_the_next_one_can(database: SqliteDatabase) -> None:
    def fail() -> None:
        with database.writing() as connection:
            connection.execute("INSERT INTO meta (name, value) VALUES ('a', 1)")
            raise KeyError("a")

    with pytest.raises(KeyError):
        fail()
    keep(database, "b")

    assert kept(database) == {"b"}


def test_a_transaction_that_sqlite_itself_has_ended_is_told_by_its_cause(database: SqliteDatabase) -> None:
    def fail() -> None:
        with database.writing() as connection:
            connection.execute("ROLLBACK")
            raise KeyError("a")

    with pytest.raises(KeyError):
        fail()
    keep(database, "b")

    assert kept(database) == {"b"}


def test_it_can_be_used_again_after_it_was_closed(database: SqliteDatabase) -> None:
    keep(database, "a")
    database.close()
    database.close()

    assert kept(database) == {"a"}


class Late(SqliteDatabase):
    """One of two that find no file; the other makes it first."""

    def _create(self) -> None:
        faster = opening(self.path, self._pepper)
        keep(faster, "a")
        faster.close()
        super()._create()


def test_a_file_that_somebody_else_makes_meanwhile_is_taken_as_it_is(path: Path, pepper: Pepper) -> None:
    late = Late(path, package="scanhook.journal", pepper=pepper)

    assert kept(late) == {"a"}
    late.close()


def test_a_write_waits_for_that_of_another_connection(database: SqliteDatabase) -> None:
    other = apsw.Connection(str(database.path))
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as thread:
        written = thread.submit(keep, database, "late")
        with pytest.raises(TimeoutError):
            written.result(0.05)
        other.execute("COMMIT")
        written.result()
    other.close()

    assert kept(database) == {"late"}


def test_a_reader_does_not_wait_for_a_writer(database: SqliteDatabase) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO meta (name, value) VALUES ('unseen', 1)")
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(kept, database).result() == set()


SQLITE_HOLDER = """
import sys
import apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""
SCANHOOK_HOLDER = """
import sys
from pathlib import Path
from scanhook.storage import SqliteDatabase, Pepper
database = SqliteDatabase(Path(sys.argv[1]), package="scanhook.journal", pepper=Pepper(secret=bytes(range(32))))
with database.writing():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("holder", [SQLITE_HOLDER, SCANHOOK_HOLDER], ids=["sqlite", "scanhook"])
def test_a_file_that_another_process_holds_too_long_is_told(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, holder: str
) -> None:
    monkeypatch.setattr("scanhook.storage.sqlite_connection.BUSY_WAIT_S", 0.02)
    command = [sys.executable, "-c", holder, str(database.path)]
    with (
        ThreadPoolExecutor(1) as thread,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        written = thread.submit(keep, database, "a")
        try:
            with pytest.raises(StorageError, match=r"journal\.db: another process held it"):
                written.result(timeout=2)
        finally:
            process.communicate("")

    keep(database, "b")
    assert kept(database) == {"b"}


def test_a_write_that_another_thread_holds_up_too_long_is_told(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.storage.sqlite_connection.BUSY_WAIT_S", 0.02)
    with database.writing(), ThreadPoolExecutor(1) as thread, pytest.raises(StorageError, match=r"journal\.db"):
        thread.submit(keep, database, "a").result()

    keep(database, "b")
    assert kept(database) == {"b"}


def _not_a_database(path: Path) -> None:
    path.write_bytes(b"keystandard,keystr,extinfo,status\n" * 100)


def _a_folder(path: Path) -> None:
    path.mkdir()


def _damaged(path: Path) -> None:
    SqliteDatabase(path, package="scanhook.journal", pepper=Pepper(secret=bytes(range(32)))).close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3996)


def _foreign(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE bills (number)")
    connection.close()


def _foreign_with_a_version(path: Path) -> None:
    _foreign(path)
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 1)
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_not_a_database, "it is not a database: restore it from a backup"),
        (_a_folder, "it cannot be opened"),
        (_damaged, "the database is damaged: restore it from a backup"),
        (_foreign, "not one of scanhook's: move it out of the way"),
        (_foreign_with_a_version, "not one of scanhook's"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_a_remedy(
    path: Path, pepper: Pepper, spoil: Callable[[Path], None], why: str
) -> None:
    path.parent.mkdir()
    spoil(path)

    with pytest.raises(StorageError, match=why) as told:
        opening(path, pepper)

    assert str(path) in str(told.value)
    assert not told.value.permanent


def test_a_foreign_database_is_left_as_it_was(path: Path, pepper: Pepper) -> None:
    path.parent.mkdir()
    _foreign(path)
    before = path.read_bytes()

    with pytest.raises(StorageError):
        opening(path, pepper)

    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "Permission denied: give it to the user that scanhook runs as"),
        (errno.EROFS, "Read-only file system: give it to the user that scanhook runs as, and see that the disk"),
        (errno.ENOSPC, "No space left on device: make room on the disk"),
    ],
)
def test_what_the_system_refuses_is_told_with_a_remedy(tmp_path: Path, number: int, remedy: str) -> None:
    with pytest.raises(StorageError, match=f"^/srv/x: {remedy}"), wording(tmp_path):
        raise OSError(number, os.strerror(number), "/srv/x")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, pepper: Pepper) -> None:
    (tmp_path / "data").write_text("a file")

    with pytest.raises(StorageError, match="data: File exists"):
        opening(tmp_path / "data" / "journal.db", pepper)


def test_a_file_that_cannot_be_written_is_told(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    # What SQLite does by itself where the file's mode allows no more; the superuser is stopped by no mode.
    monkeypatch.setattr(apsw, "SQLITE_OPEN_READWRITE", apsw.SQLITE_OPEN_READONLY)

    with pytest.raises(StorageError, match="it cannot be written: give it to the user that scanhook runs as"):
        keep(database, "a")

    assert kept(database) == set()


def test_a_full_disk_is_told(database: SqliteDatabase) -> None:
    connection = database.connection
    connection.pragma("max_page_count", connection.pragma("page_count"))

    with pytest.raises(StorageError, match="the disk is full: make room on it"):
        keep(database, "a", bytes(100_000))

    keep(database, "b")
    assert kept(database) == {"b"}


def test_an_error_of_the_disk_is_told(database: SqliteDatabase) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    try:
        with pytest.raises(StorageError, match="the disk gave an error: look into the system's log"):
            keep(database, "a", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    keep(database, "b")
    assert kept(database) == {"b"}


def test_a_file_that_has_vanished_is_told(database: SqliteDatabase) -> None:
    database.path.unlink()

    with pytest.raises(StorageError, match="it cannot be opened"):
        kept(database)


def test_a_file_that_is_where_it_was_is_in_place(database: SqliteDatabase) -> None:
    database.check_in_place()
    keep(database, "a")
    database.check_in_place()
    database.close()
    database.check_in_place()


def test_a_file_that_was_exchanged_is_told(database: SqliteDatabase, pepper: Pepper) -> None:
    keep(database, "a")
    backup = database.path.with_name("backup.db")
    opening(backup, pepper).close()
    backup.replace(database.path)

    with pytest.raises(StorageError, match="was exchanged while scanhook runs: restart it"):
        database.check_in_place()


def test_a_file_that_was_moved_away_is_told(database: SqliteDatabase) -> None:
    keep(database, "a")
    database.path.rename(database.path.with_name("lost.db"))

    with pytest.raises(StorageError, match="No such file"):
        database.check_in_place()


def test_any_other_error_of_sqlite_is_told_in_its_own_words(database: SqliteDatabase) -> None:
    with pytest.raises(StorageError, match="no such table: ghosts"), database.reading() as connection:
        connection.execute("SELECT * FROM ghosts")


def test_another_pepper_cannot_open_it(database: SqliteDatabase) -> None:
    with pytest.raises(PepperMismatch, match="made with the pepper 7df72aa8") as mismatch:
        opening(database.path, OTHER_PEPPER)

    assert mismatch.value.permanent
    assert "put back the pepper" in str(mismatch.value)


@pytest.mark.parametrize("row", ["pepper_id", "pepper_check"])
def test_both_id_and_check_value_of_the_pepper_must_be_right(
    database: SqliteDatabase, pepper: Pepper, row: str
) -> None:
    with database.writing() as connection:
        connection.execute("DELETE FROM meta WHERE name = ?", (row,))

    with pytest.raises(PepperMismatch):
        opening(database.path, pepper)


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        (7, "a newer version .* install the version that made it"),
        (1, "an older version .* make a backup, stop the service, and run `scanhook storage upgrade`"),
    ],
)
def test_the_schema_of_another_version_is_refused(
    database: SqliteDatabase, pepper: Pepper, version: int, remedy: str
) -> None:
    database.connection.pragma("user_version", version)

    with pytest.raises(SchemaMismatch, match=remedy):
        opening(database.path, pepper)


FORKER = """
import os, sys
from pathlib import Path
from scanhook.storage import SqliteDatabase, Pepper

database = SqliteDatabase(Path(sys.argv[1]), package="scanhook.journal", pepper=Pepper(secret=bytes(range(32))))

def keep(name):
    with database.writing() as connection:
        connection.execute("INSERT INTO meta (name, value) VALUES (?, 1)", (name,))

keep("parent before")
mine = database.connection
child = os.fork()
if child == 0:
    assert database.connection is not mine
    keep("child")
    database.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
assert database.connection is mine
keep("parent after")
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_what_a_parent_opened_a_child_can_use(path: Path, pepper: Pepper) -> None:
    command = [sys.executable, "-W", "error", "-c", FORKER, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, done.stderr) == (0, "")
    opened = opening(path, pepper)
    assert kept(opened) == {"parent before", "child", "parent after"}
    assert opened.connection.pragma("integrity_check") == "ok"
    opened.close()


@pytest.mark.parametrize(
    ("free", "words"), [(0, "the disk is full: make room on it"), (1 << 30, "the disk gave an error: look into")]
)
def test_an_error_of_a_full_disk_says_that_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, words: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))

    with pytest.raises(StorageError, match=words), wording(tmp_path / "journal.db"):
        raise apsw.IOError


def test_where_the_folder_has_gone_an_error_of_the_disk_is_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the disk gave an error"), wording(tmp_path / "gone" / "journal.db"):
        raise apsw.IOError
