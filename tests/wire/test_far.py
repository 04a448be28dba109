"""The whole service on a storage that lies on another machine: PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from scanhook import create_app
from scanhook.cli.common import storage_of
from scanhook.envelope import Keyring
from scanhook.errors import StorageError
from scanhook.settings import House, load_settings
from scanhook.wire.app import create_door
from scanhook.wire.service import keyring
from tests.conftest import copy_house, stock
from tests.postgres import Address, Databases
from tests.serving import Brand, compose, scan_fields, scan_push, verdict_in, wait_for
from tests.wire.api.conftest import add_keys
from tests.wire.asgi import push_through, together
from tests.wire.conftest import VERIFIER_SECRET

SENDERS = 6


@pytest.fixture
def far(house: House, storages: Databases, pepper_bytes: str) -> Iterator[House]:
    """Return a house with sample codes in a database."""
    with storages.lend() as url:
        house.pepper_path.write_text(pepper_bytes)
        settings = house.path.read_text().replace('"sqlite:///data"', f'"{url}"')
        house.path.write_text(settings)
        house = load_settings(house.path)
        stock(house)
        yield house


@pytest.fixture
def pepper_bytes() -> str:
    """Return the pepper that the lent databases were made with, as its file holds it."""
    return bytes(range(32)).hex()


@pytest.fixture
def keys(far: House) -> Keyring:
    return keys_of(far)


def keys_of(house: House) -> Keyring:
    return keyring(house.settings.accounts["main"])


def database_of(house: House) -> str:
    return house.settings.storage.url.get_secret_value().rpartition("/")[2]


@contextmanager
def away(postgres: Address, house: House) -> Iterator[None]:
    """Let a house's database be out of reach, and then back."""
    name = database_of(house)
    postgres.sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    cut(postgres, house)
    try:
        yield
    finally:
        postgres.sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        wait_for(lambda: is_back(house), "somebody has noticed that it is back")


def is_back(house: House) -> bool:
    with suppress(StorageError):
        return scans_in(house) >= 0
    return False


def cut(postgres: Address, house: House) -> int:
    """Cut every connection to a house's database, and return how many there were."""
    statement = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database_of(house)}'"
    return len(postgres.sql(statement))


def scans_in(house: House) -> int:
    with storage_of(house) as storage:
        return sum(storage.journal.counts().values())


def test_a_push_and_its_repeat_get_one_verdict(far: House, keys: Keyring) -> None:
    door, push = create_door(far), scan_push(keys=keys)
    assert [verdict_in(push_through(door, push).body, keys=keys) for _ in range(2)] == ["real"] * 2
    assert scans_in(far) == 1


def test_pushes_that_come_together_get_each_its_own_answer(far: House, keys: Keyring) -> None:
    codes = ["GENUINE0001", "COPIED99999", "PRINTED0003", "GENUINE0002", "GENUINE0001"]
    answers = asyncio.run(together(create_door(far), [scan_push(code, keys=keys) for code in codes]))
    assert [verdict_in(answer, keys=keys) for answer in answers] == ["real", "fake", "not_active", "real", "real"]
    assert scans_in(far) == 4


def test_another_event_is_noted_once(far: House, keys: Keyring) -> None:
    at = int(time.time())
    fields = scan_fields("GENUINE0001", at=at, Event="user_scan_product_enter_session", NeedAntiFake=None)
    push, door = compose(fields, keys=keys, at=at), create_door(far)
    assert [push_through(door, push).body for _ in range(2)] == [b"success"] * 2
    with storage_of(far) as storage:
        assert len(storage.journal.events("user_scan_product_enter_session", after=0).events) == 1


def test_threads_of_two_applications_make_one_scan_of_one_push(far: House, keys: Keyring, tmp_path: Path) -> None:
    applications = [create_app(far), create_app(copy_house(far.path, tmp_path / "twin"))]
    push, starting = scan_push(keys=keys), threading.Barrier(SENDERS)

    def send(number: int) -> bytes:
        client = applications[number % 2].test_client()
        starting.wait(20)
        answer: bytes = client.post("/wechat/callback", query_string=push.query, data=push.body).data
        return answer

    with ThreadPoolExecutor(SENDERS) as pool:
        answers = list(pool.map(send, range(SENDERS)))
    assert [verdict_in(answer, keys=keys) for answer in answers] == ["real"] * SENDERS
    assert scans_in(far) == 1


def test_a_connection_that_was_cut_meanwhile_costs_no_scan_its_answer(
    far: House, keys: Keyring, postgres: Address
) -> None:
    door = create_door(far)
    for person in ("oFirst", "oSecond"):
        push = scan_push(keys=keys, FromUserName=person)
        assert verdict_in(push_through(door, push).body, keys=keys) == "real"
        assert cut(postgres, far) > 0
    assert scans_in(far) == 2


def test_while_the_database_is_away_nobody_gets_a_verdict(far: House, keys: Keyring, postgres: Address) -> None:
    door, push = create_door(far), scan_push(keys=keys)
    with away(postgres, far):
        for _ in range(3):
            told = push_through(door, push)
            assert (told.status, told.body) == (503, b"try again")
    assert verdict_in(push_through(door, push).body, keys=keys) == "real"
    assert scans_in(far) == 1


def test_success_never_stands_for_what_could_not_be_stored(far: House, keys: Keyring, postgres: Address) -> None:
    text = far.path.read_text().replace("[verifier]\n", '[verifier]\non_undecided = "success"\n')
    far.path.write_text(text)
    door, push = create_door(far.path), scan_push(keys=keys)
    with away(postgres, far):
        told = push_through(door, push)
        assert (told.status, told.body) == (503, b"try again")
    assert verdict_in(push_through(door, push).body, keys=keys) == "real"


def test_while_the_database_is_away_the_plain_application_answers_too(
    far: House, keys: Keyring, postgres: Address
) -> None:
    key = add_keys(far)["operate"]
    client, push = create_app(far).test_client(), scan_push(keys=keys)
    asked = {"keystandard": "qrcode", "keystr": "moment-frame", "extinfo": "GENUINE0001", "person": "p", "id": "1"}
    with away(postgres, far):
        answer = client.post("/wechat/callback", query_string=push.query, data=push.body)
        assert (answer.status_code, answer.data) == (503, b"try again")
        assert (
            client.post("/api/v1/verdicts", json=asked, headers={"Authorization": f"Bearer {key}"}).status_code == 503
        )
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json is not None
        assert ready.json["ready"] is False


def test_a_verifier_is_asked_for_what_a_far_registry_does_not_know(far: House, keys: Keyring, brand: Brand) -> None:
    chain = f'"registry://", "{brand.url}"]\nsecret = "{VERIFIER_SECRET}"\nallow_private_addresses = true'
    far.path.write_text(far.path.read_text().replace('"registry://"]', chain))
    door = create_door(far.path)
    brand.asked.clear()
    codes = ["GENUINE0001", "NOBODYKNOWS"]
    answers = asyncio.run(together(door, [scan_push(code, keys=keys) for code in codes]))
    assert [verdict_in(answer, keys=keys) for answer in answers] == ["real", "real"]
    assert [question["extinfo"] for question in brand.asked] == ["NOBODYKNOWS"]
