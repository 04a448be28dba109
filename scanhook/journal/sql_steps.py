"""How work is done that may take minutes: by pages of rows, in small transactions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from scanhook.journal.peoplestore import Progress
from scanhook.journal.sql_rows import NEVER_MS, page_end
from scanhook.journal.tables import JournalTables
from scanhook.storage import Session

__all__ = ["Pace", "scanner_pages", "small_step", "windows"]

_PAGE_ROWS = 10_000
_PAUSE_MAX_S = 0.1
_STEP_S = 0.05
"""So long scans may wait for a step, as far as the number of its rows makes that."""
_FIRST_ROWS = 50
_ROWS_MIN = 25
"""Fewer do not make a step shorter whose statements are ways to another machine and back."""
_Row = TypeVar("_Row")


class Pace:
    """Finds how many rows make a step of the wanted length.

    :param most: rows in a step.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.rows = min(_FIRST_ROWS, most)

    def learn(self, taken_s: float) -> None:
        """Take account of how long a step of so many rows has taken."""
        fitting = _STEP_S / max(taken_s, 1e-6)
        self.rows = min(max(int(self.rows * min(max(fitting, 0.25), 2.0)), _ROWS_MIN), self._most)

    def chunks(self, rows: Iterable[_Row]) -> Iterator[list[_Row]]:
        """Yield rows, as many at once as make a step by what was learned until then."""
        rest = iter(rows)
        while chunk := list(islice(rest, self.rows)):
            yield chunk


@contextmanager
def small_step(database: JournalTables, *, pace: Pace | None = None) -> Iterator[Session]:
    """Give a session inside a short transaction; afterwards scans have the tables for as long as this had them.

    :param pace: learns how long that was.
    """
    with database.writing() as session:
        started = time.perf_counter()
        yield session
    taken_s = time.perf_counter() - started
    if pace:
        pace.learn(taken_s)
    time.sleep(min(taken_s, _PAUSE_MAX_S))


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
