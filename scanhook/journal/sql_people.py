"""The half of the journal that people ask for: what is kept of somebody, and that it goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scanhook.journal.entry import Entry, KeptEvent
from scanhook.journal.peoplestore import Erasure, Progress, Pseudonym, Stage, silent
from scanhook.journal.sql_erasing import Eraser, drop_identities
from scanhook.journal.sql_prune import SqlPrune
from scanhook.journal.sql_rows import ENTRY_COLUMNS, EVENT_COLUMNS, SKEW_MS, entry_of, event_of, first_id, millis
from scanhook.journal.sql_steps import scanner_pages, windows

__all__ = ["SqlPeople"]

_PERSONS_AT_ONCE = 1000
# An erasure that is not done goes on with the replacement that it had.
_BEGIN = """
INSERT INTO erasures (mark, at, replacement, walked) VALUES (?, ?, ?, 0)
ON CONFLICT (mark) DO UPDATE SET
  at = CASE WHEN excluded.at > erasures.at THEN excluded.at ELSE erasures.at END,
  replacement = coalesce(erasures.replacement, excluded.replacement),
  walked = CASE WHEN excluded.at > erasures.at THEN 0 ELSE erasures.walked END
RETURNING replacement
"""
_END_WALK = """
UPDATE erasures SET walked = 1, replacement = CASE WHEN ? = 1 THEN NULL ELSE replacement END WHERE mark = ? AND at = ?
"""
_STAGE = "SELECT replacement IS NULL, walked FROM erasures WHERE mark = ? AND at >= ?"


class SqlPeople(SqlPrune):
    """See :class:`~scanhook.journal.peoplestore.PeopleStore`."""

    def persons(self, *, since: float | None = None, progress: Progress = silent) -> Iterator[bytes]:
        """Yield the hash of every person."""
        for table in ("scans", "events"):
            with self.database.reading() as session:
                first = 1 if since is None else first_id(session, table, millis(since) - SKEW_MS)
            for after, end in windows(self.database, table, progress=progress, after=first - 1):
                with self.database.reading() as session:
                    rows = session.rows(
                        f"SELECT DISTINCT person FROM {table} WHERE id > ? AND id <= ? AND person IS NOT NULL",
                        (after, end),
                    )
                yield from (person for (person,) in rows)
        if since is None:
            for page in scanner_pages(self.database, progress=progress):
                yield from {person for _, person in page}

    def scans_of(self, person: bytes, *, progress: Progress = silent) -> Iterator[Entry]:
        """Yield a person's scans."""
        return map(entry_of, self._rows_of_person("scans", ENTRY_COLUMNS, person, progress))

    def events_of(self, person: bytes, *, progress: Progress = silent) -> Iterator[KeptEvent]:
        """Yield a person's other events."""
        return map(event_of, self._rows_of_person("events", EVENT_COLUMNS, person, progress))

    def codes_of(self, person: bytes, *, progress: Progress = silent) -> Iterator[bytes]:
        """Yield the tags that a person is counted by."""
        for page in scanner_pages(self.database, progress=progress):
            yield from (tag for tag, scanner in page if scanner == person)

    def begin_erasure(self, erasure: Erasure, replacement: bytes) -> bytes:
        """Note that an erasure begins."""
        with self.database.writing() as session:
            rows = session.rows(_BEGIN, (erasure.mark, millis(erasure.at), replacement))
        return bytes(rows[0][0])

    def end_walk(self, erasure: Erasure, *, done: bool) -> None:
        """Note that the journal was walked through for an erasure."""
        with self.database.overwriting(), self.database.writing() as session:
            session.change(_END_WALK, (done, erasure.mark, millis(erasure.at)))
        self.database.cut_log()

    def stage_of(self, erasure: Erasure) -> Stage:
        """Tell how far an erasure is."""
        with self.database.reading() as session:
            rows = session.rows(_STAGE, (erasure.mark, millis(erasure.at)))
        if not rows:
            return Stage.NEW
        done, walked = rows[0]
        return Stage.DONE if done else Stage.WALKED if walked else Stage.NEW

    def erasures(self) -> list[Erasure]:
        """Return every erasure that was applied."""
        with self.database.reading() as session:
            rows = session.rows("SELECT mark, at FROM erasures ORDER BY at, mark")
        return [Erasure(mark=mark, at=at / 1000) for mark, at in rows]

    def erase(self, pseudonyms: Sequence[Pseudonym], *, now: float, progress: Progress = silent) -> int:
        """Put random hashes in the place of persons."""
        count = 0
        with self.database.overwriting():
            for start in range(0, len(pseudonyms), _PERSONS_AT_ONCE):
                some = pseudonyms[start : start + _PERSONS_AT_ONCE]
                count += Eraser(self.database, some, now=now).run(progress)
        return count

    def drop_identities(self, replacements: Sequence[bytes], *, since: float, progress: Progress = silent) -> None:
        """Drop the identities of pushes of persons who were erased."""
        with self.database.overwriting():
            for start in range(0, len(replacements), _PERSONS_AT_ONCE):
                some = replacements[start : start + _PERSONS_AT_ONCE]
                drop_identities(self.database, some, since=since, progress=progress)

    def _rows_of_person(
        self, table: str, columns: str, person: bytes, progress: Progress
    ) -> Iterator[tuple[object, ...]]:
        for after, end in windows(self.database, table, progress=progress):
            with self.database.reading() as session:
                rows = session.rows(
                    f"SELECT {columns} FROM {table} WHERE id > ? AND id <= ? AND person = ?",
                    (after, end, person),
                )
            yield from rows
