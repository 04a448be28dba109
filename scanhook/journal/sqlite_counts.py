"""How the SQLite journal begins to count a code anew: the scans stay, and what was stored by then counts no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from scanhook.journal.entry import Reset, Tally
from scanhook.journal.sqlite_prune import last_number
from scanhook.journal.sqlite_rows import millis
from scanhook.journal.sqlite_steps import cut_log, overwriting, small_step
from scanhook.storage import SqliteDatabase, rows_of

__all__ = ["UNCOUNTED", "SqliteCounts", "is_counted"]

UNCOUNTED = "EXISTS (SELECT 1 FROM resets WHERE resets.tag = scans.tag AND through >= scans.id)"
"""Is true of a row of ``scans`` that was stored before the counts of its code began anew."""

_IS_UNCOUNTED = "SELECT 1 FROM resets WHERE tag = ? AND through >= ? LIMIT 1"
_TALLY = "SELECT scans, persons, first_at, last_at FROM tallies WHERE tag = ?"
_ADD_RESET = """
INSERT INTO resets (tag, number, at, who, why, through, scans, persons, first_at, last_at)
VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM resets WHERE tag = ?1), ?, ?, ?, ?, ?, ?, ?, ?)
"""
_LAST_RESET = """
SELECT at, who, why, scans, persons, first_at, last_at FROM resets WHERE tag = ? ORDER BY number DESC LIMIT 1
"""


def is_counted(connection: apsw.Connection, tag: bytes, number: int) -> bool:
    """Tell whether a scan of a code counts: its number is behind where the counts began anew."""
    return not rows_of(connection, _IS_UNCOUNTED, (tag, number))


class SqliteCounts:
    """The part of the SQLite journal that tells how often a code was scanned."""

    database: SqliteDatabase

    def tally(self, tag: bytes) -> Tally | None:
        """Return the counts of a code."""
        with self.database.reading() as connection:
            return _tally_of(rows_of(connection, _TALLY, (tag,)))

    def reset_counts(self, tags: Sequence[bytes], *, who: str, why: str = "", now: float) -> list[Reset]:
        """Begin to count anew, in one transaction: a million persons of one code take half a second."""
        # Persons who are erased later must not be found in the free pages.
        with overwriting(self.database), small_step(self.database) as connection:
            through = last_number(connection, "scans")
            resets = [
                Reset(at=now, who=who, why=why, was=_tally_of(rows_of(connection, _TALLY, (tag,)))) for tag in tags
            ]
            for tag, reset in zip(tags, resets, strict=True):
                connection.execute(_ADD_RESET, (tag, millis(now), who, why, through, *_columns(reset.was)))
                connection.execute("DELETE FROM scanners WHERE tag = ?", (tag,))
                connection.execute("DELETE FROM tallies WHERE tag = ?", (tag,))
        cut_log(self.database, due=any(reset.was for reset in resets))
        return resets

    def last_reset(self, tag: bytes) -> Reset | None:
        """Return who began to count a code anew."""
        with self.database.reading() as connection:
            rows = rows_of(connection, _LAST_RESET, (tag,))
        if not rows:
            return None
        at, who, why, *was = rows[0]
        return Reset(at=at / 1000, who=who, why=why, was=_tally_of([was] if was[0] else []))


def _tally_of(rows: Iterable[Sequence[int]]) -> Tally | None:
    for scans, persons, first_at, last_at in rows:
        return Tally(scans=scans, persons=persons, first_at=first_at / 1000, last_at=last_at / 1000)
    return None


def _columns(tally: Tally | None) -> tuple[int | None, ...]:
    if tally is None:
        return (0, 0, None, None)
    return (tally.scans, tally.persons, millis(tally.first_at), millis(tally.last_at))
