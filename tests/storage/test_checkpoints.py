from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from shutil import copy

import apsw
import pytest

from scanhook.journal.sqlite_file import JournalFile
from scanhook.storage import Pepper, checkpoints, open_file, rows_of

STEP = 20
ROW = b"x" * 3000
"""One on a page, which is one page of the log and one of a table."""


@pytest.fixture
def file(tmp_path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch) -> Iterator[JournalFile]:
    monkeypatch.setattr(checkpoints, "_STEP_PAGES", STEP)
    monkeypatch.setattr(checkpoints, "_LONG_PAGES", 3 * STEP)
    opened = opening(tmp_path, pepper)
    yield opened
    opened.close()


def opening(folder: Path, pepper: Pepper) -> JournalFile:
    return JournalFile(folder / "journal.db", package="scanhook.journal", pepper=pepper)


def write(file: JournalFile, first: int, count: int) -> None:
    """Write rows, each in a transaction of its own; SQLite adds about two pages to the log for each."""
    for number in range(first, first + count):
        with file.writing() as connection:
            connection.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (f"row {number:04}", ROW))


def settled(file: JournalFile) -> int:
    """Wait for who copies; returns how many rows are in the file itself, whatever its log has."""
    for thread in threading.enumerate():
        if thread.name == "scanhook-checkpoint":
            thread.join()
    alone = Path(copy(file.path, file.path.with_name("alone.db")))
    connection = apsw.Connection(str(alone))
    try:
        return len(rows_of(connection, "SELECT 1 FROM meta WHERE name LIKE 'row %'"))
    finally:
        connection.close()


def in_use() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_a_log_that_is_short_is_left_alone(file: JournalFile) -> None:
    write(file, 0, 3)

    assert settled(file) == 0
    assert "scanhook-checkpoint" not in in_use()


def test_a_log_that_has_grown_is_copied_beside_those_who_write(file: JournalFile) -> None:
    write(file, 0, STEP)

    assert settled(file) >= STEP // 3


