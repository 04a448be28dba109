"""The life cycle in the SQLite registry: one transaction for each change, and what it found for its undo."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import apsw

from scanhook.errors import Refused
from scanhook.registry.change import Change, Order, Scope, check_words
from scanhook.registry.life import NO_MARK, Action, Level, Mark, step
from scanhook.registry.segments import Segment, covered, laid_over
from scanhook.registry.sqlite_rows import MARK_COLUMNS, PRODUCT_COLUMNS, mark_of, mark_row, product_of
from scanhook.registry.sqlite_store import SqliteStore
from scanhook.storage import rows_of

__all__ = ["SqliteLife"]

_VISIBLE_BATCH = """
SELECT b.id, b.positions, sum(pt.codes) FROM batches AS b
JOIN parts AS pt ON pt.batch_id = b.id JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
WHERE b.product_id = ? AND b.name = ? AND pt.codes > 0 GROUP BY b.id
"""
_PRODUCT_CODES = """
SELECT coalesce(sum(pt.codes), 0) FROM batches AS b
JOIN parts AS pt ON pt.batch_id = b.id JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
WHERE b.product_id = ?
"""
_OWNER = """
SELECT pt.batch_id FROM codes AS c
JOIN parts AS pt ON pt.id = c.part_id JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
WHERE c.tag = ?
"""
_OVERLAPPING = f"SELECT first, last, {MARK_COLUMNS} FROM ranges WHERE batch_id = ? AND first <= ? AND last >= ?"
_ADD_RANGE = f"INSERT INTO ranges (batch_id, first, last, {MARK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_SET_MARK = f"INSERT OR REPLACE INTO marks (tag, {MARK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
_ADD_CHANGE = """
INSERT INTO changes (at, who, why, action, level, product_id, batch_id, codes, details, undoes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_ADD_BEFORE = """
INSERT INTO befores (change_id, number, product_id, batch_id, first, last, tag, state, activated_by, activates_at,
  expires_at, was) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_BEFORES = """
SELECT product_id, batch_id, first, last, tag, state, activated_by, activates_at, expires_at, was
FROM befores WHERE change_id = ? ORDER BY number
"""

_OF_PRODUCT = ", ".join(f"p.{column}" for column in PRODUCT_COLUMNS.split(", "))

_Before = tuple[bytes | None, int | None, int | None, int | None, bytes | None, Mark]
"""What a change found: product id, batch id, first, last, tag, and the mark there."""


class SqliteLife(SqliteStore):
    """The half of the SQLite registry that changes states."""

    def size_of(self, scopes: Sequence[Scope]) -> int:
        """Count the codes that a change would be about."""
        with self.database.reading() as connection:
            return sum(_size(connection, scope) for scope in scopes)

    def change(self, order: Order) -> Change:
        """Make a change."""
        with self.database.writing() as connection:
            codes = sum(_size(connection, scope) for scope in order.scopes)
            change_id = self._log(connection, order, codes)
            number = 0
            for scope in order.scopes:
                for before in self._apply(connection, scope, order, change_id):
                    _keep_before(connection, change_id, number, before)
                    number += 1
            return _found(connection, change_id)

    def undo(self, change_id: int, *, who: str, why: str) -> Change:
        """Take a change back by a new one."""
        check_words(who, why)
        with self.database.writing() as connection:
            change = _undoable(connection, change_id)
            befores = [(*row[:5], mark_of(row[5:])) for row in rows_of(connection, _BEFORES, (change_id,))]
            for before in befores:
                _check_newest(connection, change_id, before)
            connection.execute(
                _ADD_CHANGE,
                (int(self._clock.now()), who, why, "undo", change[1], change[2], change[3], change[4], "{}", change_id),
            )
            undo_id = connection.last_insert_rowid()
            connection.execute("UPDATE changes SET undone_by = ? WHERE id = ?", (undo_id, change_id))
            # The kept rows go back as they were, with the number of the change that had written them: so that the one
            # before can be undone next.
            for before in reversed(befores):
                _put_back(connection, before)
            for number, before in enumerate(befores):
                _keep_before(connection, undo_id, number, (*before[:5], NO_MARK))
            return _found(connection, undo_id)

    def find_change(self, change_id: int) -> Change | None:
        """Return a change."""
        with self.database.reading() as connection:
            found = list(read_changes(connection, "c.id = ?", (change_id,), limit=1))
        return found[0] if found else None

    def _log(self, connection: apsw.Connection, order: Order, codes: int) -> int:
        scope = order.scopes[0]
        details: dict[str, object] = {}
        if order.at is not None:
            details["takes_effect_at"] = order.at
        if order.level is Level.RANGE:
            details["ranges"] = [[each.first, each.last] for each in order.scopes]
        if order.level is Level.BATCH and len(order.scopes) > 1:
            details["batches"] = [each.batch for each in order.scopes]
        products = {each.product.id for each in order.scopes if each.product is not None}
        batches = {(each.product.id, each.batch) for each in order.scopes if each.product is not None and each.batch}
        connection.execute(
            _ADD_CHANGE,
            (
                int(self._clock.now()),
                order.who,
                order.why,
                order.action,
                order.level,
                products.pop() if len(products) == 1 else None,
                _batch(connection, scope)[0] if len(batches) == 1 else None,
                codes,
                json.dumps(details, ensure_ascii=False),
                None,
            ),
        )
        return connection.last_insert_rowid()

    def _apply(self, connection: apsw.Connection, scope: Scope, order: Order, change_id: int) -> Iterator[_Before]:
        def after(mark: Mark) -> Mark:
            return step(mark, order.action, change_id=change_id, at=order.at, now=self._clock.now())

        if scope.level is Level.CODE:
            for tag in scope.tags:
                yield _apply_to_code(connection, tag, after)
        elif scope.level is Level.PRODUCT and scope.product:
            found = mark_of(_row(connection, "products", scope.product.id))
            _write_mark(connection, "products", scope.product.id, after(found))
            yield scope.product.id, None, None, None, None, found
        elif scope.level is Level.BATCH:
            batch_id, *_ = _batch(connection, scope)
            found = mark_of(_row(connection, "batches", batch_id))
            _write_mark(connection, "batches", batch_id, after(found))
            yield None, batch_id, None, None, None, found
        elif scope.first is not None and scope.last is not None:
            batch_id, *_ = _batch(connection, scope)
            pieces = list(_covered(connection, batch_id, scope.first, scope.last))
            _write_range(connection, batch_id, [piece.with_mark(_stepped(piece, after)) for piece in pieces])
            for piece in pieces:
                yield None, batch_id, piece.first, piece.last, None, piece.mark


def _stepped(piece: Segment, after: Any) -> Mark:
    try:
        mark: Mark = after(piece.mark)
    except Refused as error:
        raise Refused(f"positions {piece.first}-{piece.last}: {error}") from None
    return mark


def read_changes(
    connection: apsw.Connection, where: str, bindings: tuple[object, ...], *, limit: int
) -> Iterator[Change]:
    """Yield changes, the newest first.

    :param where: SQL about the table ``changes AS c``.
    """
    rows = rows_of(
        connection,
        "SELECT c.id, c.at, c.who, c.why, c.action, c.level, c.codes, c.details, c.undoes, c.undone_by, b.name, "
        f"{_OF_PRODUCT} FROM changes AS c LEFT JOIN batches AS b ON b.id = c.batch_id "
        f"LEFT JOIN products AS p ON p.id = c.product_id WHERE {where} ORDER BY c.id DESC LIMIT ?",
        (*bindings, limit),
    )
    for id_, at, who, why, action, level, codes, details, undoes, undone_by, batch, *product in rows:
        yield Change(
            id=id_,
            at=at,
            who=who,
            why=why,
            action=action,
            level=Level(level),
            product=product_of(tuple(product)) if product[0] is not None else None,
            batch=batch,
            codes=codes,
            details=json.loads(details),
            undoes=undoes,
            undone_by=undone_by,
        )


def _found(connection: apsw.Connection, change_id: int) -> Change:
    return next(read_changes(connection, "c.id = ?", (change_id,), limit=1))


def _size(connection: apsw.Connection, scope: Scope) -> int:
    if scope.level is Level.CODE:
        return len(scope.tags)
    if scope.product is None:
        raise ValueError("only single codes can be of several products")
    if scope.level is Level.PRODUCT:
        return int(connection.execute(_PRODUCT_CODES, (scope.product.id,)).get)
    _, positions, codes = _batch(connection, scope)
    if scope.first is None or scope.last is None:
        return codes
    if scope.last > positions:
        raise Refused(
            f"the range {scope.first}-{scope.last} goes beyond the batch {scope.batch}, which has the positions "
            f"1-{positions}"
        )
    return scope.last - scope.first + 1


def _batch(connection: apsw.Connection, scope: Scope) -> tuple[int, int, int]:
    """Return the id, the last position and the number of codes of a visible batch."""
    product = scope.product
    rows = rows_of(connection, _VISIBLE_BATCH, (product.id, scope.batch)) if product else []
    if not rows:
        raise Refused(f"there is no batch `{scope.batch}` of that product: see `scanhook batches list`")
    id_, positions, codes = rows[0]
    return id_, positions, codes


def _row(connection: apsw.Connection, table: str, id_: object) -> tuple[Any, ...]:
    rows = rows_of(connection, f"SELECT {MARK_COLUMNS} FROM {table} WHERE id = ?", (id_,))
    if not rows:
        raise Refused("the product is not there any more")
    return rows[0]


def _write_mark(connection: apsw.Connection, table: str, id_: object, mark: Mark) -> None:
    connection.execute(
        f"UPDATE {table} SET state = ?, activated_by = ?, activates_at = ?, expires_at = ?, change_id = ? WHERE id = ?",
        (*mark_row(mark), id_),
    )


def _apply_to_code(connection: apsw.Connection, tag: bytes, after: Any) -> _Before:
    batch_id = connection.execute(_OWNER, (tag,)).get
    if batch_id is None:
        raise Refused("one of the codes is not registered: see `scanhook codes check`")
    found = _code_mark(connection, tag)
    connection.execute(_SET_MARK, (tag, *mark_row(after(found))))
    connection.execute("UPDATE codes SET marked = 1 WHERE tag = ?", (tag,))
    return None, batch_id, None, None, tag, found


def _code_mark(connection: apsw.Connection, tag: bytes) -> Mark:
    rows = rows_of(connection, f"SELECT {MARK_COLUMNS} FROM marks WHERE tag = ?", (tag,))
    return mark_of(rows[0]) if rows else NO_MARK


def _covered(connection: apsw.Connection, batch_id: int, first: int, last: int) -> Iterator[Segment]:
    """Yield the pieces of a range with the marks that they have now, gaps too."""
    return covered(_segments(connection, batch_id, first, last), first, last)


def _segments(connection: apsw.Connection, batch_id: int, first: int, last: int) -> list[Segment]:
    rows = rows_of(connection, f"{_OVERLAPPING} ORDER BY first", (batch_id, last, first))
    return [Segment(first=row[0], last=row[1], mark=mark_of(row[2:])) for row in rows]


def _write_range(connection: apsw.Connection, batch_id: int, pieces: list[Segment]) -> None:
    """Lay pieces without gaps between them over what is there."""
    first, last = pieces[0].first, pieces[-1].last
    there = _segments(connection, batch_id, first, last)
    for segment in there:
        connection.execute("DELETE FROM ranges WHERE batch_id = ? AND first = ?", (batch_id, segment.first))
    for segment in laid_over(there, pieces):
        if segment.mark != NO_MARK:
            connection.execute(_ADD_RANGE, (batch_id, segment.first, segment.last, *mark_row(segment.mark)))
    connection.execute("UPDATE batches SET ranged = 1 WHERE id = ?", (batch_id,))


def _keep_before(connection: apsw.Connection, change_id: int, number: int, before: _Before) -> None:
    *where, mark = before
    connection.execute(_ADD_BEFORE, (change_id, number, *where, *mark_row(mark)))


def _undoable(connection: apsw.Connection, change_id: int) -> tuple[Any, ...]:
    rows = rows_of(
        connection,
        "SELECT action, level, product_id, batch_id, codes, undone_by FROM changes WHERE id = ?",
        (change_id,),
    )
    if not rows:
        raise Refused(f"there is no change {change_id}: see `scanhook batches history`")
    action, undone_by = rows[0][0], rows[0][5]
    if undone_by is not None:
        raise Refused(f"the change {change_id} was undone by the change {undone_by} already")
    if action not in list(Action):
        remedy = {
            "undo": "make the change that it took back again",
            "set": "set the product's settings again with `scanhook products set`",
        }.get(action, "change its batch, for example with `scanhook batches void`")
        raise Refused(f"the change {change_id} ({action}) cannot be undone: {remedy}")
    return rows[0]


def _check_newest(connection: apsw.Connection, change_id: int, before: _Before) -> None:
    product_id, batch_id, first, last, tag, _ = before
    if tag is not None:
        newest = {_code_mark(connection, tag).change_id}
    elif first is not None and last is not None and batch_id is not None:
        newest = {piece.mark.change_id for piece in _covered(connection, batch_id, first, last)}
    elif batch_id is not None:
        newest = {mark_of(_row(connection, "batches", batch_id)).change_id}
    else:
        newest = {mark_of(_row(connection, "products", product_id)).change_id}
    newer = newest - {change_id}
    if newer:
        raise Refused(
            f"the newer change {max(newer)} overlaps the change {change_id}: undo that one first, or make a new change"
        )


def _put_back(connection: apsw.Connection, before: _Before) -> None:
    product_id, batch_id, first, last, tag, mark = before
    if tag is not None and mark == NO_MARK:
        connection.execute("DELETE FROM marks WHERE tag = ?", (tag,))
        connection.execute("UPDATE codes SET marked = NULL WHERE tag = ?", (tag,))
    elif tag is not None:
        connection.execute(_SET_MARK, (tag, *mark_row(mark)))
    elif first is not None and last is not None and batch_id is not None:
        _write_range(connection, batch_id, [Segment(first=first, last=last, mark=mark)])
    elif batch_id is not None:
        _write_mark(connection, "batches", batch_id, mark)
    else:
        _write_mark(connection, "products", product_id, mark)
