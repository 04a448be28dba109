from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from scanhook.errors import PepperMismatch, SchemaMismatch, StorageError
from scanhook.storage import Pepper
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.columns import Column, Texts, Whole
from scanhook.storage.postgres.database import PostgresDatabase
from tests.postgres import Databases

NOTE = "INSERT INTO meta VALUES (?, '')"
NOTES = "SELECT name FROM meta WHERE name LIKE 'note-%' ORDER BY name"


@pytest.fixture
def url(storages: Databases) -> Iterator[str]:
    with storages.lend() as url:
        yield url


def opened(url: str, pepper: Pepper, room: str = "registry") -> PostgresDatabase:
    return PostgresDatabase(Address.parse(url), room=room, package=f"scanhook.{room}", pepper=pepper, most=4)


@pytest.fixture
def database(url: str, pepper: Pepper) -> Iterator[PostgresDatabase]:
    with closing(opened(url, pepper)) as database:
        yield database


def sql(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


def notes(database: PostgresDatabase) -> list[str]:
    with database.reading() as session:
        return [name for (name,) in session.rows(NOTES)]


def test_what_was_written_stays(database: PostgresDatabase) -> None:
    with database.writing() as session:
        session.change(NOTE, ("note-1",))
    assert notes(database) == ["note-1"]


def test_what_was_written_before_an_error_does_not(database: PostgresDatabase) -> None:
    def fail() -> None:
        with database.writing() as session:
            session.change(NOTE, ("note-1",))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert notes(database) == []


def test_reading_inside_writing_sees_what_was_written(database: PostgresDatabase) -> None:
    with database.writing() as session:
        session.change(NOTE, ("note-1",))
        assert notes(database) == ["note-1"]
        with database.seeing_one_state() as same:
            assert same is session


def test_one_state_is_seen_however_long_it_is_looked_at(database: PostgresDatabase, url: str) -> None:
    with database.seeing_one_state() as session:
        assert session.rows(NOTES) == []
        sql(url, "INSERT INTO scanhook.meta VALUES ('note-1', '')")
        assert session.rows(NOTES) == []
    assert notes(database) == ["note-1"]


def test_one_state_is_only_read(database: PostgresDatabase) -> None:
    with pytest.raises(StorageError, match="the server only reads"), database.seeing_one_state() as session:
        session.change(NOTE, ("note-1",))


def test_writers_of_a_room_are_alone_and_those_of_other_rooms_are_not_kept(
    database: PostgresDatabase, url: str, pepper: Pepper
) -> None:
    begun, ended = threading.Event(), []

    def write() -> None:
        begun.set()
        with database.writing():
            ended.append("second")

    with closing(opened(url, pepper, "journal")) as other:
        with database.writing():
            second = threading.Thread(target=write)
            second.start()
            begun.wait()
            with other.writing() as session:
                session.change(NOTE, ("note-1",))
            ended.append("first")
        second.join()
    assert ended == ["first", "second"]


SPOILS: dict[str, tuple[str, type[StorageError], str]] = {
    "upgraded": (
        "UPDATE scanhook.meta SET value = replace(value, '1/', '99/') WHERE name = 'registry'",
        SchemaMismatch,
        "newer version of scanhook",
    ),
    "restored from an older version": (
        "UPDATE scanhook.meta SET value = replace(value, '1/', '0/') WHERE name = 'registry'",
        SchemaMismatch,
        "run `scanhook storage upgrade`",
    ),
    "another pepper": (
        "UPDATE scanhook.meta SET value = '1/0badcafe' WHERE name = 'registry'",
        PepperMismatch,
        "now belongs to another pepper",
    ),
    "emptied": ("DELETE FROM scanhook.meta", StorageError, "holds no registry of scanhook's any more"),
    "lost": ("DROP TABLE scanhook.meta", StorageError, "a table is missing: restore the database from a backup"),
}


@pytest.mark.parametrize(("spoil", "kind", "said"), SPOILS.values(), ids=SPOILS)
def test_a_storage_that_is_ours_no_more_is_noticed_in_flight(
    database: PostgresDatabase, url: str, spoil: str, kind: type[StorageError], said: str
) -> None:
    sql(url, spoil)
    with pytest.raises(kind, match=said), database.writing():
        pass
    with pytest.raises(kind, match=said), database.reading() as session:
        database.check_ours(session)


def test_a_server_that_only_reads_is_not_writable(database: PostgresDatabase) -> None:
    with database.reading() as session:
        database.check_writable(session)
    with pytest.raises(StorageError, match="it is no primary"), database.seeing_one_state() as session:
        database.check_writable(session)


def test_it_is_described_by_what_the_server_says(database: PostgresDatabase) -> None:
    assert database.describe().startswith("PostgreSQL 18")
    assert "fsync on, synchronous_commit on" in database.describe()
    assert database.waits


def test_a_hang_inside_a_transaction_is_told_as_such(database: PostgresDatabase) -> None:
    with (
        pytest.raises(StorageError, match="the server did not answer in time"),
        database.transaction(within_s=0.15) as session,
    ):
        session.value("SELECT pg_sleep(60)")


def test_it_can_be_closed_and_is_used_no_more(database: PostgresDatabase) -> None:
    database.close()
    database.close()
    with pytest.raises(StorageError, match="is closed here"):
        notes(database)


def test_what_was_closed_before_a_fork_can_be_used_after_it(database: PostgresDatabase) -> None:
    database.close()
    child = os.fork()
    if child == 0:
        try:
            os._exit(7 if notes(database) == [] else 1)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "\ud800", "a\0b"])
def test_a_value_that_no_table_can_hold_is_refused(database: PostgresDatabase, value: object) -> None:
    with pytest.raises(StorageError) as refused, database.reading() as session:
        session.value("SELECT ?", (value,))
    assert repr(value) not in str(refused.value)
    with database.reading() as session:
        assert session.value("SELECT 1") == 1


@pytest.mark.parametrize(("column", "value"), [(Whole, 2**63), (Texts, "\ud800")])
def test_a_column_with_a_value_that_no_table_can_hold_is_refused(
    database: PostgresDatabase, column: type[Column], value: object
) -> None:
    said = "cannot hold a value: a number is too large, or a text is no Unicode"
    with pytest.raises(StorageError, match=said), database.reading() as session:
        session.value("SELECT ?", (column([value]),))
