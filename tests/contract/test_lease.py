from __future__ import annotations

import subprocess
import sys

from scanhook.storage.lease import Lease, read_lease, take_lease
from tests.contract.engines import Place

HOLD = """
import sys, time
from pathlib import Path
from scanhook.storage import StorageUrl
from scanhook.storage.lease import take_lease
lease = take_lease(StorageUrl.parse(sys.argv[1], base=Path("/")), "housekeeper")
print(lease is not None, flush=True)
time.sleep(60)
"""


def taken(place: Place, name: str = "housekeeper") -> Lease:
    lease = take_lease(place.storage, name)
    assert lease is not None
    return lease


def test_only_one_holds_a_lease(place: Place) -> None:
    with taken(place) as lease:
        assert take_lease(place.storage, "housekeeper") is None
        taken(place, "another").close()
        assert lease.holds()
    taken(place).close()


def test_a_lease_of_a_process_that_was_killed_is_free(place: Place) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, place.url], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert take_lease(place.storage, "housekeeper") is None
        holder.kill()
        holder.wait()
        lease = None
        while lease is None:  # a server needs a moment to see that nobody is there any more
            lease = take_lease(place.storage, "housekeeper")
        lease.close()


def test_the_next_holder_reads_what_the_last_one_wrote(place: Place) -> None:
    with taken(place) as lease:
        assert lease.read() == ""
        lease.write("a long text")
        lease.write("短")
        assert lease.read() == "短"
    with taken(place) as lease:
        assert lease.read() == "短"
    with taken(place, "another") as lease:
        assert lease.read() == ""


def test_whoever_does_not_hold_a_lease_can_read_it(place: Place) -> None:
    assert read_lease(place.storage, "housekeeper") == ""
    with taken(place) as lease:
        lease.write("短")
        assert read_lease(place.storage, "housekeeper") == "短"
        assert lease.holds()
    assert read_lease(place.storage, "housekeeper") == "短"


def test_a_lease_that_was_given_back_holds_no_more(place: Place) -> None:
    lease = taken(place)
    lease.close()
    lease.close()

    with taken(place) as another:
        assert another.holds()
