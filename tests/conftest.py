"""What most tests need: official vectors, an account's keys, and a house with nothing in it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scanhook.cli.common import storage_of
from scanhook.cli.init import NewHouse, make_house
from scanhook.clock import SystemClock
from scanhook.envelope import AesKey, Keyring, Mode
from scanhook.journal import open_journal
from scanhook.office import open_office
from scanhook.registry import import_codes, open_registry
from scanhook.settings import House, load_settings
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.postgres.address import Address as PostgresAddress
from scanhook.storage.postgres.tables import make_tables
from tests.postgres import Address, Databases

pytest_plugins = ["scanhook.sandbox.fixture", "tests.postgres.fixtures", "tests.pace"]

# Hundreds of processes are started here, and compiling scanhook anew for each takes longer than most of them run.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

TOKEN = "AAAAA"
ENCODED_KEY = "A" * 43
APP_ID = "wxba5fad812f8e6fb9"
ORIGINAL_ID = "gh_fbe8a958756e"
OPENID = "otAzGjrJVN21mpDF4ZWQiYZwdK0Y"
CODES = """\
keystandard,keystr,extinfo,status,batch
qrcode,moment-frame,GENUINE0001,active,autumn
qrcode,moment-frame,GENUINE0002,active,autumn
qrcode,moment-frame,PRINTED0003,inactive,winter
"""
"""Sample codes, one for each common verdict; COPIED99999 is in no file."""

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


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Let no command of a test write to the log of the next one."""
    logger = logging.getLogger("scanhook")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


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


@pytest.fixture(scope="session")
def storages(postgres: Address) -> Iterator[Databases]:
    """Return databases with the tables of an empty storage in them, made for the pepper of the tests."""
    with Databases(postgres, "house", _make_tables) as databases:
        yield databases


def _make_tables(url: str) -> None:
    make_tables(PostgresAddress.parse(url), pepper=Pepper(secret=bytes(range(32))))


@pytest.fixture(scope="session")
def _new_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one house to copy from: a disk takes its time over new databases."""
    new = NewHouse(app_id=APP_ID, original_id=ORIGINAL_ID, token=TOKEN, encoding_aes_key=ENCODED_KEY)
    return make_house(tmp_path_factory.mktemp("new") / "house", new)


@pytest.fixture(scope="session")
def empty_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an empty storage of the pepper above, to be copied: making one is slow."""
    folder = tmp_path_factory.mktemp("storage") / "data"
    url, pepper = StorageUrl(engine="sqlite", folder=folder), Pepper(secret=bytes(range(32)))
    open_registry(url, pepper=pepper, clock=SystemClock()).close()
    open_journal(url, pepper=pepper).close()
    open_office(url, pepper=pepper, clock=SystemClock()).close()
    return folder


@pytest.fixture
def house(tmp_path: Path, _new_house: Path) -> House:
    """Return a new house whose account has the keys of the official vectors."""
    return copy_house(_new_house, tmp_path / "house")


@pytest.fixture(scope="session")
def _stocked_house(tmp_path_factory: pytest.TempPathFactory, _new_house: Path) -> Path:
    """Make one house with sample codes to copy from."""
    house = copy_house(_new_house, tmp_path_factory.mktemp("stocked") / "house")
    stock(house)
    return house.path


@pytest.fixture
def stocked_house(tmp_path: Path, _stocked_house: Path) -> House:
    """Return a new house with the keys of the official vectors and sample codes."""
    return copy_house(_stocked_house, tmp_path / "house")


def copy_house(path: Path, folder: Path) -> House:
    """Copy a house that nobody has open, by its settings file."""
    shutil.copytree(path.parent, folder)
    return load_settings(folder / path.name)


def on_postgres(house: House, url: str) -> House:
    """Let a house have its storage in a database that was lent (:func:`storages`), with the pepper of that."""
    text = house.path.read_text(encoding="utf-8")
    house.path.write_text(text.replace('url = "sqlite:///data"', f'url = "{url}"'), encoding="utf-8")
    house.pepper_path.write_text(bytes(range(32)).hex(), encoding="ascii")
    return load_settings(house.path)


def stock(house: House, *, account: str = "main", codes: str = CODES) -> None:
    """Import codes into a house's registry."""
    file = house.base / "codes.csv"
    file.write_text(codes, encoding="utf-8")
    with storage_of(house) as storage:
        assert import_codes(storage.registry, file, pepper=storage.pepper, account=account).finished
