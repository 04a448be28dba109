from __future__ import annotations

import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pytest

from scanhook.registry.importstore import Import, Phase
from scanhook.storage.machine import Machine
from scanhook.wire.leftovers import clear_leftovers
from scanhook.wire.uploads import Uploads
from tests.wire.shelves import AT, HOUR_S, Shelves, as_registry, incoming

WEEK = 7 * 24


def put(path: Path, *, hours: float) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("tags")
    os.utime(path, (AT - hours * HOUR_S,) * 2)


def cleared(folder: Path, *brought: Import) -> list[str]:
    return clear_leftovers(as_registry(Shelves(folder=folder, brought=list(brought))), now=AT)


def test_the_upload_of_an_ended_import_is_deleted_after_a_day(tmp_path: Path) -> None:
    for number in range(1, 8):
        put(tmp_path / "uploads" / f"{number}.csv", hours=48)
    assert cleared(tmp_path, *(incoming(number, phase, hours=23.9) for number, phase in enumerate(Phase, 1))) == []
    brought = [incoming(number, phase, hours=24) for number, phase in enumerate(Phase, 1)]
    assert list(Phase)[3:] == ["done", "refused", "failed", "dropped"]
    assert cleared(tmp_path, *brought) == ["uploads/4.csv", "uploads/5.csv", "uploads/7.csv"]
    left = sorted(path.name for path in (tmp_path / "uploads").iterdir())
    assert left == ["1.csv", "2.csv", "3.csv", "6.csv"]


@pytest.mark.parametrize("name", ["1.csv", "1.rejects.csv", "9.csv"])
def test_an_upload_that_nobody_came_back_for_is_deleted_after_a_week(tmp_path: Path, name: str) -> None:
    put(tmp_path / "uploads" / name, hours=WEEK - 0.1)
    assert cleared(tmp_path, incoming(1, Phase.FAILED, hours=WEEK)) == []
    put(tmp_path / "uploads" / name, hours=WEEK)
    assert cleared(tmp_path, incoming(1, Phase.FAILED, hours=WEEK)) == [f"uploads/{name}"]


def test_an_upload_stays_while_its_import_runs(tmp_path: Path) -> None:
    put(tmp_path / "uploads" / "1.csv", hours=2 * WEEK)
    with Uploads(tmp_path).claim(1):
        assert cleared(tmp_path, incoming(1, Phase.LOADING)) == []
    assert cleared(tmp_path, incoming(1, Phase.LOADING)) == ["uploads/1.csv"]


def test_an_upload_that_was_cut_off_is_deleted_after_a_day(tmp_path: Path) -> None:
    part = tmp_path / "uploads" / "5f3c.part"
    put(part, hours=23.9)
    assert cleared(tmp_path) == []
    put(part, hours=24)
    with part.open("rb") as receiving:
        fcntl.flock(receiving, fcntl.LOCK_EX)
        assert cleared(tmp_path) == []
    assert cleared(tmp_path) == ["uploads/5f3c.part"]


def test_the_lock_of_an_ended_import_is_deleted_after_a_week(tmp_path: Path) -> None:
    for number in range(1, 9):
        put(tmp_path / "uploads" / f"{number}.lock", hours=WEEK)
    assert cleared(tmp_path, *(incoming(number, Phase.DONE, hours=WEEK - 0.1) for number in range(1, 9))) == []
    brought = [incoming(number, phase, hours=WEEK) for number, phase in enumerate(Phase, 1)]
    brought[0] = replace(brought[0], ended_at=brought[0].started_at)
    with Uploads(tmp_path).claim(4):
        assert cleared(tmp_path, *brought) == [f"uploads/{number}.lock" for number in (5, 6, 7, 8)]
    assert cleared(tmp_path, *brought) == ["uploads/4.lock"]
    assert sorted(path.name for path in (tmp_path / "uploads").iterdir()) == ["1.lock", "2.lock", "3.lock"]


@pytest.mark.parametrize("name", ["1.lock", "codes.csv", "1.csv.kept", "-1.csv"])
def test_what_is_no_upload_stays(tmp_path: Path, name: str) -> None:
    put(tmp_path / "uploads" / name, hours=480)
    assert cleared(tmp_path, incoming(1, Phase.DONE)) == []


def test_the_folder_of_an_ended_import_is_deleted(tmp_path: Path) -> None:
    for number in range(1, 8):
        put(tmp_path / f"import-{number}" / "sorted-000", hours=48)
    brought = [incoming(number, phase) for number, phase in enumerate(Phase, 1)]
    assert cleared(tmp_path, *brought) == ["import-4", "import-5", "import-6", "import-7"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["import-1", "import-2", "import-3"]


@pytest.mark.parametrize(("phase", "deleted"), [(Phase.DONE, ["import-1"]), (Phase.DROPPED, []), (Phase.FAILED, [])])
def test_the_folder_stays_while_rows_have_to_be_found_with_it(tmp_path: Path, phase: Phase, deleted: list[str]) -> None:
    put(tmp_path / "import-1" / "sorted-000", hours=48)
    assert cleared(tmp_path, incoming(1, phase, first_part=3)) == deleted


def test_an_import_that_ends_just_now_removes_its_folder_itself(tmp_path: Path) -> None:
    put(tmp_path / "import-1" / "sorted-000", hours=48)
    assert cleared(tmp_path, incoming(1, Phase.DONE, hours=0.9)) == []


@pytest.mark.parametrize("name", ["import-2", "import-x", "import-1-kept", "xx-import-1", "import-1.db"])
def test_what_belongs_to_no_ended_import_stays(tmp_path: Path, name: str) -> None:
    put(tmp_path / name / "something", hours=480)
    assert cleared(tmp_path, incoming(1, Phase.DONE)) == []


def test_a_storage_without_uploads_has_nothing_to_clear(tmp_path: Path) -> None:
    assert cleared(tmp_path) == []


def test_a_folder_with_the_number_of_another_machines_import_is_left_alone(tmp_path: Path) -> None:
    here, there = Machine(name="web-1", id="0" * 16), Machine(name="web-2", id="1" * 16)
    for number in (1, 2, 3):
        put(tmp_path / f"import-{number}" / "manifest.json", hours=48)
    brought = [incoming(1, Phase.DONE, machine=there), incoming(2, Phase.DONE, machine=here), incoming(3, Phase.DONE)]

    shelves = Shelves(folder=tmp_path, brought=brought, machine=here)
    assert clear_leftovers(as_registry(shelves), now=AT) == ["import-2", "import-3"]
