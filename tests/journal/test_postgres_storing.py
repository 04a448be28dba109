from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from scanhook.errors import SchemaMismatch, StorageError
from scanhook.journal import Tally, postgres_storing
from scanhook.journal.postgres import PostgresJournal, open_postgres
from scanhook.journal.sql_check import contradictions
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.postgres.connection import PostgresConnection
from scanhook.storage.postgres.tables import make_tables
from scanhook.verdict import Verdict
from tests.journal.scans import AT, TAG, noted, scan, verdict
from tests.postgres import Server
from tests.serving import wait_for

OURS = "datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
Told = tuple[list[bytes], list[str]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Return the statements that are run from now on, and how each got to the server: alone or with others."""
    statements: list[bytes] = []
    trips: list[str] = []
    execute, pipeline = PostgresConnection.execute, PostgresConnection.pipeline

    def counting(connection: PostgresConnection, query: Any, *args: Any, **options: Any) -> Any:
        statements.append(query if isinstance(query, bytes) else query.encode())
        if connection._pipeline is None:
            trips.append("alone")
        return execute(connection, query, *args, **options)

    def beginning(connection: PostgresConnection) -> Any:
        trips.append("together")
        return pipeline(connection)

    monkeypatch.setattr(PostgresConnection, "execute", counting)
    monkeypatch.setattr(PostgresConnection, "pipeline", beginning)
    return statements, trips


def numbered(number: int) -> bytes:
    return number.to_bytes(16, "big")


def agree(journal: PostgresJournal) -> None:
    with journal.database.seeing_one_state() as session:
        assert list(contradictions(session, quick=False, tell=lambda *_: None)) == []


@pytest.mark.parametrize("count", [1, 10, 1000])
def test_new_scans_take_two_round_trips_whatever_their_number(
    on_postgres: PostgresJournal, told: Told, count: int
) -> None:
    on_postgres.store_all([(scan(number), verdict()) for number in range(count)], now=AT)

    statements, trips = told
    assert trips == ["together", "together"]
    assert [statement.split()[0] for statement in statements] == [
        b"BEGIN",
        b"SELECT",
        b"SELECT",
        b"INSERT",
        b"INSERT",
        b"INSERT",
        b"COMMIT",
    ]


def test_one_code_that_10000_persons_scan_costs_what_10000_codes_cost(on_postgres: PostgresJournal, told: Told) -> None:
    statements, _ = told
    for first in range(0, 10_000, 1000):
        some = [scan(number, person=numbered(number)) for number in range(first, first + 1000)]
        on_postgres.store_all([(one, verdict()) for one in some], now=AT)
    one_code = Counter(statements)
    statements.clear()
    some = [scan(number, person=numbered(number)) for number in range(10_000, 11_000)]
    on_postgres.store_all([(one, verdict(tag=one.identity[-10:])) for one in some], now=AT)

    assert one_code == dict.fromkeys(statements, 10)
    assert on_postgres.tally(TAG) == Tally(scans=10_000, persons=10_000, first_at=AT, last_at=AT)
    assert on_postgres.tally(numbered(10_001)[-10:]) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)


@pytest.mark.parametrize("count", [1, 64])
def test_other_events_take_two_round_trips_whatever_their_number(
    on_postgres: PostgresJournal, told: Told, count: int
) -> None:
    assert on_postgres.store_all(events=[noted(number) for number in range(count)], now=AT).events == [True] * count

    statements, trips = told
    assert trips == ["together", "together"]
    assert [statement.split()[0] for statement in statements] == [b"BEGIN", b"SELECT", b"SELECT", b"INSERT", b"COMMIT"]


def test_events_cost_the_scans_that_they_go_along_with_no_round_trip(on_postgres: PostgresJournal, told: Told) -> None:
    kept = on_postgres.store_all([(scan(), verdict())], [noted(1), noted(2)], now=AT)

    assert (len(kept.scans), kept.events) == (1, [True, True])
    statements, trips = told
    assert trips == ["together", "together"]
    assert sum(b"pg_advisory_xact_lock_shared" in statement for statement in statements) == 2


def test_events_go_along_with_scans_that_were_there(on_postgres: PostgresJournal) -> None:
    on_postgres.store_all([(scan(1), verdict()), (scan(2), None)], [noted(1)], now=AT)

    kept = on_postgres.store_all(
        [(scan(1), verdict()), (scan(2), verdict()), (scan(3), verdict())], [noted(1), noted(2)], now=AT
    )

    assert [one.repeated for one in kept.scans] == [True, True, False]
    assert kept.events == [False, True]
    assert len(on_postgres.events(noted(1).event, after=0).events) == 2
    agree(on_postgres)


@pytest.mark.ordeal
@pytest.mark.parametrize("repeats", ["a scan", "an event", "both"])
def test_what_comes_again_is_not_answered_before_it_is_on_the_standby(pepper: Pepper, repeats: str) -> None:
    scans = [(scan(1), verdict())] if repeats != "an event" else []
    events = [noted(1)] if repeats != "a scan" else []
    with Server.start(in_memory=True) as server:
        server.sql("CREATE DATABASE shop OWNER scanhook")
        url = StorageUrl.parse(server.url("shop"), base=Path.cwd())
        assert url.address is not None
        make_tables(url.address, pepper=pepper)
        journal = open_postgres(url, pepper=pepper)
        journal.store_all(scans, events, now=AT)
        server.sql("ALTER SYSTEM SET synchronous_standby_names = 'gone'")
        server.sql("SELECT pg_reload_conf()")
        wait_for(lambda: server.sql("SHOW synchronous_standby_names") == [("gone",)], "commits wait for a standby")

        with pytest.raises(StorageError):
            journal.store_all(scans, events, now=AT)

        server.sql("ALTER SYSTEM RESET synchronous_standby_names")
        server.sql("SELECT pg_reload_conf()")
        journal.close()


@pytest.mark.parametrize("before", [verdict(), None], ids=["repeats", "undecided before"])
def test_scans_that_are_there_take_no_more_round_trips_the_more_there_are(
    on_postgres: PostgresJournal, told: Told, before: Verdict | None
) -> None:
    def trips_of(first: int, count: int) -> int:
        some = [scan(first + number) for number in range(count)]
        on_postgres.store_all([(one, before) for one in some], now=AT)
        told[1].clear()
        again = on_postgres.store_all([(one, verdict()) for one in some], now=AT).scans
        assert [(one.repeated, one.decided_now) for one in again] == [(True, before is None)] * count
        return len(told[1])

    assert trips_of(0, 1) == trips_of(100, 50) < 10


def test_storing_nothing_asks_nobody(on_postgres: PostgresJournal, told: Told) -> None:
    assert on_postgres.store_all([], now=AT).scans == []
    assert on_postgres.store_all(events=[], now=AT).events == []
    assert told == ([], [])


def test_workers_that_store_the_same_scans_in_any_order_neither_stop_each_other_nor_count_twice(
    on_postgres: PostgresJournal,
) -> None:
    pushes = [
        (scan(number, person=numbered(number % 5)), verdict(tag=numbered(number % 7)[-10:])) for number in range(60)
    ]
    undecided = [(one, None) for one, _ in pushes[::3]]
    on_postgres.store_all(undecided, now=AT)

    def work(seed: int) -> int:
        random = Random(seed)
        decided = 0
        mixed = random.sample(pushes, len(pushes)) + random.sample(pushes, 10)
        for start in range(0, len(mixed), 14):
            decided += sum(one.decided_now for one in on_postgres.store_all(mixed[start : start + 14], now=AT).scans)
        return decided

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(work, range(6))) == 60

    tallies = [on_postgres.tally(numbered(code)[-10:]) for code in range(7)]
    assert sum(tally.scans for tally in tallies if tally) == 60
    assert [tally.persons for tally in tallies if tally] == [5] * 7
    agree(on_postgres)


def test_workers_that_store_the_same_events_in_any_order_neither_stop_each_other_nor_store_twice(
    on_postgres: PostgresJournal,
) -> None:
    events = [noted(number) for number in range(1000)]
    scans = [(scan(number, person=numbered(number % 5)), verdict()) for number in range(60)]

    def work(seed: int) -> int:
        random, first = Random(seed), 0
        given_scans, given_events = random.sample(scans, len(scans)), random.sample(events, len(events))
        for place in range(0, 60, 6):
            some = given_events[place * 100 // 6 : (place + 6) * 100 // 6]
            first += sum(on_postgres.store_all(given_scans[place : place + 6], some, now=AT).events)
        return first

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(work, range(6))) == 1000
    assert on_postgres.tally(TAG) == Tally(scans=60, persons=5, first_at=AT, last_at=AT)
    agree(on_postgres)


@pytest.mark.parametrize(
    "store", [lambda j: j.record(scan(), verdict(), now=AT), lambda j: j.store_all(events=[noted()], now=AT).events]
)
@pytest.mark.parametrize(
    ("standing", "error", "said"),
    [
        ("copying/sqlite:///old", StorageError, "is still being filled from sqlite:///old"),
        ("2/{pepper}", SchemaMismatch, "made by a newer version"),
        ("1/00000000", StorageError, "belongs to another pepper"),
    ],
)
def test_what_is_not_ours_any_more_gets_no_row(
    on_postgres: PostgresJournal,
    storage: StorageUrl,
    store: Callable[[PostgresJournal], Any],
    standing: str,
    error: type[StorageError],
    said: str,
) -> None:
    pepper_id = on_postgres.database.standing.partition("/")[2]
    assert storage.address is not None
    with psycopg.connect(storage.address.conninfo, autocommit=True) as other:
        other.execute("UPDATE meta SET value = %s WHERE name = 'journal'", (standing.format(pepper=pepper_id),))
        with pytest.raises(error, match=said):
            store(on_postgres)

        assert other.execute("SELECT (SELECT count(*) FROM scans), (SELECT count(*) FROM events)").fetchall() == [
            (0, 0)
        ]


def test_tables_that_were_upgraded_say_so_even_where_they_take_no_such_row(
    on_postgres: PostgresJournal, storage: StorageUrl
) -> None:
    assert storage.address is not None
    with psycopg.connect(storage.address.conninfo, autocommit=True) as other:
        other.execute("ALTER TABLE scans DROP COLUMN asked")
        other.execute("UPDATE meta SET value = '2' || substr(value, 2) WHERE name = 'journal'")

    with pytest.raises(SchemaMismatch, match="made by a newer version"):
        on_postgres.record(scan(), verdict(), now=AT)


def test_where_a_table_fails_nothing_is_stored_and_the_connection_goes_on(
    on_postgres: PostgresJournal, storage: StorageUrl
) -> None:
    assert storage.address is not None
    with psycopg.connect(storage.address.conninfo, autocommit=True) as other:
        other.execute("ALTER TABLE tallies ADD CHECK (scans < 2) NOT VALID")
        on_postgres.record(scan(1), verdict(), now=AT)
        with pytest.raises(StorageError, match="SQLSTATE 23514"):
            on_postgres.record(scan(2), verdict(), now=AT)

        assert [entry.number for entry in on_postgres.tail(9)] == [1]
        agree(on_postgres)
        assert on_postgres.record(scan(3), None, now=AT).entry.number == 3
        assert other.execute(
            f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND state <> 'idle'".encode()
        ).fetchall() == [(0,)]


def test_a_change_to_the_journal_waits_until_scans_are_stored_and_scans_until_it_is_done(
    on_postgres: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_storing, "_LOCK_WAIT", "30ms")
    on_postgres.record(scan(1), verdict(), now=AT)
    with (
        on_postgres.database.writing(),
        ThreadPoolExecutor(1) as threads,
        pytest.raises(StorageError, match="busy with another write"),
    ):
        threads.submit(on_postgres.record, scan(2), verdict(), now=AT).result()

    stopped, go_on = threading.Event(), threading.Event()
    count = postgres_storing._count_and_commit

    def wait(*args: Any) -> None:
        stopped.set()
        go_on.wait(5)
        count(*args)

    monkeypatch.setattr(postgres_storing, "_count_and_commit", wait)
    with ThreadPoolExecutor(2) as threads:
        storing = threads.submit(on_postgres.record, scan(3), verdict(), now=AT)
        stopped.wait(5)
        resetting = threads.submit(on_postgres.reset_counts, [TAG], who="staff", now=AT)
        assert not resetting.done()
        go_on.set()
        assert storing.result().decided_now
        (reset,) = resetting.result()

    # The scan that was under way is among those that were counted until then.
    assert reset.was == Tally(scans=2, persons=1, first_at=AT, last_at=AT)
    assert on_postgres.tally(TAG) is None


def test_scans_are_stored_although_the_connection_was_cut_meanwhile(
    on_postgres: PostgresJournal, storage: StorageUrl
) -> None:
    assert storage.address is not None
    on_postgres.record(scan(1), verdict(), now=AT)
    with psycopg.connect(storage.address.conninfo, autocommit=True) as other:
        other.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}".encode())

    assert on_postgres.record(scan(2), verdict(), now=AT).decided_now
    assert on_postgres.store_all(events=[noted()], now=AT).events == [True]


def test_scans_whose_commit_was_done_but_not_answered_are_counted_once(
    on_postgres: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = postgres_storing._count_and_commit
    lost: list[bool] = []

    def commit(noting: postgres_storing._Noting, *args: Any) -> None:
        count(noting, *args)
        if not lost:
            lost.append(True)
            noting.connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(postgres_storing, "_count_and_commit", commit)
    (recorded,) = on_postgres.store_all([(scan(), verdict())], now=AT).scans

    assert lost
    assert recorded.entry.decided
    assert recorded.repeated
    assert on_postgres.tally(TAG) == Tally(scans=1, persons=1, first_at=AT, last_at=AT)
    agree(on_postgres)
