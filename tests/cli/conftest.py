from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from scanhook import create_app
from scanhook.cli import main
from scanhook.clock import FixedClock
from scanhook.settings import House, load_settings
from scanhook.storage import Pepper
from scanhook.wire.service import open_service
from tests.machines import Machines
from tests.postgres import Databases
from tests.serving import free_port, scan_push

AT = 1795312800
"""2026-11-22 02:00 UTC."""


def run(*arguments: str | Path, code: int = 0) -> Result:
    """Run a command; it must end with that exit code."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def run_json(*arguments: str | Path, code: int = 0) -> Any:
    """Run a command with ``--json`` and return what it says."""
    return json.loads(run(*arguments, "--json", code=code).stdout)


@pytest.fixture
def house(tmp_path: Path, _new_house: Path) -> House:
    """Return a new house with a port and a public address of its own."""
    shutil.copytree(_new_house.parent, tmp_path / "house")
    path = tmp_path / "house" / _new_house.name
    text = path.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{free_port()}")
    path.write_text(text.replace('public_url = ""', 'public_url = "https://scan.example.com"'))
    return load_settings(path)


@pytest.fixture(autouse=True)
def shop(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """Return the house that every command of a test works in, unless it names another."""
    monkeypatch.setenv("SCANHOOK_CONFIG", str(house.path))
    monkeypatch.setattr("os.nice", lambda _step: 0)  # or the tests after this one would run at the end of the queue
    return house


@pytest.fixture
def stocked(shop: House, _stocked_house: Path) -> House:
    """Return the same house with sample codes in it."""
    shutil.copyfile(_stocked_house.parent / "data" / "registry.db", shop.base / "data" / "registry.db")
    return shop


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """Scans items in a house, without a server."""

    house: House

    def scan(self, *codes: str, at: int = AT, **changed: object) -> None:
        """Let somebody scan some codes, one second after the other."""
        clock = FixedClock(at)
        service = open_service(self.house, clock=clock)
        account = service.accounts["main"]
        for code in codes:
            push = scan_push(code, keys=account.keys, at=int(clock.at), **changed)
            service.receiver.receive(account, push.query.encode(), push.body)
            clock.at += 1
        service.close()


@pytest.fixture
def scanner(stocked: House) -> Scanner:
    """Return somebody who scans items of the stocked house."""
    return Scanner(house=stocked)


@pytest.fixture
def service_url(stocked: House) -> Iterator[str]:
    """Serve the stocked house from this process, and return the address of its callback."""
    server = make_server("127.0.0.1", free_port(), create_app(stocked), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/wechat/callback"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def machines(shop: House, storages: Databases, pepper: Pepper, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    """Return machines on one database; the first one is called ``web-1``."""
    with storages.lend() as url:
        found = Machines(url=url, house=shop, pepper=pepper, monkeypatch=monkeypatch)
        found.on("web-1")
        yield found
