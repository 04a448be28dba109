"""How the SQLite journal does work that may take minutes: by pages of rows, in small transactions, leaving no trace."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import apsw

from scanhook.journal.peoplestore import Progress
from scanhook.journal.sqlite_rows import NEVER_MS, page_end
from scanhook.storage import SqliteConnection, SqliteDatabase, open_file, rows_of

__all__ = ["JournalFile", "cut_log", "overwriting", "scanner_pages", "small_step", "windows"]

_PAGE_ROWS = 10_000
_PAUSE_MAX_S = 0.1
_CUT_PAUSES_S = (0.0, 0.02, 0.05, 0.1, 0.1)
"""Somebody who reads one row is soon done."""
_UNCUT = "log_is_uncut"
_NOTE = "INSERT INTO meta (name, value) VALUES (?, 1) ON CONFLICT DO NOTHING"
_FORGET = "DELETE FROM meta WHERE name = ?"


class JournalFile(SqliteDatabase):
    """A file in which pages that are split leave no copies of their rows behind: what is erased later is in one place.

    That costs nothing but zeros in memory. Whole pages that become free are overwritten only by :func:`overwriting`.
    """

    def _open(self) -> SqliteConnection:
        connection = super()._open()
        connection.pragma("secure_delete", "fast")
        return connection


@contextmanager
def small_step(database: SqliteDatabase) -> Iterator[apsw.Connection]:
    """Give the connection inside a short transaction; afterwards scans have the file for as long as this had it."""
    database.check_in_place()
    started = time.perf_counter()
    with database.writing() as connection:
        yield connection
    time.sleep(min(time.perf_counter() - started, _PAUSE_MAX_S))


@contextmanager
def overwriting(database: SqliteDatabase) -> Iterator[None]:
    """Overwrite with zeros what is deleted or replaced in the block, as SQLite does it.

    Single rows may survive in unused bytes of pages that SQLite has rebuilt: of pairs of code and person, about one in
    a thousand did. No statement reaches them, and only the pepper could make something of them.
    """
    with database.reading() as connection:
        connection.pragma("secure_delete", 1)
        try:
            yield
        finally:
            connection.pragma("secure_delete", "fast")


def cut_log(database: SqliteDatabase, *, due: bool = True) -> None:
    """Cut off the write-ahead log, which still has what was deleted.

    While somebody reads for long, as a backup does, it stays; that is noted, and every further call tries again.

    :param due: something was deleted just now; otherwise only what is noted is done.
    """
    with database.reading() as connection:
        noted = bool(rows_of(connection, "SELECT 1 FROM meta WHERE name = ?", (_UNCUT,)))
    if not (due or noted):
        return
    is_cut = _try_to_cut(database)
    if is_cut == noted:
        with database.writing() as connection:
            connection.execute(_FORGET if is_cut else _NOTE, (_UNCUT,))


def _try_to_cut(database: SqliteDatabase) -> bool:
    """Cut off the log if nobody reads in it; tells whether that was so."""
    # On a connection of its own that waits for nobody: it would hold the lock for writing while it waits for a reader,
    # and every scan would wait along.
    with database.wording(), closing(open_file(database.path)) as connection:
        connection.set_busy_handler(None)
        for pause_s in _CUT_PAUSES_S:
            time.sleep(pause_s)
            with suppress(apsw.BusyError):
                # The first copies without holding anybody up, so that the second has little to do.
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                if rows_of(connection, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0:
                    return True
    return False


def windows(
    database: SqliteDatabase,
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
    with database.reading() as connection:
        ((newest,),) = rows_of(connection, f"SELECT max(id) FROM {table}")
    last = min(newest or 0, behind - 1)
    while after < last:
        with database.reading() as connection:
            end = page_end(connection, table, after, rows or _PAGE_ROWS)
        if end is None:
            return
        yield after, min(end, last)
        after = end
        progress(table, min(end, last), last)


def scanner_pages(database: SqliteDatabase, *, progress: Progress) -> Iterator[list[tuple[bytes, bytes]]]:
    """Yield all pairs of tag and person, page by page."""
    tag, person = b"", b""
    while True:
        with database.reading() as connection:
            rows = rows_of(
                connection,
                "SELECT tag, person FROM scanners WHERE (tag, person) > (?, ?) ORDER BY tag, person LIMIT ?",
                (tag, person, _PAGE_ROWS),
            )
        if not rows:
            return
        yield rows
        tag, person = rows[-1]
        # Tags are random, so that the first bytes tell how far it is.
        progress("scanners", int.from_bytes(tag[:2].ljust(2, b"\0")), 1 << 16)
