"""Batches and the history of changes, as a registry on a SQL database reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scanhook.registry.change import Batch, Change, Handover, Load
from scanhook.registry.life import State
from scanhook.registry.product import Product
from scanhook.registry.sql_history import read_changes
from scanhook.registry.sql_rows import MARK_COLUMNS, PRODUCT_COLUMNS, chunks, mark_of, places, product_of
from scanhook.registry.sql_store import SqlStore
from scanhook.storage import Session

__all__ = ["SqlBatches"]

# Of each batch too: whether an activation of any of it still holds, and how many of its codes a change of ranges or of
# single codes has touched.
_BATCHES = f"""
SELECT id, product_id, name, positions, pepper_id, ranged,
  EXISTS (SELECT 1 FROM befores AS f JOIN changes AS c ON c.id = f.change_id
    WHERE f.batch_id = b.id AND c.action = 'activate' AND c.undone_by IS NULL),
  (SELECT coalesce(sum(last - first + 1), 0) FROM ranges WHERE batch_id = b.id)
    + (SELECT count(DISTINCT f.tag) FROM befores AS f JOIN marks AS m ON m.tag = f.tag WHERE f.batch_id = b.id),
  {MARK_COLUMNS} FROM batches AS b
WHERE EXISTS (SELECT 1 FROM parts AS pt JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
  WHERE pt.batch_id = b.id AND pt.codes > 0)
"""
_LOADS = """
SELECT pt.batch_id, pt.state, pt.codes, pt.change_id, i.started_at, i.kind = 'mint' FROM parts AS pt
JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
"""
_HANDOVERS = """
SELECT path, taken_by, recipient, sha256, at FROM handovers WHERE batch_id = ? AND done = 1 ORDER BY import_id
"""
_OF_BATCH = """
c.id IN (SELECT id FROM changes WHERE batch_id = ? UNION SELECT change_id FROM befores WHERE batch_id = ?
  UNION SELECT id FROM changes WHERE product_id = ? AND level = 'product')
"""
_OF_PRODUCT = """
c.id IN (SELECT id FROM changes WHERE product_id = ? UNION
  SELECT change_id FROM befores WHERE batch_id IN (SELECT id FROM batches WHERE product_id = ?))
"""


class SqlBatches(SqlStore):
    """The half of the registry that tells staff of batches and changes."""

    def batches(
        self, product: Product | None = None, *, name: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Batch]:
        """Return visible batches in the order of their ids, without their handovers."""
        if name is not None and not name.isprintable():
            return []
        where, bindings = "", []
        for column, wanted in (("product_id", product.id if product else None), ("name", name)):
            if wanted is not None:
                where += f" AND {column} = ?"
                bindings.append(wanted)
        with self.database.seeing_one_state() as session:
            rows = session.rows(f"{_BATCHES}{where} AND id > ? ORDER BY id LIMIT ?", (*bindings, after, limit))
            products, loads = _products(session, rows), _loads(session, rows)
        return [_batch(row, products, loads) for row in rows]

    def find_batch(self, product: Product, name: str) -> Batch | None:
        """Return a visible batch with its handovers."""
        if not name.isprintable():
            return None
        with self.database.seeing_one_state() as session:
            rows = session.rows(f"{_BATCHES} AND product_id = ? AND name = ?", (product.id, name))
            if not rows:
                return None
            handovers = [
                Handover(path=path, taken_by=taken_by, recipient=recipient, sha256=sha256, at=at)
                for path, taken_by, recipient, sha256, at in session.rows(_HANDOVERS, (rows[0][0],))
            ]
            return _batch(rows[0], {product.id: product}, _loads(session, rows), handovers)

    def changes(
        self,
        *,
        product: Product | None = None,
        batch: Batch | None = None,
        tag: bytes | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Change]:
        """Return changes, the newest first."""
        where: list[str] = []
        bindings: list[object] = []
        if product is not None:
            where.append(_OF_PRODUCT)
            bindings += [product.id, product.id]
        if batch is not None:
            where.append(_OF_BATCH)
            bindings += [batch.id, batch.id, batch.product.id]
        if tag is not None:
            where.append("c.id IN (SELECT change_id FROM befores WHERE tag = ?)")
            bindings.append(tag)
        if before is not None:
            where.append("c.id < ?")
            bindings.append(before)
        with self.database.reading() as session:
            return list(read_changes(session, " AND ".join(where), tuple(bindings), limit=limit))


def _products(session: Session, rows: Sequence[tuple[Any, ...]]) -> dict[bytes, Product]:
    """Return the products of some rows of batches, by their ids."""
    found: dict[bytes, Product] = {}
    for some in chunks(sorted({row[1] for row in rows})):
        find = f"SELECT {PRODUCT_COLUMNS} FROM products WHERE id IN ({places(some)})"
        found |= {row[0]: product_of(row) for row in session.rows(find, tuple(some))}
    return found


def _loads(session: Session, rows: Sequence[tuple[Any, ...]]) -> dict[int, list[Load]]:
    """Return what was loaded into the batches of some rows, by their ids, the oldest first."""
    found: dict[int, list[Load]] = {}
    for some in chunks([row[0] for row in rows]):
        find = f"{_LOADS} WHERE pt.batch_id IN ({places(some)}) AND pt.codes > 0 ORDER BY pt.id"
        for batch_id, state, codes, loaded_by, at, minted in session.rows(find, tuple(some)):
            load = Load(state=State(state), codes=codes, loaded_by=loaded_by, at=at, minted=bool(minted))
            found.setdefault(batch_id, []).append(load)
    return found


def _batch(
    row: tuple[Any, ...],
    products: Mapping[bytes, Product],
    loads: Mapping[int, Sequence[Load]],
    handovers: Sequence[Handover] = (),
) -> Batch:
    id_, product_id, name, positions, pepper_id, ranged, ever_activated, apart, *mark = row
    return Batch(
        id=id_,
        product=products[product_id],
        name=name,
        loads=tuple(loads[id_]),
        positions=positions,
        mark=mark_of(tuple(mark)),
        pepper_id=pepper_id,
        ranged=bool(ranged),
        ever_activated=bool(ever_activated),
        apart=apart,
        handovers=tuple(handovers),
    )
