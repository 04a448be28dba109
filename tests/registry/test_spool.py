from __future__ import annotations

import random
from pathlib import Path

import pytest

from scanhook.errors import StorageError
from scanhook.registry.spool import GUESSES, RECORD, TAGS, Spool, stacks_for, unsorted
from scanhook.storage import TAG_BYTES


def records(count: int) -> list[bytes]:
    chance = random.Random(1)
    return [RECORD.pack(chance.randbytes(TAG_BYTES), number, 0, number) for number in range(count)]


def read(folder: Path, name: str, stack: int) -> list[bytes]:
    content = b"".join(file.read_bytes() for file in unsorted(folder, name, stack))
    return [content[start : start + RECORD.size] for start in range(0, len(content), RECORD.size)]


@pytest.mark.parametrize("stacks", [1, 2, 16, 256])
def test_stacks_follow_one_another_in_the_order_of_tags(tmp_path: Path, stacks: int) -> None:
    made = records(1000)
    spool = Spool(tmp_path, name=TAGS, stacks=stacks)

    spool.add_all(made[:600])
    spool.flush()
    spool.add_all(made[600:])
    spool.flush()

    found = [record for stack in range(stacks) for record in sorted(read(tmp_path, TAGS, stack))]
    assert found == sorted(made)


def test_processes_and_kinds_are_kept_apart(tmp_path: Path) -> None:
    first, second, third = records(3)
    for number, record in enumerate((first, second)):
        spool = Spool(tmp_path, name=TAGS, stacks=1, process=number)
        spool.add(0, record)
        spool.flush()
    spool = Spool(tmp_path, name=GUESSES, stacks=1)
    spool.add(0, third)
    spool.flush()

    assert read(tmp_path, TAGS, 0) == [first, second]
    assert read(tmp_path, GUESSES, 0) == [third]


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.registry.spool._BUFFER_BYTES", RECORD.size)
    made = records(5)

    Spool(tmp_path, name=TAGS, stacks=1).add_all(made)

    assert sorted(read(tmp_path, TAGS, 0)) == sorted(made)


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "gone", name=TAGS, stacks=1)
    spool.add_all(records(1))

    with pytest.raises(StorageError, match="No such file or directory: make room there"):
        spool.flush()


@pytest.mark.parametrize(
    ("codes", "stacks"),
    [(0, 1), (199_999, 1), (200_000, 2), (1_000_000, 8), (10_000_000, 64), (100_000_000, 256), (10**9, 256)],
)
def test_stacks_are_as_many_as_the_codes_need(codes: int, stacks: int) -> None:
    assert stacks_for(codes) == stacks
