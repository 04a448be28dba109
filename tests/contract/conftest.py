from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanhook.registry import RegistryStore, open_registry
from scanhook.storage import Pepper
from tests.contract.engines import ENGINES, Engine, Place
from tests.registry.codes import CLOCK


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def place(request: pytest.FixtureRequest, tmp_path: Path, empty_storage: Path) -> Place:
    engine: Engine = request.param
    return Place(engine=engine, url=engine.make(tmp_path / "data", empty_storage))


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
