from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from scanhook.errors import StorageError
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.connection import PostgresSession, translated
from scanhook.storage.postgres.pool import Connections
from scanhook.storage.postgres.wording import Hung, NotReplicated
from tests.postgres import Address as Postgres
from tests.postgres import Server


@pytest.fixture
def session(postgres: Postgres) -> Iterator[PostgresSession]:
    with Connections(Address.parse(postgres.url()), most=1).apart(within_s=60) as connection:
        yield PostgresSession(connection)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT ?, ?", "SELECT $1, $2"),
        ("SELECT ?1, ?2, ?1", "SELECT $1, $2, $1"),
        ("SELECT '?', ?", "SELECT '?', $1"),
        ("SELECT 'it''s ?', ?", "SELECT 'it''s ?', $1"),
    ],
)
def test_statements_are_written_once_for_every_engine(written: str, sent: str) -> None:
    assert translated(written) == sent.encode()


def test_every_whole_number_is_of_one_type(session: PostgresSession) -> None:
    for number in (0, 1, -1, 40_000, 3_000_000_000, 2**63 - 1):
        assert session.rows("SELECT pg_typeof(?), ?", (number, number)) == [("bigint", number)]


def test_truth_is_a_number_as_in_the_tables(session: PostgresSession) -> None:
    assert session.rows("SELECT pg_typeof(?), CAST(? AS bigint), ? + 1", (True, False, True)) == [("bigint", 0, 2)]


def test_a_sum_is_a_whole_number(session: PostgresSession) -> None:
    found = session.value("SELECT sum(n) FROM (VALUES (CAST(9223372036854775807 AS bigint)), (1)) AS v (n)")
    assert found == 2**63
    assert type(found) is int


def test_a_statement_without_rows_gives_none(session: PostgresSession) -> None:
    assert session.rows("SET work_mem = '8MB'") == []
    assert session.value("SELECT 1 WHERE 1 = ?", (2,)) is None


def test_rows_that_were_changed_are_counted(session: PostgresSession) -> None:
    session.change("CREATE TEMP TABLE codes (tag BYTEA PRIMARY KEY, position BIGINT)")
    many = [(bytes([number]), number) for number in range(5)]
    assert session.change_all("INSERT INTO codes VALUES (?, ?)", many) == 5
    assert session.change("UPDATE codes SET position = 0 WHERE position > ?", (2,)) == 2
    assert session.change("DELETE FROM codes WHERE tag = ?", (b"\x09",)) == 0
    assert session.rows("SELECT tag FROM codes WHERE position = 0 ORDER BY tag") == [(b"\x00",), (b"\x03",), (b"\x04",)]


def test_a_server_that_says_nothing_is_given_up_when_the_time_is_over(session: PostgresSession) -> None:
    session.connection.until = time.monotonic()
    with pytest.raises(Hung):
        session.value("SELECT pg_sleep(60)")


def test_an_answer_that_is_there_counts_even_if_the_time_is_over(session: PostgresSession) -> None:
    session.connection.until = time.monotonic()
    assert session.value("SELECT 1") == 1


def test_a_server_that_answers_in_time_is_waited_for(session: PostgresSession) -> None:
    session.connection.until = time.monotonic() + 60
    assert session.rows("SELECT pg_sleep(0.3)") == [("",)]


@pytest.mark.ordeal
def test_a_commit_whose_wait_for_the_standby_is_broken_off_is_no_success() -> None:
    """By the name of a function of PostgreSQL's: when this fails with a new version, the function has another name."""
    break_off = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    with (
        Server.start(in_memory=True) as server,
        server.standby("b") as standby,
        Connections(Address.parse(server.url()), most=1).apart(within_s=60) as connection,
    ):
        connection.execute("SELECT pg_logical_emit_message(true, 'test', 'before')")
        standby.pause()
        with ThreadPoolExecutor(1) as thread:
            commit = thread.submit(connection.execute, "SELECT pg_logical_emit_message(true, 'test', 'alone')")
            while not commit.done():
                server.sql(break_off)
        with pytest.raises(NotReplicated):
            commit.result()
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
        standby.resume()


@pytest.mark.ordeal
def test_a_server_that_stands_still_holds_nobody_up() -> None:
    with Server.start() as server:
        connections = Connections(Address.parse(server.url()), most=1)
        with connections.apart(within_s=60) as connection:
            session = PostgresSession(connection)
            server.pause()
            connection.until = time.monotonic()
            with pytest.raises(Hung):
                session.value("SELECT 1")
        with pytest.raises(StorageError, match="cannot be reached"), connections.apart(within_s=60):
            pass
        server.resume()
        with connections.apart(within_s=60) as connection:
            assert connection.execute("SELECT 1").fetchall() == [(1,)]
