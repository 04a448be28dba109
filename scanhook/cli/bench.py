"""``scanhook bench``: what this machine can answer, with the settings that a house has."""

from __future__ import annotations

import math
import os
import signal
import sys
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import click

from scanhook.bench.figures import Reckoning, peak_rate, reckon
from scanhook.bench.load import LINES_MAX
from scanhook.bench.plan import REGION, SCAN, VISIT, Plan, Taken, Told
from scanhook.cli.bench_house import Site, Tell, bench_house, check_room, room_bytes, site_of
from scanhook.cli.bench_machine import Moment, disk_waits
from scanhook.cli.bench_report import show
from scanhook.cli.bench_result import Order, Report, Spent
from scanhook.cli.bench_sending import Sender, Sent, sending
from scanhook.cli.bench_service import Running, free_port, running
from scanhook.cli.common import json_option, storage_of
from scanhook.cli.progress import IMPORT_STEPS, progress_bar
from scanhook.errors import Refused
from scanhook.journal import JournalStore
from scanhook.settings import CONFIG_VARIABLE, House, find_config, load_settings, settings_in_environment
from scanhook.wire.service import keyring

__all__ = ["bench"]

_PUSHES_MAX = 300_000
"""What is made before and kept afterwards takes about 2 kB each."""
_WARM_UP_S = 1.0
_WARM_UP_PUSHES = 3_000
_MARGIN = 1.5
_RATE_MIN = 2_000
"""Pushes are made for so many a second at least, and for more where the warm-up's best moments promise more."""
_SEED = 6
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ROUND_S, _CODES_PER_S = 10, 60_000
"""What everything around the measurement takes, and the import: enough for a promise in tens of seconds."""
_STEPS = {
    **IMPORT_STEPS,
    "warm_making": "making pushes to warm up",
    "warm_running": "warming up",
    "making": "making pushes",
    "running": "measuring",
    "opening": "opening answers",
    "comparing": "looking into the journal",
}


