"""The history of changes: how a change is written down, and read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from scanhook.errors import Refused
from scanhook.registry.change import Change
from scanhook.registry.life import Action, Level, Mark
from scanhook.registry.product import Product
from scanhook.registry.sql_rows import PRODUCT_COLUMNS, columns_of, insert_all, mark_of, mark_row, product_of
from scanhook.storage import Session

__all__ = ["ADD_CHANGE", "Before", "keep_befores", "log_settings", "read_befores", "read_changes", "undoable"]

ADD_CHANGE = """
INSERT INTO changes (at, who, why, action, level, product_id, batch_id, codes, details, undoes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_ADD_SETTING = """
INSERT INTO changes (at, who, why, action, level, product_id, codes, details) VALUES (?, ?, ?, 'set', ?, ?, 0, ?)
"""
_ADD_BEFORE = """
INSERT INTO befores (change_id, number, product_id, batch_id, first, last, tag, state, activated_by, activates_at,
  expires_at, was)
"""
_BEFORES = """
SELECT product_id, batch_id, first, last, tag, state, activated_by, activates_at, expires_at, was
FROM befores WHERE change_id = ? ORDER BY number
"""
_CHANGES = f"""
SELECT c.id, c.at, c.who, c.why, c.action, c.level, c.codes, c.details, c.undoes, c.undone_by, b.name,
  {columns_of("p", PRODUCT_COLUMNS)}
FROM changes AS c LEFT JOIN batches AS b ON b.id = c.batch_id LEFT JOIN products AS p ON p.id = c.product_id
"""

Before = tuple[bytes | None, int | None, int | None, int | None, bytes | None, Mark]
"""What a change found: product id, batch id, first, last, tag, and the mark there."""


def keep_befores(session: Session, change_id: int, befores: Iterable[Before]) -> None:
    """Write down what a change has found, for its undo."""
    rows = [(change_id, number, *before[:5], *mark_row(before[5])) for number, before in enumerate(befores)]
    insert_all(session, _ADD_BEFORE, rows)


def read_befores(session: Session, change_id: int) -> list[Before]:
    """Return what a change had found."""
    return [(*row[:5], mark_of(row[5:])) for row in session.rows(_BEFORES, (change_id,))]


def log_settings(session: Session, product: Product, *, at: int, who: str, why: str, set_to: dict[str, object]) -> None:
    """Write down that a product's settings were changed."""
    details = json.dumps(set_to, ensure_ascii=False)
    session.change(_ADD_SETTING, (at, who, why, Level.PRODUCT, product.id, details))


def read_changes(session: Session, where: str, bindings: tuple[object, ...], *, limit: int) -> Iterator[Change]:
    """Yield changes, the newest first.

    :param where: SQL about the table ``changes AS c``; empty for all of them.
    """
    wanted = f"WHERE {where}" if where else ""
    rows = session.rows(f"{_CHANGES} {wanted} ORDER BY c.id DESC LIMIT ?", (*bindings, limit))
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


def undoable(session: Session, change_id: int) -> tuple[Any, ...]:
    """Return level, product id, batch id and codes of a change that can be undone, as far as it itself is concerned.

    :raises Refused: when it cannot.
    """
    find = "SELECT action, undone_by, level, product_id, batch_id, codes FROM changes WHERE id = ?"
    rows = session.rows(find, (change_id,))
    if not rows:
        raise Refused(f"there is no change {change_id}: see `scanhook batches history`")
    action, undone_by, *rest = rows[0]
    if undone_by is not None:
        raise Refused(f"the change {change_id} was undone by the change {undone_by} already")
    if action not in list(Action):
        remedy = {
            "undo": "make the change that it took back again",
            "set": "set the product's settings again with `scanhook products set`",
        }.get(action, "change its batch, for example with `scanhook batches void`")
        raise Refused(f"the change {change_id} ({action}) cannot be undone: {remedy}")
    return tuple(rest)
