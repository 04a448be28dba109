"""The journal's tables in a PostgreSQL database: how rows are numbered there, and what can be said of numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from scanhook.journal.tables import CountStatements
from scanhook.storage import Pepper, Session
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.database import SCAN_S, PostgresDatabase

__all__ = ["PostgresTables", "drawing_key"]

_IDENTITY_BYTES = 16
_DRAWING = {"scans": 0x5CA95, "events": 0x5CA9E}
"""What numbers are drawn of, as the first bits of an advisory lock's key."""
_NUMBER_BITS = 40
_LAST = "SELECT coalesce(pg_sequence_last_value('{table}_id_seq'), 0)"
# An advisory lock on one number of 64 bits has its halves in these columns, and 1 in `objsubid`.
_LOWEST_DRAWING = """
SELECT min((classid::int8 << 32) | objid::int8) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND (classid::int8 << 32) >= ?1 AND (classid::int8 << 32) < ?2
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_COLUMNS_OF = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'identity'
"""


def drawing_key(table: str) -> int:
    """Return what the last number is added to, for the lock that every transaction holds that draws numbers."""
    return _DRAWING[table] << _NUMBER_BITS


class PostgresTables(PostgresDatabase):
    """A :class:`~scanhook.journal.tables.JournalTables`.

    Numbers come from a sequence: none is ever given again, there are gaps, and a row can be seen before one with a
    smaller number. So each transaction that draws numbers first takes a shared lock, whose key is made of the last
    number that was drawn by then: all that it draws itself are greater.
    """

    counting = CountStatements(
        add_scanners="INSERT INTO scanners (tag, person) VALUES {rows} ON CONFLICT DO NOTHING RETURNING tag",
        drop_scanners="DELETE FROM scanners WHERE {pairs} RETURNING tag, person",
        add_persons="UPDATE tallies SET persons = persons + ? WHERE tag = ?",
        drop=("DELETE FROM scanners WHERE tag = ?", "DELETE FROM tallies WHERE tag = ?"),
    )

    def __init__(self, address: Address, *, room: str, package: str, pepper: Pepper, most: int) -> None:
        super().__init__(address, room=room, package=package, pepper=pepper, most=most)
        self._columns: dict[str, str] = {}

    def last_number(self, session: Session, table: str) -> int:
        """Return the last number that was drawn."""
        return int(session.value(_LAST.format(table=table)))

    def settled_number(self, session: Session, table: str) -> int:
        """Return a number up to which nothing will ever be added.

        Proof. Read the last drawn number L; then, later, the keys K of the locks that are held; take a number n that is
        at most L and at most all of K. If n was drawn, it was drawn before L was read, and the lock of whoever drew it
        had been taken before that, with a key smaller than n. That lock is not among K, so it was released before K was
        read; and locks are released once what was committed can be seen, synchronous standbys included, or once all was
        rolled back. So a statement that begins now sees n, or nobody ever will. What is drawn from now on is greater
        than L.

        Of those numbers the greatest is given that a row has: after a crash, numbers that nobody has committed may be
        drawn again.
        """
        last = self.last_number(session, table)
        first_key = drawing_key(table)
        lowest = session.value(_LOWEST_DRAWING, (first_key, drawing_key(table) + (1 << _NUMBER_BITS)))
        if lowest is not None:
            last = min(last, lowest - first_key)
        return session.value(f"SELECT max(id) FROM {table} WHERE id <= ?", (last,)) or 0

    def answering(self) -> AbstractContextManager[Session]:
        """Give a session for reading what somebody waits for who is before a page."""
        return self.session(within_s=SCAN_S)

    def forget_identities(self, session: Session, table: str, numbers: Sequence[int]) -> None:
        """Put random bytes in the place of the identities of rows.

        By new rows: where the tables are spread over several machines, the identity says where a row lies.
        """
        if not numbers:
            return
        columns = self._columns_of(session, table)
        places = ", ".join("?" * len(numbers))
        rows = session.rows(f"DELETE FROM {table} WHERE id IN ({places}) RETURNING {columns}", tuple(numbers))
        if rows:
            places = ", ".join("?" * (len(rows[0]) + 1))
            session.change_all(
                f"INSERT INTO {table} (identity, {columns}) VALUES ({places})",
                [(os.urandom(_IDENTITY_BYTES), *row) for row in rows],
            )

    def _columns_of(self, session: Session, table: str) -> str:
        # They change with the schema's version alone, and then these tables are ours no more.
        if table not in self._columns:
            self._columns[table] = str(session.value(_COLUMNS_OF, (table,)))
        return self._columns[table]

    @contextmanager
    def overwriting(self) -> Iterator[None]:
        """Do nothing: PostgreSQL keeps what was deleted or replaced until VACUUM has cleared the page for other rows.

        Its autovacuum does that by and by, and the log of changes goes with the archive's own time limit. No statement
        reaches such rows, and only the pepper could make something of them.
        """
        yield

    def cut_log(self, *, due: bool = True) -> None:
        """Do nothing, see :meth:`overwriting`."""
