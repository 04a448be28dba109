"""``scanhook demo``: everything on one machine, with sample codes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import httpx2
from rich.text import Text

from scanhook.cli.common import CodeName, console, show_table, storage_of
from scanhook.cli.init import NewHouse, make_house
from scanhook.cli.serve import check_port
from scanhook.cli.simulate import scan, send
from scanhook.errors import Refused
from scanhook.registry import import_codes
from scanhook.settings import House, load_settings
from scanhook.wire.service import keyring

__all__ = ["demo"]

_START_MAX_S = 20.0
_STOP_MAX_S = 30.0
_CODES = """\
keystandard,keystr,extinfo,status,batch
qrcode,moment-frame,GENUINE0001,active,autumn
qrcode,moment-frame,GENUINE0002,active,autumn
qrcode,moment-frame,PRINTED0003,inactive,winter
"""
_SCANS = (
    ("qrcode/moment-frame/GENUINE0001", "real"),
    ("qrcode/moment-frame/COPIED99999", "fake"),
    ("qrcode/moment-frame/PRINTED0003", "not_active"),
)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Where the service listens; 8000 if not given.")
@click.option(
    "--check", is_flag=True, help="Send the pushes, say whether the answers are right (exit code 0 or 1), end."
)
@click.pass_context
def demo(context: click.Context, port: int | None, *, check: bool) -> None:
    """Start a service with sample codes in a folder of its own, and send it three real, encrypted pushes."""
    for name in [name for name in os.environ if name.upper().startswith("SCANHOOK_")]:
        del os.environ[name]  # the settings of a real house must not reach this one
    port = port or (_free_port() if check else 8000)
    bind = f"127.0.0.1:{port}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder goes and the service ends
    try:
        check_port(bind)
    except Refused:
        raise Refused(f"{bind} is in use: choose another port with --port") from None
    with tempfile.TemporaryDirectory(prefix="scanhook-demo-") as folder:
        house = _furnish(Path(folder) / "house", bind)
        with _serving(house) as process:
            right = _try_out(house, f"http://{bind}/wechat/callback")
            if not check:
                with suppress(KeyboardInterrupt):
                    _explain(house, bind)
                    process.wait()
                    raise Refused("the service ended by itself")
    if not right:
        context.exit(1)


def _furnish(folder: Path, bind: str) -> House:
    """Make a house with sample codes."""
    house = load_settings(
        make_house(folder, NewHouse(app_id="wxba5fad812f8e6fb9", original_id="gh_fbe8a958756e", bind=bind))
    )
    file = folder / "codes.csv"
    file.write_text(_CODES, encoding="utf-8")
    with storage_of(house) as storage:
        import_codes(storage.registry, file, pepper=storage.pepper, account="main")
    return house


@contextmanager
def _serving(house: House) -> Iterator[subprocess.Popen[bytes]]:
    """Run the service beside us, until the block is left."""
    log = house.base / "service.log"
    command = [sys.executable, "-m", "scanhook", "serve", "--config", str(house.path), "--workers", "1"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603  (nobody else's words)
    try:
        _wait_until_up(process, house.settings.service.bind, log)
        yield process
    finally:
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


def _try_out(house: House, url: str) -> bool:
    """Send a push for each sample code, print a table, and tell whether every answer was right."""
    keys = keyring(house.settings.accounts["main"])
    rows, right = [], True
    for name, expected in _SCANS:
        reply = send(url, scan(CodeName.parse(name), keys=keys), keys=keys)
        well = reply.verdict == expected
        right = right and well
        answered = Text(f"{'✓' if well else '✗'} {reply.verdict or reply.status}", style="green" if well else "red")
        rows.append((name, expected, answered, f"{reply.seconds * 1000:.0f} ms"))
    show_table(("code", "expected", "answered", "in"), rows, title="Encrypted pushes, sent over HTTP")
    return right


def _explain(house: House, bind: str) -> None:
    config = f"--config {house.path}"
    console.print(
        f"\nThe service runs on http://{bind}/wechat/callback. Try it from another terminal:\n"
        f"  scanhook simulate http://{bind}/wechat/callback {config} --code {_SCANS[0][0]}\n"
        f"  scanhook scans tail --follow {config}\n"
        f"  scanhook codes check {_SCANS[0][0]} {config}\n"
        f"  curl http://{bind}/metrics\n\n"
        "Ctrl-C ends it; nothing of it stays.",
        soft_wrap=True,
        markup=False,
    )


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
    return port
