from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from scanhook import create_app
from scanhook.cli.init import NewHouse, make_house
from scanhook.envelope import Keyring
from scanhook.journal import Kept
from scanhook.journal.sqlite import SqliteJournal
from scanhook.sandbox import Push
from scanhook.settings import House, load_settings
from scanhook.wire.service import keyring
from scanhook.wire.worker import Worker
from tests.conftest import APP_ID, ORIGINAL_ID, copy_house, stock
from tests.serving import Brand, Server, brand_service, serving
from tests.wire.counter import Counter, made_worker
from tests.wire.gate import Gate

TOKEN = "OpenSesame1"
ENCODED_KEY = "TheKeyOfThisHouseIsKnownToNobodyElse0123456"
APP_SECRET = "app5ecret0fThisHouse"
MONITOR_TOKEN = "whoMayLookInside"
VERIFIER_SECRET = "whsec_bm9ib2R5IGtub3dzIHdoYXQgc3RhbmRzIGhlcmUhIQ=="

OTHER_ACCOUNTS = f"""
[accounts.compat]
app_id = "wx0000000000000002"
original_id = "gh_compat"
token = "CompatToken2"
encoding_aes_key = "{"C" * 42}A"
mode = "compat"

[accounts.plain]
app_id = "wx0000000000000003"
original_id = "gh_plain"
token = "PlainToken3"
mode = "plain"
"""


def furnish(folder: Path, *, settings: str = "", changes: tuple[tuple[str, str], ...] = ()) -> House:
    """Make a house with secrets that occur nowhere else, and sample codes in it."""
    new = NewHouse(
        app_id=APP_ID, original_id=ORIGINAL_ID, token=TOKEN, encoding_aes_key=ENCODED_KEY, app_secret=APP_SECRET
    )
    path = make_house(folder, new)
    text = path.read_text(encoding="utf-8")
    for before, after in (("[service]\n", f'[service]\nmonitor_token = "{MONITOR_TOKEN}"\n'), *changes):
        assert before in text
        text = text.replace(before, after)
    path.write_text(text + settings, encoding="utf-8")
    house = load_settings(path)
    stock(house)
    return house


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """An application, and a client that sends it requests."""

    house: House
    client: Client

    def keys(self, name: str = "main") -> Keyring:
        """Return an account's keys."""
        return keyring(self.house.settings.accounts[name])

    def push(self, push: Push, *, name: str = "") -> TestResponse:
        """Send a push to the first account's callback, or to a named one."""
        path = f"/wechat/callback/{name}" if name else "/wechat/callback"
        return self.client.post(path, query_string=push.query, data=push.body)

    def get(self, path: str, *, address: str = "127.0.0.1", **headers: str) -> TestResponse:
        """Ask for a page as somebody at an address."""
        given: Any = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=given, environ_overrides={"REMOTE_ADDR": address})

    def figures(self) -> dict[str, float]:
        """Return what ``/metrics`` says."""
        lines = self.get("/metrics").text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


@pytest.fixture(scope="session")
def _wired(tmp_path_factory: pytest.TempPathFactory) -> House:
    return furnish(tmp_path_factory.mktemp("wired") / "house", settings=OTHER_ACCOUNTS)


@pytest.fixture
def wire(tmp_path: Path, _wired: House) -> Wire:
    """Return an application of its own for a test."""
    house = copy_house(_wired.path, tmp_path / "wired")
    return Wire(house=house, client=create_app(house).test_client())


@pytest.fixture(scope="session")
def shared_wire(tmp_path_factory: pytest.TempPathFactory) -> Wire:
    """Return an application for tests that leave nothing behind."""
    house = furnish(tmp_path_factory.mktemp("shared") / "house")
    return Wire(house=house, client=create_app(house).test_client())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a service with four workers and an account in each mode."""
    home = tmp_path_factory.mktemp("server")
    with serving(furnish(home / "house", settings=OTHER_ACCOUNTS), home, workers=4) as running:
        yield running


@pytest.fixture
def counter() -> Counter:
    """Return somebody who answers in the door's place."""
    return Counter()


@pytest.fixture
def worker(counter: Counter) -> Iterator[Worker]:
    """Return a gunicorn worker with a loop, which serves nobody yet."""
    made = made_worker(counter)
    yield made
    assert made.broken == []
    made.loop.close()
    asyncio.set_event_loop(None)
    made.tmp.close()


@pytest.fixture(scope="session")
def brand() -> Iterator[Brand]:
    """Run a brand's own service."""
    with brand_service() as running:
        yield running


@pytest.fixture(scope="session")
def asking_house(tmp_path_factory: pytest.TempPathFactory, brand: Brand) -> House:
    """Return a house whose verifiers are the registry and then the brand's own service; two scans may wait."""
    verifier = f'"registry://", "{brand.url}"]\nsecret = "{VERIFIER_SECRET}"\nallow_private_addresses = true'
    changes = (('"registry://"]', f"{verifier}\ntimeout_s = 3"), ("[service]\n", "[service]\nthreads = 4\n"))
    return furnish(tmp_path_factory.mktemp("asking") / "house", changes=changes)


@pytest.fixture(scope="session")
def asking_server(asking_house: House) -> Iterator[Server]:
    """Run a service with one worker that asks a brand's own service."""
    with serving(asking_house, asking_house.base.parent) as running:
        yield running


@pytest.fixture
def storing(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Hold up every transaction of the journal."""
    gate, store_all = Gate(), SqliteJournal.store_all

    def held(journal: SqliteJournal, scans: Any = (), events: Any = (), *, now: float) -> Kept:
        gate.hold(len(scans) + len(events))
        return store_all(journal, scans, events, now=now)

    monkeypatch.setattr(SqliteJournal, "store_all", held)
    return gate
