"""Does what stands in the registry agree with itself? For ``scanhook storage check``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scanhook.storage import TAG_BYTES, Session, SqliteConnection

__all__ = ["BROKEN", "UnfinishedImport", "contradictions", "unfinished_imports"]

BROKEN = {
    "parts without an import": """
SELECT count(*) FROM parts AS pt WHERE NOT EXISTS (SELECT 1 FROM imports AS i WHERE i.id = pt.import_id)""",
    "parts without a batch": """
SELECT count(*) FROM parts AS pt WHERE NOT EXISTS (SELECT 1 FROM batches AS b WHERE b.id = pt.batch_id)""",
    "batches without a product": """
SELECT count(*) FROM batches AS b WHERE NOT EXISTS (SELECT 1 FROM products AS p WHERE p.id = b.product_id)""",
    "products that are hidden although they have codes": """
SELECT count(DISTINCT p.id) FROM products AS p JOIN batches AS b ON b.product_id = p.id
JOIN parts AS pt ON pt.batch_id = b.id AND pt.codes > 0
JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
WHERE p.shown = 0""",
    "batches with fewer positions than they gave away": """
SELECT count(DISTINCT b.id) FROM batches AS b JOIN parts AS pt ON pt.batch_id = b.id
JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
WHERE pt.last > b.positions""",
    "ranges that overlap": """
SELECT count(*) FROM (
  SELECT first, lag(last) OVER (PARTITION BY batch_id ORDER BY first) AS before FROM ranges
) AS r WHERE first <= before""",
    "ranges that no look-up would find": """
SELECT count(*) FROM ranges AS r LEFT JOIN batches AS b ON b.id = r.batch_id
WHERE b.id IS NULL OR b.ranged = 0 OR r.first > r.last OR r.last > b.positions""",
    "marks that no look-up would find": """
SELECT count(*) FROM marks AS m LEFT JOIN codes AS c ON c.tag = m.tag WHERE coalesce(c.marked, 0) <> 1""",
    "marks of a change that is not in the history": """
SELECT count(*) FROM (
  SELECT change_id FROM products UNION ALL SELECT change_id FROM batches UNION ALL SELECT change_id FROM ranges
  UNION ALL SELECT change_id FROM marks UNION ALL SELECT change_id FROM parts
) AS m WHERE change_id > (SELECT coalesce(max(id), 0) FROM changes)""",
}

# Tags are hashes, so their first bytes cut the table into slices of one size; each is a short transaction of its own.
# That is for SQLite, which keeps the codes in the order of their tags. Elsewhere each slice would read most of the
# pages, and a long look at one state holds nobody up.
_SLICES = 256
_ALL = "SELECT part_id, count(*), max(position) FROM codes GROUP BY part_id"
_SLICE = """
SELECT part_id, count(*), max(position) FROM codes WHERE tag >= ? AND tag < ?
GROUP BY part_id
"""
# An import that the first version began has no phase of its own.
_UNFINISHED = """
SELECT id, kind, file, phase FROM imports
WHERE shown = 0 AND ended_at IS NULL AND phase NOT IN ('refused', 'failed', 'dropped') ORDER BY id
"""
_PARTS = """
SELECT pt.id, pt.codes, pt.last FROM parts AS pt JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedImport:
    """An import whose codes are not visible.

    :param kind: ``import`` or ``mint``.
    :param file: the file's name.
    :param phase: how far it came.
    """

    id: int
    kind: str
    file: str
    phase: str


def unfinished_imports(session: Session) -> list[UnfinishedImport]:
    """Return the imports that have begun and are neither finished nor given up."""
    rows = session.rows(_UNFINISHED)
    return [UnfinishedImport(id=id_, kind=kind, file=file, phase=phase) for id_, kind, file, phase in rows]


def contradictions(session: Session, *, quick: bool, tell: Callable[[str, int, int], None]) -> Iterator[str]:
    """Yield what contradicts itself, each in a few words.

    :param quick: leave out counting the codes.
    """
    for number, (what, statement) in enumerate(BROKEN.items()):
        tell("registry: rows", number, len(BROKEN))
        count = session.value(statement)
        if count:
            yield f"{what}: {count:,}"
    tell("registry: rows", len(BROKEN), len(BROKEN))
    if not quick:
        yield from _check_counts(session, tell)


def _check_counts(session: Session, tell: Callable[[str, int, int], None]) -> Iterator[str]:
    # First the parts: what becomes visible while the codes are counted is not looked at.
    parts = {part_id: (codes, last) for part_id, codes, last in session.rows(_PARTS)}
    counted: Counter[int] = Counter()
    highest: dict[int, int] = {}
    for part_id, codes, position in _counts(session, tell):
        counted[part_id] += codes
        highest[part_id] = max(position, highest.get(part_id, 0))
    wrong = [part_id for part_id, (codes, _) in parts.items() if counted[part_id] != codes]
    if wrong:
        noted = sum(parts[part_id][0] for part_id in wrong)
        there = sum(counted[part_id] for part_id in wrong)
        yield f"of {len(wrong):,} imported parts {noted:,} codes are noted, and {there:,} are there"
    beyond = sum(highest.get(part_id, 0) > last for part_id, (_, last) in parts.items())
    if beyond:
        yield f"parts with a code behind their last position: {beyond:,}"
    known = {part_id for (part_id,) in session.rows("SELECT id FROM parts")}
    lost = sum(codes for part_id, codes in counted.items() if part_id not in known)
    if lost:
        yield f"codes that no import has brought: {lost:,}"


def _counts(session: Session, tell: Callable[[str, int, int], None]) -> Iterator[tuple[int, int, int]]:
    """Yield a part's id, how many codes it has, and the last position among them; a part may come several times."""
    slices = [(_ALL, ())] if not isinstance(session, SqliteConnection) else [(_SLICE, each) for each in _slices()]
    for number, (statement, bindings) in enumerate(slices):
        tell("registry: codes", number, len(slices))
        yield from session.rows(statement, bindings)
    tell("registry: codes", len(slices), len(slices))


def _slices() -> Iterator[tuple[bytes, bytes]]:
    for number in range(_SLICES):
        yield bytes([number]), bytes([number + 1]) if number + 1 < _SLICES else b"\xff" * (TAG_BYTES + 1)
