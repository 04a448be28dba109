from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scanhook.errors import SettingsError
from scanhook.settings import House, load_settings
from tests.conftest import APP_ID, ENCODED_KEY, ORIGINAL_ID, TOKEN

GOOD = f"""\
[service]
bind = "127.0.0.1:8000"

[accounts.main]
app_id = "{APP_ID}"
original_id = "{ORIGINAL_ID}"
token = "{TOKEN}"
encoding_aes_key = "{ENCODED_KEY}"
"""
"""Settings that are right; the account's table begins in line 4."""

Load = Callable[[str], House]
Refuse = Callable[[str], str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the settings file of this test lies."""
    return tmp_path / "scanhook.toml"


@pytest.fixture
def load(path: Path) -> Load:
    """Return a function that writes a settings file and loads it."""

    def write_and_load(text: str) -> House:
        path.write_text(text, encoding="utf-8")
        return load_settings(path)

    return write_and_load


@pytest.fixture
def refuse(load: Load, path: Path) -> Refuse:
    """Return a function that gives the sentence by which settings are refused; FILE stands for the file's path."""

    def refused_with(text: str) -> str:
        with pytest.raises(SettingsError) as refused:
            load(text)
        return str(refused.value).replace(str(path), "FILE")

    return refused_with
