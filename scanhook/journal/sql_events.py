"""How the journal's other events are read on from a number, by whoever follows one kind of them."""

from __future__ import annotations

from scanhook.journal.sql_rows import EVENT_COLUMNS, event_of, page_end
from scanhook.journal.tables import JournalTables
from scanhook.journal.wanted import EventPage

__all__ = ["SqlEvents"]

_PAGE_ROWS = 10_000


class SqlEvents:
    """The part of the journal that shows events by their kind."""

    database: JournalTables

    def events(self, event: str, *, after: int) -> EventPage:
        """Look through the next rows; there is no index, since hardly anybody asks and every push would pay."""
        with self.database.reading() as session:
            # First of all: what comes meanwhile may have smaller numbers than what is there.
            settled = self.database.settled_number(session, "events")
            end = page_end(session, "events", after, _PAGE_ROWS)
            if end is None or after >= settled:
                newest = session.value("SELECT max(id) FROM events") or 0
                return EventPage(events=(), looked=min(newest, after), more=False)
            end = min(end, settled)
            rows = session.rows(
                f"SELECT {EVENT_COLUMNS} FROM events WHERE id > ? AND id <= ? AND event = ? ORDER BY id",
                (after, end, event),
            )
        return EventPage(events=tuple(map(event_of, rows)), looked=end, more=True)
