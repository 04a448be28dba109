"""Measures the service under load: ``python -m tests.bench.service --help``. Needs wrk. Not a test: timings are flaky.

::

    python -m tests.bench.service --workers 2 --spread                # a PostgreSQL server of its own, with fsync
    python -m tests.bench.service sqlite --workers 2 --one-code
    python -m tests.bench.service sqlite --workers 2 --events         # a page visit and a region with every scan
    python -m tests.bench.service sqlite --codes 1000000              # how large the registry is
    python -m tests.bench.service postgresql://scanhook@db/bench      # an empty database, elsewhere
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import apsw
import click
import psycopg

from scanhook.bench.making import OWN_FIELDS
from scanhook.bench.plan import OF_ONE_SCAN, SCAN
from scanhook.cli.common import storage_of
from scanhook.cli.init import NewHouse, make_house
from scanhook.envelope import Keyring
from scanhook.registry import import_codes
from scanhook.settings import House, load_settings
from scanhook.storage import Pepper
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.tables import make_tables
from scanhook.storage.url import CONNECTIONS
from scanhook.wire.service import keyring
from tests.postgres import Server
from tests.serving import scan_push, serving

APP_ID, ORIGINAL_ID = "wxba5fad812f8e6fb9", "gh_fbe8a958756e"
PERSONS = 10_000
SQLITE, OWN = "sqlite", "own"
_TICKS = os.sysconf("SC_CLK_TCK")
_SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "2GB", "autovacuum_naptime": "1min"}
_SCRIPT = """\
local pushes, count, next_one = {}, 0, 0
function init(_)
  for line in io.lines(os.getenv("PUSHES")) do
    local tab = line:find("\\t", 1, true)
    count = count + 1
    pushes[count] = wrk.format("POST", line:sub(1, tab - 1), {["Content-Type"] = "text/xml"}, line:sub(tab + 1))
  end
end
function request()
  next_one = next_one + 1
  if next_one > count then wrk.thread:stop() return pushes[count] end
  return pushes[next_one]
