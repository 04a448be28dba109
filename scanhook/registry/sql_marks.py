"""The marks of the four levels, in their rows: read, stepped, written, and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scanhook.errors import Refused
from scanhook.registry.life import NO_MARK, Mark
from scanhook.registry.segments import Segment, covered, laid_over
from scanhook.registry.sql_history import Before
from scanhook.registry.sql_rows import MARK_COLUMNS, chunks, insert_all, mark_of, mark_row, places
from scanhook.storage import Session

__all__ = ["Step", "newest_changes", "put_back", "step_codes", "step_range", "step_row"]

Step = Callable[[Mark], Mark]
"""What an action makes of a mark.

:raises Refused: when it may not follow.
"""

_OWNERS = """
SELECT c.tag, pt.batch_id FROM codes AS c
JOIN parts AS pt ON pt.id = c.part_id JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
"""
_OVERLAPPING = f"""
SELECT first, last, {MARK_COLUMNS} FROM ranges WHERE batch_id = ? AND first <= ? AND last >= ? ORDER BY first
"""
_ADD_RANGE = f"INSERT INTO ranges (batch_id, first, last, {MARK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_MARK = f"INSERT INTO marks (tag, {MARK_COLUMNS})"
_OVER_MARK = """
ON CONFLICT (tag) DO UPDATE SET state = excluded.state, activated_by = excluded.activated_by,
  activates_at = excluded.activates_at, expires_at = excluded.expires_at, change_id = excluded.change_id
"""


def step_row(session: Session, table: str, id_: object, after: Step) -> Mark:
    """Step the mark of a product or a batch.

    :param table: ``products`` or ``batches``.
    :returns: the mark that was there.
    """
    found = _row_mark(session, table, id_)
    _write_row(session, table, id_, after(found))
    return found


def step_range(session: Session, batch_id: int, first: int, last: int, after: Step) -> list[Segment]:
    """Step every mark that lies in a range, and the gaps between them.

    :returns: the pieces of the range with the marks that were there.
    """
    pieces = list(_covered(session, batch_id, first, last))
    _write_range(session, batch_id, [piece.with_mark(_stepped(piece, after)) for piece in pieces])
    return pieces


def step_codes(session: Session, tags: Sequence[bytes], after: Step) -> Iterator[Before]:
    """Step the marks of single codes, and yield what was there.

    :raises Refused: when one of them is not registered.
    """
    owners = dict(_found(session, _OWNERS, "c.tag", tags))
    marks = _code_marks(session, tags)
    befores: list[Before] = []
    for tag in tags:
        if tag not in owners:
            raise Refused("one of the codes is not registered: see `scanhook codes check`")
        found = marks.get(tag, NO_MARK)
        marks[tag] = after(found)
        befores.append((None, owners[tag], None, None, tag, found))
    _write_codes(session, marks)
    yield from befores


def newest_changes(session: Session, befores: Sequence[Before]) -> Iterator[set[int]]:
    """Return, for everything that a change has touched, the newest changes of it by now."""
    marks = _code_marks(session, [before[4] for before in befores if before[4] is not None])
    for product_id, batch_id, first, last, tag, _ in befores:
        if tag is not None:
            yield {marks.get(tag, NO_MARK).change_id}
        elif first is not None and last is not None and batch_id is not None:
            yield {piece.mark.change_id for piece in _covered(session, batch_id, first, last)}
        elif batch_id is not None:
            yield {_row_mark(session, "batches", batch_id).change_id}
        else:
            yield {_row_mark(session, "products", product_id).change_id}


def put_back(session: Session, befores: Sequence[Before]) -> None:
    """Write the marks that a change had found, with the number of the change that had written them.

    So the one before can be undone next.
    """
    codes: dict[bytes, Mark] = {}
    for product_id, batch_id, first, last, tag, mark in reversed(befores):
        if tag is not None:
            codes[tag] = mark
        elif first is not None and last is not None and batch_id is not None:
            _write_range(session, batch_id, [Segment(first=first, last=last, mark=mark)])
        elif batch_id is not None:
            _write_row(session, "batches", batch_id, mark)
        else:
            _write_row(session, "products", product_id, mark)
    _write_codes(session, codes)


def _row_mark(session: Session, table: str, id_: object) -> Mark:
    rows = session.rows(f"SELECT {MARK_COLUMNS} FROM {table} WHERE id = ?", (id_,))
    if not rows:
        raise Refused("the product is not there any more")
    return mark_of(rows[0])


def _write_row(session: Session, table: str, id_: object, mark: Mark) -> None:
    session.change(
        f"UPDATE {table} SET state = ?, activated_by = ?, activates_at = ?, expires_at = ?, change_id = ? WHERE id = ?",
        (*mark_row(mark), id_),
    )


def _found(session: Session, select: str, column: str, values: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
    for some in chunks(values):
        yield from session.rows(f"{select} WHERE {column} IN ({places(some)})", tuple(some))


def _code_marks(session: Session, tags: Sequence[bytes]) -> dict[bytes, Mark]:
    select = f"SELECT tag, {MARK_COLUMNS} FROM marks"
    return {tag: mark_of(tuple(mark)) for tag, *mark in _found(session, select, "tag", tags)}


def _write_codes(session: Session, marks: dict[bytes, Mark]) -> None:
    """Write the marks of codes; in the order of their tags, as everybody does who writes several."""
    ordered = sorted(marks.items())
    written = [(tag, *mark_row(mark)) for tag, mark in ordered if mark != NO_MARK]
    insert_all(session, _ADD_MARK, written, otherwise=_OVER_MARK)
    _change_each(session, "UPDATE codes SET marked = 1", [tag for tag, *_ in written])
    empty = [tag for tag, mark in ordered if mark == NO_MARK]
    _change_each(session, "DELETE FROM marks", empty)
    _change_each(session, "UPDATE codes SET marked = NULL", empty)


def _change_each(session: Session, statement: str, tags: Sequence[bytes]) -> None:
    for some in chunks(tags):
        session.change(f"{statement} WHERE tag IN ({places(some)})", tuple(some))


def _stepped(piece: Segment, after: Step) -> Mark:
    try:
        return after(piece.mark)
    except Refused as error:
        raise Refused(f"positions {piece.first}-{piece.last}: {error}") from None


def _covered(session: Session, batch_id: int, first: int, last: int) -> Iterator[Segment]:
    """Yield the pieces of a range with the marks that they have now, gaps too."""
    return covered(_segments(session, batch_id, first, last), first, last)


def _segments(session: Session, batch_id: int, first: int, last: int) -> list[Segment]:
    rows = session.rows(_OVERLAPPING, (batch_id, last, first))
    return [Segment(first=row[0], last=row[1], mark=mark_of(row[2:])) for row in rows]


def _write_range(session: Session, batch_id: int, pieces: list[Segment]) -> None:
    """Lay pieces without gaps between them over what is there."""
    first, last = pieces[0].first, pieces[-1].last
    there = _segments(session, batch_id, first, last)
    session.change_all(
        "DELETE FROM ranges WHERE batch_id = ? AND first = ?", [(batch_id, segment.first) for segment in there]
    )
    session.change_all(
        _ADD_RANGE,
        [
            (batch_id, segment.first, segment.last, *mark_row(segment.mark))
            for segment in laid_over(there, pieces)
            if segment.mark != NO_MARK
        ],
    )
    session.change("UPDATE batches SET ranged = 1 WHERE id = ?", (batch_id,))
