"""Of the housekeepers of several machines one acts, and another takes over when it dies or loses its connection."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from scanhook.settings import House
from tests.conftest import copy_house
from tests.ordeal.conftest import Ground
from tests.serving import Server, environment, serving, wait_for

pytestmark = pytest.mark.ordeal

_HOLDER = (
    "SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE locktype = 'advisory' AND objsubid = 1 AND datname = 'scans' AND state = 'idle'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """A ``scanhook housekeeper`` that runs."""

    process: subprocess.Popen[bytes]
    log: Path

    def says(self) -> list[str]:
        """Return what it said of itself so far; a duty that fails is done again, and nothing more is said of it."""
        said = self.log.read_text(encoding="utf-8", errors="replace")
        return re.findall(r'event="(?:the housekeeper|housekeeping) (is at work|waits|failed)\b(?!.* duty=)', said)

    def state(self) -> str:
        """Return the last of that."""
        return (self.says() or [""])[-1]

    def rounds(self) -> int:
        """Return how many rounds of the house it did."""
        return self.log.read_text(encoding="utf-8", errors="replace").count('"retention": {')

    def own_rounds(self) -> int:
        """Return how many rounds of its machine it did."""
        return self.log.read_text(encoding="utf-8", errors="replace").count('"erasures_shared": 0')


@contextmanager
def keeping(house: House, home: Path) -> Iterator[Keeper]:
    home.mkdir()
    command = [sys.executable, "-m", "scanhook", "housekeeper", "--json", "--config", str(house.path)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment(home), cwd=home)
    try:
        yield Keeper(process=process, log=home / "log")
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def second(ground: Ground, tmp_path: Path) -> House:
    """Return the same house on another machine, which has no file of the first one."""
    house = copy_house(ground.house.path, tmp_path / "second")
    shutil.rmtree(house.base / "data")
    return house


def becomes(keeper: Keeper, state: str) -> None:
    def done() -> bool:
        assert keeper.process.poll() is None, keeper.log.read_text()
        return keeper.state() == state

    wait_for(done, f"it {state}, and does not say {keeper.says()}")


def test_one_acts_until_it_is_killed_and_then_the_other(ground: Ground, second: House, tmp_path: Path) -> None:
    with keeping(ground.house, tmp_path / "a") as first:
        becomes(first, "is at work")
        wait_for(first.rounds, "the first one has done its round")
        with keeping(second, tmp_path / "b") as other:
            becomes(other, "waits")
            wait_for(other.own_rounds, "it looks after its own machine")
            assert other.rounds() == 0
            first.process.send_signal(signal.SIGKILL)
            becomes(other, "is at work")
            wait_for(other.rounds, "the other one has done a round")


def test_one_whose_connection_is_cut_stops_and_the_other_takes_over(
    ground: Ground, second: House, tmp_path: Path
) -> None:
    with keeping(ground.house, tmp_path / "a") as first:
        wait_for(first.rounds, "the first one has done its round")
        with keeping(second, tmp_path / "b") as other:
            becomes(other, "waits")
            for _ in range(50):
                ((pid,),) = ground.server.sql(_HOLDER, database="scans")
                ground.server.sql(f"SELECT pg_terminate_backend({pid}, 5000)")
                wait_for(lambda: ground.server.sql(_HOLDER, database="scans"), "one of them holds the lease again")
                wait_for(lambda: {first.state(), other.state()} == {"is at work", "waits"}, "they have agreed")
                if other.state() == "is at work":
                    break  # who has just lost the lease may be the first to ask for it again
            becomes(other, "is at work")
            becomes(first, "waits")


def test_a_server_that_is_restarted_or_hangs_has_one_housekeeper_afterwards(
    ground: Ground, second: House, tmp_path: Path
) -> None:
    with keeping(ground.house, tmp_path / "a") as first, keeping(second, tmp_path / "b") as other:
        both = (first, other)
        wait_for(lambda: sorted(keeper.state() for keeper in both) == ["is at work", "waits"], "one is at work")
        ground.server.pause()
        wait_for(lambda: all(keeper.state() == "failed" for keeper in both), "both know that nobody answers")
        ground.server.resume()
        wait_for(lambda: sorted(keeper.state() for keeper in both) == ["is at work", "waits"], "one is at work again")
        ground.server.restart()
        wait_for(lambda: len(ground.server.sql(_HOLDER, database="scans")) == 1, "one holds the lease")
        wait_for(lambda: sorted(keeper.state() for keeper in both) == ["is at work", "waits"], "one is at work again")


def test_of_the_services_of_two_machines_one_keeps_house_until_it_is_gone(
    ground: Ground, second: House, tmp_path: Path
) -> None:
    def at_work(server: Server) -> list[str]:
        return re.findall(r'"the housekeeper is at work" pid=(\d+)', server.log())

    with serving(ground.house, tmp_path) as one:
        wait_for(lambda: at_work(one), "the first housekeeper is at work")
        with serving(second, tmp_path) as other:
            wait_for(lambda: "the housekeeper waits" in other.log(), "the second one waits")
            assert at_work(other) == []
            os.kill(one.process.pid, signal.SIGKILL)  # nobody is left to end its housekeeper
            wait_for(lambda: at_work(other), "the second one has taken over")
            assert other.request("GET", "/readyz").status == 200
            assert other.figures()["scanhook_housekeeping_age_seconds"] < 60