end
function done(summary, latency, _)
  local errors = summary.errors
  print(string.format("RESULT %d %d %d %d %.0f %.0f", summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


@click.command()
@click.argument("storage", default=OWN)
@click.option("--workers", default=1)
@click.option("--spread/--one-code", default=True, help="Which codes are scanned: any, or all the same.")
@click.option("--events/--scans", default=False, help="What comes: scans alone, or with what WeChat pushes beside.")
@click.option("--seconds", default=10)
@click.option("--lines", default=32, help="Over how many connections the pushes come.")
@click.option("--codes", default=100_000)
@click.option("--connections", default=CONNECTIONS, help="How many each worker may have to a PostgreSQL server.")
def main(
    storage: str, workers: int, *, spread: bool, events: bool, seconds: int, lines: int, codes: int, connections: int
) -> None:
    """Push for some seconds, no push twice, and find every answered one in the journal.

    STORAGE is `sqlite`, `own` (a PostgreSQL server that is made for it), or the URL of an empty database.
    """
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scanhook-bench-")))
        url = stack.enter_context(_own_server()) if storage == OWN else storage
        house = make_bench_house(home, "" if url == SQLITE else url, codes, connections)
        keys = keyring(house.settings.accounts["main"])
        service = stack.enter_context(serving(house, home, workers=workers))
        pushed = OF_ONE_SCAN if events else (SCAN,)
        write_pushes(home / "pushes", keys, count=seconds * 10_000, codes=codes if spread else 1, events=pushed)
        time.sleep(1.0)  # the workers are up before it begins
        before = cpu_s(service.process.pid, group=True), _server_cpu_s(house)
        sent, took_us, refused, failed, p50, p99 = run_wrk(home, service.port, seconds=seconds, lines=lines)
        used = cpu_s(service.process.pid, group=True) - before[0], _server_cpu_s(house) - before[1]
        answered, found = sent - refused, stored(house)
        reasons = Counter(re.findall(r'status=503 why="([^"]*)"', service.log()))
    click.echo(
        f"{url.partition(':')[0]:10} {workers} workers, {'spread' if spread else 'one code'}"
        f"{', a third of it scans' if events else ''}: "
        f"{answered / took_us * 1e6:.0f} pushes/s, p50 {p50 / 1e3:.1f} ms, p99 {p99 / 1e3:.1f} ms, "
        f"CPU a push: service {used[0] / sent * 1e6:.0f} us, server {used[1] / sent * 1e6:.0f} us; "
        f"answered {answered}, refused {refused}, broken lines {failed}, stored {found} "
        f"(wrk hangs up on the last {lines})"
    )
    for why, count in reasons.items():
        click.echo(f"  {count} times: {why}")
    if found < answered:
        raise click.ClickException(f"{answered - found} answered pushes are not in the journal")


@contextmanager
def _own_server() -> Iterator[str]:
    with Server.start(settings=_SETTINGS) as server:
        server.sql("CREATE DATABASE bench OWNER scanhook")
        yield server.url("bench")


def make_bench_house(home: Path, url: str, codes: int, connections: int = CONNECTIONS) -> House:
    path = make_house(home / "house", NewHouse(app_id=APP_ID, original_id=ORIGINAL_ID))
    if url:
        there = f'"{url}"\nconnections = {connections}'
        path.write_text(path.read_text(encoding="utf-8").replace('"sqlite:///data"', there), encoding="utf-8")
    house = load_settings(path)
    if url:
        make_tables(Address.parse(url), pepper=Pepper.load(house.pepper_path))
    file = home / "codes.csv"
    with file.open("w", encoding="utf-8") as lines:
        lines.write("keystandard,keystr,extinfo,status,batch\n")
        lines.writelines(f"qrcode,moment-frame,{code(number)},active,autumn\n" for number in range(codes))
    with storage_of(house) as storage:
        import_codes(storage.registry, file, pepper=storage.pepper, account="main")
    return house


def code(number: int) -> str:
    return f"{number * 2_654_435_761 % 2**32:08X}{number:08X}"


def write_pushes(path: Path, keys: Keyring, *, count: int, codes: int, events: Sequence[str] = (SCAN,)) -> None:
    """Write pushes into a file, as the script reads them.

    :param events: what comes with each scan, in this order.
    """
    now, chance = int(time.time()), random.Random()
    with path.open("wb") as file:
        for number in range(count // len(events)):
            # A person scans the same code again another second: each push is one of its own.
            person, at = f"oPerson{number % PERSONS:020}", now - number // PERSONS
            scanned = code(chance.randrange(codes))
            for event in events:
                own: dict[str, Any] = {"Event": event, "NeedAntiFake": None, **OWN_FIELDS[event]}
                push = scan_push(scanned, keys=keys, FromUserName=person, CreateTime=at, **own)
                file.write(b"/wechat/callback?%s\t%s\n" % (push.query.encode(), push.body.replace(b"\n", b"")))


def run_wrk(home: Path, port: int, *, seconds: int, lines: int) -> tuple[int, ...]:
    script = home / "push.lua"
    script.write_text(_SCRIPT, encoding="utf-8")
    command = ["wrk", "-t1", f"-c{lines}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}"],
        env={**os.environ, "PUSHES": str(home / "pushes")},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"^RESULT (.+)$", done.stdout, re.MULTILINE)
    if found is None:
        raise click.ClickException(done.stdout)
    return tuple(int(figure) for figure in found[1].split())


def cpu_s(pid: int, *, group: bool) -> float:
    """Add up what the processes of a group, or a process and its children, have used of the processors."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        parent, process_group = (int(number) for number in rest.split()[1:3])
        used = [int(number) for number in rest.split()[11:15]]
        if process_group == pid if group else parent == pid:
            ticks += sum(used[:2])
        elif not group and int(name.split(" ", 1)[0]) == pid:
            ticks += sum(used)  # with those of its children that have ended
    return ticks / _TICKS


def _server_cpu_s(house: House) -> float:
    """Return what a PostgreSQL server on this machine has used."""
    url = house.settings.storage.url.get_secret_value()
    if url.startswith("sqlite"):
        return 0.0
    with psycopg.connect(url) as connection:
        backend = connection.info.backend_pid
        try:
            parent = int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return 0.0  # it runs elsewhere
        return cpu_s(parent, group=False)


def stored(house: House) -> int:
    statement = "SELECT (SELECT count(*) FROM scans WHERE reason <> 'undecided') + (SELECT count(*) FROM events)"
    url = house.settings.storage.url.get_secret_value()
    if url.startswith("sqlite"):
        journal = apsw.Connection(str(house.base / "data" / "journal.db"))
        return int(journal.execute(statement).get)
    with psycopg.connect(url, options="-c search_path=scanhook") as connection:
        found = connection.execute(statement.encode()).fetchone()
    return int(found[0]) if found else 0


if __name__ == "__main__":
    sys.exit(main())
