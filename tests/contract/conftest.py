from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from scanhook.registry import RegistryStore, open_registry
from scanhook.storage import Pepper, StorageUrl
from tests.contract.engines import ENGINES, Engine, Place
from tests.contract.life import stock
from tests.registry.codes import CLOCK, EAN


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


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def stocked_place(request: pytest.FixtureRequest, tmp_path: Path, stocked_storage: Path, pepper: Pepper) -> Place:
    engine: Engine = request.param
    stocked = Place(engine=engine, url=engine.make(request, tmp_path / "data", stocked_storage), base=tmp_path)
    registry = open_registry(stocked.storage, pepper=pepper, clock=CLOCK)
    if registry.find_product("main", *EAN) is None:  # an engine that copies no folders
        stock(registry, tmp_path, pepper)
    registry.close()
    return stocked


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
