"""Every statement finds its rows by a key: nothing grows with the tables but what must."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from scanhook.journal import Pseudonym, Wanted, kept_of, retain, sql_steps
from scanhook.journal.postgres import PostgresJournal
from scanhook.journal.sql_check import contradictions
from scanhook.message import CodeResult
from scanhook.registry import Reason
from scanhook.storage import StorageUrl
from scanhook.storage.postgres.connection import PostgresConnection
from tests.journal.scans import AT, PERSON, TAG, noted, scan, verdict, verdict_on_unknown

Told = dict[str, None]
DAY = 86_400.0
EVERYTHING = Wanted(
    account="main", key_standard="ean13", key_str="x", batch="B-7", reason="active", verdict="real", source="shop"
)
PUSH = "received_at, account, create_time, key_standard, key_str"
FILL = (
    f"INSERT INTO scans (identity, {PUSH}, person, reason, tag) "
    "SELECT sha256(n::text::bytea), 1760000000000 + n, 'main', 1, 'ean13', '6900873042720', "
    "sha256('p' || n::text::bytea), 'active', sha256('t' || n::text::bytea) FROM generate_series(1, 3000) AS n",
    f"INSERT INTO events (identity, {PUSH}, event, tag, fields) "
    f"SELECT identity, {PUSH}, 'user_scan_product', tag, '{{}}' FROM scans",
    "INSERT INTO tallies SELECT tag, 1, 1, received_at, received_at FROM scans",
    "INSERT INTO scanners SELECT tag, person FROM scans",
    "INSERT INTO resets SELECT tag, 1, 1, 'staff', '', 0, 1, 1, 1, 1 FROM scans",
    "INSERT INTO erasures SELECT tag, 1, NULL, 0 FROM scans",
    "ANALYZE scans, events, tallies, scanners, resets, erasures, meta",
)
LEADING = {
    "scans_pkey": "identity",
    "scans_by_id": "id",
    "events_pkey": "identity",
    "events_by_id": "id",
    "tallies_pkey": "tag",
    "scanners_pkey": "tag",
    "resets_pkey": "tag",
    "erasures_pkey": "mark",
    "meta_pkey": "name",
}
"""The columns that our indexes begin with; PostgreSQL's own tables have others."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Return the statements that are run from now on, each once."""
    statements: Told = {}
    execute = PostgresConnection.execute

    def telling(connection: PostgresConnection, query: Any, *args: Any, **options: Any) -> Any:
        statements[query.decode() if isinstance(query, bytes) else query] = None
        return execute(connection, query, *args, **options)

    monkeypatch.setattr(PostgresConnection, "execute", telling)
    return statements


def long_looks(plan: dict[str, Any], *, limited: bool = False) -> Iterator[str]:
    """Yield the parts of a plan that read whole tables, or indexes without their first column."""
    kind, index = plan["Node Type"], plan.get("Index Name", "")
    begun = re.search(rf"\b{LEADING.get(index, '')}\b", plan.get("Index Cond", ""))
    first_ones = limited and "Filter" not in plan
    if kind.endswith("Seq Scan") or (index and not begun and not first_ones):
        yield f"{kind} on {index or plan['Relation Name']}"
    for part in plan.get("Plans", ()):
        yield from long_looks(part, limited=kind == "Limit")


def read_whole(storage: StorageUrl, statements: Told) -> dict[str, list[str]]:
    """Return the statements that would read whole tables or whole indexes, and what of their plans does so."""
    assert storage.address is not None
    found: dict[str, list[str]] = {}
    with psycopg.connect(storage.address.conninfo) as connection:
        for statement in statements:
            if statement.split()[0] not in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                continue
            explain = f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {statement}".encode()
            cursor = psycopg.ClientCursor(connection).execute(explain)
            looks = [look for ((plan,),) in cursor.fetchall() for look in long_looks(plan["Plan"])]
            if looks:
                found[statement] = looks
    return found


