from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from scanhook.storage.files import copy_file, give_to_owner, sha256_of


def test_a_copy_is_private_and_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(content)
    told: list[int] = []

    digest = copy_file(tmp_path / "a", tmp_path / "b", tell=told.append)

    assert (tmp_path / "b").read_bytes() == content
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert digest == sha256_of(tmp_path / "b") == hashlib.sha256(content).hexdigest()
    assert told[-1] == len(content)
    assert told == sorted(set(told))


def test_a_copy_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"new")
    (tmp_path / "b").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        copy_file(tmp_path / "a", tmp_path / "b")

    assert (tmp_path / "b").read_bytes() == b"old"


def test_what_root_makes_belongs_to_whom_the_folder_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only root can really give a file away, and tests run as anybody.
    given: list[tuple[Path, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, uid, gid: given.append((path, uid, gid)))
    folder = tmp_path.stat()

    give_to_owner(tmp_path / "a")

    assert given == [(tmp_path / "a", folder.st_uid, folder.st_gid)]


def test_who_is_not_root_keeps_what_he_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "chown", lambda *_: pytest.fail("it was given away"))

    give_to_owner(tmp_path / "a")
