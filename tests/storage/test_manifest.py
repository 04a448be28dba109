from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scanhook.errors import PepperMismatch, Refused, StorageError
from scanhook.storage import Pepper
from scanhook.storage.manifest import CopiedFile, Manifest

OTHER_PEPPER = Pepper(secret=bytes(range(1, 33)))


@pytest.fixture
def manifest(pepper: Pepper) -> Manifest:
    return Manifest(
        version="1.0",
        made_at="2026-11-22T02:00:00+00:00",
        pepper_id=pepper.id,
        files={
            "journal.db": CopiedFile(size=10, sha256="aa", schema=2),
            "registry.db": CopiedFile(size=20, sha256="bb", schema=2),
            "erasures": CopiedFile(size=3, sha256="cc"),
        },
        counts={"codes": 3},
    )


def test_what_is_written_is_read(manifest: Manifest, pepper: Pepper, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(manifest.sealed(pepper))

    assert Manifest.read(tmp_path, pepper=pepper) == manifest
    assert manifest.size == 33


def test_it_says_in_json_what_is_in_the_backup(manifest: Manifest, pepper: Pepper) -> None:
    written = json.loads(manifest.sealed(pepper))

    seal = written.pop("seal")
    assert len(seal) == 64
    assert written == {
        "version": "1.0",
        "made_at": "2026-11-22T02:00:00+00:00",
        "pepper_id": "7df72aa8",
        "counts": {"codes": 3},
        "files": {
            "journal.db": {"bytes": 10, "sha256": "aa", "schema": 2},
            "registry.db": {"bytes": 20, "sha256": "bb", "schema": 2},
            "erasures": {"bytes": 3, "sha256": "cc", "schema": None},
        },
    }


def test_another_pepper_is_told(manifest: Manifest, tmp_path: Path, pepper: Pepper) -> None:
    (tmp_path / "manifest.json").write_text(manifest.sealed(pepper))

    with pytest.raises(PepperMismatch, match="without it the backup is worthless"):
        Manifest.read(tmp_path, pepper=OTHER_PEPPER)


def test_nobody_without_the_pepper_can_change_it(manifest: Manifest, tmp_path: Path, pepper: Pepper) -> None:
    written = json.loads(manifest.sealed(pepper))
    written["files"]["registry.db"]["sha256"] = "dd"
    (tmp_path / "manifest.json").write_text(json.dumps(written))

    with pytest.raises(Refused, match="was changed since the backup was made: take another backup"):
        Manifest.read(tmp_path, pepper=pepper)


def _without(*names: str) -> Callable[[dict[str, Any]], Any]:
    def change(written: dict[str, Any]) -> Any:
        place = written
        for name in names[:-1]:
            place = place[name]
        del place[names[-1]]
        return written

    return change


@pytest.mark.parametrize(
    "change",
    [
        _without("seal"),
        _without("files"),
        _without("files", "registry.db"),
        _without("files", "journal.db", "bytes"),
        lambda written: [],
        lambda written: {**written, "files": {**written["files"], "../pepper": written["files"]["registry.db"]}},
        lambda written: {**written, "files": 3},
    ],
)
def test_what_is_no_manifest_is_refused(
    manifest: Manifest, tmp_path: Path, pepper: Pepper, change: Callable[[dict[str, Any]], Any]
) -> None:
    written = change(json.loads(manifest.sealed(pepper)))
    (tmp_path / "manifest.json").write_text(json.dumps(written))

    with pytest.raises(Refused, match="is not what a backup wrote: take another backup"):
        Manifest.read(tmp_path, pepper=pepper)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"null"])
def test_what_is_no_json_is_refused(tmp_path: Path, pepper: Pepper, text: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(text)

    with pytest.raises(Refused, match="is not what a backup wrote"):
        Manifest.read(tmp_path, pepper=pepper)


def test_a_folder_that_is_no_backup_is_told(tmp_path: Path, pepper: Pepper) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(Refused, match=r"is no backup: it has no manifest\.json; name a folder scanhook-backup-…"):
            Manifest.read(folder, pepper=pepper)


def test_a_manifest_that_cannot_be_read_is_told(tmp_path: Path, pepper: Pepper) -> None:
    (tmp_path / "manifest.json").mkdir()

    with pytest.raises(StorageError, match="cannot be read: Is a directory"):
        Manifest.read(tmp_path, pepper=pepper)
