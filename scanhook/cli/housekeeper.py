"""``scanhook housekeeper``: what must happen now and then, beside a server that is not ``scanhook serve``."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any, NoReturn

import click

from scanhook.cli.common import config_option, json_option, show_json, storage_of
from scanhook.clock import Clock, SystemClock
from scanhook.errors import Refused, ScanhookError
from scanhook.journal import erasures_path
from scanhook.office import open_office
from scanhook.settings import House
from scanhook.storage.lease import Lease, take_lease
from scanhook.wire.housekeeping import ROUND_S, Round, do_round
from scanhook.wire.log import log, log_to_stderr
from scanhook.wire.roundnotes import HOUSEKEEPER, RoundNotes
from scanhook.wire.service import storage_url

__all__ = ["housekeeper"]

_TICK_S = 1.0
"""How soon it sees that its parent is gone, or that the lease is free."""
_NICE = 10


@click.command()
@click.option("--once", is_flag=True, help="Do one round and end.")
@click.option("--parent", type=int, hidden=True, help="End when this process is not our parent any more.")
@json_option
@config_option
@click.pass_context
def housekeeper(context: click.Context, house: House, parent: int | None, *, once: bool, as_json: bool) -> None:
    """Delete what is too old, and warn of what was forgotten, once a minute. `scanhook serve` starts one by itself.

    Only one housekeeper acts on a storage; others wait for their turn.
    """
    os.nice(_NICE)
    log_to_stderr()
    clock = SystemClock()
    if once:
        if not _once(house, clock, as_json=as_json):
            context.exit(1)
        return
    _end_when_told(parent)
    with suppress(KeyboardInterrupt):
        _stay(house, clock, as_json=as_json)


def _end_when_told(parent: int | None) -> None:
    """End on TERM and when our parent is gone, also within a long round: every step of it is a transaction."""

    def look(*_: object) -> None:
        if parent not in (None, os.getppid()):
            sys.exit(0)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _TICK_S, _TICK_S)


def _once(house: House, clock: Clock, *, as_json: bool) -> bool:
    lease = take_lease(storage_url(house), HOUSEKEEPER)
    if lease is None:
        raise Refused("another housekeeper is at work on this storage; `scanhook serve` starts one by itself")
    with lease:
        report = _round(house, lease, clock)
    if as_json:
        show_json(report)
    else:
        for duty, done in report.items():
            click.echo(f"{duty}: {'failed' if done is None else done if isinstance(done, int) else _words(done)}")
    return None not in report.values()


def _stay(house: House, clock: Clock, *, as_json: bool) -> NoReturn:
    """Do a round every minute for as long as we hold the lease; else wait for it."""
    lease: Lease | None = None
    said, round_at = "", 0.0
    while True:
        try:
            if lease is not None and not lease.holds():
                lease.close()
                lease = None
            lease = lease or take_lease(storage_url(house), HOUSEKEEPER)
            says = "the housekeeper waits: another one is at work" if lease is None else "the housekeeper is at work"
            if says != said:
                log.info(says, pid=os.getpid())
            said = says
            if lease is not None and time.monotonic() >= round_at:
                round_at = time.monotonic() + ROUND_S
                report = _round(house, lease, clock)
                if as_json:
                    click.echo(json.dumps(report, ensure_ascii=False))
        except Exception as error:  # noqa: BLE001  (a round that fails is tried again, whatever the reason)
            why = str(error) if isinstance(error, ScanhookError) else type(error).__name__
            if why != said:
                log.error("housekeeping failed", why=why)
            said = why
        time.sleep(_TICK_S)


def _round(house: House, lease: Lease, clock: Clock) -> dict[str, Any]:
    """Do one round. The storage is open no longer than that, so that nothing stands in the way of a restore."""
    url = storage_url(house)
    with storage_of(house) as storage:
        return do_round(
            Round(
                settings=house.settings,
                pepper=storage.pepper,
                registry=storage.registry,
                journal=storage.journal,
                open_office=lambda: open_office(url, pepper=storage.pepper, clock=clock),
                url=url,
                erasures=erasures_path(url),
                lease=lease,
                notes=RoundNotes.of(lease.read()),
                clock=clock,
                now=clock.now(),
            )
        )


def _words(done: Any) -> str:
    if isinstance(done, dict):
        return ", ".join(f"{name} {count}" for name, count in done.items())
    return ", ".join(done) or "nothing"
