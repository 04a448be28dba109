from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from scanhook.registry import Product, RegistryStore, open_registry
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.storage import Pepper, StorageUrl
from tests.registry.codes import CLOCK
from tests.registry.mints import FRAME


@pytest.fixture
def store(tmp_path: Path, empty_storage: Path, pepper: Pepper) -> Iterator[SqliteRegistry]:
    opened = SqliteRegistry(Path(copytree(empty_storage, tmp_path / "data")), pepper=pepper, clock=CLOCK)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty storage; what belongs to this machine lies in `data` on either engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{copytree(request.getfixturevalue('empty_storage'), tmp_path / 'data')}"
    else:
        with request.getfixturevalue("storages").lend() as lent:
            yield lent


@pytest.fixture
def either(url: str, tmp_path: Path, pepper: Pepper) -> Iterator[RegistryStore]:
    """Return an empty registry, on one engine after the other."""
    opened = open_registry(StorageUrl.parse(url, base=tmp_path), pepper=pepper, clock=CLOCK)
    yield opened
    opened.close()


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Return the folder where the printer's files come to lie."""
    path = tmp_path / "shelf"
    path.mkdir()
    return path


@pytest.fixture
def frame(store: SqliteRegistry) -> Product:
    """Return a product that can be minted for."""
    return store.add_product(FRAME, who="tester", why="test")
