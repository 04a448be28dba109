"""A disk that is full: what cannot be stored is not answered, and once there is room, scans go on by themselves."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from scanhook.envelope import Keyring
from scanhook.settings import House
from scanhook.wire.service import keyring
from scanhook.wire.uploads import RESERVE_BYTES
from tests.conftest import copy_house, stock
from tests.ordeal.books import check_storage
from tests.ordeal.crowd import Crowd, seed
from tests.ordeal.ledger import FileLedger, tell
from tests.ordeal.load import CODE_FILE, Load, Sent
from tests.serving import Server, serving, verdict_in, wait_for

pytestmark = [pytest.mark.ordeal, pytest.mark.alone]

DISK_BYTES = 64 << 20
RATE = 60.0
ENOUGH = 100
REFUSED_ENOUGH = 30
COPIED_FROM_BYTES = 4000 * (24 + 4096)
"""A log of so many pages is copied into the database."""
NEAR_BYTES = 1 << 20
SLACK_BYTES = 64 << 10
BACK_WITHIN_S = 10.0
WHAT_TO_DO = "the disk is full: make room on it"
NOT_COPIED = "the write-ahead log grows until it can be copied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A small disk of its own."""

    path: Path

    def fill(self, *, but: int = 0) -> None:
        """Take what room there is, but for so many bytes."""
        with (self.path / "ballast").open("ab", buffering=0) as ballast:
            for piece in (1 << 20, 1 << 16, 1 << 12):
                while _room(self.path) - but >= piece:
                    with suppress(OSError):  # the service may have been faster
                        ballast.write(bytes(piece))

    def make_room(self) -> None:
        """Give back what was taken."""
        (self.path / "ballast").unlink()

    def enlarge(self) -> None:
        """Give it the room that the storage's own check asks for."""
        options = f"remount,size={DISK_BYTES + 2 * RESERVE_BYTES}"
        subprocess.run(["mount", "-o", options, str(self.path)], check=True)


def _room(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_bsize


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount a small disk; only root may."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "scanhook-ordeal", str(path)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a disk of its own needs root's right to mount: {mounted.stderr.strip()}")
    try:
        yield Disk(path=path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture
def full_house(house: House, disk: Disk) -> House:
    """Return a house on the small disk, with codes in it."""
    moved = copy_house(house.path, disk.path / "house")
    stock(moved, codes=CODE_FILE)
    return moved


def test_scans_go_on_by_themselves_when_a_full_disk_has_room_again(
    full_house: House, disk: Disk, tmp_path: Path
) -> None:
    with serving(full_house, tmp_path, workers=2) as service:
        load = _load(service)
        with load.running():
            _go_on(load)
            kept = next(sent for sent in load.sent if sent.answered)
            _fill_up(load, disk)
            _is_not_ready(service, disk)
            again = service.push(kept.push)
            assert again.status == 503 or verdict_in(again.body, keys=_keys(service)) == kept.answered
            assert service.request("GET", "/healthz").status == 200
            disk.make_room()
            roomy_at = time.monotonic()
            _go_on(load)
        wait_for(lambda: service.request("GET", "/readyz").status == 200, "the service is ready again")
        assert WHAT_TO_DO in service.log()
        assert "the housekeeper is started again" not in service.log()
        assert len(service.workers()) == 2
    _settle_up(full_house, load, disk, "a full disk", roomy_at)


def test_a_machine_with_no_room_for_anything_goes_on_when_there_is_some(
    full_house: House, disk: Disk, tmp_path: Path
) -> None:
    # What the service writes beside the storage lies on the full disk too: its log, and its figures.
    home = disk.path / "home"
    home.mkdir()
    with serving(full_house, home, workers=2) as service:
        load = _load(service)
        with load.running():
            _go_on(load)
            _fill_up(load, disk)
            _is_not_ready(service, disk)
            disk.make_room()
            roomy_at = time.monotonic()
            _go_on(load)
        assert service.request("GET", "/metrics").status == 200
        assert len(service.workers()) == 2, "a worker has died"
    _settle_up(full_house, load, disk, "a full machine", roomy_at)


def test_a_disk_that_is_full_while_the_log_is_copied_into_the_database(
    full_house: House, disk: Disk, tmp_path: Path
) -> None:
    journal = full_house.base / "data" / "journal.db"
    log = journal.with_name("journal.db-wal")
    with serving(full_house, tmp_path, workers=2) as service:
        load = _load(service)
        crowd = Crowd(port=service.port, keys=_keys(service), seed=load.seed)
        with load.running():
            _go_on(load)
            more = _go_on_until(crowd, lambda: log.stat().st_size > COPIED_FROM_BYTES - NEAR_BYTES)
            before = journal.stat().st_size
            # What is left is enough for the log to come to its length, and not for what is then to be copied.
            disk.fill(but=COPIED_FROM_BYTES - log.stat().st_size + SLACK_BYTES)
            wait_for(lambda: NOT_COPIED in service.log(), "the log says that it could not be copied")
            _fill_up(load, disk)
            disk.make_room()
            roomy_at = time.monotonic()
            _go_on(load)
            more += _go_on_until(crowd, lambda: journal.stat().st_size > before)
        tell(f"the log had {log.stat().st_size >> 20} MiB")
        assert len(service.workers()) == 2
    _settle_up(full_house, load, disk, "full while the log is copied", roomy_at, more)


def _load(service: Server, *, rate: float = RATE) -> Load:
    return Load([service.port], keys=_keys(service), rate=rate, seed=seed())


def _keys(service: Server) -> Keyring:
    return keyring(service.house.settings.accounts["main"])


def _go_on(load: Load) -> None:
    now = time.monotonic()
    wait_for(lambda: load.verdicts_since(now) >= ENOUGH, "scans are answered")


def _go_on_until(crowd: Crowd, holds: Callable[[], bool]) -> list[Sent]:
    """Let scans come one after the other: each has a transaction of its own, and the log grows."""
    pushes: list[Sent] = []
    while not holds():
        pushes += crowd.compose(50)
        crowd.closed(pushes[-50:], lines=1)
    return pushes


def _fill_up(load: Load, disk: Disk) -> None:
    """Fill the disk, and again what becomes free, until many scans were told to come again."""
    begun_at = time.monotonic()

    def refused() -> bool:
        disk.fill()
        return sum(made.status == 503 and made.began_at > begun_at for made in load.answers()) >= REFUSED_ENOUGH

    wait_for(refused, "the disk is full")


def _is_not_ready(service: Server, disk: Disk) -> None:
    def says_so() -> bool:
        disk.fill()
        answer = service.request("GET", "/readyz")
        return answer.status == 503 and WHAT_TO_DO in json.loads(answer.body)["checks"]["journal"]

    wait_for(says_so, "the service says that it is not ready, and why")


def _settle_up(house: House, load: Load, disk: Disk, what: str, roomy_at: float, more: Sequence[Sent] = ()) -> None:
    ledger = FileLedger(house)
    reckoning = ledger.reckon([*load.sent, *more])
    reckoning.tell(what, load)
    refused = Counter(made.status for made in load.answers())
    back_s = load.first_verdict_after(roomy_at)
    tell(f"tries by status {dict(refused)}; first verdict {back_s:.2f} s after there was room again")
    assert set(refused) == {200, 503}
    assert (reckoning.lost, reckoning.doubled, reckoning.wrong) == (0, 0, 0)
    assert ledger.miscounted() == {}
    assert back_s < BACK_WITHIN_S
    disk.enlarge()
    check_storage(house, disk.path)
