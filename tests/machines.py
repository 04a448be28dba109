"""Several machines on one storage, in one process."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest

from scanhook.settings import House, load_settings
from scanhook.storage import Pepper


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """The same house on several machines, which share one database; each has its own folder."""

    url: str
    house: House
    pepper: Pepper
    monkeypatch: pytest.MonkeyPatch

    def on(self, name: str) -> House:
        """Let the commands that follow run on a machine."""
        folder = self.house.base.parent / name
        if not folder.exists():
            shutil.copytree(self.house.base, folder, ignore=shutil.ignore_patterns("data"))
            text = self.house.path.read_text().replace('url = "sqlite:///data"', f'url = "{self.url}"')
            (folder / self.house.path.name).write_text(text)
            house = load_settings(folder / self.house.path.name)
            house.pepper_path.write_text(self.pepper.secret.hex())
        self.monkeypatch.setenv("SCANHOOK_CONFIG", str(folder / self.house.path.name))
        self.monkeypatch.setattr("socket.gethostname", lambda: name)
        return load_settings(folder / self.house.path.name)
