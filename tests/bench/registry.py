"""Measures the registry: ``python -m tests.bench.registry --help``. Not a test: timings in tests make them flaky.

::

    scanhook init /tmp/house --app-id wx1 --original-id gh_1
    export SCANHOOK_CONFIG=/tmp/house/scanhook.toml
    python -m tests.bench.registry make 10000000 /tmp/codes.csv
    /usr/bin/time -v scanhook codes import /tmp/codes.csv --why bench
    python -m tests.bench.registry look-up /tmp/codes.csv
    python -m tests.bench.registry activate bench
    scanhook codes mint 100000 --product qrcode/bench --batch minted --to /tmp/minted.csv --for bench
    python -m tests.bench.registry slips /tmp/minted.csv qrcode/bench
    python -m tests.bench.registry latency --seconds 30

On PostgreSQL the same, with ``scanhook init … --storage postgresql://…``.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import httpx2

from scanhook.cli.common import config_option, storage_of
from scanhook.clock import SystemClock
from scanhook.registry import ALPHABET, Action, Order, RegistryStore, Scope
from scanhook.registry.sql_store import SqlStore
from scanhook.sandbox.scan import Item, Line, Person, Scan
from scanhook.sandbox.scanning import Scanner
from scanhook.settings import House
from scanhook.wire.service import keyring

_BLOCK = 100_000
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ")


@click.group()
def main() -> None:
    """Measure the registry."""


@main.command()
@click.argument("codes", type=int)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--status", default="inactive")
def make(codes: int, file: Path, status: str) -> None:
    """Write a code file of so many random codes of 16 characters, in the batch `bench`."""
    with file.open("w") as out:
        out.write("keystandard,keystr,extinfo,status,batch\n")
        for start in range(0, codes, _BLOCK):
            count = min(_BLOCK, codes - start)
            text = base64.b32encode(os.urandom(10 * count)).translate(_CROCKFORD).decode()
            lines = (f"qrcode,bench,{text[16 * at : 16 * at + 16]},{status},bench\n" for at in range(count))
            out.writelines(lines)


@main.command("look-up")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--times", default=100_000)
@config_option
def look_up(house: House, file: Path, times: int) -> None:
    """Look random codes of a code file up: first to warm the pages, then timed one by one."""
    codes = _sampled(file, times)
    with storage_of(house) as storage:
        find = storage.registry.look_up
        missing = sum(find("main", "qrcode", "bench", code).code is None for code in codes)
        _tell("genuine", _timed(lambda: iter(codes), lambda code: find("main", "qrcode", "bench", code)))
        unknown = [code[:-1] + ("0" if code[-1] != "0" else "1") for code in codes]
        _tell("unknown", _timed(lambda: iter(unknown), lambda code: find("main", "qrcode", "bench", code)))
        click.echo(f"{missing} of {times} not found; {_size(storage.registry)}")


def _size(registry: RegistryStore) -> str:
    """Tell how much room the codes take, indexes and all."""
    assert isinstance(registry, SqlStore)
    if not registry.waits:
        size = sum(path.stat().st_size for path in registry.folder.glob("registry.db*"))
        return f"registry.db has {size:,} bytes"
    with registry.database.reading() as session:
        ((heap, index),) = session.rows("SELECT pg_relation_size('codes'), pg_relation_size('codes_pkey')")
    return f"the table of codes has {heap:,} bytes, and its index {index:,}"


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.argument("product", metavar="KEYSTANDARD/KEYSTR")
@click.option("--times", default=1_000_000)
@config_option
def slips(house: House, file: Path, product: str, times: int) -> None:
    """Mistype serials of a printer's file, one character or two neighbours at a time, and count what is genuine."""
    key_standard, _, key_str = product.partition("/")
    serials = [row.split(",")[1] for row in file.read_text().splitlines()[1:]]
    picked, genuine = random.Random(7), 0
    with storage_of(house) as storage:
        for _ in range(times):
            slip = _mistyped(picked.choice(serials), picked)
            genuine += storage.registry.look_up("main", key_standard, key_str, slip).code is not None
    click.echo(f"{times:,} slips of {len(serials):,} serials: {genuine} called genuine")


def _mistyped(serial: str, picked: random.Random) -> str:
    while True:
        at = picked.randrange(len(serial) - 1)
        if picked.random() < 0.5:
            slip = serial[:at] + serial[at + 1] + serial[at] + serial[at + 2 :]
        else:
            slip = serial[:at] + picked.choice(ALPHABET) + serial[at + 1 :]
        if slip != serial:
            return slip


@main.command()
@click.argument("batch")
@click.option("--times", default=20)
@config_option
def activate(house: House, batch: str, times: int) -> None:
    """Activate a batch and take it back, so many times."""
    with storage_of(house) as storage:
        found = next(each for each in storage.registry.batches(name=batch))
        order = Order(
            action=Action.ACTIVATE, scopes=(Scope(product=found.product, batch=batch),), who="bench", why="bench"
        )
        seconds = []
        for _ in range(times):
            started = time.perf_counter()
            change = storage.registry.change(order)
            seconds.append(time.perf_counter() - started)
            storage.registry.undo(change.id, who="bench", why="bench")
        _tell(f"activating {found.codes:,} codes", seconds)


@main.command()
@click.option("--seconds", default=30.0)
@click.option("--rate", default=100.0, help="Scans a second, whatever the answers take (open loop).")
@config_option
def latency(house: House, seconds: float, rate: float) -> None:
    """Send scans to the running service at a steady rate, and time each from the moment when it was due."""
    asyncio.run(_latency(house, seconds, rate))


async def _latency(house: House, seconds: float, rate: float) -> None:
    url = f"http://{house.settings.service.bind}/wechat/callback"
    line, scanner = Line(url=url, keys=keyring(house.settings.accounts["main"])), Scanner(SystemClock())
    taken: list[float] = []
    refused = 0
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as client:

        async def send(due: float, number: int) -> None:
            nonlocal refused
            item = Item(key_standard="qrcode", key_str="bench", ext_info=f"UNKNOWN{number}")
            push = scanner.question(line, Scan(item=item, person=Person(openid=f"o{number}-{os.getpid()}")))
            response = await client.post(f"{url}?{push.query}", content=push.body)
            refused += response.status_code != httpx2.codes.OK
            taken.append(time.perf_counter() - due)

        started, tasks = time.perf_counter(), []
        for number in range(int(seconds * rate)):
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(send(due, number)))
        await asyncio.gather(*tasks)
    _tell(f"{len(taken)} scans at {rate:g}/s, {refused} refused", taken)


def _sampled(file: Path, times: int) -> list[str]:
    size, picked = file.stat().st_size, random.Random(7)
    codes: list[str] = []
    with file.open("rb") as lines:
        while len(codes) < times:
            lines.seek(picked.randrange(size - 200))
            lines.readline()
            row = lines.readline().decode().split(",")
            if len(row) == 5 and row[0] == "qrcode":
                codes.append(row[2])
    return codes


def _timed(codes: Callable[[], Iterator[str]], find: Callable[[str], object]) -> list[float]:
    seconds = []
    for code in codes():
        started = time.perf_counter()
        find(code)
        seconds.append(time.perf_counter() - started)
    return seconds


def _tell(what: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    at = {share: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99, 0.999)}
    click.echo(
        f"{what}: mean {statistics.fmean(ordered) * 1e6:.1f} µs, "
        + ", ".join(f"p{share * 100:g} {second * 1e6:.1f} µs" for share, second in at.items())
        + f", max {ordered[-1] * 1e6:.0f} µs"
    )


if __name__ == "__main__":
    main()
