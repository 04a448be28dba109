"""Does what stands in the SQLite journal agree with itself? For ``scanhook storage check``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import apsw

from scanhook.journal.entry import UNDECIDED
from scanhook.journal.sqlite_counts import UNCOUNTED
from scanhook.storage import rows_of

__all__ = ["contradictions"]

_PERSONS = """
SELECT count(*) FROM tallies AS t WHERE t.persons <> (SELECT count(*) FROM scanners AS s WHERE s.tag = t.tag)
"""
_STRANGERS = "SELECT count(*) FROM scanners WHERE tag NOT IN (SELECT tag FROM tallies)"
_COUNTED = f"reason <> '{UNDECIDED}' AND tag IS NOT NULL AND NOT {UNCOUNTED}"
_SCANS = f"""
SELECT count(*) FROM (
  SELECT tag, count(*) AS scans FROM scans WHERE {_COUNTED} GROUP BY tag
) AS s LEFT JOIN tallies AS t ON t.tag = s.tag
WHERE t.scans IS NULL OR t.scans < s.scans OR (?1 AND t.scans > s.scans)
"""
_UNSCANNED = f"SELECT count(*) FROM tallies WHERE tag NOT IN (SELECT tag FROM scans WHERE {_COUNTED})"


def contradictions(connection: apsw.Connection, *, quick: bool, tell: Callable[[str, int, int], None]) -> Iterator[str]:
    """Yield what contradicts itself, each in a few words.

    :param quick: leave out counting scans and persons.
    """
    if quick:
        return
    connection.execute("BEGIN")  # scans go on: all counts must be of one moment
    try:
        # Ids have no gaps until old scans are deleted; then a tally may say more than there are scans left.
        whole = bool(rows_of(connection, "SELECT count(*) = coalesce(max(id), 0) FROM scans")[0][0])
        looks: list[tuple[str, str, tuple[object, ...]]] = [
            ("codes whose tally has other persons than scanned them", _PERSONS, ()),
            ("persons who scanned codes without a tally", _STRANGERS, ()),
            ("codes whose tally has other scans than there are", _SCANS, (whole,)),
        ]
        if whole and rows_of(connection, "SELECT count(*) FROM scans")[0][0]:
            looks.append(("codes with a tally and without a scan", _UNSCANNED, ()))
        for number, (what, statement, bindings) in enumerate(looks):
            tell("journal.db: tallies", number, len(looks))
            count = rows_of(connection, statement, bindings)[0][0]
            if count:
                yield f"{what}: {count:,}"
        tell("journal.db: tallies", len(looks), len(looks))
    finally:
        connection.execute("ROLLBACK")
