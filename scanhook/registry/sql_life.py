"""The life cycle in a registry on a SQL database: one transaction for each change, and what it found for its undo."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from scanhook.errors import Refused
from scanhook.registry.change import Change, Order, Scope, check_words
from scanhook.registry.life import NO_MARK, Level, Mark, step
from scanhook.registry.sql_history import ADD_CHANGE, Before, keep_befores, read_befores, read_changes, undoable
from scanhook.registry.sql_marks import Step, newest_changes, put_back, step_codes, step_range, step_row
from scanhook.registry.sql_store import SqlStore
from scanhook.storage import Session

__all__ = ["SqlLife"]

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


class SqlLife(SqlStore):
    """The half of the registry that changes states."""

    def size_of(self, scopes: Sequence[Scope]) -> int:
        """Count the codes that a change would be about."""
        with self.database.reading() as session:
            return _Change(session, scopes).size()

    def change(self, order: Order) -> Change:
        """Make a change."""
        with self.database.writing() as session:
            change = _Change(session, order.scopes)
            change_id = change.log(order, at=int(self._clock.now()))

            def after(mark: Mark) -> Mark:
                return step(mark, order.action, change_id=change_id, at=order.at, now=self._clock.now())

            keep_befores(session, change_id, list(change.apply(after)))
            return _read(session, change_id)

    def undo(self, change_id: int, *, who: str, why: str) -> Change:
        """Take a change back by a new one."""
        check_words(who, why)
        with self.database.writing() as session:
            about = undoable(session, change_id)
            befores = read_befores(session, change_id)
            for newest in newest_changes(session, befores):
                _check_newest(newest, change_id)
            at = int(self._clock.now())
            undo_id = int(session.value(ADD_CHANGE, (at, who, why, "undo", *about, "{}", change_id)))
            session.change("UPDATE changes SET undone_by = ? WHERE id = ?", (undo_id, change_id))
            put_back(session, befores)
            keep_befores(session, undo_id, [(*before[:5], NO_MARK) for before in befores])
            return _read(session, undo_id)

    def find_change(self, change_id: int) -> Change | None:
        """Return a change."""
        with self.database.reading() as session:
            found = list(read_changes(session, "c.id = ?", (change_id,), limit=1))
        return found[0] if found else None


class _Change:
    """A change that is being made.

    :param scopes: all of one level.
    """

    def __init__(self, session: Session, scopes: Sequence[Scope]) -> None:
        self._session = session
        self._scopes = scopes
        self._batches: dict[tuple[bytes, str], tuple[int, int, int]] = {}

    def size(self) -> int:
        """Count the codes that it is about.

        :raises Refused: when a batch does not exist, or a range goes beyond its batch.
        """
        return sum(map(self._size, self._scopes))

    def log(self, order: Order, *, at: int) -> int:
        """Write it into the history, and return its number."""
        codes, scope = self.size(), self._scopes[0]
        details: dict[str, object] = {}
        if order.at is not None:
            details["takes_effect_at"] = order.at
        if order.level is Level.RANGE:
            details["ranges"] = [[each.first, each.last] for each in order.scopes]
        if order.level is Level.BATCH and len(order.scopes) > 1:
            details["batches"] = [each.batch for each in order.scopes]
        products = {each.product.id for each in order.scopes if each.product is not None}
        batches = {(each.product.id, each.batch) for each in order.scopes if each.product is not None and each.batch}
        product_id = products.pop() if len(products) == 1 else None
        batch_id = self._batch(scope)[0] if len(batches) == 1 else None
        words = (at, order.who, order.why, order.action, order.level)
        kept = json.dumps(details, ensure_ascii=False)
        return int(self._session.value(ADD_CHANGE, (*words, product_id, batch_id, codes, kept, None)))

    def apply(self, after: Step) -> Iterator[Before]:
        """Write every mark anew, and yield what was there."""
        for scope in self._scopes:
            yield from self._apply(scope, after)

    def _apply(self, scope: Scope, after: Step) -> Iterator[Before]:
        session = self._session
        if scope.level is Level.CODE:
            yield from step_codes(session, scope.tags, after)
        elif scope.level is Level.PRODUCT and scope.product:
            yield scope.product.id, None, None, None, None, step_row(session, "products", scope.product.id, after)
        elif scope.level is Level.BATCH:
            batch_id, *_ = self._batch(scope)
            yield None, batch_id, None, None, None, step_row(session, "batches", batch_id, after)
        elif scope.first is not None and scope.last is not None:
            batch_id, *_ = self._batch(scope)
            for piece in step_range(session, batch_id, scope.first, scope.last, after):
                yield None, batch_id, piece.first, piece.last, None, piece.mark

    def _size(self, scope: Scope) -> int:
        if scope.level is Level.CODE:
            return len(scope.tags)
        if scope.product is None:
            raise ValueError("only single codes can be of several products")
        if scope.level is Level.PRODUCT:
            return int(self._session.value(_PRODUCT_CODES, (scope.product.id,)))
        _, positions, codes = self._batch(scope)
        if scope.first is None or scope.last is None:
            return codes
        if scope.last > positions:
            raise Refused(
                f"the range {scope.first}-{scope.last} goes beyond the batch {scope.batch}, which has the positions "
                f"1-{positions}"
            )
        return scope.last - scope.first + 1

    def _batch(self, scope: Scope) -> tuple[int, int, int]:
        """Return the id, the last position and the number of codes of a visible batch."""
        if scope.product is None or scope.batch is None:
            raise ValueError("a batch has a product and a name")
        name = scope.product.id, scope.batch
        if name not in self._batches:
            # No batch has such a name, and not every engine can be asked for it.
            rows = self._session.rows(_VISIBLE_BATCH, name) if scope.batch.isprintable() else []
            if not rows:
                raise Refused(f"there is no batch `{scope.batch}` of that product: see `scanhook batches list`")
            self._batches[name] = rows[0]
        return self._batches[name]


def _read(session: Session, change_id: int) -> Change:
    return next(read_changes(session, "c.id = ?", (change_id,), limit=1))


def _check_newest(newest: set[int], change_id: int) -> None:
    newer = newest - {change_id}
    if newer:
        raise Refused(
            f"the newer change {max(newer)} overlaps the change {change_id}: undo that one first, or make a new change"
        )
