from __future__ import annotations

import fcntl
import io
from pathlib import Path
from typing import Any

import pytest

from scanhook.errors import Refused, StorageError
from scanhook.wire.uploads import Uploads


def receive(uploads: Uploads, content: bytes, import_id: int) -> None:
    with uploads.receiving(io.BytesIO(content).read) as received:
        uploads.adopt(received, import_id)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "uploads").iterdir())


def test_a_received_file_is_adopted_whole_and_private(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    receive(uploads, b"x" * 600_000, 7)
    assert uploads.path(7).read_bytes() == b"x" * 600_000
    assert uploads.is_here(7)
    assert (uploads.path(7).stat().st_mode & 0o777, (tmp_path / "uploads").stat().st_mode & 0o777) == (0o600, 0o700)
    uploads.forget(7)
    uploads.forget(7)
    assert names(tmp_path) == []


def test_a_file_that_nobody_adopts_is_gone(tmp_path: Path) -> None:
    with Uploads(tmp_path).receiving(io.BytesIO(b"codes").read):
        assert len(names(tmp_path)) == 1
    assert names(tmp_path) == []


def test_a_sender_who_goes_away_leaves_nothing(tmp_path: Path) -> None:
    pieces = iter([b"half"])

    def read(_count: int) -> bytes:
        try:
            return next(pieces)
        except StopIteration:
            raise ConnectionResetError from None

    with pytest.raises(ConnectionResetError), Uploads(tmp_path).receiving(read):
        raise AssertionError("half a file is no file")
    assert names(tmp_path) == []


def test_an_empty_body_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="the body is empty"), Uploads(tmp_path).receiving(io.BytesIO().read):
        pass
    assert names(tmp_path) == []


def test_only_one_may_run_an_import_and_its_end_is_seen(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    assert not uploads.is_running(7)
    receive(uploads, b"codes", 7)
    assert not uploads.began_here(7)
    with uploads.claim(7):
        assert uploads.is_running(7)
        assert uploads.is_running(7)
        with pytest.raises(Refused, match="the import 7 is running"):
            uploads.claim(7)
    assert not uploads.is_running(7)
    assert uploads.began_here(7)
    uploads.claim(7).close()


def test_whoever_waits_for_a_lock_that_is_deleted_takes_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(tmp_path)
    receive(uploads, b"codes", 7)
    flock, deleted = fcntl.flock, iter([tmp_path / "uploads" / "7.lock"])

    def late(*given: Any) -> None:
        for path in deleted:
            path.unlink()
        flock(*given)

    monkeypatch.setattr(fcntl, "flock", late)
    with uploads.claim(7):
        assert uploads.is_running(7)
        assert uploads.running() == 1
    assert uploads.running() == 0


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("in the way")
    uploads = Uploads(tmp_path)
    with pytest.raises(StorageError, match="make room there, and see that"):
        receive(uploads, b"codes", 7)
    with pytest.raises(StorageError, match="the upload cannot be kept in"):
        uploads.claim(7)
