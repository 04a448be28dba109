from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from scanhook import create_app
from scanhook.clock import FixedClock
from scanhook.errors import StorageError
from scanhook.journal.sqlite import SqliteJournal
from scanhook.settings import House
from scanhook.storage import Pepper
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.tables import make_tables
from scanhook.wire.ready import Check, check_ready
from scanhook.wire.service import Service, keyring, open_service
from tests.conftest import on_postgres
from tests.postgres import Databases, Server
from tests.serving import scan_push
from tests.wire.conftest import Wire

AT_RELEASE = 1795305600.0  # 2026-11-22 00:00 UTC
SQLITE_WRITE_VERSION_AT = 18


@pytest.fixture
def service(house: House) -> Iterator[Service]:
    opened = open_service(house, clock=FixedClock(AT_RELEASE + 3600))
    yield opened
    opened.close()


def make_read_only(database: Path) -> None:
    """Raise the version that a writer must understand; root may write to any file, but not to this one."""
    with database.open("r+b") as file:
        file.seek(SQLITE_WRITE_VERSION_AT)
        file.write(b"\x03")


def exchange_pepper(database: Path) -> None:
    connection = apsw.Connection(str(database))
    connection.execute("UPDATE meta SET value = '0badcafe' WHERE name = 'pepper_id'")
    connection.close()


def faults(service: Service) -> dict[str, str]:
    return {check.name: check.fault for check in check_ready(service) if check.fault}


def set_clock(service: Service, at: float) -> None:
    assert isinstance(service.clock, FixedClock)
    service.clock.at = at


def test_a_good_house_has_no_fault(service: Service) -> None:
    assert check_ready(service) == [
        Check(name="registry", fault=None),
        Check(name="journal", fault=None),
        Check(name="clock", fault=None),
    ]


@pytest.mark.parametrize("behind_s", [3, 86400])
def test_a_clock_before_the_release_is_a_fault(service: Service, behind_s: int) -> None:
    set_clock(service, AT_RELEASE - behind_s)
    ((name, fault),) = faults(service).items()
    assert name == "clock"
    assert "which is before this version's release (2026-11-22 00:00:00 UTC): set it (NTP)" in fault


def test_a_clock_before_the_newest_scan_is_a_fault(service: Service) -> None:
    keys = keyring(service.house.settings.accounts["main"])
    push = scan_push(keys=keys, at=int(AT_RELEASE) + 3600)
    service.receiver.receive(service.accounts["main"], push.query.encode(), push.body)
    assert faults(service) == {}
    set_clock(service, AT_RELEASE + 3599)
    assert faults(service) == {}
    set_clock(service, AT_RELEASE + 3590)
    assert faults(service) == {
        "clock": "the clock says 2026-11-22 00:59:50 UTC, which is before the journal's newest scan "
        "(2026-11-22 01:00:00 UTC): set it (NTP); until then real pushes are refused as coming from another time"
    }


