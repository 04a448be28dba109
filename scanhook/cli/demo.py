"""``scanhook demo``: everything on one machine, with sample codes and a phone to scan them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import click
import httpx2
from rich.text import Text

from scanhook.cli.common import console, own_command, show_table
from scanhook.cli.demo_house import KEY, SAMPLES, callback_url, furnish, item, read_pages
from scanhook.cli.serve import check_port
from scanhook.clock import SystemClock
from scanhook.errors import Refused
from scanhook.registry.crew import python_path
from scanhook.sandbox.sandbox import Sandbox
from scanhook.sandbox.scan import Line, Scan
from scanhook.sandbox.scanning import Scanner
from scanhook.sandbox.sending import Patience
from scanhook.sandbox.server import serve_sandbox
from scanhook.sandbox.trace import Shown
from scanhook.sandbox.world import World
from scanhook.settings import House
from scanhook.tied import tied
from scanhook.wire.service import keyring

__all__ = ["demo"]

_START_MAX_S = 20.0
_STOP_MAX_S = 30.0
_SANDBOX_PORT = 9000
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_DISTURBANCES = (*_ENDINGS, signal.SIGINT)
_EXPECTED = (("GENUINE0001", Shown.GENUINE), ("COPIED99999", Shown.FAKE), ("PRINTED0003", Shown.NOT_ACTIVE))
_WORDS = {Shown.NOT_ACTIVE: "not activated", Shown.NO_ANSWER: "no answer"}
"""What WeChat's window would show, where its name alone does not say it."""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Where the service listens; 8000 if not given.")
@click.option(
    "--sandbox-port", type=click.IntRange(1, 65535), help="Where the phone is; 9000, or any that is free, if not given."
)
@click.option(
    "--check", is_flag=True, help="Send the pushes, say whether the answers are right (exit code 0 or 1), end."
)
@click.pass_context
def demo(context: click.Context, port: int | None, sandbox_port: int | None, *, check: bool) -> None:
    """Start a service with sample codes, and a WeChat to go with it: scan with the phone that it shows.

    Everything lives in a folder of its own, on this machine only, and is gone when the demo ends.
    """
    for name in [name for name in os.environ if name.upper().startswith("SCANHOOK_")]:
        del os.environ[name]  # the settings of a real house must not reach this one
    for ending in _ENDINGS:
        if signal.getsignal(ending) is not signal.SIG_IGN:  # as nohup(1) wants it
            signal.signal(ending, _end)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what runs in the background ignore it
    port = _free(port or (_free_port() if check else 8000), "--port")
    sandbox_port = _free(sandbox_port, "--sandbox-port") if sandbox_port else _usual_or_any(_SANDBOX_PORT)
    with tempfile.TemporaryDirectory(prefix="scanhook-demo-") as folder:
        house, world = furnish(Path(folder) / "house", port=port, sandbox_port=sandbox_port)
        if check:
            with _serving(house):
                right = _try_out(house)
        else:
            with _sandbox(world, sandbox_port, log_path=_log_of(house)) as sandbox:
                read_pages(house)  # before there is a housekeeper, who reads them too
                with _serving(house) as process:
                    right = _try_out(house)
                    with suppress(KeyboardInterrupt):
                        _explain(house, sandbox.url)
                        process.wait()
                        raise Refused("the service ended by itself")
    if not right:
        context.exit(1)


def _end(*_: object) -> NoReturn:
    """End as a program does by itself, so that the folder goes and the service ends."""
    _be_undisturbed()
    sys.exit(0)


def _be_undisturbed() -> None:
    for disturbance in _DISTURBANCES:
        signal.signal(disturbance, signal.SIG_IGN)


@contextmanager
def _sandbox(world: World, port: int, *, log_path: Path) -> Iterator[Sandbox]:
    with ExitStack() as stack:
        try:
            sandbox = stack.enter_context(serve_sandbox(world, port, samples=SAMPLES, log_path=str(log_path)))
        except OSError:  # somebody was faster
            raise Refused(f"127.0.0.1:{port} is in use: choose another port with --sandbox-port") from None
        yield sandbox


def _free(port: int, option: str) -> int:
    """Return a port that was asked for.

    :raises Refused: when it is in use.
    """
    try:
        check_port(f"127.0.0.1:{port}")
    except Refused:
        raise Refused(f"127.0.0.1:{port} is in use: choose another port with {option}") from None
    return port


def _usual_or_any(port: int) -> int:
    try:
        return _free(port, "")
    except Refused:
        return _free_port()


def _log_of(house: House) -> Path:
    return house.base / "service.log"


@contextmanager
def _serving(house: House) -> Iterator[subprocess.Popen[bytes]]:
    """Run the service beside us, until the block is left."""
    log = _log_of(house)
    serve = [sys.executable, "-P", "-m", "scanhook", "serve", "--config", str(house.path), "--workers", "1"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  (nobody else's words)
            tied(serve),  # if we are killed, it must not stay
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": python_path()},
            start_new_session=True,  # Ctrl-C, and the end of the terminal, are for us, who stop it
        )
    try:
        _wait_until_up(process, house.settings.service.bind, log)
        yield process
    finally:
        _be_undisturbed()
        process.terminate()
        try:
            process.wait(_STOP_MAX_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(process: subprocess.Popen[bytes], bind: str, log: Path) -> None:
    ends_at = time.monotonic() + _START_MAX_S
    while process.poll() is None and time.monotonic() < ends_at:
        try:
            if httpx2.get(f"http://{bind}/healthz", trust_env=False).status_code == httpx2.codes.OK:
                return
        except httpx2.HTTPError:
            time.sleep(0.05)
    raise Refused(f"the service did not start; its log says:\n{log.read_text(errors='replace')[-2000:]}")


def _try_out(house: House) -> bool:
    """Send a push for each sample code, print a table, and tell whether every answer was right."""
    line = Line(url=callback_url(house), keys=keyring(house.settings.accounts["main"]))
    rows, right = [], True
    with Scanner(SystemClock(), patience=Patience(tries=1)) as scanner:
        for ext_info, expected in _EXPECTED:
            trace = scanner.ask(line, Scan(item=item(ext_info)))
            well = trace.shown is expected
            right = right and well
            answered = Text(f"{'✓' if well else '✗'} {_in_words(trace.shown)}", style="green" if well else "red")
            seconds = trace.steps[0].answer.seconds
            rows.append((f"{KEY}/{ext_info}", _in_words(expected), answered, f"{seconds * 1000:.0f} ms"))
    show_table(("code", "expected", "answered", "in"), rows, title="Encrypted pushes, sent over HTTP")
    return right


def _in_words(shown: Shown) -> str:
    return _WORDS.get(shown, shown.value)


def _explain(house: House, sandbox_url: str) -> None:
    command, config, url = own_command(), f"--config {house.path}", callback_url(house)
    console.print(
        f"\nOpen the phone and scan:  {sandbox_url}/phone\n\n"
        f"The service runs on {url}. Try it from another terminal:\n"
        f"  {command} simulate {url} {config} --code {KEY}/{_EXPECTED[0][0]}\n"
        f"  {command} scans tail --follow {config}\n"
        f"  {command} codes check {KEY}/{_EXPECTED[0][0]} {config}\n"
        f"  {command} catalog list {config}\n"
        f"  curl http://{house.settings.service.bind}/metrics\n"
        f"  tail -f {_log_of(house)}\n\n"
        "Ctrl-C ends it; nothing of it stays.",
        soft_wrap=True,
        markup=False,
    )


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
    return port
