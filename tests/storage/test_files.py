from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from scanhook.storage.files import copy_file, give_to_owner, sha256_of

NOBODY = 65534


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_belongs_to_whom_the_folder_belongs(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    (tmp_path / "a").touch()

    give_to_owner(tmp_path / "a")

    found = (tmp_path / "a").stat()
    assert (found.st_uid, found.st_gid) == (NOBODY, NOBODY)
