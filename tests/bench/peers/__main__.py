"""Measures the service beside peers that do the same job: ``python -m tests.bench.peers --help``. Needs wrk and Node.

::

    npm install --no-package-lock --prefix tests/bench/peers
    python -m tests.bench.peers --rounds 5 --lines 128

The same pushes for all, the same codes, one row for each scan that is on the disk before the answer, two workers each.
Every round makes new pushes and runs each in turn. How much a shared machine does varies; what is worth quoting is the
ratio within a round, and the processor time that a request costs. Not a test: timings are flaky.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from scanhook.settings import House
from scanhook.wire.service import keyring
from tests.bench.service import code, cpu_s, make_bench_house, run_wrk, write_pushes
from tests.serving import free_port, wait_for

SCANHOOK, WECHATPY, NODE, EMPTY = "scanhook", "wechatpy", "node", "empty route"
_HERE = Path(__file__).parent
_END_S = 15.0
_TABLES = """
CREATE TABLE codes (standard TEXT, product TEXT, code TEXT, status TEXT, PRIMARY KEY (standard, product, code))
  WITHOUT ROWID;
CREATE TABLE scans (id INTEGER PRIMARY KEY, openid, at, standard, product, code, result);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one round found of one receiver."""

    each_s: float
    p99_ms: float
    us: float
    refused: int


@click.command()
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=6, show_default=True, help="How long each is measured in a round.")
@click.option("--lines", default=32, show_default=True, help="Over how many connections the pushes come.")
@click.option("--codes", default=1_000_000, show_default=True)
def main(rounds: int, seconds: int, lines: int, codes: int) -> None:
    """Measure scanhook, a receiver made with wechatpy, one made with Node, and a Flask route that does nothing."""
    if not (_HERE / "node_modules").exists():
        raise click.ClickException(f"first run `npm install --no-package-lock --prefix {_HERE}`")
    with tempfile.TemporaryDirectory(prefix="scanhook-peers-") as folder:
        home = Path(folder)
        click.echo(f"importing {codes:,} codes", err=True)
        house = make_bench_house(home, "", codes)
        _make_peers_file(home / "peers.db", codes)
        commands, port = _commands(house), free_port()
        environ = _environ(house, home / "peers.db", port)
        found: dict[str, list[Measured]] = {name: [] for name in commands}
        for number in range(rounds):
            count = seconds * 12_000
            write_pushes(home / "pushes", keyring(house.settings.accounts["main"]), count=count, codes=codes)
            for name, command in commands.items():
                at_port = [part.replace("PORT", str(port)) for part in command]
                with _running(at_port, environ, port, log=home / "log") as pid:
                    found[name].append(_measure(home, port, pid, seconds=seconds, lines=lines))
                one = found[name][-1]
                click.echo(f"round {number + 1} {name}: {one.each_s:.0f}/s, {one.us:.0f} us", err=True)
    _show(found)


def _commands(house: House) -> Mapping[str, Sequence[str]]:
    gunicorn = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:PORT"]
    serve = [sys.executable, "-m", "scanhook", "serve", "--config", str(house.path), "--workers", "2"]
    return {
        SCANHOOK: [*serve, "--bind", "127.0.0.1:PORT"],
        WECHATPY: [*gunicorn, "tests.bench.peers.made_with_wechatpy:app"],
        NODE: ["node", str(_HERE / "made_with_node.js")],
        EMPTY: [*gunicorn, "tests.bench.peers.empty:app"],
    }


def _environ(house: House, database: Path, port: int) -> Mapping[str, str]:
    account = house.settings.accounts["main"]
    return {
        **os.environ,
        "PEER_TOKEN": account.token.get_secret_value(),
        "PEER_KEY": account.encoding_aes_key.get_secret_value(),
        "PEER_APP_ID": account.app_id,
        "PEER_DATABASE": str(database),
        "PEER_PORT": str(port),
    }


def _make_peers_file(path: Path, codes: int) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(_TABLES)
    database.executemany(
        "INSERT INTO codes VALUES ('qrcode', 'moment-frame', ?, 'active')", ((code(number),) for number in range(codes))
    )
    database.commit()
    database.close()


@contextmanager
def _running(command: Sequence[str], environ: Mapping[str, str], port: int, *, log: Path) -> Iterator[int]:
    """Run a receiver, alone on the port."""
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, env=environ, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        ) as process,
    ):
        try:
            wait_for(lambda: process.poll() is not None or _listens(port), f"{command[0]} listens")
            if process.poll() is not None:
                said = log.read_text(encoding="utf-8", errors="replace").strip() or "it said nothing"
                raise click.ClickException(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
            time.sleep(1.5)  # the workers are up before it begins
            yield process.pid
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(_END_S)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)


def _listens(port: int) -> bool:
    needle = f":{port:04X} 00000000:0000 0A"
    return needle in Path("/proc/net/tcp").read_text(encoding="ascii")


def _measure(home: Path, port: int, pid: int, *, seconds: int, lines: int) -> Measured:
    before = cpu_s(pid, group=True)
    sent, took_us, refused, _, _, p99_us = run_wrk(home, port, seconds=seconds, lines=lines)
    us = (cpu_s(pid, group=True) - before) / sent * 1e6
    return Measured(each_s=(sent - refused) / took_us * 1e6, p99_ms=p99_us / 1000, us=us, refused=refused)


def _show(found: Mapping[str, Sequence[Measured]]) -> None:
    click.echo(
        f"{'median of the rounds':22}{'requests/s':>12}{'p99 ms':>9}{'us/request':>12}{'refused':>9}   scanhook is"
    )
    ours = found[SCANHOOK]
    for name, rounds in found.items():
        each_s, p99_ms, us = (
            statistics.median(getattr(one, figure) for one in rounds) for figure in ("each_s", "p99_ms", "us")
        )
        line = f"{name:22}{each_s:12,.0f}{p99_ms:9.1f}{us:12,.0f}{sum(one.refused for one in rounds):9}   "
        if name != SCANHOOK:
            times = statistics.median(mine.each_s / other.each_s for mine, other in zip(ours, rounds, strict=True))
            cost = statistics.median(mine.us / other.us for mine, other in zip(ours, rounds, strict=True))
            line += f"{times:.2f} times as fast, at {cost:.2f} of the processor time"
        click.echo(line)


if __name__ == "__main__":
    sys.exit(main())
