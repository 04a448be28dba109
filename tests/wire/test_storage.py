from __future__ import annotations

from pathlib import Path

import pytest

from scanhook.clock import SystemClock
from scanhook.settings import House
from scanhook.wire.storage import open_storage


def test_a_relative_storage_starts_at_the_settings_file(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_storage(house, clock=SystemClock()).close()
    assert not (tmp_path / "data").exists()
    assert (house.base / "data" / "registry.db").exists()


def test_no_picture_of_an_open_storage_shows_its_pepper(house: House) -> None:
    storage = open_storage(house, clock=SystemClock())
    storage.close()
    assert "pepper" not in repr(storage).replace(str(house.base), "").lower()
    assert repr(storage.pepper.secret) not in repr(storage)
