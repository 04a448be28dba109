from __future__ import annotations

from pathlib import Path

import pytest

from scanhook.errors import Refused, StorageError
from scanhook.registry.guessing import WAYS
from scanhook.registry.sorting import GUESS, SortedStack, Sorter, rows_of_stack, sort_stack
from scanhook.registry.spool import GUESSES, RECORD, TAGS, Spool
from scanhook.registry.workfolder import WorkFolder

A, B, C, D = (bytes([letter]) * 10 for letter in b"\x01\x40\x90\xf0")
NO_HITS = [0] * len(WAYS)


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    return WorkFolder.create(tmp_path, "import-1", stacks=1)


def spooled(work: WorkFolder, *rows: tuple[bytes, int, int, int], process: int = 0) -> None:
    spool = Spool(work.path, name=TAGS, stacks=work.stacks, process=process)
    spool.add_all(RECORD.pack(*row) for row in rows)
    spool.flush()


def test_a_stack_of_all_processes_is_sorted(work: WorkFolder) -> None:
    spooled(work, (C, 2, 0, 1), (A, 3, 1, 1))
    spooled(work, (B, 4, 0, 2), process=1)

    found = sort_stack(work, 0)

    assert found == SortedStack(number=0, codes={1: 1, 0: 2}, doubles=[], hits=NO_HITS)
    assert found.records == 3
    assert list(rows_of_stack(work, 0)) == [(A, 3, 1, 1), (B, 4, 0, 2), (C, 2, 0, 1)]
    assert [file.name for file in work.path.iterdir()] == ["sorted-000"]


def test_of_doubles_the_earliest_line_is_kept(work: WorkFolder) -> None:
    spooled(work, (A, 9, 0, 8), (B, 7, 0, 6), (A, 3, 1, 1), (A, 300, 0, 99), (B, 5, 0, 4))

    found = sort_stack(work, 0)

    assert found.doubles == [(9, 3), (300, 3), (7, 5)]
    assert found.codes == {1: 1, 0: 1}
    assert list(rows_of_stack(work, 0)) == [(A, 3, 1, 1), (B, 5, 0, 4)]


def test_an_empty_stack_is_sorted_too(work: WorkFolder) -> None:
    assert sort_stack(work, 0).records == 0
    assert list(rows_of_stack(work, 0)) == []


def test_guesses_that_hit_are_counted(work: WorkFolder) -> None:
    spooled(work, (A, 2, 0, 1), (C, 3, 0, 2))
    spool = Spool(work.path, name=GUESSES, stacks=1)
    spool.add_all(GUESS.pack(tag, way) for tag, way in ((A, 0), (B, 0), (C, 2), (A, 2), (D, 1)))
    spool.flush()

    assert sort_stack(work, 0).hits == [1, 0, 2, 0, 0]
    assert [file.name for file in work.path.iterdir()] == ["sorted-000"]


def test_a_helper_sorts_the_stack_of_its_task(tmp_path: Path) -> None:
    work = WorkFolder.create(tmp_path, "import-1", stacks=2)
    spooled(work, (A, 2, 0, 1), (D, 3, 0, 2))
    sorter = Sorter(work, 0)

    assert [sorter(number).codes for number in (1, 0)] == [{0: 1}, {0: 1}]
    sorter.finish()

    assert [list(rows_of_stack(work, number)) for number in (0, 1)] == [[(A, 2, 0, 1)], [(D, 3, 0, 2)]]


def test_a_stack_that_is_cut_is_told(work: WorkFolder) -> None:
    spooled(work, (A, 2, 0, 1))
    sort_stack(work, 0)
    work.sorted_stack(0).write_bytes(b"half")

    with pytest.raises(StorageError, match="sorted-000 is gone or damaged"):
        list(rows_of_stack(work, 0))


def test_a_stack_that_memory_cannot_hold_is_refused(work: WorkFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.registry.sorting.STACK_MAX_CODES", 3)
    spooled(work, (A, 2, 0, 1), (A, 3, 0, 2), (B, 4, 0, 3))
    assert sort_stack(work, 0).records == 2

    spooled(work, *((A, line, 0, line) for line in range(4)))
    with pytest.raises(Refused, match="fills more than 3 lines of the file: leave out the lines that are there many"):
        sort_stack(work, 0)


def test_a_stack_that_is_gone_is_told(work: WorkFolder) -> None:
    with pytest.raises(StorageError, match="sorted-000 is gone or damaged"):
        list(rows_of_stack(work, 0))
