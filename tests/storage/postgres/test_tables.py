from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

from scanhook.errors import PepperMismatch, Refused, SchemaMismatch, StorageError
from scanhook.storage import Pepper
from scanhook.storage.postgres import tables
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.database import PostgresDatabase
from scanhook.storage.postgres.tables import make_tables, schema_of, upgrade_tables
from tests.postgres import OWNER, Databases
from tests.postgres import Address as Postgres

OTHER_PEPPER = Pepper(secret=bytes(range(1, 33)))
ROOMS = ("journal", "office", "registry")


@pytest.fixture
def storage(storages: Databases) -> Iterator[str]:
    """Return the URL of a database with the tables of an empty storage."""
    with storages.lend() as url:
        yield url


def sql(url: str, *statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def tables_of(url: str) -> set[str]:
    return {str(name) for (name,) in sql(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'scanhook'")}


def open_room(url: str, pepper: Pepper, room: str = "registry") -> PostgresDatabase:
    return PostgresDatabase(Address.parse(url), room=room, package=f"scanhook.{room}", pepper=pepper, most=2)


def migrate_to(monkeypatch: pytest.MonkeyPatch, *scripts: str, room: str = "registry") -> None:
    """Let a room's schema have some more scripts, as a later version would."""

    def longer(package: str) -> list[str]:
        return [*schema_of(package), *(scripts if package == f"scanhook.{room}" else ())]

    monkeypatch.setattr(tables, "schema_of", longer)


def versions(url: str) -> dict[str, str]:
    rows = sql(url, "SELECT name, value FROM scanhook.meta WHERE name NOT LIKE 'pepper%'")
    return {str(name): str(value) for name, value in rows}


def test_opening_makes_no_tables(empty_database: str, pepper: Pepper) -> None:
    with pytest.raises(StorageError) as refused:
        open_room(empty_database, pepper)
    assert str(refused.value).endswith(
        " holds no storage of scanhook's: does `[storage] url` name the right database? Restore it from a backup, or "
        "make the tables of a new storage with `scanhook storage upgrade --make`"
    )
    assert sql(empty_database, "SELECT 1 FROM pg_namespace WHERE nspname = 'scanhook'") == []


@pytest.mark.parametrize("room", ROOMS)
def test_what_was_made_can_be_opened(empty_database: str, pepper: Pepper, room: str) -> None:
    make_tables(Address.parse(empty_database), pepper=pepper)
    with closing(open_room(empty_database, pepper, room)) as database, database.reading() as session:
        database.check_ours(session)
    assert tables_of(empty_database) >= {"meta", "codes", "batches", "scans", "tallies", "api_keys"}


def test_an_upgrade_makes_the_tables_of_an_empty_database(empty_database: str, pepper: Pepper) -> None:
    ours = {room: len(schema_of(f"scanhook.{room}")) for room in ROOMS}
    address = Address.parse(empty_database)
    assert upgrade_tables(address, pepper=pepper) == {room: (0, version) for room, version in ours.items()}
    assert upgrade_tables(address, pepper=pepper) == {room: (version, version) for room, version in ours.items()}
    open_room(empty_database, pepper).close()


def test_a_database_that_holds_a_storage_is_not_made_anew(storage: str, pepper: Pepper) -> None:
    for other in (pepper, OTHER_PEPPER):
        with pytest.raises(Refused, match=rf"holds a storage of scanhook's already \(made with the pepper {pepper.id}"):
            make_tables(Address.parse(storage), pepper=other)
    open_room(storage, pepper).close()


def test_tables_of_others_stay_as_they_are(empty_database: str, pepper: Pepper) -> None:
    sql(empty_database, "CREATE TABLE public.codes (a int)", "INSERT INTO public.codes VALUES (7)")
    make_tables(Address.parse(empty_database), pepper=pepper)
    assert sql(empty_database, "SELECT a FROM public.codes") == [(7,)]


def test_what_cannot_be_made_whole_leaves_nothing(
    empty_database: str, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate_to(monkeypatch, "CREATE TABLE more (a int); SELECT 1 / 0", room="office")
    with pytest.raises(StorageError, match="division by zero"):
        make_tables(Address.parse(empty_database), pepper=pepper)
    assert tables_of(empty_database) == set()


def test_a_migration_brings_the_tables_up_to_date(
    storage: str, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql(storage, "INSERT INTO scanhook.codes (tag, part_id, position) VALUES ('\\x01', 1, 1)")
    before = versions(storage)
    version = len(schema_of("scanhook.registry"))
    migrate_to(
        monkeypatch,
        "ALTER TABLE codes ADD COLUMN printed_at BIGINT; UPDATE codes SET printed_at = 7",
        "CREATE TABLE presses (id BIGINT PRIMARY KEY)",
    )
    done = upgrade_tables(Address.parse(storage), pepper=pepper)
    assert done["registry"] == (version, version + 2)
    assert sql(storage, "SELECT printed_at FROM scanhook.codes") == [(7,)]
    assert "presses" in tables_of(storage)
    assert versions(storage) == before | {"registry": f"{version + 2}/{pepper.id}"}


def test_a_migration_that_fails_changes_nothing(storage: str, pepper: Pepper, monkeypatch: pytest.MonkeyPatch) -> None:
    before, had = versions(storage), tables_of(storage)
    migrate_to(monkeypatch, "CREATE TABLE presses (id BIGINT)", "SELECT 1 / 0")
    with pytest.raises(StorageError, match="division by zero"):
        upgrade_tables(Address.parse(storage), pepper=pepper)
    assert (versions(storage), tables_of(storage)) == (before, had)


def test_what_was_opened_before_a_migration_is_refused_after_it(
    storage: str, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = open_room(storage, pepper)  # as a service without a connection: an upgrade is refused while there are any
    migrate_to(monkeypatch, "CREATE TABLE presses (id BIGINT)")
    upgrade_tables(Address.parse(storage), pepper=pepper)
    with pytest.raises(SchemaMismatch, match="newer version of scanhook"), old.writing():
        pass
    old.close()


def test_a_migration_is_refused_while_others_are_connected(
    storage: str, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = versions(storage)
    migrate_to(monkeypatch, "CREATE TABLE presses (id BIGINT)")
    conninfo = Address.parse(f"{storage}?application_name=east").conninfo
    others = psycopg.connect(conninfo), psycopg.connect(conninfo), psycopg.connect(storage)
    with pytest.raises(Refused) as refused:
        upgrade_tables(Address.parse(storage), pepper=pepper)
    for other in others:
        other.close()
    assert "2 connections of scanhook's to " in str(refused.value)
    assert "are open, from 127.0.0.1 (2): stop the service on every machine" in str(refused.value)
    assert versions(storage) == before
    upgrade_tables(Address.parse(storage), pepper=pepper)


def test_what_is_up_to_date_may_be_in_use(storage: str, pepper: Pepper) -> None:
    with psycopg.connect(Address.parse(storage).conninfo):
        assert all(before == after for before, after in upgrade_tables(Address.parse(storage), pepper=pepper).values())


SPOILS: dict[str, tuple[str, type[StorageError], str]] = {
    "newer": ("UPDATE scanhook.meta SET value = '99/x' WHERE name = 'registry'", SchemaMismatch, "newer version"),
    "lost room": ("DELETE FROM scanhook.meta WHERE name = 'registry'", StorageError, "restore it from a backup"),
    "another pepper": (
        "UPDATE scanhook.meta SET value = '0badcafe' WHERE name = 'pepper_id'",
        PepperMismatch,
        "was made with the pepper 0badcafe, and `pepper_file` holds",
    ),
    "another pepper of the same id": (
        "UPDATE scanhook.meta SET value = '00' WHERE name = 'pepper_check'",
        PepperMismatch,
        "put back the pepper that belongs to this storage",
    ),
}


@pytest.mark.parametrize(("spoil", "kind", "said"), SPOILS.values(), ids=SPOILS)
def test_a_storage_that_is_not_ours_is_neither_opened_nor_upgraded(
    storage: str, pepper: Pepper, spoil: str, kind: type[StorageError], said: str
) -> None:
    sql(storage, spoil)
    before = versions(storage)
    calls: tuple[Callable[[], object], ...] = (
        lambda: open_room(storage, pepper),
        lambda: upgrade_tables(Address.parse(storage), pepper=pepper),
    )
    for call in calls:
        with pytest.raises(kind, match=said):
            call()
    assert versions(storage) == before


def test_others_whose_login_role_shows_us_little_are_seen_too(
    storage: str, postgres: Postgres, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"east_{os.getpid()}"
    postgres.sql(f"CREATE ROLE {role} LOGIN")
    try:
        migrate_to(monkeypatch, "CREATE TABLE presses (id BIGINT)")
        other = Address.parse(storage.replace(OWNER, role, 1)).conninfo
        with (
            psycopg.connect(other),
            pytest.raises(Refused, match=rf"1 connections .* are open, from where {role} logs in \(1\): stop the"),
        ):
            upgrade_tables(Address.parse(storage), pepper=pepper)
    finally:
        postgres.sql(f"DROP ROLE {role}")


@pytest.fixture
def foreign(postgres: Postgres) -> Iterator[str]:
    """Return the name of a database that scanhook's user may only connect to."""
    name = f"foreign_{os.getpid()}"
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE template0")
    yield name
    postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_user_without_rights_is_told_the_line_that_mends_it(postgres: Postgres, foreign: str, pepper: Pepper) -> None:
    address = Address.parse(postgres.url(foreign))
    with pytest.raises(StorageError) as refused:
        make_tables(address, pepper=pepper)
    assert f'`GRANT CREATE ON DATABASE "{foreign}" TO "{OWNER}";`' in str(refused.value)
    assert f'`GRANT ALL ON SCHEMA "scanhook" TO "{OWNER}";`' in str(refused.value)
    postgres.sql(f'GRANT CREATE ON DATABASE "{foreign}" TO "{OWNER}"')
    make_tables(address, pepper=pepper)


def test_a_schema_that_the_superuser_has_made_is_enough(postgres: Postgres, foreign: str, pepper: Pepper) -> None:
    postgres.sql("CREATE SCHEMA scanhook", database=foreign)
    with pytest.raises(StorageError, match="GRANT ALL ON SCHEMA"):
        make_tables(Address.parse(postgres.url(foreign)), pepper=pepper)
    postgres.sql(f'GRANT ALL ON SCHEMA "scanhook" TO "{OWNER}"', database=foreign)
    make_tables(Address.parse(postgres.url(foreign)), pepper=pepper)


def test_a_database_that_cannot_hold_every_text_is_refused(postgres: Postgres, pepper: Pepper) -> None:
    name = f"western_{os.getpid()}"
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' OWNER {OWNER}")
    try:
        with pytest.raises(StorageError, match="is encoded in LATIN1: make a database with `createdb --encoding UTF8"):
            make_tables(Address.parse(postgres.url(name)), pepper=pepper)
    finally:
        postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_pooler_that_drops_what_is_asked_of_a_connection_is_noticed(storage: str, pepper: Pepper) -> None:
    dropped = Address(place="the pooler", conninfo=f"{storage}?application_name=scanhook")
    with pytest.raises(StorageError, match="a pooler such as PgBouncer drops it"):
        PostgresDatabase(dropped, room="registry", package="scanhook.registry", pepper=pepper, most=2)