def test_the_log_begins_anew_when_it_is_copied(file: JournalFile) -> None:
    longest = 0
    for first in range(0, 30 * STEP, STEP):
        write(file, first, STEP)
        settled(file)
        longest = max(longest, file.path.with_name("journal.db-wal").stat().st_size // 4096)

    assert longest < 15 * STEP  # of some 60 in all
    assert settled(file) >= 29 * STEP


def test_no_commit_copies_by_itself(file: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "_STEP_PAGES", 1 << 30)
    file.close()
    opened = JournalFile(file.path, package="scanhook.journal", pepper=Pepper(secret=bytes(range(32))))
    with opened.writing() as connection:
        connection.executemany(
            "INSERT INTO meta (name, value) VALUES (?, ?)", [(f"row {number:04}", ROW) for number in range(1200)]
        )
    write(opened, 1200, 2)

    assert settled(opened) == 0
    opened.close()


def test_who_reads_for_long_holds_up_nobody_who_writes(file: JournalFile) -> None:
    reader = apsw.Connection(str(file.path))
    reader.execute("BEGIN; SELECT count(*) FROM meta").fetchall()

    write(file, 0, 5 * STEP)
    assert settled(file) == 0
    reader.close()

    write(file, 5 * STEP, STEP)
    assert settled(file) >= 5 * STEP


def test_a_log_that_somebody_else_copies_is_left_to_them(file: JournalFile, caplog: pytest.LogCaptureFixture) -> None:
    write(file, 0, STEP // 4)
    copying = open_file(file.path)
    reader = apsw.Connection(str(file.path))
    reader.execute("BEGIN; SELECT count(*) FROM meta").fetchall()

    def meanwhile(tries: int) -> bool:
        # Whoever begins a log anew and waits for a reader holds the lock of those who copy.
        file._checkpoints._run()
        runs.append(tries)
        return False

    runs: list[int] = []
    copying.set_busy_handler(meanwhile)
    with pytest.raises(apsw.BusyError):
        copying.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)

    assert runs == [0]
    assert caplog.text == ""
    reader.close()
    copying.close()


def test_a_failure_is_logged_and_fails_no_commit(
    file: JournalFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_path: Path) -> apsw.Connection:
        raise apsw.FullError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(checkpoints, "open_file", full)
        write(file, 0, 2 * STEP)
        assert settled(file) == 0
    assert "the write-ahead log grows until it can be copied" in caplog.text
    assert "the disk is full: make room on it" in caplog.text

    write(file, 2 * STEP, STEP)

    assert settled(file) >= 2 * STEP


@pytest.mark.parametrize(("pause_s", "copied"), [(0.0, True), (3600.0, False)], ids=["over", "not over"])
def test_a_copy_that_failed_is_tried_again_at_the_first_commit_behind_a_pause(
    file: JournalFile,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    pause_s: float,
    *,
    copied: bool,
) -> None:
    tries = []

    def full(path: Path) -> apsw.Connection:
        tries.append(path)
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(checkpoints, "_PAUSE_S", pause_s)
    with monkeypatch.context() as broken:
        broken.setattr(checkpoints, "open_file", full)
        for number in range(STEP):
            write(file, number, 1)
            settled(file)
            if tries:
                break
        write(file, STEP, 1)
        assert settled(file) == 0
    assert len(tries) == 1 + copied
    assert len(caplog.records) == 1  # it is told of once a step, however often it is tried

    write(file, STEP + 1, 1)

    assert (settled(file) > 0) == copied


def test_where_the_thread_fails_for_long_commits_copy(file: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: Path) -> apsw.Connection:
        raise apsw.CantOpenError("unable to open database file")

    monkeypatch.setattr(checkpoints, "open_file", broken)
    monkeypatch.setattr(checkpoints, "_ENDLESS_PAGES", 4 * STEP)
    write(file, 0, 8 * STEP)

    assert settled(file) >= 2 * STEP


def test_where_the_system_gives_no_thread_commits_copy(file: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as broken:
        broken.setattr(threading.Thread, "start", no_thread)
        write(file, 0, 2 * STEP)

    assert settled(file) >= STEP // 3


def test_what_is_open_is_closed_when_nothing_is_copied_any_more(file: JournalFile) -> None:
    write(file, 0, STEP)
    file.close()

    assert "scanhook-checkpoint" not in in_use()
    assert not file.path.with_name("journal.db-wal").exists()


@pytest.mark.parametrize(("pages", "held_up"), [(1, True), (3 * STEP, False)], ids=["a long log", "a short log"])
def test_writers_are_held_up_only_to_begin_a_long_log_anew(
    file: JournalFile, monkeypatch: pytest.MonkeyPatch, pages: int, *, held_up: bool
) -> None:
    turns = []

    @contextmanager
    def turn() -> Iterator[None]:
        turns.append("begun")
        write(file, STEP, 1)  # by whoever was before us: the log has something again that is not copied
        yield

    monkeypatch.setattr(checkpoints, "_LONG_PAGES", pages)
    write(file, 0, 3)
    checkpoints.Checkpoints(file.path, turn=turn())._run()
    write(file, STEP + 1, 1)

    assert turns == ["begun"] * held_up
    assert file.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)[0] < 5


class Copying:
    """A connection that copies; with figures (pages of the log, those of them that are copied), it only gives those."""

    def __init__(self, path: Path, *, meanwhile: Callable[[], None], figures: Sequence[tuple[int, int]] = ()) -> None:
        self._connection, self._meanwhile, self._figures = open_file(path), meanwhile, iter(figures)
        self.modes: list[int] = []
        self.set_busy_handler, self.close = self._connection.set_busy_handler, self._connection.close

    def wal_checkpoint(self, *, mode: int) -> tuple[int, int]:
        self.modes.append(mode)
        done = next(self._figures, None) or self._connection.wal_checkpoint(mode=mode)
        self._meanwhile()
        return done


PASSIVE, ANEW = apsw.SQLITE_CHECKPOINT_PASSIVE, apsw.SQLITE_CHECKPOINT_RESTART


@pytest.mark.parametrize(
    ("figures", "modes"),
    [
        ([(900, 900), (1100, 1100), (1199, 1199)], [PASSIVE, PASSIVE, PASSIVE, ANEW]),
        ([(pages, pages) for pages in range(900, 2500, 200)], [PASSIVE] * 8),
        ([(pages, pages) for pages in range(900, 3300, 300)], [PASSIVE] * 8 + [ANEW]),
        ([(900, 700), (950, 750)], [PASSIVE, PASSIVE]),
        ([(3000, 700), (3050, 750)], [PASSIVE, PASSIVE]),
        ([(900, 900), (50, 50)], [PASSIVE, PASSIVE]),
    ],
    ids=[
        "little came in the last round",
        "much came in each round",
        "much came in each round, and the log is endless",
        "a reader keeps much from being copied",
        "a reader keeps much from being copied, and the log is endless",
        "somebody who wrote has begun it anew",
    ],
)
def test_writers_are_held_up_only_for_the_little_that_is_left(
    file: JournalFile, monkeypatch: pytest.MonkeyPatch, figures: list[tuple[int, int]], modes: list[int]
) -> None:
    copying = Copying(file.path, meanwhile=lambda: None, figures=figures)
    monkeypatch.setattr(checkpoints, "_LONG_PAGES", 500)
    monkeypatch.setattr(checkpoints, "_ENDLESS_PAGES", 2500)
    monkeypatch.setattr(checkpoints, "open_file", lambda _: copying)

    checkpoints.Checkpoints(file.path, turn=nullcontext())._run()

    assert copying.modes == modes


def test_writers_are_not_held_up_for_what_a_reader_has_kept_from_being_copied(
    file: JournalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = apsw.Connection(str(file.path))
    reader.execute("BEGIN; SELECT count(*) FROM meta").fetchall()
    copying = Copying(file.path, meanwhile=reader.close)  # who goes just then leaves the whole log to be copied
    monkeypatch.setattr(checkpoints, "_STEP_PAGES", 1 << 30)
    monkeypatch.setattr(checkpoints, "_LITTLE_PAGES", STEP)
    write(file, 0, 3 * STEP)
    monkeypatch.setattr(checkpoints, "open_file", lambda _: copying)

    checkpoints.Checkpoints(file.path, turn=nullcontext())._run()

    assert set(copying.modes) == {PASSIVE}


def test_nothing_is_copied_while_the_log_is_cut_off(file: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def noting(path: Path) -> apsw.Connection:
        done.append("copied")
        return open_file(path)

    monkeypatch.setattr(checkpoints, "open_file", noting)
    with file._checkpoints.paused():
        write(file, 0, 3 * STEP)
        done.append("cut off")
    settled(file)
    assert done == ["cut off", "copied"]

    file.cut_log()

    assert file.path.with_name("journal.db-wal").stat().st_size == 0


FORKED = """
import os, sys, threading
from pathlib import Path
from scanhook.journal.sqlite_file import JournalFile
from scanhook.storage import Pepper, checkpoints

checkpoints._STEP_PAGES = 20
file = JournalFile(Path(sys.argv[1]), package="scanhook.journal", pepper=Pepper(secret=bytes(range(32))))

def fill(name):
    for number in range(20):
        with file.writing() as connection:
            connection.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (f"{name} {number}", bytes(3000)))
    for thread in threading.enumerate():
        if thread.name == "scanhook-checkpoint":
            thread.join()
    return file.path.stat().st_size

before = fill("parent")
child = os.fork()
if child == 0:
    after = fill("child")
    file.close()
    os._exit(0 if after > before else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_on_the_far_side_of_a_fork_the_log_is_copied_too(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", FORKED, str(tmp_path / "journal.db")]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, done.stderr) == (0, "")
