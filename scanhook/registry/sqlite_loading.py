"""How the SQLite registry stores the codes of an import: fast, and in transactions that let others in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from scanhook.errors import Refused
from scanhook.registry.importstore import CodeRow
from scanhook.storage import SqliteConnection, SqliteDatabase, open_file
from scanhook.storage.sqlite import check_not_moved

__all__ = ["SqliteLoader", "loading_connection"]

_BUSY_WAIT_S = 60.0
_BUSY_SLEEP_S = 0.002


@contextmanager
def loading_connection(database: SqliteDatabase) -> Iterator[SqliteConnection]:
    """Open a connection of its own for loading."""
    with database.wording():
        connection = open_file(database.path)
        try:
            database.check_version(connection)
            # No commit of a load waits for the disk. The one that shows the import does, on another connection
            # (synchronous=FULL): it flushes the whole write-ahead log, and with it every earlier commit; what a
            # checkpoint had moved into the database by then was flushed by that. Until then nobody sees the codes.
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.set_busy_handler(_patient())
            yield connection
        finally:
            connection.close()


def _patient() -> Callable[[int], bool]:
    """Return a busy handler that gives way for long: nobody waits for an import."""
    until = [0.0]

    def keep_trying(tries: int) -> bool:
        if tries == 0:
            until[0] = time.monotonic() + _BUSY_WAIT_S
        time.sleep(_BUSY_SLEEP_S)
        return time.monotonic() < until[0]

    return keep_trying


class SqliteLoader:
    """A :class:`~scanhook.registry.importstore.Loader` of one import.

    :param first_part: the id of the part of its first pile; those of the others follow.
    """

    def __init__(self, connection: SqliteConnection, *, import_id: int, first_part: int) -> None:
        self._connection = connection
        self._import_id = import_id
        self._insert = f"INSERT OR IGNORE INTO codes (tag, part_id, position) VALUES (?1, ?3 + {first_part}, ?4)"
        # A row of an import that never became visible may be taken over: nobody has ever found it. That holds for rows
        # of this import too, which come again when it goes on after a stop. It is slower, and seldom needed.
        self._take_over = f"""
INSERT INTO codes (tag, part_id, position) VALUES (?1, ?3 + {first_part}, ?4)
ON CONFLICT (tag) DO UPDATE SET part_id = excluded.part_id, position = excluded.position
WHERE EXISTS (
  SELECT 1 FROM parts AS pt JOIN imports AS i ON i.id = pt.import_id WHERE pt.id = codes.part_id AND i.shown = 0
)
"""
        self._delete = f"DELETE FROM codes WHERE tag = ?1 AND part_id = ?2 + {first_part}"

    def store(self, rows: Sequence[CodeRow], *, loaded: int, done: int) -> None:
        """Store codes in one transaction."""
        with self._transaction():
            if self._connection.change_all(self._insert, rows) < len(rows) and self._connection.change_all(
                self._take_over, rows
            ) < len(rows):
                raise Refused(
                    "a code of it was registered while it was loaded: give it up with "
                    f"`scanhook imports drop {self._import_id}`, and begin again"
                )
            self._connection.execute(
                "UPDATE imports SET loaded = ?, done = ? WHERE id = ?", (loaded, done, self._import_id)
            )

    def delete(self, rows: Sequence[CodeRow]) -> None:
        """Delete codes in one transaction."""
        with self._transaction():
            self._connection.executemany(self._delete, ((tag, pile) for tag, _, pile, _ in rows))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            check_not_moved(self._connection, self._connection.filename)
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
