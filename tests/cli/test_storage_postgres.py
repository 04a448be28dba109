from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from scanhook.settings import House
from scanhook.storage.postgres import tables
from tests.cli.conftest import run, run_json
from tests.conftest import on_postgres, stock
from tests.postgres import Databases


@pytest.fixture
def url(storages: Databases) -> Iterator[str]:
    with storages.lend() as url:
        yield url


@pytest.fixture
def served(shop: House, url: str) -> House:
    """Return a house whose storage is an empty one on PostgreSQL."""
    return on_postgres(shop, url)


def sql(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


def test_a_check_of_a_good_storage_counts_what_is_in_it(served: House) -> None:
    stock(served)

    found = run_json("storage", "check")

    assert found["ok"]
    assert [check["check"].partition(" (")[0] for check in found["checks"]] == [
        "server",
        "pepper",
        "data checksums",
        "indexes",
        *(f"{room}: {look}" for room in ("journal", "office", "registry") for look in ("schema", "rows")),
    ]
    assert found["counts"] == {"api_keys": 0, "batches": 2, "codes": 3, "events": 0, "products": 1, "scans": 0}
    assert found["bytes"]["codes"] > 0
    assert found["unfinished_imports"] == []
    lines = run("storage", "check", "--quick").stdout.splitlines()
    assert lines[:2] == ["✓ server", "✓ pepper"]
    assert "0 api keys, 2 batches, 3 codes, 0 events, 1 product, 0 scans" in lines
    sizes = lines[lines.index("0 api keys, 2 batches, 3 codes, 0 events, 1 product, 0 scans") + 1 :]
    assert [line.count(" bytes") for line in sizes] == [4, 4, 3]
    assert " others " in sizes[-1]


def test_a_check_finds_codes_that_are_lost_unless_it_must_be_quick(served: House, url: str) -> None:
    stock(served)
    sql(url, "DELETE FROM scanhook.codes WHERE tag = (SELECT min(tag) FROM scanhook.codes)")

    result = run("storage", "check", code=1)

    assert "✗ registry: rows: " in result.stdout
    assert "codes are noted" in result.stdout
    assert not run_json("storage", "check", code=1)["ok"]
    run("storage", "check", "--quick")


def test_a_server_that_is_away_ends_a_check_with_a_sentence(shop: House) -> None:
    on_postgres(shop, "postgresql://scanhook:s3cret@127.0.0.1:9/brand")

    found = run_json("storage", "check", code=1)

    assert [check["check"] for check in found["checks"] if check["fault"]] == ["connection"]
    assert "s3cret" not in json.dumps(found)


def test_an_empty_database_is_refused_until_an_upgrade_makes_the_tables(shop: House, empty_database: str) -> None:
    on_postgres(shop, empty_database)
    for command in (("products", "list"), ("batches", "list"), ("apikeys", "list"), ("scans", "tail")):
        assert "make the tables of a new storage with `scanhook storage upgrade --make`" in run(*command, code=1).stderr

    refusal = run("storage", "upgrade", code=1).stderr
    assert "holds no storage of scanhook's: does `[storage] url` name the right database? A new one" in refusal
    assert "is made there with --make" in refusal
    run("products", "list", code=1)

    told = run("storage", "upgrade", "--make").stdout.splitlines()

    assert told[:3] == ["journal: made, schema 1", "office: made, schema 1", "registry: made, schema 1"]
    assert run_json("storage", "upgrade") == {
        room: {"before": 1, "after": 1} for room in ("journal", "office", "registry")
    }
    run("products", "list")


def test_an_upgrade_is_refused_while_others_are_connected_and_says_where(
    served: House, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = [*tables.schema_of("scanhook.journal"), "CREATE TABLE more (a BIGINT)"]
    schema_of = tables.schema_of
    monkeypatch.setattr(tables, "schema_of", lambda package: longer if "journal" in package else schema_of(package))
    assert "older version of scanhook (schema 1, here 2)" in run("scans", "tail", code=1).stderr

    with psycopg.connect(f"{url}?application_name=scanhook"):
        refusal = run("storage", "upgrade", code=1).stderr
    told = run("storage", "upgrade").stdout

    assert "1 connections of scanhook's to " in refusal
    assert "from 127.0.0.1 (1): stop the service on every machine" in refusal
    assert "journal: schema 1 is now 2\n" in told
    assert "An older one must not be started again on this storage" in told


@pytest.mark.parametrize(("command", "program"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_files_are_not_what_is_backed_up_there(served: House, command: str, program: str) -> None:
    refusal = run("storage", command, served.base / "somewhere", code=1).stderr

    for named in (program, str(served.path), str(served.pepper_path), "data/erasures", "deploy/postgresql.md"):
        assert named in refusal
    assert not (served.base / "somewhere").exists()
