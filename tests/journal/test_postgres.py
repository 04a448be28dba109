from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest

from scanhook.journal.postgres import PostgresJournal
from scanhook.journal.postgres_tables import PostgresTables
from scanhook.storage import StorageUrl
from scanhook.storage.postgres.connection import PostgresSession
from scanhook.storage.postgres.database import SCAN_S
from tests.journal.scans import AT, PERSON, TAG, scan, verdict


def test_a_recall_waits_for_nobody_who_changes_the_scan(on_postgres: PostgresJournal, storage: StorageUrl) -> None:
    entry = on_postgres.record(scan(), verdict(), now=AT).entry
    assert storage.address is not None
    with psycopg.connect(storage.address.conninfo) as other:
        assert other.execute("SELECT 1 FROM scans FOR UPDATE").fetchall() == [(1,)]

        assert on_postgres.recall(scan().identity) == entry


@pytest.mark.parametrize(
    "ask",
    [
        lambda journal: journal.recall(scan().identity),
        lambda journal: journal.tally(TAG),
        lambda journal: journal.sighting(PERSON, [TAG], since=AT - 1),
        lambda journal: journal.record(scan(), verdict(), now=AT),
    ],
)
def test_what_somebody_waits_for_has_the_time_of_a_scan(
    on_postgres: PostgresJournal, monkeypatch: pytest.MonkeyPatch, ask: Callable[[PostgresJournal], Any]
) -> None:
    on_postgres.record(scan(), verdict(), now=AT)
    given_s: list[float] = []
    session = PostgresTables.session

    def timed(tables: PostgresTables, *, within_s: float) -> AbstractContextManager[PostgresSession]:
        given_s.append(within_s)
        return session(tables, within_s=within_s)

    monkeypatch.setattr(PostgresTables, "session", timed)

    assert ask(on_postgres)
    assert given_s
    assert max(given_s) <= SCAN_S


@pytest.mark.parametrize("scans", [10, 300])
def test_who_scanned_a_code_last_is_found_by_few_statements(
    on_postgres: PostgresJournal, monkeypatch: pytest.MonkeyPatch, scans: int
) -> None:
    on_postgres.store_all([(scan(number, received_at=AT + number), verdict()) for number in range(scans)], now=AT)
    asked: list[str] = []
    rows = PostgresSession.rows

    def told(session: PostgresSession, statement: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        asked.append(statement)
        return rows(session, statement, bindings)

    monkeypatch.setattr(PostgresSession, "rows", told)

    assert on_postgres.sighting(PERSON, [TAG], since=AT - 1)
    assert len(asked) <= 5
