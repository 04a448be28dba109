"""Services on a PostgreSQL server of their own, and a crowd that scans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scanhook.envelope import Keyring
from scanhook.settings import House, load_settings
from scanhook.storage import Pepper
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.tables import make_tables
from scanhook.wire.service import keyring
from tests.conftest import copy_house, stock
from tests.ordeal.crowd import seed
from tests.ordeal.ledger import Ledger
from tests.ordeal.load import CODE_FILE, Load
from tests.postgres import Server
from tests.serving import Brand, brand_service
from tests.wire.conftest import VERIFIER_SECRET

DATABASE = "scans"
RATE = 80.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A house whose storage lies on a server that a test may break."""

    house: House
    server: Server

    @property
    def keys(self) -> Keyring:
        """The first account's."""
        return keyring(self.house.settings.accounts["main"])

    @property
    def ledger(self) -> Ledger:
        """The journal on the server."""
        return self.ledger_on(self.server)

    def ledger_on(self, server: Server) -> Ledger:
        """Return the journal on another server."""
        return Ledger(server, DATABASE, Pepper.load(self.house.pepper_path))

    def load(self, *ports: int, rate: float = RATE, tries: int = 3) -> Load:
        """Return a crowd that has not begun to scan."""
        return Load(ports, keys=self.keys, rate=rate, seed=seed(), tries=tries)

    def asking(self, house: House, url: str) -> House:
        """Let a house ask a verifier at a URL for what the registry does not know."""
        return asking(house, url)

    def pointed_at(self, *servers: Server, **parameters: str) -> House:
        """Let the house look for its storage on those servers."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        behind = "&".join(f"{name}={value}" for name, value in parameters.items())
        return point_at(self.house, f"postgresql://scanhook@{hosts}/{DATABASE}?{behind}")


def asking(house: House, url: str) -> House:
    """Let a house ask a verifier at a URL for what the registry does not know."""
    chain = f'"registry://", "{url}"]\nsecret = "{VERIFIER_SECRET}"\nallow_private_addresses = true'
    house.path.write_text(house.path.read_text(encoding="utf-8").replace('"registry://"]', chain), encoding="utf-8")
    return load_settings(house.path)


def point_at(house: House, url: str) -> House:
    """Let a house have its storage elsewhere; what it had is not moved."""
    text = house.path.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("url = "))
    house.path.write_text(text.replace(line, f'url = "{url}"'), encoding="utf-8")
    return load_settings(house.path)


def ground_on(house: House, server: Server) -> Ground:
    """Make a house's storage on a server, with the codes in it."""
    server.sql(f"CREATE DATABASE {DATABASE} OWNER scanhook")
    house = point_at(house, server.url(DATABASE))
    make_tables(Address.parse(server.url(DATABASE)), pepper=Pepper.load(house.pepper_path))
    stock(house, codes=CODE_FILE)
    return Ground(house=house, server=server)


@pytest.fixture
def lay_ground(house: House) -> Iterator[Callable[..., Ground]]:
    """Return a function that makes a server with some settings, and a house on it."""
    servers: list[Server] = []

    def lay(**settings: str) -> Ground:
        servers.append(Server.start(settings=settings))
        return ground_on(house, servers[-1])

    yield lay
    for server in servers:
        server.close()


@pytest.fixture
def ground(lay_ground: Callable[..., Ground]) -> Ground:
    """Return a house on a server of its own."""
    return lay_ground()


@pytest.fixture
def twin(ground: Ground, tmp_path: Path) -> House:
    """Return the same house on another machine: its own copy of settings and pepper, the same storage."""
    return copy_house(ground.house.path, tmp_path / "twin")


@pytest.fixture
def brand() -> Iterator[Brand]:
    """Run a brand's own service, which knows every code as counterfeit that the registry does not know."""
    with brand_service() as running:
        running.answer = {"reason": "unknown_code"}
        yield running
