from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from scanhook.registry.sqlite import SqliteRegistry
from scanhook.storage import Pepper
from tests.registry.codes import CLOCK, ean_lines, load
from tests.verdict.service import BrandService, brand_service


@pytest.fixture
def service() -> Iterator[BrandService]:
    with brand_service() as running:
        yield running


@pytest.fixture
def registry(tmp_path: Path, empty_storage: Path, pepper: Pepper) -> Iterator[SqliteRegistry]:
    """Return a registry with one product, whose code A1 is active and whose code P1 is not."""
    opened = SqliteRegistry(Path(copytree(empty_storage, tmp_path / "data")), pepper=pepper, clock=CLOCK)
    load(opened, tmp_path / "B-7.csv", pepper, *ean_lines("A1"), *ean_lines("P1", status="inactive"))
    yield opened
    opened.close()
