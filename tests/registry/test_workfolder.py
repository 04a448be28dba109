from __future__ import annotations

import pickle
import stat
from pathlib import Path

import pytest

from scanhook.errors import StorageError
from scanhook.registry.workfolder import FolderLost, Manifest, WorkFolder

MANIFEST = Manifest(records=(3, 4), codes=(5, 2), refused=1)


def test_a_sealed_folder_is_found_again(tmp_path: Path) -> None:
    WorkFolder.create(tmp_path, "import-1", stacks=2).seal(MANIFEST)

    work, manifest = WorkFolder.open(tmp_path, "import-1")

    assert manifest == MANIFEST
    assert (work.path, work.stacks) == (tmp_path / "import-1", 2)


def test_it_is_private(tmp_path: Path) -> None:
    work = WorkFolder.create(tmp_path, "import-1", stacks=1)

    assert stat.S_IMODE(work.path.stat().st_mode) == 0o700


def test_it_is_empty_when_it_is_made(tmp_path: Path) -> None:
    WorkFolder.create(tmp_path, "import-1", stacks=2).seal(MANIFEST)

    assert list(WorkFolder.create(tmp_path, "import-1", stacks=2).path.iterdir()) == []


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"records": 1, "codes": [], "refused": 0}'])
def test_a_folder_that_is_not_complete_is_told(tmp_path: Path, content: str | None) -> None:
    work = WorkFolder.create(tmp_path, "import-1", stacks=1)
    if content is not None:
        (work.path / "manifest.json").write_text(content)

    with pytest.raises(FolderLost, match="import-1 is gone or damaged"):
        WorkFolder.open(tmp_path, "import-1")


def test_what_is_gone_can_be_removed(tmp_path: Path) -> None:
    work = WorkFolder.create(tmp_path, "import-1", stacks=1)
    work.remove()
    work.remove()

    assert list(tmp_path.iterdir()) == []


def test_a_manifest_that_cannot_be_read_now_is_not_taken_for_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise OSError(5, "Input/output error")

    WorkFolder.create(tmp_path, "import-1", stacks=2).seal(MANIFEST)
    monkeypatch.setattr("pathlib.Path.read_text", broken)

    with pytest.raises(
        StorageError, match=r"manifest\.json cannot be read: Input/output error.*nothing .* is lost"
    ) as told:
        WorkFolder.open(tmp_path, "import-1")

    assert not isinstance(told.value, FolderLost)


def test_it_belongs_to_whom_the_storage_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Path] = []
    monkeypatch.setattr("scanhook.registry.workfolder.give_to_owner", given.append)

    WorkFolder.create(tmp_path, "import-1", stacks=2).seal(MANIFEST)

    assert given == [tmp_path / "import-1", tmp_path / "import-1" / "manifest.new"]


def test_a_folder_that_cannot_be_deleted_is_named(tmp_path: Path) -> None:
    (tmp_path / "import-1").write_text("no folder")

    with pytest.raises(
        StorageError, match=r"import-1.* cannot be deleted: .*: delete the folder .*/import-1, or give it"
    ):
        WorkFolder.create(tmp_path, "import-1", stacks=1)


def test_what_was_lost_is_told_through_a_pipe() -> None:
    told = pickle.loads(pickle.dumps(FolderLost(Path("import-1"))))

    assert told.why == "import-1 is gone or damaged: without it, the import can only be begun again"


def test_a_storage_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot be sorted in .*/gone/import-1: No such file or directory"):
        WorkFolder.create(tmp_path / "gone", "import-1", stacks=1)
