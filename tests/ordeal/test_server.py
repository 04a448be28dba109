"""A server that is restarted, cut off, stopped or full: scans are answered or told to come again, and none is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
import pytest

from tests.ordeal.conftest import Ground
from tests.ordeal.ledger import tell
from tests.ordeal.load import Load
from tests.postgres import OWNER
from tests.serving import serving, wait_for

pytestmark = pytest.mark.ordeal

ENOUGH = 200
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scanhook' AND pid <> pg_backend_pid()"
OURS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'scanhook'"
FROZEN_S = 5.0
BACK_WITHIN_S = 1.0


def settle_up(ground: Ground, load: Load, what: str) -> None:
    """Hold what is stored to what was answered."""
    reckoning = ground.ledger.reckon(load.sent)
    reckoning.tell(what, load)
    assert {made.status for made in load.answers()} <= {200, 503}
    assert (reckoning.lost, reckoning.doubled, reckoning.wrong) == (0, 0, 0)
    assert ground.ledger.miscounted() == {}


def go_on(load: Load, *, enough: int = ENOUGH) -> None:
    """Wait until pushes that are sent from now on were answered with verdicts."""
    now = time.monotonic()
    wait_for(lambda: load.verdicts_since(now) >= enough, "scans are answered")


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_server_is_restarted(ground: Ground, tmp_path: Path, how: str) -> None:
    with serving(ground.house, tmp_path, workers=2) as service:
        load = ground.load(service.port)
        with load.running():
            go_on(load)
            stopping_at = time.monotonic()
            ground.server.restart(how)
            started_at = time.monotonic()
            go_on(load)
    settle_up(ground, load, f"{how} restart of the server")
    tell(f"it took {started_at - stopping_at:.2f} s; first verdict {load.first_verdict_after(started_at):.2f} s later")


def test_connections_that_are_cut_cost_no_scan_its_answer(ground: Ground, tmp_path: Path) -> None:
    cut = 0
    with serving(ground.house, tmp_path, workers=2) as service:
        load = ground.load(service.port, tries=1)
        with load.running():
            go_on(load)
            for _ in range(20):
                cut += len(ground.server.sql(CUT))
                go_on(load, enough=10)
    tell(f"{cut} connections were cut")
    assert cut >= 20
    settle_up(ground, load, "connections are cut")
    assert {made.status for made in load.answers()} == {200}


def test_a_server_that_says_nothing_is_not_waited_for(ground: Ground, tmp_path: Path) -> None:
    with serving(ground.house, tmp_path, workers=2) as service:
        load = ground.load(service.port)
        with load.running():
            go_on(load)
            ground.server.pause()
            frozen_at = time.monotonic()
            wait_for(lambda: time.monotonic() > frozen_at + FROZEN_S, "the time is over")
            ground.server.resume()
            go_on(load)
    slowest = max(made.ended_at - made.began_at for made in load.answers())
    tell(f"the slowest answer took {slowest:.2f} s")
    assert "the server did not answer in time" in service.log()
    assert "pipeline" not in service.log()
    settle_up(ground, load, "a server that hangs")


def test_a_standby_that_is_away_costs_few_connections(ground: Ground, tmp_path: Path) -> None:
    standby = ground.server.standby("b")
    with serving(ground.house, tmp_path, workers=2) as service:
        load = ground.load(service.port)
        with load.running():
            go_on(load)
            standby.pause()
            away_at = time.monotonic()
            wait_for(lambda: time.monotonic() > away_at + 2 * FROZEN_S, "the time is over")
            ((backends,),) = ground.server.sql(OURS)
            standby.resume()
            back_at = time.monotonic()
            go_on(load)
    tell(f"{backends} connections while it was away; first verdict {load.first_verdict_after(back_at):.2f} s after")
    # Of each process: those that were given up, those in its pool, and the one that looks out; the housekeeper's lease.
    assert backends <= 3 * (2 * ground.house.settings.storage.connections + 1) + 1
    assert load.first_verdict_after(back_at) < BACK_WITHIN_S
    assert "the server confirms no commit" in service.log()
    settle_up(ground, load, "a standby that is away")


def test_a_server_without_room_for_us_is_named_and_waited_for(
    lay_ground: Callable[..., Ground], tmp_path: Path
) -> None:
    ground = lay_ground(max_connections="20")
    with serving(ground.house, tmp_path, workers=1) as service, ExitStack() as others:
        load = ground.load(service.port)
        with load.running():
            go_on(load)
            fill_up(ground, others)
            full_at = time.monotonic()
            go_on(load)  # those that are open are enough
            assert {made.status for made in load.answers() if made.began_at >= full_at} == {200}
            cut_off(ground, others)
            lost_at = time.monotonic()
            wait_for(lambda: [made for made in load.answers() if made.began_at >= lost_at], "somebody is answered")
            wait_for(
                lambda: "the server has no connection left: raise max_connections" in service.log(), "the log says why"
            )
            others.close()
            go_on(load)
    settle_up(ground, load, "no connection left")


def fill_up(ground: Ground, others: ExitStack) -> int:
    """Take every connection that is left to take."""
    for taken in range(100):
        try:
            others.enter_context(ground.server.connect("postgres", user=OWNER))
        except psycopg.OperationalError:
            return taken
    raise AssertionError("the server takes as many as there are")


def cut_off(ground: Ground, others: ExitStack) -> None:
    """End every connection of the service, and take their places."""
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'scans' AND pid <> pg_backend_pid()"
    ends_at = time.monotonic() + 20
    while ground.server.sql("SELECT 1 FROM pg_stat_activity WHERE datname = 'scans'"):
        assert time.monotonic() < ends_at
        ground.server.sql(cut)
        with suppress(psycopg.OperationalError):
            fill_up(ground, others)


def test_a_worker_that_is_killed_leaves_every_answered_scan_stored_once(ground: Ground, tmp_path: Path) -> None:
    with serving(ground.house, tmp_path, workers=2) as service:
        load = ground.load(service.port)
        with load.running():
            for death in range(3):
                go_on(load)
                os.kill(service.workers()[death], signal.SIGKILL)
                wait_for(lambda up=3 + death: len(service.workers()) == up, "another worker has come")  # type: ignore[misc]
            go_on(load)
    reckoning = ground.ledger.reckon(load.sent)
    reckoning.tell("workers are killed", load)
    # Whoever was in that worker's hands got no answer, and comes again.
    assert {made.status for made in load.answers()} <= {0, 200, 503}
    assert (reckoning.lost, reckoning.doubled, reckoning.wrong, reckoning.unanswered) == (0, 0, 0, 0)
    assert ground.ledger.miscounted() == {}
