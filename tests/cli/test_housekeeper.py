from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from scanhook.journal import read_erasures, remember_erasures
from scanhook.journal.people import mark_of
from scanhook.journal.peoplestore import Erasure
from scanhook.settings import House
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.lease import take_lease
from scanhook.wire.service import keyring
from tests.cli.conftest import AT, Scanner, run, run_json
from tests.conftest import OPENID, stock
from tests.machines import Machines
from tests.serving import Server, forget_batches, rows, scan_push, serving, verdict_in, wait_for

KILLED_MINT = """
import os, signal
from scanhook.cli import main
from scanhook.registry.printfile import PrintFile
PrintFile.appear = lambda _: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


@pytest.fixture(autouse=True)
def _as_eager_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test of this process be nice to the others for the rest of its life."""
    monkeypatch.setattr(os, "nice", lambda _steps: 0)


def at_work(server: Server) -> list[int]:
    """Return the process ids of the housekeepers that began to work."""
    return [int(pid) for pid in re.findall(r'"the housekeeper is at work" pid=(\d+)', server.log())]


def waiting(server: Server) -> list[int]:
    return [int(pid) for pid in re.findall(r'"the housekeeper waits: another one is at work" pid=(\d+)', server.log())]


def is_there(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_an_erasure_that_was_stopped_is_brought_to_its_end(scanner: Scanner) -> None:
    scanner.scan("GENUINE0001", "GENUINE0002")
    pepper = Pepper.load(scanner.house.pepper_path)
    erasure = Erasure(at=AT + 3600, mark=mark_of(pepper.person(OPENID), pepper=pepper))
    remember_erasures(scanner.house.base / "data" / "erasures", [erasure])

    assert run_json("housekeeper", "--once")["erased_again"] == 2
    assert run_json("housekeeper", "--once")["erased_again"] == 0
    assert run("scans", "export", "--openid", OPENID).stdout.count("\n") == 1


def test_one_round_does_everything_and_ends(stocked: House) -> None:
    report = {
        "retention": {"scans": 0, "events": 0, "openids": 0},
        "erased_again": 0,
        "forgotten_batches": 0,
        "mints_taken_back": 0,
        "deleted": [],
        "reviews": 0,
        "catalog": [],
    }
    assert run_json("housekeeper", "--once") == report
    forget_batches(stocked)
    (stocked.base / "data" / "uploads").mkdir(mode=0o700)
    old = stocked.base / "data" / "uploads" / "cutoff.part"
    old.touch()
    os.utime(old, (0, 0))
    assert run("housekeeper", "--once").stdout.splitlines() == [
        "retention: scans 0, events 0, openids 0",
        "erased_again: 0",
        "forgotten_batches: 1",
        "mints_taken_back: 0",
        "deleted: uploads/cutoff.part",
        "reviews: 0",
        "catalog: nothing",
    ]
    assert not old.exists()


def test_scans_that_are_too_old_are_deleted(scanner: Scanner) -> None:
    house, now = scanner.house, int(time.time())
    scanner.scan("GENUINE0001", "COPIED99999", at=now - 31 * 86400)
    scanner.scan("GENUINE0001", at=now - 29 * 86400)
    scanner.scan("GENUINE0002", at=now)
    assert run_json("housekeeper", "--once")["retention"]["scans"] == 0
    house.path.write_text(house.path.read_text() + "\n[journal]\nkeep_scans_days = 30\n")
    assert run_json("housekeeper", "--once")["retention"]["scans"] == 2
    assert rows(house, "SELECT count(*), sum(scans) FROM scans, tallies WHERE scans.tag = tallies.tag") == [(2, 3)]


def test_a_round_beside_another_housekeeper_is_refused(shop: House) -> None:
    lease = take_lease(StorageUrl(engine="sqlite", folder=shop.base / "data"), "housekeeper")
    assert lease is not None
    with lease:
        said = run("housekeeper", "--once", code=1).stderr
    assert said == ("error: another housekeeper is at work on this storage; `scanhook serve` starts one by itself\n")
    run("housekeeper", "--once")


def test_a_round_that_fails_says_so(stocked: House) -> None:
    connection_gone = stocked.base / "data" / "journal.db"
    connection_gone.write_bytes(b"nonsense" * 1000)
    said = run("housekeeper", "--once", code=1).stderr
    assert said.startswith(f"error: {connection_gone}: it is not a database: ")


def test_a_storage_that_is_not_there_is_not_made(shop: House) -> None:
    (shop.base / "data").rename(shop.base / "lost")
    said = run("housekeeper", "--once", code=1).stderr
    assert said.startswith(f"error: {shop.base / 'data' / 'housekeeper.lock'}: ")
    assert not (shop.base / "data").exists()


def test_every_machine_looks_after_its_own_and_one_of_them_keeps_house(machines: Machines) -> None:
    for name in ("web-1", "web-2"):
        uploads = machines.on(name).base / "data" / "uploads"
        uploads.mkdir(parents=True)
        (uploads / f"{name}.part").touch()
        os.utime(uploads / f"{name}.part", (0, 0))
    lease = take_lease(StorageUrl.of(machines.on("web-1")), "housekeeper")
    assert lease is not None
    with lease:
        report = run_json("housekeeper", "--once")
        assert report == {"erasures_shared": 0, "mints_taken_back": 0, "deleted": ["uploads/web-1.part"]}
    machines.on("web-2")
    assert run_json("housekeeper", "--once") == {
        "erasures_shared": 0,
        "mints_taken_back": 0,
        "deleted": ["uploads/web-2.part"],
        "retention": {"scans": 0, "events": 0, "openids": 0},
        "erased_again": 0,
        "forgotten_batches": 0,
        "reviews": 0,
        "catalog": [],
    }


def test_whom_the_list_of_one_machine_names_is_erased_by_whichever_keeps_house(machines: Machines) -> None:
    first, second = machines.on("web-2"), machines.on("web-1")
    stock(first)
    Scanner(house=first).scan("GENUINE0001", "GENUINE0002")
    erasure = Erasure(at=AT + 3600, mark=mark_of(machines.pepper.person(OPENID), pepper=machines.pepper))
    remember_erasures(first.base / "data" / "erasures", [erasure])

    machines.on("web-2")
    lease = take_lease(StorageUrl.of(second), "housekeeper")
    assert lease is not None
    with lease:
        assert run_json("housekeeper", "--once")["erasures_shared"] == 1
    machines.on("web-1")
    report = run_json("housekeeper", "--once")
    assert (report["erasures_shared"], report["erased_again"]) == (1, 2)
    assert read_erasures(second.base / "data" / "erasures") == [erasure]
    assert run("scans", "export", "--openid", OPENID).stdout.count("\n") == 1


def test_a_mint_that_was_killed_is_settled_on_its_machine_alone(machines: Machines, tmp_path: Path) -> None:
    run("products", "add", "qrcode", "frame", "--qr-prefix", "http://p.url.cn/5g0B4A90aqc")
    order = ("10", "--product", "qrcode/frame", "--batch", "spring", "--for", "Mr Li", "--to", tmp_path / "spring.csv")
    killed = subprocess.run([sys.executable, "-c", KILLED_MINT, "codes", "mint", *order], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL

    machines.on("web-2")
    assert run_json("housekeeper", "--once")["mints_taken_back"] == 0
    assert [batch["batch"] for batch in run_json("batches", "list")] == ["spring"]

    machines.on("web-1")
    assert run_json("housekeeper", "--once")["mints_taken_back"] == 1
    assert run_json("batches", "list") == []


@pytest.mark.ordeal
def test_the_service_has_one_housekeeper_that_comes_back_and_goes_with_it(stocked: House, tmp_path: Path) -> None:
    forget_batches(stocked)
    with serving(stocked, tmp_path, workers=2) as server:
        keys = keyring(stocked.settings.accounts["main"])
        wait_for(lambda: at_work(server), "the housekeeper is at work")
        lease = stocked.base / "data" / "housekeeper.lock"
        wait_for(lease.read_bytes, "it has warned of the forgotten batch, and noted that")
        (first,) = at_work(server)
        os.kill(first, signal.SIGKILL)
        answer = server.push(scan_push(keys=keys))
        assert (answer.status, verdict_in(answer.body, keys=keys)) == (200, "real")
        assert server.request("GET", "/readyz").status == 200
        assert server.figures()["scanhook_forgotten_batches"] == 1
        wait_for(lambda: len(at_work(server)) == 2, "another one is at work")
        second = at_work(server)[-1]
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert not is_there(first)
        assert not is_there(second)
        assert server.log().count("batch=winter") == 1
        assert waiting(server) == []


@pytest.mark.ordeal
def test_of_two_services_on_a_storage_one_keeps_house_until_it_is_gone(stocked: House, tmp_path: Path) -> None:
    with serving(stocked, tmp_path) as one:
        wait_for(lambda: at_work(one), "the first housekeeper is at work")
        with serving(stocked, tmp_path) as other:
            wait_for(lambda: waiting(other), "the second one waits")
            assert at_work(other) == []
            os.kill(one.process.pid, signal.SIGKILL)  # nobody is left to end its housekeeper
            wait_for(lambda: at_work(other), "the second one has taken over")
            assert at_work(other) == waiting(other)
