"""How the SQLite journal's other events are read on from a number, by whoever follows one kind of them."""

from __future__ import annotations

from scanhook.journal.sqlite_rows import EVENT_COLUMNS, event_of, page_end
from scanhook.journal.wanted import EventPage
from scanhook.storage import SqliteDatabase, rows_of

__all__ = ["SqliteEvents"]

_PAGE_ROWS = 10_000


class SqliteEvents:
    """The part of the SQLite journal that shows events by their kind."""

    database: SqliteDatabase

    def events(self, event: str, *, after: int) -> EventPage:
        """Look through the next rows; there is no index, since hardly anybody asks and every push would pay."""
        with self.database.reading() as connection:
            end = page_end(connection, "events", after, _PAGE_ROWS)
            if end is None:
                newest = rows_of(connection, "SELECT max(id) FROM events")[0][0]
                return EventPage(events=(), looked=newest or 0, more=False)
            rows = rows_of(
                connection,
                f"SELECT {EVENT_COLUMNS} FROM events WHERE id > ? AND id <= ? AND event = ? ORDER BY id",
                (after, end, event),
            )
        return EventPage(events=tuple(map(event_of, rows)), looked=end, more=True)
