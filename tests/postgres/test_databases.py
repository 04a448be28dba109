"""Databases for one test each: every one as the template was, whatever the last test did to it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.postgres import Address, Databases

_SCHEMA = """
CREATE SCHEMA scanhook;
CREATE TABLE scanhook.meta (name text PRIMARY KEY, value bytea NOT NULL, at timestamptz, once bigint UNIQUE);
CREATE TABLE scanhook.batches (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
CREATE TABLE scanhook.codes (tag bytea PRIMARY KEY, batch bigint NOT NULL REFERENCES scanhook.batches);
INSERT INTO scanhook.meta VALUES ('version', '\\x00ff', '2026-11-22 08:00:00.123456+08', NULL), ('it''s', '', NULL, 7);
INSERT INTO scanhook.batches (name) VALUES ('first');
"""
_META = 'SELECT name, value, extract(epoch FROM at)::text, once FROM scanhook.meta ORDER BY name COLLATE "C"'
_PRISTINE_META = [("it's", b"", None, 7), ("version", b"\x00\xff", "1795305600.123456", None)]


@pytest.fixture(scope="module")
def stocked(postgres: Address) -> Iterator[Databases]:
    """Return databases with a small schema."""

    def make(url: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute(_SCHEMA)

    with Databases(postgres, "stocked", make) as databases:
        yield databases


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _run(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _assert_pristine(url: str) -> None:
    assert _run(url, _META) == _PRISTINE_META
    assert _run(url, "TABLE scanhook.batches") == [(1, "first")]
    assert _run(url, "TABLE scanhook.codes") == []
    assert _run(url, "INSERT INTO scanhook.batches (name) VALUES ('second') RETURNING id") == [(2,)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE scanhook.meta SET value = 'x', at = now()", id="rows changed"),
        pytest.param("DELETE FROM scanhook.meta", id="rows gone"),
        pytest.param("INSERT INTO scanhook.meta VALUES ('new', 'x')", id="rows added"),
        pytest.param(
            "INSERT INTO scanhook.codes SELECT int4send(n), 1 FROM generate_series(1, 999) AS n", id="referring"
        ),
        pytest.param("SELECT nextval('scanhook.batches_id_seq') FROM generate_series(1, 9)", id="a sequence"),
    ],
)
def test_a_returned_database_is_lent_again_as_the_template_was(stocked: Databases, change: str) -> None:
    with stocked.lend() as before:
        _assert_pristine(before)
        _run(before, change)
    with stocked.lend() as url:
        assert url == before
        _assert_pristine(url)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE scanhook.meta ADD COLUMN more text",
        "ALTER TABLE scanhook.meta ALTER COLUMN at SET DEFAULT now()",
        "ALTER TABLE scanhook.meta RENAME at TO when_",
        "ALTER TABLE scanhook.codes DROP CONSTRAINT codes_batch_fkey",
        "CREATE INDEX ON scanhook.codes (batch)",
        "CREATE TABLE public.more ()",
        "CREATE TYPE scanhook.colour AS ENUM ('red')",
        "DROP SCHEMA scanhook CASCADE",
        "CREATE TABLE big AS SELECT repeat('x', 7000) FROM generate_series(1, 2000)",
        "INSERT INTO scanhook.codes SELECT decode(repeat(md5(n::text), 99), 'hex'), 1 FROM generate_series(1, 9000) n",
    ],
)
def test_a_database_whose_schema_was_changed_or_that_has_grown_is_given_up(stocked: Databases, change: str) -> None:
    with stocked.lend() as before:
        _run(before, change)
    with stocked.lend() as url:
        assert url != before
        _assert_pristine(url)


def test_two_that_are_lent_at_once_are_two(stocked: Databases) -> None:
    with stocked.lend() as one, stocked.lend() as another:
        _run(one, "DELETE FROM scanhook.meta")
        _assert_pristine(another)


def test_what_still_speaks_to_a_returned_database_is_cut_off(stocked: Databases) -> None:
    with stocked.lend() as before:
        left = psycopg.connect(before)
        left.execute("LOCK TABLE scanhook.meta")
    with left, stocked.lend() as url:
        _assert_pristine(url)
        with pytest.raises(psycopg.OperationalError):
            left.execute("SELECT 1")


def test_a_test_may_cut_all_connections_itself(stocked: Databases, postgres: Address) -> None:
    with stocked.lend() as before:
        postgres.sql(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{_name(before)}'")
    with stocked.lend() as url:
        assert url == before
        _assert_pristine(url)


def test_all_workers_share_one_template(stocked: Databases, postgres: Address) -> None:
    def fail(_: str) -> None:
        pytest.fail("made again")

    with stocked.lend(), Databases(postgres, "stocked", fail) as others, others.lend() as url:
        _assert_pristine(url)


def test_a_template_that_failed_is_made_anew(postgres: Address) -> None:
    def fail(url: str) -> None:
        _run(url, "CREATE TABLE half ()")
        raise ZeroDivisionError

    with Databases(postgres, "failing", fail) as databases, pytest.raises(ZeroDivisionError), databases.lend():
        pytest.fail("lent")
    with Databases(postgres, "failing", lambda url: None) as databases, databases.lend() as url:
        assert _run(url, "SELECT to_regclass('half')") == [(None,)]


def test_an_empty_database_has_nothing_in_it_after_whatever_test(
    empty_databases: Databases, empty_database: str
) -> None:
    with empty_databases.lend() as before:
        assert before != empty_database
        _run(before, _SCHEMA + "CREATE TABLE public.more ()")
    with empty_databases.lend() as url:
        assert url == before
        assert _run(url, "SELECT relname FROM pg_class WHERE oid >= 16384") == []
        assert _run(url, "SELECT nspname FROM pg_namespace WHERE nspname = 'scanhook'") == []
