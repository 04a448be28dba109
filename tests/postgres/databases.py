"""Databases for one test each: copied from a template once, and emptied for the next test.

Making a database takes 40 to 80 ms, emptying one a few, since most tests leave only a few rows. One whose schema was
changed, or that has grown large, is given up, and another one copied.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import psycopg

from tests.postgres.server import OWNER, Address

_LARGEST_BYTES = 8 << 20
_TRIES = 20
_NUMBERS = itertools.count(1)
_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
_TABLES = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND oid >= 16384 ORDER BY 1"
_SEQUENCES = """
    SELECT seqrelid::regclass::text, coalesce(pg_sequence_last_value(seqrelid), seqstart),
        pg_sequence_last_value(seqrelid) IS NOT NULL
    FROM pg_sequence"""
# Every change of a catalog makes its newest row newer or takes rows away, and a copied database keeps both.
# What PostgreSQL brings itself has lower ids; the schemas of temporary tables outlive them.
_CATALOGS = {
    "pg_attrdef": "true",
    "pg_attribute": "attrelid >= 16384",
    "pg_class": "oid >= 16384",
    "pg_constraint": "oid >= 16384",
    "pg_db_role_setting": "setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "pg_extension": "true",
    "pg_namespace": "nspname !~ '^pg_'",
    "pg_proc": "oid >= 16384",
    "pg_trigger": "true",
    "pg_type": "oid >= 16384",
}
_SHAPE = f"""
    SELECT (sum(pg_relation_size(oid)) > {_LARGEST_BYTES})::int, 0 FROM pg_class WHERE relkind = 'r' AND oid >= 16384
    """ + "".join(
    f"UNION ALL SELECT count(*), max(xmin::text::bigint) FROM {catalog} WHERE {ours} "
    for catalog, ours in _CATALOGS.items()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Original:
    shape: list[tuple[object, ...]]
    emptying: str


class Databases:
    """The databases of one worker: empty ones, or copies of a template that ``make`` fills, given its URL.

    All workers that use a server share the template of a name. A context manager: it holds a connection to each
    database, as superuser, since the first statements of a new one take longer than all the emptying.
    """

    def __init__(self, server: Address, name: str = "empty", make: Callable[[str], None] | None = None) -> None:
        self._server = server
        self._name = name
        self._make = make
        self._original: _Original | None = None
        self._connections: dict[str, psycopg.Connection] = {}
        self._returned: list[str] = []

    @contextmanager
    def lend(self) -> Iterator[str]:
        """Yield the URL of a database that nobody else has and that is as the template was."""
        database = self._restored() or self._copy()
        try:
            yield self._server.url(database)
        finally:
            self._returned.append(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.close()

    def _restored(self) -> str | None:
        while self._returned:
            database = self._returned.pop()
            try:
                restored = self._restore(self._connections[database])
            except psycopg.OperationalError:  # a test has cut all connections
                self._connect(database)
                restored = self._restore(self._connections[database])
            if restored:
                return database
            self._connections.pop(database).close()
        return None

    def _restore(self, connection: psycopg.Connection) -> bool:
        assert self._original is not None
        while connection.execute(_OTHERS.encode()).fetchall():
            time.sleep(0.001)
        if self._make is None:
            _drop_all(connection)
        if connection.execute(_SHAPE.encode()).fetchall() != self._original.shape:
            return False
        connection.execute(self._original.emptying.encode())
        return True

    def _copy(self) -> str:
        database = self._new_name()
        with self._server.connect() as connection:
            template = "template0" if self._make is None else self._template(connection)
            connection.execute(f"CREATE DATABASE {database} TEMPLATE {template} OWNER {OWNER}".encode())
        self._connect(database)
        if self._original is None:
            self._original = _original(self._connections[database])
        return database

    def _new_name(self) -> str:
        return f"{self._name}_{os.getpid()}_{next(_NUMBERS)}"

    def _connect(self, database: str) -> None:
        if database in self._connections:
            self._connections[database].close()
        self._connections[database] = self._server.connect(database)

    def _template(self, connection: psycopg.Connection) -> str:
        assert self._make is not None
        template = f"{self._name}_template"
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [template])
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template]).fetchall():
            unfinished = self._new_name()
            connection.execute(f"CREATE DATABASE {unfinished} TEMPLATE template0 OWNER {OWNER}".encode())
            self._make(self._server.url(unfinished))
            connection.execute(f"ALTER DATABASE {unfinished} RENAME TO {template}".encode())
        connection.execute("SELECT pg_advisory_unlock(hashtext(%s))", [template])
        return template


def _original(connection: psycopg.Connection) -> _Original:
    tables = [str(name) for (name,) in connection.execute(_TABLES.encode())]
    # No trigger and no foreign key acts, so the order of the tables does not matter.
    steps = ["BEGIN", "SET LOCAL session_replication_role = replica", "SET LOCAL synchronous_commit = off"]
    steps += [f"DELETE FROM {table}" for table in tables]
    steps += [insert for table in tables if (insert := _rows_again(connection, table))]
    steps += [
        f"SELECT setval('{name}', {value}, {called})" for name, value, called in connection.execute(_SEQUENCES.encode())
    ]
    shape = connection.execute(_SHAPE.encode()).fetchall()
    return _Original(shape=shape, emptying="; ".join([*steps, "COMMIT"]))


def _rows_again(connection: psycopg.Connection, table: str) -> str | None:
    """Return the statement that puts the rows back that a table holds now, if it holds any."""
    found = connection.execute(f"SELECT quote_literal(json_agg(t)::text) FROM {table} AS t".encode()).fetchall()
    columns = connection.execute(
        "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        [table],
    ).fetchall()
    [[rows]], [[names]] = found, columns
    if rows is None:
        return None
    return (
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE "
        f"SELECT {names} FROM json_populate_recordset(NULL::{table}, {rows})"
    )


def _drop_all(connection: psycopg.Connection) -> None:
    """Drop what the owner has in a database; another worker may take the same rights on shared things away just now."""
    for _ in range(_TRIES):
        try:
            connection.execute(f"DROP OWNED BY {OWNER} CASCADE".encode())
        except psycopg.errors.InternalError_:
            continue
        return
