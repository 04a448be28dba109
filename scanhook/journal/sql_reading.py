"""How the journal is read: always by the rows' numbers, in pages, so that no transaction stays open for long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from scanhook.journal.entry import Entry, Sighting
from scanhook.journal.sql_rows import (
    ENTRY_COLUMNS,
    NEVER_MS,
    conditions,
    entry_of,
    first_id,
    millis,
    page_end,
    page_start,
    span,
)
from scanhook.journal.tables import JournalTables
from scanhook.journal.wanted import ANY_SCAN, Page, Wanted
from scanhook.message import CodeResult
from scanhook.storage import Session

__all__ = ["SqlReading"]

_PAGE_ROWS = 10_000
_LOOKED_ROWS_MAX = 200_000
"""So many rows are looked through for one page that goes back: about a tenth of a second."""
_MAY_HAVE_SCANNED = """
SELECT 1 FROM scanners JOIN tallies USING (tag) WHERE tag = ?1 AND person = ?2 AND last_at >= ?3
UNION ALL
SELECT 1 FROM resets WHERE tag = ?1 AND (at >= ?3 OR coalesce(last_at, 0) >= ?3)
LIMIT 1
"""
"""Where counts began anew in that time, nobody knows any more who was counted before."""
_LAST_AT = "SELECT last_at FROM tallies WHERE tag = ?"
_ROUND_MS = 2_000
"""A scan's number lies no further from its time than a commit takes, as long as the clock runs evenly."""
_SIGHTING = f"""
SELECT {ENTRY_COLUMNS}, identity FROM scans
WHERE id >= ? AND id < ? AND received_at >= ? AND person = ? AND tag = ? AND source IS NULL
ORDER BY id DESC LIMIT 1
"""


class SqlReading:
    """The half of the journal that shows what is there."""

    database: JournalTables

    def sighting(self, person: bytes, tags: Sequence[bytes], *, since: float) -> Sighting | None:
        """Return the newest scan of a code by a person, as the counts say that there may be one.

        Whoever scanned the code last is found at once, by the time that the counts have of it. Where others came later,
        the newest rows are looked through, and no more of them than take some hundredths of a second.
        """
        at = millis(since)
        found: list[Sighting] = []
        with self.database.answering() as session:
            for tag in tags:
                # Or whoever forges links would have the whole time looked through, again and again.
                if not session.rows(_MAY_HAVE_SCANNED, (tag, person, at)):
                    continue
                for first, behind in _likely_places(session, tag, since=since):
                    rows = session.rows(_SIGHTING, (first, behind, at, person, tag))
                    found += (Sighting(identity=row[-1], entry=entry_of(row[:-1])) for row in rows)
                    if rows:
                        break
        return max(found, key=lambda sighting: sighting.entry.number, default=None)

    def tail(self, count: int, *, wanted: Wanted = ANY_SCAN) -> list[Entry]:
        """Return the newest scans."""
        found: list[Entry] = []
        before: int | None = NEVER_MS
        while before is not None and len(found) < count:
            page = self.entries_before(before, limit=count - len(found), wanted=wanted)
            found += page.entries
            before = page.before
        return found[::-1]

    def entries(
        self, *, after: int = 0, since: float | None = None, until: float | None = None, wanted: Wanted = ANY_SCAN
    ) -> Iterator[Entry]:
        """Yield scans in pages."""
        where, bindings = conditions(wanted, since=since, until=until)
        with self.database.reading() as session:
            first, behind = span(session, "scans", since=since, until=until)
        after = max(after, first - 1)
        while after < behind:
            with self.database.reading() as session:
                # First of all: what comes meanwhile may have smaller numbers than what is there.
                settled = self.database.settled_number(session, "scans")
                end = page_end(session, "scans", after, _PAGE_ROWS)
                if end is None or after >= settled:
                    return
                end = min(end, settled)
                rows = session.rows(
                    f"SELECT {ENTRY_COLUMNS} FROM scans WHERE id > ? AND id <= ? AND {where} ORDER BY id",
                    (after, min(end, behind - 1), *bindings),
                )
            yield from map(entry_of, rows)
            after = end

    def entries_before(
        self,
        before: int | None = None,
        *,
        limit: int,
        since: float | None = None,
        until: float | None = None,
        wanted: Wanted = ANY_SCAN,
    ) -> Page:
        """Return the newest scans before one; each look goes further back than the one before."""
        where, bindings = conditions(wanted, since=since, until=until)
        found: list[Entry] = []
        limit = max(limit, 1)
        looked, rows_now = 0, min(limit, _PAGE_ROWS)
        with self.database.reading() as session:
            first, behind = span(session, "scans", since=since, until=until)
            before = behind if before is None else min(before, behind)
            while looked < _LOOKED_ROWS_MAX and len(found) < limit:
                start = page_start(session, "scans", before, rows_now) if before > first else None
                if start is None:
                    return Page(entries=tuple(found), before=None)
                rows = session.rows(
                    f"SELECT {ENTRY_COLUMNS} FROM scans WHERE id >= ? AND id < ? AND {where} ORDER BY id DESC LIMIT ?",
                    (start, before, *bindings, limit - len(found)),
                )
                found += map(entry_of, rows)
                before = start
                looked, rows_now = looked + rows_now, min(4 * rows_now, _PAGE_ROWS)
        return Page(entries=tuple(found), before=found[-1].number if len(found) == limit else before)

    def counts(
        self, *, since: float | None = None, until: float | None = None, wanted: Wanted = ANY_SCAN
    ) -> dict[tuple[str, CodeResult | None], int]:
        """Count scans by reason and verdict, page by page."""
        where, bindings = conditions(wanted, since=since, until=until)
        counts: Counter[tuple[str, CodeResult | None]] = Counter()
        with self.database.reading() as session:
            first, behind = span(session, "scans", since=since, until=until)
            after = first - 1
            while after < behind:
                end = page_end(session, "scans", after, _PAGE_ROWS)
                if end is None:
                    break
                rows = session.rows(
                    f"SELECT reason, verdict, count(*) FROM scans WHERE id > ? AND id <= ? AND {where} "
                    "GROUP BY reason, verdict",
                    (after, min(end, behind - 1), *bindings),
                )
                for reason, verdict, count in rows:
                    counts[reason, None if verdict is None else CodeResult(verdict)] += count
                after = end
        return dict(counts)

    def newest_at(self, *, pushed: bool = False) -> float | None:
        """Return when the newest scan was received."""
        pushes = "AND source IS NULL " if pushed else ""
        with self.database.reading() as session:
            at = session.value(
                f"SELECT received_at FROM scans WHERE id > (SELECT max(id) FROM scans) - ? {pushes}"
                "ORDER BY id DESC LIMIT 1",
                (_PAGE_ROWS,),
            )
        return None if at is None else float(at / 1000)


def _likely_places(session: Session, tag: bytes, *, since: float) -> Iterator[tuple[int, int]]:
    """Yield where a scan of a code may lie: the first number, and one behind the last; none holds too many rows."""
    for (last_at,) in session.rows(_LAST_AT, (tag,)):
        behind = first_id(session, "scans", last_at + _ROUND_MS)
        yield max(first_id(session, "scans", last_at - _ROUND_MS), behind - _LOOKED_ROWS_MAX), behind
    first, _ = span(session, "scans", since=since, until=None)
    behind = (session.value("SELECT max(id) FROM scans") or 0) + 1
    yield max(first, behind - _LOOKED_ROWS_MAX), behind
