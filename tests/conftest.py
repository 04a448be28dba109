"""What most tests need: official vectors, an account's keys, and a house with nothing in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from scanhook.cli.init import NewHouse, make_house
from scanhook.envelope import AesKey, Keyring, Mode
from scanhook.settings import House, load_settings
from scanhook.storage import Pepper

TOKEN = "AAAAA"
ENCODED_KEY = "A" * 43
APP_ID = "wxba5fad812f8e6fb9"
ORIGINAL_ID = "gh_fbe8a958756e"
OPENID = "otAzGjrJVN21mpDF4ZWQiYZwdK0Y"

_VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "samples" / "vectors.json").read_text())


def vectors_of(kind: str) -> list[Any]:
    """Return the vectors of one kind, to parametrize a test with."""
    return [pytest.param(vector, id=vector["id"]) for vector in _VECTORS if vector["kind"] == kind]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of the machine reach a test."""
    for name in os.environ:
        if name.startswith(("SCANHOOK_", "PROMETHEUS_")):
            monkeypatch.delenv(name)


@pytest.fixture
def keys() -> Keyring:
    """Return the keys of the official vectors, in safe mode."""
    return Keyring(
        mode=Mode.SAFE,
        original_id=ORIGINAL_ID,
        receive_id=APP_ID,
        tokens=(TOKEN,),
        aes_keys=(AesKey(encoded=ENCODED_KEY),),
    )


@pytest.fixture
def pepper() -> Pepper:
    """Return a pepper that is the same in every run."""
    return Pepper(secret=bytes(range(32)))


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a new house whose account has the keys of the official vectors."""
    new = NewHouse(app_id=APP_ID, original_id=ORIGINAL_ID, token=TOKEN, encoding_aes_key=ENCODED_KEY)
    return load_settings(make_house(tmp_path / "house", new))
