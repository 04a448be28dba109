"""A primary dies: what was answered is on the standby, and the service goes on without a restart."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.ordeal.conftest import Ground
from tests.ordeal.ledger import tell
from tests.ordeal.load import Load
from tests.serving import Brand, serving, wait_for

pytestmark = pytest.mark.ordeal

ENOUGH = 200
ALONE_S = 5.0
BREAK_OFF = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def refused_since(load: Load, moment: float) -> int:
    return sum(made.began_at >= moment and made.status == 503 for made in load.answers())


def hold_to_promises(load: Load) -> None:
    """Every request got an answer in the time that WeChat waits: a verdict, or "try again"."""
    assert {made.status for made in load.answers()} <= {200, 503}


def test_a_primary_dies_and_no_answered_scan_is_lost(ground: Ground, tmp_path: Path) -> None:
    standby = ground.server.standby("b")
    with serving(ground.pointed_at(ground.server, standby), tmp_path, workers=2) as service:
        load = ground.load(service.port)
        with load.running():
            wait_for(lambda: load.verdicts_since(0) >= ENOUGH, "scans are answered")
            ground.server.kill()
            dead_at = time.monotonic()
            wait_for(lambda: refused_since(load, dead_at) >= ENOUGH // 2, "scans are refused")
            assert [service.request("GET", path).status for path in ("/healthz", "/readyz")] == [200, 503]
            promoting_at = time.monotonic()
            standby.promote()
            promoted_at = time.monotonic()
            wait_for(lambda: load.verdicts_since(promoted_at) >= ENOUGH, "scans are answered again")
        assert len(service.workers()) == 2
    reckoning = ground.ledger_on(standby).reckon(load.sent)
    reckoning.tell("a primary dies", load)
    tell(
        f"first verdict {load.first_verdict_after(promoting_at):.2f} s after the promotion was asked for, and "
        f"{load.first_verdict_after(promoted_at):.2f} s after it was done"
    )
    headless = [made for made in load.answers() if made.began_at >= dead_at and made.ended_at <= promoting_at]
    assert {made.status for made in headless} == {503}
    hold_to_promises(load)
    assert (reckoning.lost, reckoning.doubled, reckoning.wrong) == (0, 0, 0)
    assert ground.ledger_on(standby).miscounted() == {}


def test_a_standby_that_waits_for_a_standby_of_its_own_holds_up_nobody(ground: Ground, tmp_path: Path) -> None:
    standby = ground.server.standby("b")
    with serving(ground.pointed_at(ground.server, standby), tmp_path, workers=2) as service:
        load = ground.load(service.port, rate=40)
        with load.running():
            wait_for(lambda: load.verdicts_since(0) >= ENOUGH, "scans are answered")
            ground.server.kill()
            standby.promote(alone=False)
            stuck_at = time.monotonic()
            wait_for(lambda: refused_since(load, stuck_at) >= ENOUGH, "scans are refused")
            assert load.verdicts_since(stuck_at) == 0
            assert service.request("GET", "/healthz").status == 200
            standby.sql("ALTER SYSTEM RESET synchronous_standby_names")
            standby.sql("SELECT pg_reload_conf()")
            cleared_at = time.monotonic()
            wait_for(lambda: load.verdicts_since(cleared_at) >= ENOUGH, "scans are answered again")
    reckoning = ground.ledger_on(standby).reckon(load.sent)
    reckoning.tell("a standby that was promoted and still waits for a standby", load)
    hold_to_promises(load)
    assert (reckoning.lost, reckoning.doubled, reckoning.wrong) == (0, 0, 0)
    assert ground.ledger_on(standby).miscounted() == {}


@pytest.mark.parametrize("asks_on", [False, True], ids=["registry alone", "registry and a verifier"])
def test_no_answer_runs_ahead_of_the_standby(ground: Ground, tmp_path: Path, brand: Brand, *, asks_on: bool) -> None:
    """A wait for the standby that somebody breaks off leaves a scan on the primary alone: it must not be answered."""
    standby = ground.server.standby("b")
    house = ground.pointed_at(ground.server, standby)
    with serving(ground.asking(house, brand.url) if asks_on else house, tmp_path, workers=2) as service:
        load = ground.load(service.port, rate=40)
        with load.running():
            wait_for(lambda: load.verdicts_since(0) >= ENOUGH // 2, "scans are answered")
            standby.stop("immediate")
            alone_at = time.monotonic()
            while time.monotonic() < alone_at + ALONE_S:
                ground.server.sql(BREAK_OFF)
            ahead = load.verdicts_since(alone_at)
            ground.server.kill()
            standby.restart()
            standby.promote()
            promoted_at = time.monotonic()
            wait_for(lambda: load.verdicts_since(promoted_at) >= ENOUGH // 2, "scans are answered again")
    reckoning = ground.ledger_on(standby).reckon(load.sent)
    reckoning.tell(f"a standby that is gone, {ahead} verdicts meanwhile", load)
    tell(
        f"{promoted_at - alone_at:.2f} s until another was promoted; "
        f"first verdict {load.first_verdict_after(promoted_at):.2f} s later"
    )
    hold_to_promises(load)
    assert (reckoning.lost, reckoning.doubled, reckoning.wrong) == (0, 0, 0)
    assert ground.ledger_on(standby).miscounted() == {}
