from __future__ import annotations

from pathlib import Path

import pytest

from scanhook.errors import StorageError
from scanhook.storage import StorageUrl
from scanhook.storage.lease import Lease, read_lease, take_lease


def url(folder: Path) -> StorageUrl:
    return StorageUrl(engine="sqlite", folder=folder)


def taken(folder: Path) -> Lease:
    lease = take_lease(url(folder), "housekeeper")
    assert lease is not None
    return lease


def test_reading_a_lease_leaves_no_file(tmp_path: Path) -> None:
    assert read_lease(url(tmp_path), "housekeeper") == ""
    assert list(tmp_path.iterdir()) == []


def test_a_lease_is_nobody_elses_to_read(tmp_path: Path) -> None:
    taken(tmp_path).close()
    assert (tmp_path / "housekeeper.lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("how", ["deleted", "exchanged"])
def test_a_lease_on_a_file_that_is_gone_holds_no_more(tmp_path: Path, how: str) -> None:
    with taken(tmp_path) as lease:
        assert lease.holds()
        (tmp_path / "housekeeper.lock").unlink()
        if how == "exchanged":
            taken(tmp_path).close()
        assert not lease.holds()


def test_a_storage_that_is_not_there_has_no_lease(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gone/housekeeper\.lock: No such file or directory"):
        take_lease(url(tmp_path / "gone"), "housekeeper")
    assert not (tmp_path / "gone").exists()
