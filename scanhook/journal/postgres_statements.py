"""What PostgreSQL is told when scans and other events are stored.

Each statement touches one table, and finds its rows by their keys. So each can be run where the tables are spread over
several machines: scans and events by identity, the others by tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scanhook.journal.sql_storing import DECISION, EVENT_ROW, FIND, SCAN_ROW
from scanhook.storage.postgres.columns import Blobs, Column, Texts, Whole
from scanhook.storage.postgres.connection import translated

__all__ = [
    "ADD",
    "ADD_EVENTS",
    "ADD_SCANNERS",
    "COMPLETE",
    "COUNT",
    "DRAW",
    "ENTER",
    "EVENT_KINDS",
    "FIND_LOCKED",
    "LOCK_EVENT",
    "RESETS",
    "SCAN_KINDS",
    "STANDING",
]

# All that change the journal but do not store are alone: they hold the first lock exclusively.
ENTER = (
    b"SELECT set_config('lock_timeout', $1, true), pg_advisory_xact_lock_shared($2::int, $3::int), "
    b"pg_advisory_xact_lock_shared($4 + coalesce(pg_sequence_last_value($5), 0))"
)
DRAW = b"SELECT pg_advisory_xact_lock_shared($1 + coalesce(pg_sequence_last_value($2), 0))"
# A statement of its own, for it must see what was done while we waited for the lock.
STANDING = b"SELECT value FROM meta WHERE name = $1"
_KIND_OF: dict[str, type[Column]] = {
    **dict.fromkeys(("identity", "person", "product_id", "tag", "asked"), Blobs),
    **dict.fromkeys(("received_at", "create_time", "need_anti_fake", "decided_at", "position"), Whole),
}


def _unnested(kinds: Iterable[type[Column]]) -> str:
    return f"unnest({', '.join(f'${place}::{kind.type}' for place, kind in enumerate(kinds, 1))})"


def _adding(table: str, row: Sequence[str], kinds: Iterable[type[Column]]) -> bytes:
    # Numbers are drawn in the order of arrival, and rows are added in that of their keys.
    return f"""
INSERT INTO {table} (id, {", ".join(row)})
SELECT drawn.* FROM (
  SELECT nextval('{table}_id_seq'), given.* FROM {_unnested(kinds)} AS given ({", ".join(row)})
) AS drawn ORDER BY identity
ON CONFLICT (identity) DO NOTHING RETURNING identity, id
""".encode()


SCAN_KINDS = tuple(_KIND_OF.get(name, Texts) for name in SCAN_ROW)
EVENT_KINDS = tuple(_KIND_OF.get(name, Texts) for name in EVENT_ROW)
ADD = _adding("scans", SCAN_ROW, SCAN_KINDS)
ADD_EVENTS = _adding("events", EVENT_ROW, EVENT_KINDS)
FIND_LOCKED = translated(f"{FIND} FOR UPDATE")
LOCK_EVENT = b"SELECT id FROM events WHERE identity = $1 FOR UPDATE"
COMPLETE = translated(f"UPDATE scans SET {', '.join(f'{name} = ?' for name in DECISION)} WHERE identity = ?")
RESETS = b"SELECT tag, max(through) FROM resets WHERE tag = ANY($1::bytea[]) GROUP BY tag"
ADD_SCANNERS = f"""
INSERT INTO scanners (tag, person) SELECT * FROM {_unnested((Blobs, Blobs))} ON CONFLICT DO NOTHING RETURNING tag
""".encode()
COUNT = f"""
INSERT INTO tallies (tag, scans, persons, first_at, last_at)
SELECT * FROM {_unnested((Blobs, Whole, Whole, Whole, Whole))}
ON CONFLICT (tag) DO UPDATE SET
  scans = tallies.scans + excluded.scans, persons = tallies.persons + excluded.persons,
  first_at = least(tallies.first_at, excluded.first_at), last_at = greatest(tallies.last_at, excluded.last_at)
""".encode()
