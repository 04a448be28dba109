"""The statements that spread the tables over many machines, against the tables that there are.

No such engine can be installed here: what is looked at is what both document of their tables, and that no table of ours
was forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.postgres import Databases

DEPLOY = Path(__file__).parents[2] / "deploy"
_UNIQUE = """
SELECT t.relname, x.relname, (
  SELECT array_agg(a.attname::text) FROM pg_attribute AS a WHERE a.attrelid = t.oid AND a.attnum = ANY(i.indkey)
)
FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid JOIN pg_class AS x ON x.oid = i.indexrelid
WHERE i.indisunique AND t.relnamespace = 'scanhook'::regnamespace
"""
_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'scanhook'::regnamespace"


def _statements(name: str) -> str:
    return re.sub(r"--.*", "", (DEPLOY / name).read_text())


@pytest.fixture
def url(storages: Databases) -> Iterator[str]:
    with storages.lend() as lent:
        yield lent


def _rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def _spread() -> dict[str, str]:
    return dict(re.findall(r"create_distributed_table\('(\w+)', '(\w+)'", _statements("citus.sql")))


def _copied() -> list[str]:
    return re.findall(r"create_reference_table\('(\w+)'\)", _statements("citus.sql"))


def test_every_table_is_spread_or_copied_or_said_to_stay_on_the_coordinator(url: str) -> None:
    stays = {"changes", "befores", "handovers", "erasures"}
    office = {"leases", "api_keys", "access_tokens", "live_goods", "wechat_calls"}
    office |= {"catalog", "catalog_syncs", "catalog_ties", "catalog_reviews"}
    there = {str(name) for (name,) in _rows(url, _TABLES)}
    assert there == {*_spread(), *_copied(), *stays, *office}
    assert not set(_spread()) & set(_copied())


def test_what_is_unique_holds_the_column_that_its_table_is_spread_by(url: str) -> None:
    """Citus refuses any other unique index, and a primary key is one."""
    spread = _spread()
    indexes = [(table, columns) for table, _, columns in _rows(url, _UNIQUE) if table in spread]
    assert {table for table, _ in indexes} == set(spread)
    assert [table for table, columns in indexes if spread[str(table)] not in list(columns)] == []  # type: ignore[call-overload]


def test_the_statements_for_yugabytedb_name_keys_and_indexes_that_there_are(url: str) -> None:
    text = _statements("yugabytedb.sql")
    # What only that engine understands is the word for how a column's values are spread.
    plain = text.replace(" HASH,", ",").replace(" ASC)", ")").replace(" ASC,", ",")
    with psycopg.connect(url) as connection:
        for statement in filter(str.strip, plain.split(";")):
            connection.execute(statement.encode())
        connection.rollback()
