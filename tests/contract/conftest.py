from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.engines import ENGINES, Engine, Place


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def place(request: pytest.FixtureRequest, tmp_path: Path, empty_storage: Path) -> Place:
    engine: Engine = request.param
    return Place(engine=engine, url=engine.make(tmp_path / "data", empty_storage))
