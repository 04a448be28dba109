"""Makes the target's tables, and takes them away again when the move is given up: but never what was there before."""

from __future__ import annotations

from scanhook.storage.pepper import Pepper
from scanhook.storage.postgres.address import SCHEMA, Address
from scanhook.storage.postgres.connection import PostgresSession
from scanhook.storage.postgres.tables import make_tables

__all__ = ["MADE", "made_target", "took_away"]

MADE = "moving_made"
"""Says in a copy's ``meta`` what the move has made: the whole schema, or all tables in an empty one."""
_WHOLE_SCHEMA, _ALL_TABLES = "schema", "tables"
_HOLDS = "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(?)"
_TABLES = (
    "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class "
    "WHERE relnamespace = to_regnamespace(?) AND relkind IN ('r', 'p')"
)


def made_target(address: Address, session: PostgresSession, *, pepper: Pepper) -> str | None:
    """Make the tables; returns what is to be written down under :data:`MADE`: ``None`` where others have some too.

    :raises StorageError: when the database is no place for a storage, or gives us no right to make any.
    """
    found = session.value("SELECT to_regnamespace(?)", (SCHEMA,)) is not None
    others = found and session.value(_HOLDS, (SCHEMA,))
    make_tables(address, pepper=pepper)
    if others:
        return None
    return _ALL_TABLES if found else _WHOLE_SCHEMA


def took_away(session: PostgresSession, made: str | None) -> bool:
    """Take away what the move has made; returns whether it has, and the caller holds a transaction.

    :param made: what stands under :data:`MADE`.
    """
    if made == _WHOLE_SCHEMA:
        session.change(f"DROP SCHEMA {SCHEMA} CASCADE")
    elif made == _ALL_TABLES:
        session.change(f"DROP TABLE {session.value(_TABLES, (SCHEMA,))} CASCADE")
    return made is not None
