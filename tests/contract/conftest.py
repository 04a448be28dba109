from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from scanhook.journal import JournalStore, open_journal
from scanhook.registry import RegistryStore, open_registry
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.postgres.address import Address as PostgresAddress
from scanhook.storage.postgres.tables import make_tables
from tests.contract.engines import ENGINES, Engine, Place
from tests.contract.life import stock
from tests.postgres import Address, Databases
from tests.registry.codes import CLOCK


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def place(request: pytest.FixtureRequest, tmp_path: Path, empty_storage: Path) -> Place:
    engine: Engine = request.param
    return Place(engine=engine, url=engine.make(request, tmp_path / "data", empty_storage), base=tmp_path)


@pytest.fixture(scope="session")
def stocked_storage(tmp_path_factory: pytest.TempPathFactory, empty_storage: Path) -> Path:
    """Return a folder like the empty storage, with the codes of ``tests.contract.life`` in it: importing is slow."""
    folder = tmp_path_factory.mktemp("stocked")
    url, pepper = StorageUrl(engine="sqlite", folder=folder / "data"), Pepper(secret=bytes(range(32)))
    copytree(empty_storage, url.folder)
    registry = open_registry(url, pepper=pepper, clock=CLOCK)
    stock(registry, folder, pepper)
    registry.close()
    return url.folder


@pytest.fixture(scope="session")
def stocked_databases(postgres: Address, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Return databases like those of ``storages``, with the codes of ``tests.contract.life`` in them."""

    def make(database: str) -> None:
        folder, pepper = tmp_path_factory.mktemp("stocked"), Pepper(secret=bytes(range(32)))
        make_tables(PostgresAddress.parse(database), pepper=pepper)
        registry = open_registry(StorageUrl.parse(database, base=folder), pepper=pepper, clock=CLOCK)
        stock(registry, folder, pepper)
        registry.close()

    with Databases(postgres, "registered", make) as databases:
        yield databases


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def stocked_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    engine: Engine = request.param
    if engine.name == "postgresql":
        with request.getfixturevalue("stocked_databases").lend() as url:
            yield Place(engine=engine, url=url, base=tmp_path)
    else:
        stocked: Path = request.getfixturevalue("stocked_storage")
        yield Place(engine=engine, url=engine.make(request, tmp_path / "data", stocked), base=tmp_path)


@pytest.fixture
def registry(place: Place, pepper: Pepper) -> Iterator[RegistryStore]:
    opened = open_registry(place.storage, pepper=pepper, clock=CLOCK)
    yield opened
    opened.close()


@pytest.fixture
def another(place: Place, pepper: Pepper) -> Iterator[RegistryStore]:
    """Return the same registry as another worker has it."""
    opened = open_registry(place.storage, pepper=pepper, clock=CLOCK)
    yield opened
    opened.close()


@pytest.fixture
def one_by_one(tmp_path: Path, empty_storage: Path, pepper: Pepper) -> Iterator[JournalStore]:
    """Return a journal on SQLite beside the one that is tried: what comes together there comes alone here."""
    folder = copytree(empty_storage, tmp_path / "one by one")
    opened = open_journal(StorageUrl(engine="sqlite", folder=folder), pepper=pepper)
    yield opened
    opened.close()
