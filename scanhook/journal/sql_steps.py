"""How work is done that may take minutes: by pages of rows, in small transactions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from scanhook.journal.peoplestore import Progress
from scanhook.journal.sql_rows import NEVER_MS, page_end
from scanhook.journal.tables import JournalTables
from scanhook.storage import Session

__all__ = ["own_step", "scanner_pages", "small_step", "windows"]

_PAGE_ROWS = 10_000
_PAUSE_MAX_S = 0.1


@contextmanager
def own_step(database: JournalTables) -> Iterator[Session]:
    """Give a session inside a transaction of tables that are still ours."""
    with database.writing() as session:
        database.check_ours(session)
        yield session


@contextmanager
def small_step(database: JournalTables) -> Iterator[Session]:
    """Give a session inside a short transaction; afterwards scans have the tables for as long as this had them."""
    started = time.perf_counter()
    with own_step(database) as session:
        yield session
    time.sleep(min(time.perf_counter() - started, _PAUSE_MAX_S))


def windows(
    database: JournalTables,
    table: str,
    *,
    progress: Progress,
    after: int = 0,
    behind: int = NEVER_MS,
    rows: int | None = None,
) -> Iterator[tuple[int, int]]:
    """Yield pages of a table as ids: behind the first, up to and with the second. What is added meanwhile is left out.

    :param behind: the first id that is not wanted.
    """
    with database.reading() as session:
        newest = session.value(f"SELECT max(id) FROM {table}")
    last = min(newest or 0, behind - 1)
    while after < last:
        with database.reading() as session:
            end = page_end(session, table, after, rows or _PAGE_ROWS)
        if end is None:
            return
        yield after, min(end, last)
        after = end
        progress(table, min(end, last), last)


def scanner_pages(database: JournalTables, *, progress: Progress) -> Iterator[list[tuple[bytes, bytes]]]:
    """Yield all pairs of tag and person, page by page."""
    tag, person = b"", b""
    while True:
        with database.reading() as session:
            rows = session.rows(
                "SELECT tag, person FROM scanners WHERE (tag, person) > (?, ?) ORDER BY tag, person LIMIT ?",
                (tag, person, _PAGE_ROWS),
            )
        if not rows:
            return
        yield rows
        tag, person = rows[-1]
        # Tags are random, so that the first bytes tell how far it is.
        progress("scanners", int.from_bytes(tag[:2].ljust(2, b"\0")), 1 << 16)
