from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from scanhook.journal import postgres_storing
from scanhook.journal.postgres import PostgresJournal
from scanhook.journal.postgres_tables import drawing_key
from scanhook.storage import StorageUrl
from tests.journal.scans import AT, noted, scan, verdict

WRITERS = 4
GROUPS = 25


def connected(storage: StorageUrl) -> psycopg.Connection[tuple[object, ...]]:
    """Connect without scanhook."""
    assert storage.address is not None
    return psycopg.connect(storage.address.conninfo, autocommit=True)


HEAD = "identity, received_at, account, create_time, key_standard, key_str, person"
ROW = "'slow', 1760000000250, 'main', 1, 'ean13', '6900873042720', 'somebody'"
ADD = {
    "scans": f"INSERT INTO scans ({HEAD}, reason) VALUES ({ROW}, 'undecided')",
    "events": f"INSERT INTO events ({HEAD}, event, tag, fields) VALUES ({ROW}, 'user_scan_product', 'tag', '{{}}')",
}


@contextmanager
def under_way(storage: StorageUrl, table: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Have a transaction open that has drawn a number of a table, as one does that stores a scan."""
    with connected(storage) as other:
        other.execute("BEGIN")
        last = f"(SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {table}_id_seq)"
        other.execute(f"SELECT pg_advisory_xact_lock_shared({drawing_key(table)} + {last})".encode())
        other.execute(ADD[table].encode())
        yield other


def settled(journal: PostgresJournal, table: str = "scans") -> int:
    with journal.database.reading() as session:
        return journal.database.settled_number(session, table)


def test_nothing_is_settled_where_nothing_is(on_postgres: PostgresJournal) -> None:
    assert (settled(on_postgres), settled(on_postgres, "events")) == (0, 0)


def test_what_is_committed_is_settled(on_postgres: PostgresJournal) -> None:
    on_postgres.store_all([(scan(number), verdict()) for number in range(3)], now=AT)

    assert settled(on_postgres) == 3
    assert settled(on_postgres, "events") == 0


def test_nobody_reads_on_behind_a_scan_that_is_just_being_stored(
    on_postgres: PostgresJournal, storage: StorageUrl
) -> None:
    on_postgres.record(scan(1), verdict(), now=AT)
    with under_way(storage, "scans") as other:
        on_postgres.store_all([(scan(number), verdict()) for number in (2, 3)], now=AT)

        assert [entry.number for entry in on_postgres.entries()] == [1]
        assert [entry.number for entry in on_postgres.entries(after=1)] == []
        assert [entry.number for entry in on_postgres.tail(9)] == [1, 3, 4]
        other.execute("COMMIT")

    assert [entry.number for entry in on_postgres.entries(after=1)] == [2, 3, 4]


def test_a_scan_that_was_not_stored_after_all_is_not_waited_for(
    on_postgres: PostgresJournal, storage: StorageUrl
) -> None:
    with under_way(storage, "scans") as other:
        on_postgres.record(scan(1), verdict(), now=AT)
        assert list(on_postgres.entries()) == []
        other.execute("ROLLBACK")

    assert [entry.number for entry in on_postgres.entries()] == [2]


def test_another_database_of_the_server_has_its_own_numbers(on_postgres: PostgresJournal, storage: StorageUrl) -> None:
    with connected(storage) as other:
        other.execute(f"SELECT pg_advisory_lock({drawing_key('events')})".encode())
        other.execute("SELECT pg_advisory_lock(1)")
        on_postgres.record(scan(1), verdict(), now=AT)

        assert settled(on_postgres) == 1


def test_nobody_reads_on_behind_an_event_that_is_just_being_stored(
    on_postgres: PostgresJournal, storage: StorageUrl
) -> None:
    on_postgres.store_all(events=[noted(1)], now=AT)
    kind = "user_scan_product_verify_action"
    looked = on_postgres.events(kind, after=0).looked
    assert looked == 1
    with under_way(storage, "events") as other:
        on_postgres.store_all(events=[noted(2)], now=AT)

        page = on_postgres.events(kind, after=looked)
        assert (page.events, page.looked, page.more) == ((), 1, False)
        other.execute("COMMIT")

    assert on_postgres.events(kind, after=looked).looked == 3


def test_whoever_follows_while_many_store_misses_no_scan(
    on_postgres: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, overtaken = threading.Event(), threading.Semaphore(0)
    count = postgres_storing._count_and_commit

    def commit(noting: postgres_storing._Noting, counted: list[Any], paired: Any) -> None:
        """Let every second group be overtaken by others."""
        if len(counted) % 2:
            overtaken.acquire(timeout=0.05)
        count(noting, counted, paired)
        overtaken.release()

    monkeypatch.setattr(postgres_storing, "_count_and_commit", commit)

    def store(writer: int) -> None:
        for group in range(GROUPS):
            first = (writer * GROUPS + group) * 10
            some = [scan(first + place, person=bytes([place]) * 16) for place in range(1 + (writer + group) % 7)]
            on_postgres.store_all([(one, verdict(tag=one.identity[-10:])) for one in some], now=AT)

    def follow() -> list[int]:
        seen = [0]
        while True:
            last = done.is_set()
            seen += [entry.number for entry in on_postgres.entries(after=seen[-1])]
            if last:
                return seen[1:]

    with ThreadPoolExecutor(WRITERS + 1) as threads:
        following = threads.submit(follow)
        list(threads.map(store, range(WRITERS)))
        done.set()

    stored = [entry.number for entry in on_postgres.entries()]
    assert following.result() == stored == sorted(stored)
    assert len(stored) == sum(1 + (writer + group) % 7 for writer in range(WRITERS) for group in range(GROUPS))


def test_a_number_that_nobody_committed_is_not_settled(on_postgres: PostgresJournal, storage: StorageUrl) -> None:
    on_postgres.record(scan(1), verdict(), now=AT)
    with connected(storage) as other:
        other.execute("SELECT nextval('scans_id_seq'), nextval('scans_id_seq')")

    with on_postgres.database.writing() as session:
        assert on_postgres.database.last_number(session, "scans") == 3
    assert settled(on_postgres) == 1


def test_a_row_whose_identity_is_forgotten_stays_otherwise_as_it_is(on_postgres: PostgresJournal) -> None:
    on_postgres.record(scan(1), verdict(), now=AT)
    (before,) = on_postgres.entries()
    with on_postgres.database.writing() as session:
        on_postgres.database.forget_identities(session, "scans", [1])

    assert list(on_postgres.entries()) == [before]
    assert on_postgres.recall(scan(1).identity) is None
