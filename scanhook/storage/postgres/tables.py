"""The tables of a storage: made where there are none, brought up to date by migrations, and known again.

Whoever opens a storage only looks for them. A service that made empty ones in the place of lost ones would know no
product any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

from psycopg import ClientCursor, errors, sql

from scanhook.errors import PepperMismatch, Refused, SchemaMismatch, StorageError
from scanhook.storage.database import filling
from scanhook.storage.pepper import Pepper
from scanhook.storage.postgres.address import SCHEMA, Address
from scanhook.storage.postgres.connection import PostgresConnection, PostgresSession
from scanhook.storage.postgres.pool import Connections

__all__ = [
    "FILLING",
    "MIGRATION_S",
    "OURS",
    "ROOMS",
    "VERSION_MIN",
    "check_pepper",
    "check_server",
    "check_tables",
    "has_tables",
    "kept_version",
    "make_tables",
    "misfit",
    "note_of",
    "package_of",
    "schema_of",
    "upgrade_tables",
]

ROOMS = ("registry", "journal", "office")
FILLING = "copying"
"""Stands in the place of a room's version while another storage is being copied into the database: ``copying/FROM``."""
VERSION_MIN = 14
"""Of the server: older ones cannot tell that a client has gone."""
MIGRATION_S = 86_400.0
"""For making and upgrading tables; a migration may write every row anew."""
OURS = (
    "starts_with(application_name, 'scanhook') AND coalesce(backend_type, 'client backend') = 'client backend' "
    "AND pid <> pg_backend_pid()"
)
"""Which rows of ``pg_stat_activity`` are scanhook's, on whatever machine, but for the one that asks.

Of the sessions of login roles that we are no member of, neither ``backend_type`` nor ``client_addr`` can be seen.
"""

_MAKING = 0x5CA9_4D4B
_LEAVING_S = 1.0
"""A server lists a connection for some moments after its client has closed it."""
_META = f"""
CREATE TABLE {SCHEMA}.meta (
  name  TEXT COLLATE "C" PRIMARY KEY,
  value TEXT NOT NULL
)
"""
_OTHERS = f"""
SELECT CASE WHEN backend_type IS NULL THEN 'where ' || usename || ' logs in'
  ELSE coalesce(host(client_addr), 'the server''s own machine') END, count(*) FROM pg_stat_activity
WHERE datname = current_database() AND {OURS} GROUP BY 1 ORDER BY 1
"""


def package_of(room: str) -> str:
    """Return where a room's schema lies."""
    return f"scanhook.{room}"


def schema_of(package: str) -> list[str]:
    """Return the scripts that make a room's tables, in their order: ``schema/postgresql/NNNN.sql`` of a package."""
    folder = resources.files(package).joinpath("schema").joinpath("postgresql")
    scripts = sorted(folder.iterdir(), key=lambda script: script.name)
    return [script.read_text() for script in scripts if script.name.endswith(".sql")]


def has_tables(connection: PostgresConnection) -> bool:
    """Tell whether the database holds a storage of scanhook's, of whatever version."""
    return note_of(connection, "pepper_id") is not None


def check_tables(connection: PostgresConnection, *, room: str, package: str, pepper: Pepper, place: str) -> None:
    """Find a room's tables.

    :param place: the database, for people.
    :raises PepperMismatch: when the database was made with another pepper.
    :raises SchemaMismatch: when another version made the room's tables.
    :raises StorageError: when there are none; when the server is too old, or a commit would not be on its disk.
    """
    check_server(connection, place)
    check_pepper(connection, pepper, place)
    version, ours = kept_version(connection, room, place), len(schema_of(package))
    if version != ours:
        raise SchemaMismatch(misfit(place, version, ours))


def make_tables(address: Address, *, pepper: Pepper) -> None:
    """Make the tables of a new storage, in one transaction: all of them or nothing.

    :raises Refused: when the database holds a storage already.
    :raises StorageError: when it cannot be reached, is no place for a storage, or gives us no right to make any.
    """
    with _migrating(address) as connection:
        if has_tables(connection):
            raise Refused(
                f"{address.place} holds a storage of scanhook's already (made with the pepper "
                f"{note_of(connection, 'pepper_id')}): for one more machine on it, copy settings and secrets of the "
                "house that made it; for a new house, name another database"
            )
        _make(connection, pepper=pepper)


