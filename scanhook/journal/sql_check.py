"""Does what stands in the journal agree with itself? For ``scanhook storage check``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scanhook.journal.entry import UNDECIDED
from scanhook.journal.sql_counts import UNCOUNTED
from scanhook.journal.sql_prune import WHOLE
from scanhook.storage import Session

__all__ = ["contradictions"]

_PERSONS = """
SELECT count(*) FROM tallies AS t WHERE t.persons <> (SELECT count(*) FROM scanners AS s WHERE s.tag = t.tag)
"""
_STRANGERS = """
SELECT count(*) FROM scanners AS s WHERE NOT EXISTS (SELECT 1 FROM tallies AS t WHERE t.tag = s.tag)
"""
_COUNTED = f"reason <> '{UNDECIDED}' AND tag IS NOT NULL AND NOT {UNCOUNTED}"
_SCANS = f"""
SELECT count(*) FROM (
  SELECT tag, count(*) AS scans FROM scans WHERE {_COUNTED} GROUP BY tag
) AS s LEFT JOIN tallies AS t ON t.tag = s.tag
WHERE t.scans IS NULL OR t.scans < s.scans {{missing}}
"""
_MORE_COUNTED = "OR t.scans > s.scans"
# Neither NOT IN, for which PostgreSQL goes through all scans again for each code once they do not fit into its memory,
# nor NOT EXISTS, for which SQLite does, since no index leads from a code to its scans.
_UNSCANNED = f"""
SELECT count(*) FROM (SELECT tag FROM tallies EXCEPT SELECT tag FROM scans WHERE {_COUNTED}) AS unscanned
"""


def contradictions(session: Session, *, quick: bool, tell: Callable[[str, int, int], None]) -> Iterator[str]:
    """Yield what contradicts itself, each in a few words.

    :param session: sees one state: scans go on, and all counts must be of one moment.
    :param quick: leave out counting scans and persons.
    """
    if quick:
        return
    # Once old scans are deleted, a tally may say more than there are scans left.
    whole = _is_whole(session)
    looks: list[tuple[str, str]] = [
        ("codes whose tally has other persons than scanned them", _PERSONS),
        ("persons who scanned codes without a tally", _STRANGERS),
        ("codes whose tally has other scans than there are", _SCANS.format(missing=_MORE_COUNTED if whole else "")),
    ]
    if whole and session.value("SELECT count(*) FROM scans"):
        looks.append(("codes with a tally and without a scan", _UNSCANNED))
    for number, (what, statement) in enumerate(looks):
        tell("journal: tallies", number, len(looks))
        count = session.value(statement)
        if count:
            yield f"{what}: {count:,}"
    tell("journal: tallies", len(looks), len(looks))


def _is_whole(session: Session) -> bool:
    """Tell whether no scan was ever deleted."""
    kept = session.value("SELECT value FROM meta WHERE name = ?", (WHOLE,))
    if kept is not None:
        return str(kept) == "1"
    # Where nothing is noted, numbers have no gaps until scans are deleted.
    return bool(session.value("SELECT count(*) = coalesce(max(id), 0) FROM scans"))
