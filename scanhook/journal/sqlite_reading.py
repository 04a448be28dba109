"""How the SQLite journal is read: always by the primary key, in pages, so that no transaction stays open for long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from scanhook.journal.entry import Entry
from scanhook.journal.sqlite_rows import ENTRY_COLUMNS, NEVER_MS, conditions, entry_of, page_end, page_start, span
from scanhook.journal.wanted import ANY_SCAN, Page, Wanted
from scanhook.message import CodeResult
from scanhook.storage import Database, rows_of

__all__ = ["SqliteReading"]

_PAGE_ROWS = 10_000
_LOOKED_ROWS_MAX = 200_000
"""So many rows are looked through for one page that goes back: about a tenth of a second."""


class SqliteReading:
    """The half of the SQLite journal that shows what is there."""

    database: Database

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
        with self.database.reading() as connection:
            first, behind = span(connection, "scans", since=since, until=until)
        after = max(after, first - 1)
        while after < behind:
            with self.database.reading() as connection:
                end = page_end(connection, "scans", after, _PAGE_ROWS)
                if end is None:
                    return
                rows = rows_of(
                    connection,
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
        with self.database.reading() as connection:
            first, behind = span(connection, "scans", since=since, until=until)
            before = behind if before is None else min(before, behind)
            while looked < _LOOKED_ROWS_MAX and len(found) < limit:
                start = page_start(connection, "scans", before, rows_now) if before > first else None
                if start is None:
                    return Page(entries=tuple(found), before=None)
                rows = rows_of(
                    connection,
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
        with self.database.reading() as connection:
            first, behind = span(connection, "scans", since=since, until=until)
            after = first - 1
            while after < behind:
                end = page_end(connection, "scans", after, _PAGE_ROWS)
                if end is None:
                    break
                rows = rows_of(
                    connection,
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
        with self.database.reading() as connection:
            rows = rows_of(
                connection,
                "SELECT received_at FROM scans WHERE id > (SELECT max(id) FROM scans) - ? "
                "AND (NOT ? OR source IS NULL) ORDER BY id DESC LIMIT 1",
                (_PAGE_ROWS, pushed),
            )
        return rows[0][0] / 1000 if rows else None
