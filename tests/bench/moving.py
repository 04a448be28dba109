"""Measures moving house: ``python -m tests.bench.moving --codes 10000000 --scans 1000000 --rate 200``. Not a test.

It makes a SQLite house of that size, runs a service on it under that load, moves it to a PostgreSQL server of its own,
and tells the time of each phase, how long the house stood still, and whether every scan that was answered is in the new
house once. A folder of an earlier run can be taken again with ``--house``.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import httpx2
import psycopg

from scanhook.clock import SystemClock
from scanhook.sandbox.scan import Item, Line, Person, Scan
from scanhook.sandbox.scanning import Scanner
from scanhook.settings import House
from scanhook.storage import Pepper
from scanhook.wire.service import keyring
from tests.postgres import Server
from tests.serving import serving
from tests.storage.moving.large import code_of, large_house

_BEFORE_S = 10.0


@click.command()
@click.option("--codes", default=1_000_000)
@click.option("--scans", default=100_000)
@click.option("--rate", default=200.0, help="Scans a second, whatever the answers take (open loop).")
@click.option("--workers", default=2)
@click.option("--house", "kept", type=click.Path(file_okay=False, path_type=Path), help="Made there, or taken again.")
def main(codes: int, scans: int, rate: float, workers: int, kept: Path | None) -> None:
    """Move a house of that size under that load."""
    folder = Path(tempfile.mkdtemp(prefix="moving-"))
    try:
        started = time.monotonic()
        house = large_house(kept or folder / "house", codes=codes, scans=scans)
        click.echo(f"a house of {codes:,} codes and {scans:,} scans was made in {time.monotonic() - started:.0f} s")
        with Server.start(settings={"shared_buffers": "1GB", "max_wal_size": "4GB"}) as server:
            server.sql("CREATE DATABASE moving OWNER scanhook")
            with serving(house, folder, workers=workers) as service:
                load = _Load(house=house, port=service.port, rate=rate, codes=codes)
                with load.running():
                    _move(house, server.url("moving"), load)
                _tell_of(house, server.url("moving"), load)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(house: House, url: str, load: _Load) -> None:
    time.sleep(_BEFORE_S)
    command = [sys.executable, "-m", "scanhook", "storage", "copy", "sqlite:///data", url, "--json"]
    command += ["--config", str(house.path)]
    for phase, options in (("copying", []), ("finishing", ["--finish"])):
        load.phase, started = phase, time.monotonic()
        done = subprocess.run([*command, *options], check=False, capture_output=True, text=True)
        if done.returncode:
            raise click.ClickException(done.stderr)
        told = json.loads(done.stdout)
        click.echo(f"{phase}: {time.monotonic() - started:.1f} s, {told['changes']:,} changes, {told['seconds']}")
    rows = {label: count for label, count in told["rows"].items() if count}
    click.echo(f"the house stood still for {told['hold_s']} s; {rows}")
    for label in ("registry.codes", "journal.scans", "journal.tallies"):
        click.echo(f"digest of {label}, the same on both sides: {told['digests'][label]}")
    load.phase = "after"
    time.sleep(1.0)


def _tell_of(house: House, url: str, load: _Load) -> None:
    for phase, taken in load.taken.items():
        ordered = sorted(taken)
        at = {share: ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99)}
        statuses = dict(load.statuses[phase])
        click.echo(f"scans {phase}: {statuses}, median {at[0.5]:.1f} ms, p99 {at[0.99]:.1f} ms")
    pepper = Pepper.load(house.pepper_path)
    with psycopg.connect(url) as connection:
        kept = Counter(
            bytes(person) for (person,) in connection.execute("SELECT person FROM scanhook.scans WHERE source IS NULL")
        )
    found = [kept[pepper.person(openid)] for openid in load.answered]
    lost, doubled = found.count(0), sum(count > 1 for count in found)
    click.echo(f"{len(found):,} scans were answered: {lost} lost, {doubled} doubled")


@dataclass(slots=True, kw_only=True)
class _Load:
    """Scans, each by a person of its own, so that it is known again."""

    house: House
    port: int
    rate: float
    codes: int
    phase: str = "before"
    answered: list[str] = field(default_factory=list)
    taken: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        thread.start()
        try:
            yield
        finally:
            self.ended.set()
            thread.join()

    async def _run(self) -> None:
        url = f"http://127.0.0.1:{self.port}/wechat/callback"
        line, scanner = Line(url=url, keys=keyring(self.house.settings.accounts["main"])), Scanner(SystemClock())
        picked = random.Random(7)
        async with httpx2.AsyncClient(timeout=30, trust_env=False) as client:

            async def send(number: int, due: float) -> None:
                item = Item(key_standard="qrcode", key_str="bench", ext_info=code_of(picked.randrange(self.codes)))
                openid, phase = f"o{number}-{os.getpid()}", self.phase
                push = scanner.question(line, Scan(item=item, person=Person(openid=openid)))
                response = await client.post(f"{url}?{push.query}", content=push.body)
                if response.status_code == httpx2.codes.OK:
                    self.answered.append(openid)
                self.taken.setdefault(phase, []).append(time.perf_counter() - due)
                self.statuses.setdefault(phase, Counter())[response.status_code] += 1

            started, tasks, number = time.perf_counter(), set[asyncio.Task[None]](), 0
            while not self.ended.is_set():
                due = started + number / self.rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                task = asyncio.create_task(send(number, due))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                number += 1
            await asyncio.gather(*tasks)


if __name__ == "__main__":
    main()