def test_a_newest_scan_that_cannot_be_read_is_a_fault(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(_self: SqliteJournal) -> float:
        raise StorageError("the database is damaged")

    monkeypatch.setattr(SqliteJournal, "newest_at", damaged)
    assert faults(service) == {"clock": "the newest scan cannot be read: the database is damaged"}


def test_a_registry_that_cannot_be_written_is_a_fault(wire: Wire) -> None:
    make_read_only(wire.house.base / "data" / "registry.db")
    status, answer = create_app_again(wire)
    assert (status, answer["checks"]["registry"]) == (
        503,
        f"{wire.house.base}/data/registry.db: it cannot be written: give it to the user that scanhook runs as",
    )


def test_a_journal_that_cannot_be_written_is_a_fault(wire: Wire) -> None:
    make_read_only(wire.house.base / "data" / "journal.db")
    response = create_app_again(wire)
    assert response == (
        503,
        {
            "ready": False,
            "checks": {
                "registry": "ok",
                "journal": f"{wire.house.base}/data/journal.db: it cannot be written: give it to the user that "
                "scanhook runs as",
                "clock": "ok",
            },
        },
    )


def test_a_journal_that_cannot_be_written_answers_no_scan(wire: Wire) -> None:
    make_read_only(wire.house.base / "data" / "journal.db")
    response = wire.push(scan_push(keys=wire.keys()))
    assert (response.status_code, response.text) == (503, "try again")


def create_app_again(wire: Wire) -> tuple[int, Any]:
    response = create_app(wire.house).test_client().get("/readyz")
    return response.status_code, response.get_json()


@pytest.mark.parametrize("name", ["registry", "journal"])
def test_a_pepper_that_is_exchanged_in_flight_is_a_fault(wire: Wire, name: str) -> None:
    assert wire.get("/readyz").status_code == 200
    exchange_pepper(wire.house.base / "data" / f"{name}.db")
    response = wire.get("/readyz")
    answer = response.get_json()
    assert (response.status_code, answer["ready"]) == (503, False)
    others = {"registry", "journal", "clock"} - {name}
    assert {answer["checks"][other] for other in others} == {"ok"}
    assert answer["checks"][name] == (
        f"{wire.house.base}/data/{name}.db now belongs to another pepper: put back the right one"
    )


@pytest.mark.parametrize("name", ["registry", "journal"])
def test_a_storage_that_is_replaced_in_flight_by_anothers_is_a_fault(wire: Wire, house: House, name: str) -> None:
    assert wire.get("/readyz").status_code == 200
    (house.base / "data" / f"{name}.db").replace(wire.house.base / "data" / f"{name}.db")
    assert wire.get("/readyz").status_code == 503


@pytest.mark.parametrize("name", ["registry", "journal"])
def test_a_scan_is_not_answered_from_anothers_storage(wire: Wire, name: str) -> None:
    assert wire.push(scan_push(keys=wire.keys())).status_code == 200
    exchange_pepper(wire.house.base / "data" / f"{name}.db")
    response = wire.push(scan_push("GENUINE0002", keys=wire.keys()))
    assert (response.status_code, response.text) == (503, "try again")


@pytest.fixture
def database(storages: Databases) -> Iterator[str]:
    with storages.lend() as url:
        yield url


def on_database(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


def test_a_house_on_postgresql_is_ready_unless_its_storage_is_still_being_filled(house: House, database: str) -> None:
    client = create_app(on_postgres(house, database)).test_client()
    assert client.get("/readyz", base_url="http://127.0.0.1").status_code == 200
    on_database(
        database,
        "UPDATE scanhook.meta SET value = 'copying/' || value WHERE name IN ('registry', 'journal')",
    )
    answer = client.get("/readyz", base_url="http://127.0.0.1")
    assert answer.status_code == 503
    checks = answer.get_json()["checks"]
    assert {name for name, said in checks.items() if "is still being filled" in said} == {
        "registry",
        "journal",
    }


@pytest.mark.ordeal
def test_a_house_on_postgresql_is_not_ready_while_there_is_no_primary(house: House, pepper: Pepper) -> None:
    with Server.start() as server:
        server.sql("CREATE DATABASE brand OWNER scanhook")
        make_tables(Address.parse(server.url("brand")), pepper=pepper)
        client = create_app(on_postgres(house, server.url("brand"))).test_client()

        def answer() -> int:
            return client.get("/readyz", base_url="http://127.0.0.1").status_code

        assert answer() == 200
        server.pause()
        assert [answer() for _ in range(3)] == [503, 503, 503]
        server.resume()
        while answer() != 200:
            pass
        server.kill()
        assert [answer() for _ in range(3)] == [503, 503, 503]
        server.restart()
        server.sql("ALTER DATABASE brand SET default_transaction_read_only = on")
        assert answer() == 503
        server.sql("ALTER DATABASE brand RESET default_transaction_read_only")
        while answer() != 200:
            pass
