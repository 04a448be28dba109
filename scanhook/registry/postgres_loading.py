"""How the PostgreSQL registry stores the codes of an import: with COPY, beside everything else that goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from struct import Struct

from psycopg import errors

from scanhook.errors import Refused, StorageError
from scanhook.registry.importstore import CodeRow
from scanhook.storage import TAG_BYTES
from scanhook.storage.postgres.connection import PostgresSession
from scanhook.storage.postgres.database import PostgresDatabase

__all__ = ["DELETE", "TAKE_OVER", "PostgresLoader"]

_STORE_S = 120.0
_TAKES_OVER = 16
"""How many times rows are taken over before COPY is tried again."""
_COPY = b"COPY codes (tag, part_id, position) FROM STDIN (FORMAT BINARY)"
# How COPY reads rows: a head; for each row the number of its columns, and each of them behind its length; an end.
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_ROW = Struct(f">hi{TAG_BYTES}siiii")
_END = b"\xff\xff"
# A row of an import that never became visible may be taken over: nobody has ever found it. That holds for rows of this
# import too, which come again when it goes on after a stop.
TAKE_OVER = """
INSERT INTO codes (tag, part_id, position) SELECT * FROM unnest(?::bytea[], ?::int[], ?::int[])
ON CONFLICT (tag) DO UPDATE SET part_id = excluded.part_id, position = excluded.position
WHERE (SELECT shown FROM imports WHERE id = (SELECT import_id FROM parts WHERE id = codes.part_id)) = 0
"""
DELETE = "DELETE FROM codes WHERE tag = ANY (?::bytea[]) AND part_id = ANY (?::int[])"


class PostgresLoader:
    """A :class:`~scanhook.registry.importstore.Loader` of one import.

    :param first_part: the id of the part of its first pile; those of the others follow.
    """

    def __init__(self, database: PostgresDatabase, *, import_id: int, first_part: int) -> None:
        self._database = database
        self._import_id = import_id
        self._first_part = first_part
        self._take_over = 0

    def store(self, rows: Sequence[CodeRow], *, loaded: int, done: int) -> None:
        """Store codes in one transaction.

        COPY is twice as fast, but knows no way around a code that is there; where one is, there mostly are more.
        """
        if not self._take_over and self._has_copied(rows, loaded=loaded, done=done):
            return
        self._take_over = (self._take_over or _TAKES_OVER) - 1
        with self._transaction(loaded=loaded, done=done) as session:
            tags, parts, positions = (list(column) for column in zip(*self._places(rows), strict=True))
            if session.change(TAKE_OVER, (tags, parts, positions)) < len(rows):
                raise Refused(
                    "a code of it was registered while it was loaded: give it up with "
                    f"`scanhook imports drop {self._import_id}`, and begin again"
                )

    def _has_copied(self, rows: Sequence[CodeRow], *, loaded: int, done: int) -> bool:
        """Store codes unless one of them is there."""
        try:
            with self._transaction(loaded=loaded, done=done) as session:
                self._copy(session, rows)
        except StorageError as error:
            if not isinstance(error.__cause__, errors.UniqueViolation):
                raise
            return False
        return True

    def delete(self, rows: Sequence[CodeRow]) -> None:
        """Delete codes in one transaction."""
        with self._transaction() as session:
            parts = sorted({self._first_part + pile for _, _, pile, _ in rows})
            session.change(DELETE, ([tag for tag, _, _, _ in rows], parts))

    def _places(self, rows: Sequence[CodeRow]) -> Iterator[tuple[bytes, int, int]]:
        first = self._first_part
        return ((tag, first + pile, position) for tag, _, pile, position in rows)

    def _copy(self, session: PostgresSession, rows: Sequence[CodeRow]) -> None:
        row, first = _ROW.pack, self._first_part
        content = b"".join([row(3, TAG_BYTES, tag, 4, first + pile, 4, position) for tag, _, pile, position in rows])
        with session.connection.cursor().copy(_COPY) as copy:
            copy.write(_HEAD + content + _END)

    @contextmanager
    def _transaction(self, **progress: int) -> Iterator[PostgresSession]:
        """Give a session whose commit waits neither for the disk nor for a standby.

        The commit that shows the import does: it lies behind all of these in the write-ahead log, which is flushed,
        and sent on, in its order. Until then nobody sees the codes.
        """
        database = self._database
        with database.transaction(within_s=_STORE_S) as session:
            session.change("SET LOCAL synchronous_commit = off")
            database.check_ours(session)
            yield session
            if progress:
                session.change(
                    "UPDATE imports SET loaded = ?, done = ? WHERE id = ?",
                    (progress["loaded"], progress["done"], self._import_id),
                )
