from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from scanhook.storage import Pepper, StorageUrl
from tests.postgres import Databases
from tests.storage.moving.houses import furnish


@pytest.fixture(scope="session")
def _furnished(tmp_path_factory: pytest.TempPathFactory, empty_storage: Path) -> Path:
    folder = tmp_path_factory.mktemp("furnished")
    url = StorageUrl(engine="sqlite", folder=copytree(empty_storage, folder / "data"))
    furnish(url, Pepper(secret=bytes(range(32))), folder)
    return url.folder


@pytest.fixture
def source(tmp_path: Path, _furnished: Path) -> StorageUrl:
    """Return a SQLite storage with something of everything in it."""
    return StorageUrl(engine="sqlite", folder=copytree(_furnished, tmp_path / "data"))


@pytest.fixture
def target(storages: Databases, tmp_path: Path) -> Iterator[StorageUrl]:
    """Return an empty PostgreSQL storage of the same pepper."""
    with storages.lend() as url:
        yield StorageUrl.parse(url, base=tmp_path)
