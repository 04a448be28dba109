from __future__ import annotations

import os
from pathlib import Path

import pytest

from scanhook.registry.importstore import Import, Phase
from scanhook.wire.leftovers import clear_leftovers
from tests.wire.shelves import AT, HOUR_S, Shelves, as_registry, incoming


def put(path: Path, *, hours: float) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("tags")
    os.utime(path, (AT - hours * HOUR_S,) * 2)


def cleared(folder: Path, *brought: Import) -> list[str]:
    return clear_leftovers(as_registry(Shelves(folder=folder, brought=list(brought))), now=AT)


def test_an_upload_is_deleted_after_a_day(tmp_path: Path) -> None:
    put(tmp_path / "uploads" / "old", hours=24)
    put(tmp_path / "uploads" / "fresh", hours=23.9)
    assert cleared(tmp_path) == ["uploads/old"]
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == ["fresh"]


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.READING, Phase.LOADING, Phase.FAILED])
def test_an_upload_that_an_import_still_needs_stays(tmp_path: Path, phase: Phase) -> None:
    put(tmp_path / "uploads" / "5f3c.csv", hours=240)
    put(tmp_path / "uploads" / "codes.csv", hours=240)
    assert cleared(tmp_path, incoming(1, phase, upload="uploads/5f3c.csv")) == []


def test_an_upload_whose_import_has_ended_is_deleted(tmp_path: Path) -> None:
    put(tmp_path / "uploads" / "5f3c.csv", hours=240)
    assert cleared(tmp_path, incoming(1, Phase.DONE, upload="5f3c.csv")) == ["uploads/5f3c.csv"]


def test_the_folder_of_an_ended_import_is_deleted(tmp_path: Path) -> None:
    for number in range(1, 8):
        put(tmp_path / f"import-{number}" / "sorted-000", hours=48)
    brought = [incoming(number, phase) for number, phase in enumerate(Phase, 1)]
    assert list(Phase)[3:] == ["done", "refused", "failed", "dropped"]
    assert cleared(tmp_path, *brought) == ["import-4", "import-5", "import-7"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["import-1", "import-2", "import-3", "import-6"]


def test_an_import_that_ends_just_now_removes_its_folder_itself(tmp_path: Path) -> None:
    put(tmp_path / "import-1" / "sorted-000", hours=48)
    assert cleared(tmp_path, incoming(1, Phase.DONE, hours=0.9)) == []


@pytest.mark.parametrize("name", ["import-2", "import-x", "import-1-kept", "xx-import-1", "import-1.db"])
def test_what_belongs_to_no_ended_import_stays(tmp_path: Path, name: str) -> None:
    put(tmp_path / name / "something", hours=480)
    assert cleared(tmp_path, incoming(1, Phase.DONE)) == []


def test_a_link_is_deleted_and_not_what_it_leads_to(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "codes.csv", hours=480)
    (tmp_path / "uploads").mkdir()
    link = tmp_path / "uploads" / "link"
    link.symlink_to(tmp_path / "elsewhere")
    os.utime(link, (AT - 480 * HOUR_S,) * 2, follow_symlinks=False)
    assert cleared(tmp_path) == ["uploads/link"]
    assert (tmp_path / "elsewhere" / "codes.csv").exists()
