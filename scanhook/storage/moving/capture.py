"""Writes down in the source which rows are changed, by triggers: whichever process changes them, none is missed.

What is written is the primary key, not the row: whoever catches up puts the row in its place as it is by then. The
triggers, their table and a row of ``meta`` are all that a move leaves in a source, and they go when it ends.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanhook.storage.moving.tables import LOG, Table, quoted
from scanhook.storage.sqlite_connection import SqliteConnection

__all__ = ["begin_capture", "captured_by", "end_capture", "is_captured"]

_KEYS_MAX = 3
_ID = "moving"
_LOG_TABLE = f"CREATE TABLE {LOG} (number INTEGER PRIMARY KEY, name TEXT NOT NULL, k1 NOT NULL, k2, k3)"
_TRIGGERS = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'moving\\_%' ESCAPE '\\'"
_TRACES = "SELECT 1 FROM sqlite_schema WHERE name LIKE 'moving\\_%' ESCAPE '\\' LIMIT 1"


def begin_capture(connection: SqliteConnection, tables: list[Table], *, move_id: str) -> None:
    """Begin to write down changes, from nothing; the caller holds a transaction.

    :param move_id: names the move, so that a target that was filled by another is known.
    """
    end_capture(connection)
    connection.execute(_LOG_TABLE)
    for table in tables:
        for name, statement in _triggers(table):
            connection.execute(f"CREATE TRIGGER {quoted(name)} {statement}")
    connection.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (_ID, move_id))


def captured_by(connection: SqliteConnection, tables: list[Table]) -> str | None:
    """Return the move that changes are written down for; ``None`` where there is none, or some would be missed."""
    found = {name for (name,) in connection.rows(_TRIGGERS)}
    if found != {name for table in tables for name, _ in _triggers(table)}:
        return None
    move_id: str | None = connection.value("SELECT value FROM meta WHERE name = ?", (_ID,))
    return move_id


def is_captured(connection: SqliteConnection) -> bool:
    """Tell whether anything of a move is left, whole or not."""
    return connection.value(_TRACES) is not None


def end_capture(connection: SqliteConnection) -> None:
    """Write nothing down any more; the caller holds a transaction."""
    for (name,) in connection.rows(_TRIGGERS):
        connection.execute(f"DROP TRIGGER {quoted(name)}")
    connection.execute(f"DROP TABLE IF EXISTS {LOG}")
    connection.execute("DELETE FROM meta WHERE name = ?", (_ID,))


def _triggers(table: Table) -> Iterator[tuple[str, str]]:
    if len(table.key) > _KEYS_MAX:
        raise ValueError(f"the key of {table.label} has more than {_KEYS_MAX} columns")
    changed, key = (table.shown.table, table.shown.key) if table.shown else (table.name, table.key)
    on = f"ON {quoted(changed)}"
    differs = " OR ".join(f"OLD.{quoted(column)} IS NOT NEW.{quoted(column)}" for column in key)
    for event, row, when in (
        ("INSERT", "NEW", ""),
        ("DELETE", "OLD", ""),
        ("UPDATE", "NEW", ""),
        (f"UPDATE OF {', '.join(map(quoted, key))}", "OLD", f"WHEN {differs} "),
    ):
        name = f"moving_{table.name}_{event.split()[0].lower()}{'_key' if when else ''}"
        yield name, f"AFTER {event} {on} {when}BEGIN {_note(table, row)}; END"


def _note(table: Table, row: str) -> str:
    columns = ", ".join(f"k{number}" for number in range(1, len(table.key) + 1))
    into = f"INSERT INTO {LOG} (name, {columns})"
    if table.shown is None:
        return f"{into} VALUES ('{table.name}', {', '.join(f'{row}.{quoted(column)}' for column in table.key)})"
    # What the view says of columns is asked of the changed row's: it is in the view or not, also when it is gone.
    changed = ", ".join(f"{row}.{quoted(column)} AS {quoted(column)}" for column in table.shown.key)
    return f"{into} SELECT '{table.name}', {table.listed_key} FROM (SELECT {changed}) WHERE {table.shown.only}"
