"""How the journal begins to count a code anew: the scans stay, and what was stored by then counts no more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from scanhook.journal.entry import Reset, Tally
from scanhook.journal.sql_rows import millis
from scanhook.journal.sql_steps import small_step
from scanhook.journal.tables import JournalTables
from scanhook.storage import Session

__all__ = ["UNCOUNTED", "SqlCounts", "counted_behind", "is_counted"]

UNCOUNTED = "EXISTS (SELECT 1 FROM resets WHERE resets.tag = scans.tag AND through >= scans.id)"
"""Is true of a row of ``scans`` that was stored before the counts of its code began anew."""

_IS_UNCOUNTED = "SELECT 1 FROM resets WHERE tag = ? AND through >= ? LIMIT 1"
_TALLY = "SELECT scans, persons, first_at, last_at FROM tallies WHERE tag = ?"
_ADD_RESET = """
INSERT INTO resets (tag, number, at, who, why, through, scans, persons, first_at, last_at)
VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM resets WHERE tag = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
"""
_LAST_RESET = """
SELECT at, who, why, scans, persons, first_at, last_at FROM resets WHERE tag = ? ORDER BY number DESC LIMIT 1
"""


def is_counted(session: Session, tag: bytes, number: int) -> bool:
    """Tell whether a scan of a code counts: its number is behind where the counts began anew."""
    return not session.rows(_IS_UNCOUNTED, (tag, number))


def counted_behind(session: Session, tags: Collection[bytes]) -> dict[bytes, int]:
    """Return the numbers behind which scans of codes count, of those codes whose counts ever began anew."""
    if not tags:
        return {}
    places = ", ".join("?" * len(tags))
    return dict(session.rows(f"SELECT tag, max(through) FROM resets WHERE tag IN ({places}) GROUP BY tag", (*tags,)))


class SqlCounts:
    """The part of the journal that tells how often a code was scanned."""

    database: JournalTables

    def tally(self, tag: bytes) -> Tally | None:
        """Return the counts of a code."""
        with self.database.answering() as session:
            return _tally_of(session.rows(_TALLY, (tag,)))

    def reset_counts(self, tags: Sequence[bytes], *, who: str, why: str = "", now: float) -> list[Reset]:
        """Begin to count anew, in one transaction.

        A million persons of one code take half a second, on PostgreSQL two: it refuses the scans that would wait for
        longer than one, and WeChat asks again.
        """
        # Persons who are erased later must not be found in the free pages.
        with self.database.overwriting(), small_step(self.database) as session:
            through = self.database.last_number(session, "scans")
            resets = [Reset(at=now, who=who, why=why, was=_tally_of(session.rows(_TALLY, (tag,)))) for tag in tags]
            for tag, reset in zip(tags, resets, strict=True):
                session.change(_ADD_RESET, (tag, millis(now), who, why, through, *_columns(reset.was)))
                for statement in self.database.counting.drop:
                    session.change(statement, (tag,))
        self.database.cut_log(due=any(reset.was for reset in resets))
        return resets

    def last_reset(self, tag: bytes) -> Reset | None:
        """Return who began to count a code anew."""
        with self.database.reading() as session:
            rows = session.rows(_LAST_RESET, (tag,))
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