def upgrade_tables(address: Address, *, pepper: Pepper) -> dict[str, tuple[int, int]]:
    """Bring the tables up to this version's, in one transaction; in an empty database they are made.

    What is up to date is left alone, so that it can be run again, and while services of this version run.

    :returns: by room, the version that it had (0: none), and the one that it has.
    :raises Refused: when something is to do, and another process of scanhook's is connected.
    :raises PepperMismatch: when the storage was made with another pepper.
    :raises SchemaMismatch: when a newer version made it.
    :raises StorageError: when it cannot be reached, read or written.
    """
    with _migrating(address) as connection:
        scripts = {room: schema_of(package_of(room)) for room in ROOMS}
        if not has_tables(connection):
            _make(connection, pepper=pepper)
            return {room: (0, len(scripts[room])) for room in ROOMS}
        check_pepper(connection, pepper, address.place)
        before = {room: kept_version(connection, room, address.place) for room in ROOMS}
        for room, version in before.items():
            if version > len(scripts[room]):
                raise SchemaMismatch(misfit(address.place, version, len(scripts[room])))
        if any(version < len(scripts[room]) for room, version in before.items()):
            _refuse_others(connection, address.place)
            for room, version in before.items():
                for script in scripts[room][version:]:
                    _run_script(connection, script)
                _note_version(connection, room, len(scripts[room]), pepper)
        return {room: (version, len(scripts[room])) for room, version in before.items()}


def misfit(place: str, version: int, ours: int) -> str:
    """Say that tables were made by another version."""
    if version < ours:
        remedy = "make a backup, stop the service, and run `scanhook storage upgrade`"
        return f"{place} was made by an older version of scanhook (schema {version}, here {ours}): {remedy}"
    remedy = "install the version that made it"
    return f"{place} was made by a newer version of scanhook (schema {version}, here {ours}): {remedy}"


def note_of(connection: PostgresConnection, name: str) -> Any:
    """Return what stands in ``meta`` under a name; ``None`` where nothing does, or there is no such table."""
    session = PostgresSession(connection)
    if session.value("SELECT to_regclass(?)", (f"{SCHEMA}.meta",)) is None:
        return None
    return session.value(f"SELECT value FROM {SCHEMA}.meta WHERE name = ?", (name,))


def check_server(connection: PostgresConnection, place: str) -> None:
    """Find out whether a server keeps what it has committed, and is asked for that.

    :raises StorageError: when it is too old, a commit would not be on its disk, or it keeps not every text; or when
        what we ask of every connection does not reach it.
    """
    version = connection.info.server_version // 10_000
    if version < VERSION_MIN:
        raise StorageError(f"{place} is PostgreSQL {version}: scanhook needs {VERSION_MIN} or newer")
    ((fsync, full_page_writes, encoding, path, commit),) = PostgresSession(connection).rows(
        "SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('server_encoding'), "
        "current_setting('search_path'), current_setting('synchronous_commit')"
    )
    if (path, commit) != (SCHEMA, "on"):
        raise StorageError(
            f"{place} does not get what scanhook asks of its connections (search_path {path}, synchronous_commit "
            f"{commit}): a pooler such as PgBouncer drops it; let `[storage] url` name the server itself"
        )
    for setting, value in (("fsync", fsync), ("full_page_writes", full_page_writes)):
        if value != "on":
            raise StorageError(f"{place} has {setting} off: a scan that was answered could be lost; switch it on")
    if encoding != "UTF8":
        raise StorageError(
            f"{place} is encoded in {encoding}: make a database with `createdb --encoding UTF8 --template template0`"
        )


