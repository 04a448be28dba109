"""The tables of a room: made where there are none, brought up to date by migrations, and known again."""

from __future__ import annotations

from importlib import resources
from typing import Any

from psycopg import ClientCursor

from scanhook.errors import PepperMismatch, SchemaMismatch, StorageError
from scanhook.storage.pepper import Pepper
from scanhook.storage.postgres.address import SCHEMA
from scanhook.storage.postgres.connection import PostgresConnection, PostgresSession

__all__ = ["VERSION_MIN", "ensure_tables", "has_tables", "misfit", "schema_of", "upgrade_tables"]

VERSION_MIN = 14
"""Of the server: older ones cannot tell that a client has gone."""
_MAKING = 0x5CA9_4D4B
_META = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.meta (
  name  TEXT COLLATE "C" PRIMARY KEY,
  value TEXT NOT NULL
)
"""


def schema_of(package: str) -> list[str]:
    """Return the scripts that make a room's tables, in their order."""
    folder = resources.files(package).joinpath("schema").joinpath("postgresql")
    return [script.read_text() for script in sorted(folder.iterdir(), key=lambda script: script.name)]


def has_tables(connection: PostgresConnection) -> bool:
    """Tell whether the database holds a storage of scanhook's, of whatever version."""
    return _meta(connection, "pepper_id") is not None


def ensure_tables(connection: PostgresConnection, *, room: str, package: str, pepper: Pepper, place: str) -> None:
    """Find a room's tables, or make them where there are none.

    :param place: the database, for people.
    :raises PepperMismatch: when the database was made with another pepper.
    :raises SchemaMismatch: when another version made the room's tables.
    :raises StorageError: when the server is too old, or a commit would not be on its disk.
    """
    _check_server(connection, place)
    scripts = schema_of(package)
    found = _meta(connection, room)
    if found is None:
        _make(connection, room=room, scripts=scripts, pepper=pepper)
        found = _meta(connection, room)
    _check_pepper(connection, pepper, place)
    version = _version(found)
    if version is not None and version != len(scripts):
        raise SchemaMismatch(misfit(place, version, len(scripts)))


def upgrade_tables(connection: PostgresConnection, *, room: str, package: str, pepper: Pepper, place: str) -> int:
    """Bring a room's tables up to this version's, in one transaction; makes them where there are none.

    :returns: the version that they had; 0 when there were none.
    :raises PepperMismatch: when the database was made with another pepper.
    :raises SchemaMismatch: when a newer version made them.
    """
    scripts = schema_of(package)
    found = _meta(connection, room)
    if found is None:
        ensure_tables(connection, room=room, package=package, pepper=pepper, place=place)
        return 0
    _check_pepper(connection, pepper, place)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock($1)", (_MAKING,))
        version = _version(_meta(connection, room))
        if version is None or version > len(scripts):
            raise SchemaMismatch(misfit(place, version or 0, len(scripts)))
        for script in scripts[version:]:
            _run_script(connection, script)
        _note_version(connection, room, len(scripts), pepper)
    return version


def misfit(place: str, version: int, ours: int) -> str:
    """Say that tables were made by another version."""
    if version < ours:
        remedy = "make a backup, stop the service, and run `scanhook storage upgrade`"
        return f"{place} was made by an older version of scanhook (schema {version}, here {ours}): {remedy}"
    remedy = "install the version that made it"
    return f"{place} was made by a newer version of scanhook (schema {version}, here {ours}): {remedy}"


def _check_server(connection: PostgresConnection, place: str) -> None:
    version = connection.info.server_version // 10_000
    if version < VERSION_MIN:
        raise StorageError(f"{place} is PostgreSQL {version}: scanhook needs {VERSION_MIN} or newer")
    for setting in ("fsync", "full_page_writes"):
        if PostgresSession(connection).value(f"SHOW {setting}") != "on":
            raise StorageError(f"{place} has {setting} off: a scan that was answered could be lost; switch it on")
    encoding = PostgresSession(connection).value("SHOW server_encoding")
    if encoding != "UTF8":
        raise StorageError(f"{place} is encoded in {encoding}: make a database with ENCODING 'UTF8'")


def _make(connection: PostgresConnection, *, room: str, scripts: list[str], pepper: Pepper) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock($1)", (_MAKING,))
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.execute(_META)
        if _meta(connection, room) is not None:
            return  # another process was faster
        for script in scripts:
            _run_script(connection, script)
        for name, value in (("pepper_id", pepper.id), ("pepper_check", pepper.check.hex())):
            connection.execute("INSERT INTO meta VALUES ($1, $2) ON CONFLICT DO NOTHING", (name, value))
        _note_version(connection, room, len(scripts), pepper)


def _note_version(connection: PostgresConnection, room: str, version: int, pepper: Pepper) -> None:
    connection.execute(
        "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (room, f"{version}/{pepper.id}"),
    )


def _check_pepper(connection: PostgresConnection, pepper: Pepper, place: str) -> None:
    kept = _meta(connection, "pepper_id"), _meta(connection, "pepper_check")
    if kept != (pepper.id, pepper.check.hex()):
        raise PepperMismatch(
            f"{place} was made with the pepper {kept[0] or 'unknown'}, and `pepper_file` holds {pepper.id}: "
            "put back the pepper that belongs to this storage"
        )


def _version(found: str | None) -> int | None:
    """Read a version from what stands under a room's name; ``None`` where the storage was moved away."""
    version = (found or "").partition("/")[0]
    return int(version) if version.isdecimal() else None


def _meta(connection: PostgresConnection, name: str) -> Any:
    session = PostgresSession(connection)
    if session.value("SELECT to_regclass(?)", (f"{SCHEMA}.meta",)) is None:
        return None
    return session.value("SELECT value FROM meta WHERE name = ?", (name,))


def _run_script(connection: PostgresConnection, script: str) -> None:
    # Not prepared, so that it may be many statements.
    with ClientCursor(connection) as cursor:
        cursor.execute(script.encode())
