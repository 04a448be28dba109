from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from scanhook.registry.sqlite import SqliteRegistry
from scanhook.storage import Pepper
from tests.registry.codes import CLOCK


@pytest.fixture
def store(tmp_path: Path, empty_storage: Path, pepper: Pepper) -> Iterator[SqliteRegistry]:
    opened = SqliteRegistry(Path(copytree(empty_storage, tmp_path / "data")), pepper=pepper, clock=CLOCK)
    yield opened
    opened.close()