@contextmanager
def _migrating(address: Address) -> Iterator[PostgresConnection]:
    """Give a connection inside a transaction that changes tables; nobody else is in one meanwhile."""
    with Connections(address, most=1).apart(within_s=MIGRATION_S) as connection:
        check_server(connection, address.place)
        session = PostgresSession(connection)
        user, database = session.value("SELECT current_user"), connection.info.dbname
        try:
            with connection.transaction():
                session.value("SELECT pg_advisory_xact_lock(?)", (_MAKING,))
                connection.execute("SET LOCAL enable_seqscan = on")
                yield connection
        except errors.InsufficientPrivilege:
            raise StorageError(
                f"{address.place}: scanhook's user may not make tables there: let the server's superuser run "
                f"{_grant('CREATE ON DATABASE', database, user)} or, if it has the schema `{SCHEMA}` already, "
                f"{_grant('ALL ON SCHEMA', SCHEMA, user)}"
            ) from None


def _grant(what: str, name: str, user: str) -> str:
    statement = sql.SQL("GRANT {} {} TO {};").format(sql.SQL(what), sql.Identifier(name), sql.Identifier(user))
    return f"`{statement.as_string()}`"


def _make(connection: PostgresConnection, *, pepper: Pepper) -> None:
    # `IF NOT EXISTS` would ask for the right to make one even where it is there.
    if PostgresSession(connection).value("SELECT to_regnamespace(?)", (SCHEMA,)) is None:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
    connection.execute(_META)
    for name, value in (("pepper_id", pepper.id), ("pepper_check", pepper.check.hex())):
        connection.execute("INSERT INTO meta VALUES ($1, $2)", (name, value))
    for room in ROOMS:
        scripts = schema_of(package_of(room))
        for script in scripts:
            _run_script(connection, script)
        _note_version(connection, room, len(scripts), pepper)


def _refuse_others(connection: PostgresConnection, place: str) -> None:
    session, until = PostgresSession(connection), time.monotonic() + _LEAVING_S
    while found := session.rows(_OTHERS):
        if time.monotonic() < until:
            time.sleep(_LEAVING_S / 20)
            session.value("SELECT pg_stat_clear_snapshot()")  # or this transaction is told the same again
            continue
        where = ", ".join(f"{host} ({count})" for host, count in found)
        raise Refused(
            f"{sum(count for _, count in found)} connections of scanhook's to {place} are open, from {where}: stop the "
            "service on every machine, wait for imports, and run this again"
        )


def _note_version(connection: PostgresConnection, room: str, version: int, pepper: Pepper) -> None:
    connection.execute(
        "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (room, f"{version}/{pepper.id}"),
    )


def check_pepper(connection: PostgresConnection, pepper: Pepper, place: str) -> None:
    """Compare the pepper with the one that a storage was made with, whatever its schema.

    :raises PepperMismatch: when it is another.
    :raises StorageError: when there is no storage.
    """
    kept = note_of(connection, "pepper_id"), note_of(connection, "pepper_check")
    if kept == (None, None):
        raise StorageError(
            f"{place} holds no storage of scanhook's: does `[storage] url` name the right database? Restore it from a "
            "backup, or make the tables of a new storage with `scanhook storage upgrade --make`"
        )
    if kept != (pepper.id, pepper.check.hex()):
        raise PepperMismatch(
            f"{place} was made with the pepper {kept[0] or 'unknown'}, and `pepper_file` holds {pepper.id}: "
            "put back the pepper that belongs to this storage"
        )


def kept_version(connection: PostgresConnection, room: str, place: str) -> int:
    """Return the version of a room's tables.

    :raises StorageError: when there are none, or they are still being filled.
    """
    found = note_of(connection, room) or ""
    version, _, rest = found.partition("/")
    if version == FILLING:
        raise StorageError(filling(place, rest))
    if not version.isdecimal():
        raise StorageError(f"{place} holds no {room} of scanhook's any more: restore it from a backup")
    return int(version)


def _run_script(connection: PostgresConnection, script: str) -> None:
    # Not prepared, so that it may be many statements.
    with ClientCursor(connection) as cursor:
        cursor.execute(script.encode())
