"""Looks whether a storage on PostgreSQL is whole, ours, and of this version. Scans go on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from scanhook.errors import ScanhookError, SchemaMismatch, StorageError
from scanhook.storage.checking import Contradictions, Finding
from scanhook.storage.database import Session
from scanhook.storage.files import Telling
from scanhook.storage.pepper import Pepper
from scanhook.storage.postgres.address import SCHEMA, Address
from scanhook.storage.postgres.connection import PostgresConnection, PostgresSession
from scanhook.storage.postgres.pool import Connections
from scanhook.storage.postgres.tables import (
    ROOMS,
    check_pepper,
    check_server,
    kept_version,
    misfit,
    package_of,
    schema_of,
)
from scanhook.storage.postgres.wording import wording

__all__ = ["CHECK_S", "check_database", "reading_all", "sizes_of_tables"]

CHECK_S = 86_400.0
"""For reading every row of the largest tables."""

_INDEXES = """
SELECT i.indexrelid, c.relname, pg_relation_size(i.indexrelid), i.indisvalid, a.amname = 'btree'
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam
WHERE c.relnamespace = to_regnamespace(?) AND c.relkind = 'i' ORDER BY c.relname
"""
# Only one that a superuser has made: whoever may make functions could put one of that name there.
_READER = """
SELECT quote_ident(n.nspname) FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_roles AS r ON r.oid = p.proowner AND r.rolsuper
WHERE p.proname = 'bt_index_check' AND oidvectortypes(p.proargtypes) = 'regclass, boolean'
AND has_function_privilege(p.oid, 'EXECUTE') AND has_schema_privilege(n.oid, 'USAGE')
"""
_SIZES = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relnamespace = to_regnamespace(?) AND relkind = 'r' ORDER BY 2 DESC, 1
"""
_ONE_STATE = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_CHECKSUM_FAILURES = "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()"
_HOW_TO_READ = (
    "indexes (valid; to have their pages read, let the superuser run `CREATE EXTENSION amcheck; GRANT EXECUTE ON "
    "FUNCTION bt_index_check(regclass, boolean) TO` scanhook's user)"
)


def check_database(
    address: Address,
    *,
    pepper: Pepper,
    quick: bool,
    contradictions: Mapping[str, Contradictions],
    of_one_state: frozenset[str],
    tell: Telling,
) -> Iterator[Finding]:
    """Look at the whole database: server, pepper, schema, integrity, and whether its rows agree with each other.

    :param quick: leave out what reads every row of the largest tables.
    :param contradictions: by room.
    :param of_one_state: the rooms whose rows must be looked at as they were at one moment.
    """
    place = address.place
    try:
        with reading_all(address) as session:
            connection = session.connection
            looks: list[tuple[str, Callable[[], None]]] = [
                ("server", lambda: check_server(connection, place)),
                ("pepper", lambda: check_pepper(connection, pepper, place)),
            ]
            yield from (Finding(name=name, fault=_fault(place, look)) for name, look in looks)
            yield _checksums(session, place)
            yield _indexes(session, place, quick=quick, tell=tell)
            for room in sorted(ROOMS):
                fault = _fault(place, partial(_check_schema, connection, room, place))
                yield Finding(name=f"{room}: schema", fault=fault)
                if fault is None:
                    begin = _ONE_STATE if room in of_one_state else None
                    look = partial(
                        _check_rows, connection, place, begin, partial(contradictions[room], quick=quick, tell=tell)
                    )
                    yield Finding(name=f"{room}: rows", fault=_fault(place, look))
    except ScanhookError as error:
        yield Finding(name="connection", fault=str(error))


@contextmanager
def reading_all(address: Address) -> Iterator[PostgresSession]:
    """Give a session on a connection of its own, for statements that read whole tables, and may take long.

    :raises StorageError: when there is none to have; and for whatever goes wrong with it in the block.
    """
    with Connections(address, most=1).apart(within_s=CHECK_S) as connection:
        connection.execute("SET enable_seqscan = on")
        connection.execute("SET plan_cache_mode = auto")
        yield PostgresSession(connection)


def sizes_of_tables(address: Address) -> dict[str, int]:
    """Return how many bytes each table takes, with its indexes; the largest first.

    :raises StorageError: when the database cannot be asked.
    """
    with reading_all(address) as session:
        return dict(session.rows(_SIZES, (SCHEMA,)))


def _fault(place: str, look: Callable[[], None]) -> str | None:
    try:
        with wording(place):
            look()
    except ScanhookError as error:
        return str(error)
    return None


def _checksums(session: PostgresSession, place: str) -> Finding:
    if session.value("SHOW data_checksums") != "on":
        return Finding(name="data checksums (off: what the disk does to a page is noticed by nobody)")
    failures = session.value(_CHECKSUM_FAILURES)
    fault = (
        f"{place} has read {failures:,} damaged pages: look into the server's log, restore the newest backup that is "
        "good, and do not trust that disk"
    )
    return Finding(name="data checksums", fault=fault if failures else None)


def _indexes(session: PostgresSession, place: str, *, quick: bool, tell: Telling) -> Finding:
    """Look whether the indexes are valid; with the extension amcheck their pages are read, and all rows looked up."""
    found = session.rows(_INDEXES, (SCHEMA,))
    invalid = [name for _, name, _, valid, _ in found if not valid]
    if invalid:
        return Finding(name="indexes", fault=f"{place}: {', '.join(invalid)} are not valid: rebuild them with REINDEX")
    where = session.value(_READER)
    if where is None:
        return Finding(name=_HOW_TO_READ)
    trees = [(oid, size) for oid, _, size, _, is_tree in found if is_tree]
    done, total = 0, max(1, sum(size for _, size in trees))
    for oid, size in trees:
        tell("indexes", done, total)
        fault = _fault(place, partial(_read_index, session, where, oid, thoroughly=not quick))
        if fault:
            return Finding(name="indexes", fault=fault)
        done += size
    tell("indexes", total, total)
    return Finding(name="indexes")


def _read_index(session: PostgresSession, where: str, oid: int, *, thoroughly: bool) -> None:
    session.rows(f"SELECT {where}.bt_index_check(CAST(? AS oid), CAST(? AS int) = 1)", (oid, thoroughly))


def _check_schema(connection: PostgresConnection, room: str, place: str) -> None:
    version, ours = kept_version(connection, room, place), len(schema_of(package_of(room)))
    if version != ours:
        raise SchemaMismatch(misfit(place, version, ours))


def _check_rows(
    connection: PostgresConnection, place: str, begin: str | None, look: Callable[[Session], Iterator[str]]
) -> None:
    if begin:
        connection.execute(begin)
    try:
        found = list(look(PostgresSession(connection)))
    finally:
        if begin and not connection.closed:
            connection.rollback()
    if found:
        raise StorageError(f"{place} contradicts itself: {'; '.join(found)}")
