from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scanhook.errors import StorageError
from scanhook.storage import StorageUrl
from scanhook.storage.lease import Lease, read_lease, take_lease

HOLD = """
import sys, time
from pathlib import Path
from scanhook.storage import StorageUrl
from scanhook.storage.lease import take_lease
lease = take_lease(StorageUrl(engine="sqlite", folder=Path(sys.argv[1])), "housekeeper")
print(lease is not None, flush=True)
time.sleep(60)
"""


def url(folder: Path) -> StorageUrl:
    return StorageUrl(engine="sqlite", folder=folder)


def taken(folder: Path, name: str = "housekeeper") -> Lease:
    lease = take_lease(url(folder), name)
    assert lease is not None
    return lease


def test_only_one_holds_a_lease(tmp_path: Path) -> None:
    with taken(tmp_path):
        assert take_lease(url(tmp_path), "housekeeper") is None
        taken(tmp_path, "another").close()
    taken(tmp_path).close()


def test_a_lease_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert take_lease(url(tmp_path), "housekeeper") is None
        holder.kill()
        holder.wait()
        taken(tmp_path).close()


def test_the_next_holder_reads_what_the_last_one_wrote(tmp_path: Path) -> None:
    with taken(tmp_path) as lease:
        assert lease.read() == ""
        lease.write("a long text")
        lease.write("短")
        assert lease.read() == "短"
    with taken(tmp_path) as lease:
        assert lease.read() == "短"


def test_whoever_does_not_hold_a_lease_can_read_it(tmp_path: Path) -> None:
    assert read_lease(url(tmp_path), "housekeeper") == ""
    assert not (tmp_path / "housekeeper.lock").exists()
    with taken(tmp_path) as lease:
        lease.write("短")
        assert read_lease(url(tmp_path), "housekeeper") == "短"
        assert lease.holds()


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
