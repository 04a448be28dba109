"""The journal's file: how its rows are numbered, and how nothing is left in it of what was deleted."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress

import apsw

from scanhook.journal.tables import CountStatements
from scanhook.storage import Session, SqliteConnection, SqliteDatabase, open_file, rows_of
from scanhook.storage.checkpoints import Checkpoints

__all__ = ["JournalFile"]

_IDENTITY_BYTES = 16
_CUT_PAUSES_S = (0.0, 0.02, 0.05, 0.1, 0.1)
"""Somebody who reads one row is soon done."""
_UNCUT = "log_is_uncut"
_NOTE = "INSERT INTO meta (name, value) VALUES (?, 1) ON CONFLICT DO NOTHING"
_FORGET = "DELETE FROM meta WHERE name = ?"
_KEPT_LAST = "SELECT value FROM meta WHERE name = ?"


class JournalFile(SqliteDatabase):
    """A file in which pages that are split leave no copies of their rows behind: what is erased later is in one place.

    That costs nothing but zeros in memory. Whole pages that become free are overwritten only by :meth:`overwriting`.
    """

    # One table has them all, and `tallies` and `scanners` only show it.
    counting = CountStatements(
        add_scanners="INSERT INTO counts (tag, person) VALUES {rows} ON CONFLICT DO NOTHING RETURNING tag",
        drop_scanners="DELETE FROM counts WHERE {pairs} RETURNING tag, person",
        add_persons="UPDATE counts SET persons = persons + ? WHERE tag = ? AND person = x''",
        drop=("DELETE FROM counts WHERE tag = ?",),
    )

    def _open(self) -> SqliteConnection:
        connection = super()._open()
        connection.pragma("secure_delete", "fast")
        self._checkpoints.watch(connection)
        return connection

    def close(self) -> None:
        """Close every connection of this process, and what copies the log."""
        self._checkpoints.close()
        super().close()

    def forget(self) -> None:
        """Have no connection, and nothing that copies the log."""
        super().forget()
        self._checkpoints = Checkpoints(self.path, turn=self._write_lock)

    def fresh_number(self, connection: SqliteConnection, table: str) -> int:
        """Return the number of the row that was just added.

        Where every row was deleted, SQLite would begin with 1 again, and who reads on from a number would miss rows.
        """
        number = connection.last_insert_rowid()
        if number == 1:
            last = _kept_last(connection, table)
            if last:
                number = last + 1
                connection.execute(f"UPDATE {table} SET id = ? WHERE id = 1", (number,))
        return number

    def last_number(self, session: Session, table: str) -> int:
        """Return the highest number that a row was ever given; 0: there was none."""
        newest: int | None = session.value(f"SELECT max(id) FROM {table}")
        return _kept_last(session, table) if newest is None else newest

    def settled_number(self, session: Session, table: str) -> int:
        """Return the newest number: there is one writer, and numbers are given in the order of commits."""
        return session.value(f"SELECT max(id) FROM {table}") or 0

    def answering(self) -> AbstractContextManager[SqliteConnection]:
        """Give the connection for reading: what somebody waits for who is before a page."""
        return self.reading()

    def forget_identities(self, session: Session, table: str, numbers: Sequence[int]) -> None:
        """Put random bytes in the place of the identities of rows."""
        statement = f"UPDATE {table} SET identity = ? WHERE id = ?"
        session.change_all(statement, [(os.urandom(_IDENTITY_BYTES), number) for number in numbers])

    @contextmanager
    def overwriting(self) -> Iterator[None]:
        """Overwrite with zeros what is deleted or replaced in the block, as SQLite does it.

        Single rows may survive in unused bytes of pages that SQLite has rebuilt: of pairs of code and person, about one
        in a thousand did. No statement reaches them, and only the pepper could make something of them.
        """
        with self.reading() as connection:
            connection.pragma("secure_delete", 1)
            try:
                yield
            finally:
                connection.pragma("secure_delete", "fast")

    def cut_log(self, *, due: bool = True) -> None:
        """Cut off the write-ahead log, which still has what was deleted.

        While somebody reads for long, as a backup does, it stays; that is noted, and every further call tries again.
        """
        with self.reading() as connection:
            noted = bool(rows_of(connection, "SELECT 1 FROM meta WHERE name = ?", (_UNCUT,)))
        if not (due or noted):
            return
        is_cut = self._try_to_cut()
        if is_cut == noted:
            with self.writing() as connection:
                connection.execute(_FORGET if is_cut else _NOTE, (_UNCUT,))

    def _try_to_cut(self) -> bool:
        """Cut off the log if nobody reads in it; tells whether that was so."""
        # On a connection of its own that waits for nobody: it would hold the lock for writing while it waits for a
        # reader, and every scan would wait along.
        with self._checkpoints.paused(), self.wording(), closing(open_file(self.path)) as connection:
            connection.set_busy_handler(None)
            for pause_s in _CUT_PAUSES_S:
                time.sleep(pause_s)
                with suppress(apsw.BusyError):
                    # The first copies without holding anybody up, so that the second has little to do.
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                    if rows_of(connection, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0:
                        return True
        return False


def _kept_last(session: Session, table: str) -> int:
    return int(session.value(_KEPT_LAST, (f"last_of_{table}",)) or 0)