def _house_or_none(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> House | None:
    """Read the settings; where nobody names any and there are none here, the defaults are measured."""
    path = find_config(value)
    if value is not None or os.environ.get(CONFIG_VARIABLE) or path.exists():
        return load_settings(path)
    if given := settings_in_environment():
        raise Refused(
            f"{given[0]} is set, and there is no settings file that it could change: name the file with --config, or "
            "unset it to measure every setting's default"
        )
    return None


class _Number(click.FloatRange):
    """A number in a range; `nan` is none, and would be in every range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


@click.command()
@click.option(
    "--config",
    "house",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_house_or_none,
    help="The settings file; else $SCANHOOK_CONFIG, else ./scanhook.toml, else every setting's default.",
)
@click.option("--seconds", type=_Number(0.1, 120), default=10, show_default=True, help="How long it measures.")
@click.option(
    "--connections",
    type=click.IntRange(1, LINES_MAX),
    default=32,
    show_default=True,
    help="To the service; with --rate more are opened where all of them wait for an answer.",
)
@click.option(
    "--rate",
    type=_Number(1, 20_000),
    help="Pushes a second, each due at its moment, whatever became of others.",
)
@click.option(
    "--codes", type=click.IntRange(10, 100_000_000), default=100_000, show_default=True, help="In the registry."
)
@click.option("--one-code", is_flag=True, help="Everybody scans the same code, as in a television show.")
@click.option("--events", is_flag=True, help="With every scan the two events that WeChat pushes beside it.")
@click.option("--workers", type=click.IntRange(1, 64), help="Instead of `workers` in [service].")
@click.option(
    "--storage",
    metavar="URL",
    default="",
    help="For a house on PostgreSQL: an empty database, made for this; - reads the URL from standard input.",
)
@json_option
@click.pass_context
def bench(
    context: click.Context,
    house: House | None,
    seconds: float,
    connections: int,
    rate: float | None,
    codes: int,
    workers: int | None,
    storage: str,
    *,
    one_code: bool,
    events: bool,
    as_json: bool,
) -> None:
    """Measure what this machine answers with your settings, and check every answer.

    It makes a house of its own on the storage's disk, with its own codes, runs the service of it on a free port, scans,
    stops it, and looks for every answered scan in its journal. Your own house is not touched, and nothing stays.

    Without --rate each connection sends its next push as soon as it has an answer: that finds what the machine can do.
    With --rate pushes come at fixed moments, as consumers do, and latency counts from there. A push that is not served
    then, or a machine that does not keep up, is a failure: exit code 1.
    """
    order = Order(seconds=seconds, connections=connections, rate=rate, codes=codes, one_code=one_code, events=events)
    if rate and rate * seconds > _PUSHES_MAX:
        raise click.UsageError(f"that is more than {_PUSHES_MAX:,} pushes: ask for a lower --rate or fewer --seconds")
    with _stopping():
        site = site_of(house, storage=_read(storage), workers=workers)
        check_room(site, codes=codes, seconds=seconds)
        for name in [name for name in os.environ if name.upper().startswith("SCANHOOK_")]:
            del os.environ[name]  # the settings of the real house must not reach this one
        if not as_json:
            click.echo(_promise(site, order), err=True)
        report = _measured(site, order, as_json=as_json)
        show(report, as_json=as_json)
    if not report.good:
        context.exit(1)


@contextmanager
def _stopping() -> Iterator[None]:
    """Let everything be cleaned up when we are told to end: the exit code is a shell's, 128 and the signal.

    A shell lets what runs in the background ignore Ctrl-C, and we do not. `nohup` is heeded.
    """
    terminal = sys.stderr.isatty()

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in _STOPS:
            signal.signal(each, signal.SIG_IGN)  # whoever cleans up is not disturbed
        if terminal and not sys.stderr.isatty():  # it was closed: nobody reads what is written there
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.exit(128 + number)

    for number in _STOPS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    except SystemExit:
        with suppress(OSError):
            click.echo("stopped; nothing is left behind", err=True)
        raise


def _promise(site: Site, order: Order) -> str:
    """Say what a bench will do, before it begins."""
    room = room_bytes(codes=order.codes, seconds=order.seconds) / 1e6
    tens = round((2 * order.seconds + _ROUND_S + order.codes / _CODES_PER_S) / 10 + 0.5)
    return (
        f"A service of its own, with {order.codes:,} codes, is measured for {order.seconds:g} s, then deleted.\n"
        f"It lies in {site.folder}, in a folder scanhook-bench-…, and takes up to {room:,.0f} MB.\n"
        f"All of it takes about {tens * 10} s; Ctrl-C ends it, and nothing stays."
    )


def _measured(site: Site, order: Order, *, as_json: bool) -> Report:
    with progress_bar(_STEPS, quiet=as_json or not sys.stderr.isatty()) as tell:
        return _measure(site, order, tell)


def _measure(site: Site, order: Order, tell: Tell) -> Report:
    plan = Plan(codes=order.codes, one_code=order.one_code, seed=_SEED, events=order.events)
    port, waits = free_port(), disk_waits()
    with bench_house(site, plan, bind=f"127.0.0.1:{port}", tell=tell) as house:
        keys = keyring(next(iter(house.settings.accounts.values())))
        environ = {**site.environ(), "TMPDIR": str(house.base)}  # what the service leaves behind when it is killed
        with sending(plan, keys, port=port, connections=order.connections, tell=tell) as sender:
            with running(house, workers=site.workers, port=port, environ=environ) as service:
                warm = _warm_up(sender, order)
                sent, spent = _load(sender, service, order, warm)
            first, answers = sender.check([warm, sent])
        tell("comparing", 0, None)
        checked = _compare(house, plan, [*warm.order, *sent.order], [*first, *answers])
    return Report(site=site, order=order, run=sent.run, answers=answers, spent=spent, checked=checked, disk_waits=waits)


def _warm_up(sender: Sender, order: Order) -> Sent:
    """Send for a moment: the first requests meet cold caches, and somebody must find out how many will be needed."""
    seconds = min(_WARM_UP_S, order.seconds)
    made = sender.make(int(_WARM_UP_PUSHES * seconds), step="warm_making")
    return sender.send(made, rate=None, seconds=seconds, step="warm_running")


def _load(sender: Sender, service: Running, order: Order, warm: Sent) -> tuple[Sent, Spent]:
    rate = order.rate or max(peak_rate(warm.run.ended) * _MARGIN, _RATE_MIN)
    made = sender.make(min(max(int(rate * order.seconds), 1), _PUSHES_MAX))
    commits, before, begun = service.commits(), service.processor_s(), Moment.now()
    sent = sender.send(made, rate=order.rate, seconds=order.seconds)
    after, ended = service.processor_s(), Moment.now()  # before it is asked for the commits, which costs it some
    processor_s = None if before is None or after is None else after - before
    spent = Spent(
        processor_s=processor_s,
        others=ended.others_since(begun, processor_s),
        commits=service.commits() - commits,
        worker_bytes=service.worker_bytes(),
    )
    return sent, spent


def _compare(house: House, plan: Plan, order: list[int], answers: list[Told | str | None]) -> Reckoning:
    with storage_of(house) as storage:
        return reckon(
            order,
            answers,
            _kept(storage.journal),
            expected=lambda number: plan.told(number)[1],
            known_by=lambda number: (plan.event(number), storage.pepper.person(plan.person(number))),
        )


def _kept(journal: JournalStore) -> Iterator[tuple[Hashable, Told | None]]:
    """Yield what the journal holds: each push by its event and its person, and what it was told."""
    for entry in journal.entries():
        yield (SCAN, entry.person), entry.code_result
    for event in (VISIT, REGION):
        after, more = 0, True
        while more:
            page = journal.events(event, after=after)
            yield from (((event, kept.person), Taken.SUCCESS) for kept in page.events)
            after, more = page.looked, page.more


def _read(storage: str) -> str:
    if storage != "-":
        return storage
    asked: str = click.prompt("storage", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not asked.strip():
        raise Refused("standard input holds no URL of a database")
    return asked.strip()
