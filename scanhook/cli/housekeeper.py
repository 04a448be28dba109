"""``scanhook housekeeper``: what must happen now and then, beside a server that is not ``scanhook serve``."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn, Self

import click

from scanhook.cli.common import config_option, json_option, show_json, storage_of
from scanhook.clock import Clock, SystemClock
from scanhook.errors import Refused, ScanhookError
from scanhook.journal import erasures_path
from scanhook.office import open_office
from scanhook.settings import House
from scanhook.storage import SQLITE, StorageUrl
from scanhook.storage.lease import Lease, take_lease, take_machine_lease
from scanhook.wire.housekeeping import ROUND_S, Round, do_machine_round, do_round
from scanhook.wire.log import log, log_to_stderr
from scanhook.wire.roundnotes import HOUSEKEEPER, RoundNotes
from scanhook.wire.storage import storage_url

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

    Only one housekeeper acts on a storage; others wait for their turn, and meanwhile look after their machine's files.
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
    with _Leases(storage_url(house)) as leases:
        leases.take()
        if leases.house is None and leases.machine is None:
            raise Refused("another housekeeper is at work on this storage; `scanhook serve` starts one by itself")
        report = _round(house, leases, clock)
    if as_json:
        show_json(report)
    else:
        for duty, done in report.items():
            click.echo(f"{duty}: {'failed' if done is None else done if isinstance(done, int) else _words(done)}")
    return None not in report.values()


@dataclass(slots=True)
class _Leases:
    """What a housekeeper holds.

    :param house: on the whole storage, on whichever machines; one housekeeper at a time has it.
    :param machine: on what only this machine has, where the storage is somewhere else.
    """

    url: StorageUrl
    house: Lease | None = None
    machine: Lease | None = None

    def take(self) -> None:
        """Let go of what was lost, and take what is free.

        :raises StorageError: when the storage cannot be reached; what is held by then is held on.
        """
        self.house, self.machine = _still_held(self.house), _still_held(self.machine)
        if self.machine is None and self.url.engine != SQLITE:
            self.machine = take_machine_lease(self.url, HOUSEKEEPER)
        self.house = self.house or take_lease(self.url, HOUSEKEEPER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for lease in (self.house, self.machine):
            if lease is not None:
                lease.close()


def _still_held(lease: Lease | None) -> Lease | None:
    if lease is None or lease.holds():
        return lease
    lease.close()
    return None


def _stay(house: House, clock: Clock, *, as_json: bool) -> NoReturn:
    """Do a round every minute of what we hold the lease for; wait for what we do not."""
    leases = _Leases(storage_url(house))
    said, round_at = "", 0.0
    while True:
        try:
            waited = leases.house is None
            leases.take()
            waits = "the housekeeper waits: another one is at work"
            says = waits if leases.house is None else "the housekeeper is at work"
            if says != said:
                log.info(says, pid=os.getpid())
            said = says
            took_over = waited and leases.house is not None
            if took_over or ((leases.house or leases.machine) and time.monotonic() >= round_at):
                round_at = time.monotonic() + ROUND_S
                report = _round(house, leases, clock)
                if as_json:
                    click.echo(json.dumps(report, ensure_ascii=False))
        except Exception as error:  # noqa: BLE001  (a round that fails is tried again, whatever the reason)
            why = str(error) if isinstance(error, ScanhookError) else type(error).__name__
            if why != said:
                log.error("housekeeping failed", why=why)
            said = why
        time.sleep(_TICK_S)


def _round(house: House, leases: _Leases, clock: Clock) -> dict[str, Any]:
    """Do one round. The storage is open no longer than that, so that nothing stands in the way of a restore."""
    url = leases.url
    report: dict[str, Any] = {}
    with storage_of(house) as storage:

        def on(lease: Lease, notes: RoundNotes) -> Round:
            return Round(
                settings=house.settings,
                pepper=storage.pepper,
                registry=storage.registry,
                journal=storage.journal,
                open_office=lambda: open_office(url, pepper=storage.pepper, clock=clock),
                url=url,
                erasures=erasures_path(url),
                lease=lease,
                notes=notes,
                clock=clock,
                now=clock.now(),
            )

        if leases.machine is not None:
            report |= do_machine_round(on(leases.machine, RoundNotes()))
        if leases.house is not None:
            report |= do_round(on(leases.house, RoundNotes.of(leases.house.read())))
    return report


def _words(done: Any) -> str:
    if isinstance(done, dict):
        return ", ".join(f"{name} {count}" for name, count in done.items())
    return ", ".join(done) or "nothing"
