"""How the journal lets go of what is old."""

from __future__ import annotations

from scanhook.journal.peoplestore import Progress, silent
from scanhook.journal.sql_rows import SKEW_MS, first_id, millis
from scanhook.journal.sql_steps import small_step, windows
from scanhook.journal.tables import JournalTables
from scanhook.storage import Session

__all__ = ["WHOLE", "SqlPrune"]

WHOLE = "scans_whole"
"""Under this name ``meta`` has 1 as long as no scan was deleted, 0 afterwards; on SQLite the numbers tell."""

_STEP_ROWS = 500
_KEEP = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_NO_LONGER = "UPDATE meta SET value = '0' WHERE name = ?"


class SqlPrune:
    """Deletes old rows and old openids in small transactions."""

    database: JournalTables

    def prune(self, *, before: float, dry_run: bool = False, progress: Progress = silent) -> tuple[int, int]:
        """Delete scans and other events that are older."""
        if dry_run:
            return self._count_old("scans", before, progress), self._count_old("events", before, progress)
        with self.database.overwriting():
            scans, events = self._prune("scans", before, progress), self._prune("events", before, progress)
        self.database.cut_log(due=bool(scans or events))
        return scans, events

    def drop_openids(self, *, before: float, dry_run: bool = False, progress: Progress = silent) -> int:
        """Delete openids that are older."""
        if dry_run:
            return sum(self._count_old(table, before, progress, openids=True) for table in ("scans", "events"))
        with self.database.overwriting():
            count = sum(self._drop_openids(table, before, progress) for table in ("scans", "events"))
        self.database.cut_log(due=bool(count))
        return count

    def _prune(self, table: str, before: float, progress: Progress) -> int:
        with self.database.reading() as session:
            behind = first_id(session, table, millis(before) + SKEW_MS)
        count = 0
        for after, end in windows(self.database, table, progress=progress, behind=behind, rows=_STEP_ROWS):
            with small_step(self.database) as session:
                # The newest row keeps the numbers from being given again.
                deleted = session.change(
                    f"DELETE FROM {table} WHERE id > ? AND id <= ? AND received_at < ? "
                    f"AND id < (SELECT max(id) FROM {table})",
                    (after, end, millis(before)),
                )
                if deleted and not count:
                    session.change(_NO_LONGER, (_whole(table),))
                count += deleted
        with self.database.reading() as session:
            if not _last_old(session, table, millis(before)):
                return count
        with small_step(self.database) as session:
            last = _last_old(session, table, millis(before))
            if last:
                session.change(_KEEP, (_last_of(table), last))
                session.change(_NO_LONGER, (_whole(table),))
                session.change(f"DELETE FROM {table} WHERE id = ?", (last,))
        return count + bool(last)

    def _drop_openids(self, table: str, before: float, progress: Progress) -> int:
        at = millis(before)
        with self.database.reading() as session:
            after = _kept(session, _without_openids(table))
            behind, settled = first_id(session, table, at + SKEW_MS), first_id(session, table, at - SKEW_MS) - 1
            # What comes in between later is looked at next time.
            settled = min(settled, self.database.settled_number(session, table))
        count = 0
        for first, end in windows(self.database, table, progress=progress, after=after, behind=behind, rows=_STEP_ROWS):
            with self.database.reading() as session:
                found = session.rows(_HAS_OLD.format(what="1", table=table) + " LIMIT 1", (first, end, at))
            if found:
                with small_step(self.database) as session:
                    count += session.change(_DROP.format(table=table), (first, end, at))
        if settled > after:
            with small_step(self.database) as session:
                session.change(_KEEP, (_without_openids(table), settled))
        return count

    def _count_old(self, table: str, before: float, progress: Progress, *, openids: bool = False) -> int:
        with self.database.reading() as session:
            behind = first_id(session, table, millis(before) + SKEW_MS)
            after = _kept(session, _without_openids(table)) if openids else 0
        statement = (_HAS_OLD if openids else _IS_OLD).format(what="count(*)", table=table)
        count = 0
        for first, end in windows(self.database, table, progress=progress, after=after, behind=behind):
            with self.database.reading() as session:
                count += session.rows(statement, (first, end, millis(before)))[0][0]
        return count


_IS_OLD = "SELECT {what} FROM {table} WHERE id > ? AND id <= ? AND received_at < ?"
_HAS_OLD = _IS_OLD + " AND openid IS NOT NULL"
_DROP = "UPDATE {table} SET openid = NULL WHERE id > ? AND id <= ? AND received_at < ? AND openid IS NOT NULL"


def _last_old(session: Session, table: str, at: int) -> int | None:
    """Return the id of the last row of all, if it is old; with it goes what keeps numbers from being given again."""
    rows = session.rows(f"SELECT id, received_at FROM {table} WHERE id > 0 ORDER BY id LIMIT 2")
    return rows[0][0] if len(rows) == 1 and rows[0][1] < at else None


def _kept(session: Session, name: str) -> int:
    rows = session.rows("SELECT value FROM meta WHERE name = ?", (name,))
    return int(rows[0][0]) if rows else 0


def _whole(table: str) -> str:
    return f"{table}_whole"


def _last_of(table: str) -> str:
    return f"last_of_{table}"


def _without_openids(table: str) -> str:
    return f"{table}_without_openids"
