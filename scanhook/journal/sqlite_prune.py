"""How the SQLite journal lets go of what is old."""

from __future__ import annotations

import apsw

from scanhook.journal.peoplestore import Progress, silent
from scanhook.journal.sqlite_rows import SKEW_MS, first_id, millis
from scanhook.journal.sqlite_steps import cut_log, overwriting, small_step, windows
from scanhook.storage import SqliteDatabase, rows_of

__all__ = ["SqlitePrune", "fresh_number", "last_number"]

_STEP_ROWS = 500
_KEEP = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


def fresh_number(connection: apsw.Connection, table: str) -> int:
    """Return the number of the row that was just added.

    Where every row was deleted, SQLite would begin with 1 again, and who reads on from a number would miss rows.
    """
    number = connection.last_insert_rowid()
    if number == 1:
        last = _kept(connection, _last_of(table))
        if last:
            number = last + 1
            connection.execute(f"UPDATE {table} SET id = ? WHERE id = 1", (number,))
    return number


def last_number(connection: apsw.Connection, table: str) -> int:
    """Return the highest number that a row was ever given; 0: there was none."""
    newest: int | None = rows_of(connection, f"SELECT max(id) FROM {table}")[0][0]
    return _kept(connection, _last_of(table)) if newest is None else newest


class SqlitePrune:
    """Deletes old rows and old openids in small transactions."""

    database: SqliteDatabase

    def prune(self, *, before: float, dry_run: bool = False, progress: Progress = silent) -> tuple[int, int]:
        """Delete scans and other events that are older."""
        if dry_run:
            return self._count_old("scans", before, progress), self._count_old("events", before, progress)
        with overwriting(self.database):
            scans, events = self._prune("scans", before, progress), self._prune("events", before, progress)
        cut_log(self.database, due=bool(scans or events))
        return scans, events

    def drop_openids(self, *, before: float, dry_run: bool = False, progress: Progress = silent) -> int:
        """Delete openids that are older."""
        if dry_run:
            return sum(self._count_old(table, before, progress, openids=True) for table in ("scans", "events"))
        with overwriting(self.database):
            count = sum(self._drop_openids(table, before, progress) for table in ("scans", "events"))
        cut_log(self.database, due=bool(count))
        return count

    def _prune(self, table: str, before: float, progress: Progress) -> int:
        with self.database.reading() as connection:
            behind = first_id(connection, table, millis(before) + SKEW_MS)
        count = 0
        for after, end in windows(self.database, table, progress=progress, behind=behind, rows=_STEP_ROWS):
            with small_step(self.database) as connection:
                # The newest row keeps the numbers from being given again.
                connection.execute(
                    f"DELETE FROM {table} WHERE id > ? AND id <= ? AND received_at < ? "
                    f"AND id < (SELECT max(id) FROM {table})",
                    (after, end, millis(before)),
                )
                count += connection.changes()
        with self.database.reading() as connection:
            if not _last_old(connection, table, millis(before)):
                return count
        with small_step(self.database) as connection:
            last = _last_old(connection, table, millis(before))
            if last:
                connection.execute(_KEEP, (_last_of(table), last))
                connection.execute(f"DELETE FROM {table} WHERE id = ?", (last,))
        return count + bool(last)

    def _drop_openids(self, table: str, before: float, progress: Progress) -> int:
        at = millis(before)
        with self.database.reading() as connection:
            after = _kept(connection, _without_openids(table))
            behind, settled = first_id(connection, table, at + SKEW_MS), first_id(connection, table, at - SKEW_MS) - 1
        count = 0
        for first, end in windows(self.database, table, progress=progress, after=after, behind=behind, rows=_STEP_ROWS):
            with self.database.reading() as connection:
                found = rows_of(connection, _HAS_OLD.format(what="1", table=table) + " LIMIT 1", (first, end, at))
            if found:
                with small_step(self.database) as connection:
                    connection.execute(_DROP.format(table=table), (first, end, at))
                    count += connection.changes()
        if settled > after:
            with small_step(self.database) as connection:
                connection.execute(_KEEP, (_without_openids(table), settled))
        return count

    def _count_old(self, table: str, before: float, progress: Progress, *, openids: bool = False) -> int:
        with self.database.reading() as connection:
            behind = first_id(connection, table, millis(before) + SKEW_MS)
            after = _kept(connection, _without_openids(table)) if openids else 0
        statement = (_HAS_OLD if openids else _IS_OLD).format(what="count(*)", table=table)
        count = 0
        for first, end in windows(self.database, table, progress=progress, after=after, behind=behind):
            with self.database.reading() as connection:
                count += rows_of(connection, statement, (first, end, millis(before)))[0][0]
        return count


_IS_OLD = "SELECT {what} FROM {table} WHERE id > ? AND id <= ? AND received_at < ?"
_HAS_OLD = _IS_OLD + " AND openid IS NOT NULL"
_DROP = "UPDATE {table} SET openid = NULL WHERE id > ? AND id <= ? AND received_at < ? AND openid IS NOT NULL"


def _last_old(connection: apsw.Connection, table: str, at: int) -> int | None:
    """Return the id of the last row of all, if it is old; with it goes what keeps numbers from being given again."""
    rows = rows_of(connection, f"SELECT id, received_at FROM {table} WHERE id > 0 ORDER BY id LIMIT 2")
    return rows[0][0] if len(rows) == 1 and rows[0][1] < at else None


def _kept(connection: apsw.Connection, name: str) -> int:
    rows = rows_of(connection, "SELECT value FROM meta WHERE name = ?", (name,))
    return int(rows[0][0]) if rows else 0


def _last_of(table: str) -> str:
    return f"last_of_{table}"


def _without_openids(table: str) -> str:
    return f"{table}_without_openids"