@pytest.fixture(params=["empty", "filled"])
def journal(request: pytest.FixtureRequest, on_postgres: PostgresJournal, storage: StorageUrl) -> PostgresJournal:
    if request.param == "filled":
        assert storage.address is not None
        with psycopg.connect(storage.address.conninfo, autocommit=True) as connection:
            for statement in FILL:
                connection.execute(statement.encode())
    return on_postgres


def test_what_a_scan_waits_for_is_found_by_keys(journal: PostgresJournal, storage: StorageUrl, told: Told) -> None:
    journal.store_all([(scan(1), verdict()), (scan(2), None)], now=AT)
    journal.record(scan(2), verdict_on_unknown(Reason.UNKNOWN_CODE, CodeResult.FAKE), now=AT)
    journal.recall(scan(2).identity)
    journal.tally(TAG)
    journal.store_all(events=[noted()], now=AT)
    journal.store_all(events=[noted()], now=AT)
    journal.probe()

    assert len(told) > 10
    assert read_whole(storage, told) == {}


def test_what_staff_ask_for_is_found_by_keys(
    journal: PostgresJournal, storage: StorageUrl, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_steps, "_PAUSE_MAX_S", 0)
    for wanted in (Wanted(), EVERYTHING, Wanted(verdict="success")):
        journal.tail(5, wanted=wanted)
        next(journal.entries(after=1, since=AT - 1, until=AT + 1, wanted=wanted), None)
        journal.entries_before(3, limit=2, since=AT - 1, until=AT + 1, wanted=wanted)
        journal.counts(since=AT - 1, until=AT + 1, wanted=wanted)
    journal.store_all([(scan(number, openid="o"), verdict()) for number in range(3)], now=AT)
    journal.store_all(events=[noted()], now=AT)
    journal.events("user_scan_product", after=0)
    journal.newest_at()
    journal.newest_at(pushed=True)
    assert journal.sighting(PERSON, [TAG], since=AT - 1)
    list(kept_of(journal, PERSON))
    list(journal.persons())
    assert journal.erase([Pseudonym(person=PERSON, replacement=bytes(16), before=AT + 1)], now=AT + 4000) == 3
    journal.drop_identities([bytes(16)], since=AT - 1)
    journal.reset_counts([TAG], who="staff", now=AT)
    journal.last_reset(TAG)
    retain(journal, now=AT + 9 * DAY, keep_openid_days=1, keep_scans_days=1, dry_run=True)
    retain(journal, now=AT + 9 * DAY, keep_openid_days=1, keep_scans_days=1)

    assert len(told) > 50
    assert read_whole(storage, told) == {}


def test_a_check_joins_tables_and_goes_through_none_again_for_each_row_of_another(
    journal: PostgresJournal, storage: StorageUrl, told: Told
) -> None:
    with journal.database.seeing_one_state() as session:
        list(contradictions(session, quick=False, tell=lambda *_: None))
    looks = [statement for statement in told if statement.split()[:2] == ["SELECT", "count(*)"]]

    assert storage.address is not None
    with psycopg.connect(storage.address.conninfo) as connection:
        plans = {look: str(connection.execute(f"EXPLAIN (FORMAT JSON) {look}".encode()).fetchall()) for look in looks}
    assert len(plans) >= 4
    # For `NOT IN` there is no join: what it names is kept whole in the memory, and read again where it does not fit.
    assert [look for look, plan in plans.items() if "ANY (" in plan or "hashed" in plan] == []


def test_a_whole_table_or_index_that_is_read_would_be_seen(on_postgres: PostgresJournal, storage: StorageUrl) -> None:
    on_postgres.record(scan(), verdict(), now=AT)
    bad = {
        "SELECT count(*) FROM scans WHERE person = 'x'": None,
        "SELECT tag FROM scanners WHERE person = $1": None,
        "SELECT 1 FROM scans WHERE person = $1 ORDER BY id LIMIT 1": None,
    }

    assert set(read_whole(storage, bad)) == set(bad)
