"""How long scans wait while somebody is erased: each statement may be a way to another machine and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scanhook.journal import Pseudonym, sql_steps
from scanhook.journal.postgres import PostgresJournal
from scanhook.journal.postgres_tables import PostgresTables
from scanhook.storage.postgres.connection import PostgresSession
from tests.journal.scans import AT, PERSON, noted, scan, verdict

REPLACEMENT = b"\xee" * 16
MOST = 10
"""Statements of a step, whatever the number of its rows."""


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many statements are run each time that scans wait for us, from now on."""
    counts: list[int] = []
    inside: list[bool] = []
    writing = PostgresTables.writing

    @contextmanager
    def told(tables: PostgresTables) -> Iterator[PostgresSession]:
        with writing(tables) as session:
            counts.append(0)
            inside.append(True)
            try:
                yield session
            finally:
                inside.clear()

    def counted(name: str) -> None:
        run = getattr(PostgresSession, name)

        def count(session: PostgresSession, *args: Any) -> Any:
            if inside:
                counts[-1] += 1
            return run(session, *args)

        monkeypatch.setattr(PostgresSession, name, count)

    monkeypatch.setattr(PostgresTables, "writing", told)
    for name in ("rows", "change", "change_all"):
        counted(name)
    monkeypatch.setattr(sql_steps, "_PAUSE_MAX_S", 0)
    return counts


@pytest.mark.parametrize("rows", [3, 40])
def test_a_step_of_an_erasure_has_few_statements_however_many_rows(
    on_postgres: PostgresJournal, holds: list[int], rows: int
) -> None:
    scans = [(scan(number, openid="o"), verdict(tag=number.to_bytes(10, "big"))) for number in range(rows)]
    on_postgres.store_all(scans, now=AT)
    # Where somebody scans again after the erasure, he stays beside the replacement.
    on_postgres.store_all(
        [(scan(90 + number, received_at=AT + 9), given) for number, (_, given) in enumerate(scans[::2])], now=AT
    )
    for number in range(rows):
        on_postgres.store_all(events=[noted(1000 + number)], now=AT)

    assert on_postgres.erase([Pseudonym(person=PERSON, replacement=REPLACEMENT, before=AT + 1)], now=AT + 4000) == rows

    assert max(holds) <= MOST


def test_identities_are_dropped_by_few_statements_however_many_they_are(
    on_postgres: PostgresJournal, holds: list[int]
) -> None:
    on_postgres.store_all([(scan(number), verdict()) for number in range(40)], now=AT)
    for number in range(40):
        on_postgres.store_all(events=[noted(number)], now=AT)

    on_postgres.drop_identities([PERSON], since=AT - 1)

    assert [on_postgres.recall(scan(number).identity) for number in (0, 39)] == [None, None]
    assert on_postgres.store_all(events=[noted(39)], now=AT).events[0]
    assert max(holds) <= MOST
