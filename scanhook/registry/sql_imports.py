"""How a registry on a SQL database takes in many codes: written out of sight, shown by one last transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from scanhook.errors import Refused, StorageError
from scanhook.registry.importstore import Import, ImportPlan, Kind, Part, Phase, Pile
from scanhook.registry.life import Level, State
from scanhook.registry.product import Product
from scanhook.registry.sql_rows import (
    PRODUCT_COLUMNS,
    chunks,
    columns_of,
    insert_all,
    mark_row,
    places,
    product_of,
    settings_row,
)
from scanhook.registry.sql_store import SqlStore
from scanhook.storage import Session
from scanhook.storage.machine import Machine

__all__ = ["HOLDS_CODES", "INSERT_PRODUCT", "SqlImports", "begin_loading", "check_unfinished", "new_row"]

PRODUCT_ID_BYTES = 8
_MACHINE = "machine"
"""The name under which the options of an import, as they are kept, say which machine has its files."""
POSITIONS_MAX = 2**31 - 1
"""How many positions a batch may have."""
HOLDS_CODES = """
SELECT EXISTS (SELECT 1 FROM parts AS pt JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
  JOIN batches AS b ON b.id = pt.batch_id WHERE b.product_id = ? AND pt.codes > 0)
"""
INSERT_PRODUCT = f"""
INSERT INTO products ({PRODUCT_COLUMNS}, shown, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_TAKEN = """
SELECT b.positions, coalesce((
  SELECT max(pt.last) FROM parts AS pt JOIN imports AS i ON i.id = pt.import_id AND i.phase <> 'dropped'
  WHERE pt.batch_id = b.id
), 0) FROM batches AS b WHERE b.product_id = ? AND b.name = ?
"""
_IMPORTS = """
SELECT id, kind, file, phase, who, why, options, started_at, ended_at, digest, done, total, loaded, report, change_id,
  (SELECT min(id) FROM parts WHERE import_id = imports.id) FROM imports
"""
_START = """
INSERT INTO imports (file, started_at, shown, kind, phase, who, why, options) VALUES (?, ?, 0, ?, ?, ?, ?, ?)
RETURNING id
"""
# One that is visible, or was given up, is never written again by whoever still takes it for unfinished.
_NOTE_PROGRESS = """
UPDATE imports SET phase = ?1, done = ?2, total = ?3
WHERE id = ?4 AND shown = 0 AND (phase <> 'dropped' OR ?1 = 'dropped')
"""
# Codes of a new batch stand in the state of their part until somebody changes the batch.
_OPEN_BATCH = """
INSERT INTO batches (product_id, name, state, pepper_id, positions) VALUES (?, ?, ?, ?, 0)
ON CONFLICT (product_id, name) DO NOTHING
"""
_OPEN_PART = """
INSERT INTO parts (id, import_id, batch_id, state, codes, last)
VALUES (?, ?, (SELECT id FROM batches WHERE product_id = ? AND name = ?), ?, ?, ?)
"""
_LOG_IMPORT = """
INSERT INTO changes (at, who, why, action, level, product_id, batch_id, codes, details)
"""
_BROUGHT = """
SELECT b.product_id, b.id, sum(pt.codes) FROM parts AS pt JOIN batches AS b ON b.id = pt.batch_id
WHERE pt.import_id = ? AND pt.codes > 0 GROUP BY b.id, b.product_id ORDER BY min(pt.id)
"""
_TAKE_POSITIONS = """
UPDATE batches SET positions = taken.last
FROM (SELECT batch_id, max(last) AS last FROM parts WHERE import_id = ? GROUP BY batch_id) AS taken
WHERE batches.id = taken.batch_id AND batches.positions < taken.last
"""
_LINK_CHANGES = """
UPDATE parts SET change_id = (SELECT max(c.id) FROM changes AS c WHERE c.batch_id = parts.batch_id)
WHERE import_id = ? AND codes > 0
"""
_SHOW_PRODUCTS = """
UPDATE products SET shown = 1 WHERE shown = 0 AND id IN (
  SELECT b.product_id FROM batches AS b JOIN parts AS pt ON pt.batch_id = b.id WHERE pt.import_id = ? AND pt.codes > 0)
"""
_SHOW = """
UPDATE imports SET shown = 1, ended_at = ?, phase = ?, done = total, report = ?,
  change_id = (SELECT coalesce(max(pt.change_id), 0) FROM parts AS pt WHERE pt.import_id = imports.id) WHERE id = ?
"""
_DELETE_BATCH = "DELETE FROM batches WHERE id = ? AND NOT EXISTS (SELECT 1 FROM parts WHERE batch_id = batches.id)"
_DELETE_PRODUCTS = """
DELETE FROM products WHERE shown = 0 AND NOT EXISTS (SELECT 1 FROM batches AS b WHERE b.product_id = products.id)
"""
_PARTS = f"""
SELECT pt.id, pt.state, pt.codes, pt.last, b.name, {columns_of("p", PRODUCT_COLUMNS)} FROM parts AS pt
JOIN batches AS b ON b.id = pt.batch_id JOIN products AS p ON p.id = b.product_id
WHERE pt.import_id = ? ORDER BY pt.id
"""


class SqlImports(SqlStore):
    """The half of the registry that imports use."""

    def draft_product(self, account: str, key_standard: str, key_str: str) -> Product:
        """Return the product for an import; one that an unfinished import has left is taken up again."""
        draft = Product(
            id=secrets.token_bytes(PRODUCT_ID_BYTES), account=account, key_standard=key_standard, key_str=key_str
        )
        find = f"SELECT {PRODUCT_COLUMNS} FROM products WHERE account = ? AND key_standard = ? AND key_str = ?"
        with self.database.reading() as session:
            rows = session.rows(find, (account, key_standard, key_str))
        return product_of(rows[0]) if rows else draft

    def holds_codes(self, product: Product) -> bool:
        """Tell whether a code of the product is visible."""
        with self.database.reading() as session:
            return bool(session.value(HOLDS_CODES, (product.id,)))

    def last_position(self, product: Product, batch: str) -> int:
        """Return the highest position that any import has taken in a batch."""
        with self.database.reading() as session:
            rows = session.rows(_TAKEN, (product.id, batch))
        return max(rows[0]) if rows else 0

    def start_import(self, plan: ImportPlan, *, phase: Phase = Phase.READING) -> int:
        """Write down that an import begins."""
        options = {**plan.options, _MACHINE: str(self.machine)} if self.machine else plan.options
        row = (plan.file, int(self._clock.now()), plan.kind, phase, plan.who, plan.why, _json(options))
        with self.database.writing() as session:
            return int(session.value(_START, row))

    def note_progress(self, import_id: int, *, phase: Phase, done: int, total: int) -> bool:
        """Write down how far an import is."""
        with self.database.writing() as session:
            return bool(session.change(_NOTE_PROGRESS, (phase, done, total, import_id)))

    def ready_import(
        self, import_id: int, piles: Sequence[Pile], *, digest: bytes, total: int, report: Mapping[str, object]
    ) -> list[Part]:
        """Open the parts of an import, and say that its sorted tags are complete."""
        for pile in piles:
            if pile.last > POSITIONS_MAX:
                raise Refused(f"the batch {pile.batch} would have more than {POSITIONS_MAX:,} positions: name another")
        with self.database.writing() as session:
            check_unfinished(session, import_id, Phase.READING)
            self._ensure_products(session, {pile.product.id: pile.product for pile in piles})
            first = int(session.value("SELECT coalesce(max(id), 0) + 1 FROM parts"))
            self._open_parts(session, import_id, first, piles)
            session.change(
                "UPDATE imports SET phase = ?, digest = ?, total = ?, done = 0, loaded = 0, report = ? WHERE id = ?",
                (Phase.LOADING, digest, total, _json(report), import_id),
            )
        return [Part(id=part_id, pile=pile) for part_id, pile in enumerate(piles, first)]

    def finish_import(self, import_id: int, codes: Sequence[int], *, report: Mapping[str, object]) -> None:
        """Show an import."""
        now = int(self._clock.now())
        with self.database.writing() as session:
            check_unfinished(session, import_id, Phase.LOADING)
            parts = session.rows("SELECT id, codes FROM parts WHERE import_id = ? ORDER BY id", (import_id,))
            session.change_all(
                "UPDATE parts SET codes = ? WHERE id = ?",
                [(brought, id_) for (id_, noted), brought in zip(parts, codes, strict=True) if brought != noted],
            )
            session.change(_TAKE_POSITIONS, (import_id,))
            session.change(_SHOW_PRODUCTS, (import_id,))
            _log_import(session, import_id, now)
            session.change(_SHOW, (now, Phase.DONE, _json(report), import_id))

    def close_import(
        self, import_id: int, *, phase: Phase, report: Mapping[str, object], was: Phase | None = None
    ) -> None:
        """End an import that brings nothing."""
        with self.database.writing() as session:
            check_unfinished(session, import_id, was)
            batches = session.rows("SELECT DISTINCT batch_id FROM parts WHERE import_id = ?", (import_id,))
            session.change("DELETE FROM parts WHERE import_id = ?", (import_id,))
            session.change_all(_DELETE_BATCH, batches)
            session.change(_DELETE_PRODUCTS)
            session.change(
                "UPDATE imports SET phase = ?, report = ?, ended_at = ?, loaded = 0 WHERE id = ?",
                (phase, _json(report), int(self._clock.now()), import_id),
            )

    def parts_of(self, import_id: int) -> list[Part]:
        """Return the parts of an import."""
        with self.database.reading() as session:
            rows = session.rows(_PARTS, (import_id,))
        return [
            Part(
                id=part_id,
                pile=Pile(product=product_of(tuple(product)), batch=batch, state=State(state), codes=codes, last=last),
            )
            for part_id, state, codes, last, batch, *product in rows
        ]

    def imports(self, *, before: int | None = None, limit: int = 100) -> list[Import]:
        """Return imports, the newest first."""
        where, bindings = ("", (limit,)) if before is None else ("WHERE id < ?", (before, limit))
        with self.database.reading() as session:
            rows = session.rows(f"{_IMPORTS} {where} ORDER BY id DESC LIMIT ?", bindings)
        return [_import(row) for row in rows]

    def find_import(self, import_id: int) -> Import | None:
        """Return an import."""
        with self.database.reading() as session:
            rows = session.rows(f"{_IMPORTS} WHERE id = ?", (import_id,))
        return _import(rows[0]) if rows else None

    def _ensure_products(self, session: Session, products: Mapping[bytes, Product]) -> None:
        at = int(self._clock.now())
        ordered = [products[product_id] for product_id in sorted(products)]
        session.change_all(INSERT_PRODUCT, [new_row(product, shown=False, at=at) for product in ordered])
        for some in chunks(ordered):
            find = f"SELECT id, normalisation FROM products WHERE id IN ({places(some)})"
            there = dict(session.rows(find, tuple(product.id for product in some)))
            for product in some:
                if there.get(product.id) != str(product.normalisation):
                    raise Refused(
                        f"the product {product.key_standard}/{product.key_str} was added or changed while its codes "
                        "were read: import the file again"
                    )

    def _open_parts(self, session: Session, import_id: int, first: int, piles: Sequence[Pile]) -> None:
        pepper_id = session.value("SELECT value FROM meta WHERE name = 'pepper_id'")
        if pepper_id is None:
            raise StorageError(f"{self.database.name} has no pepper: restore it from a backup")
        batches = dict.fromkeys((pile.product.id, pile.batch) for pile in piles)
        session.change_all(_OPEN_BATCH, [(*name, State.ACTIVE, pepper_id) for name in batches])
        session.change_all(
            _OPEN_PART,
            [
                (part_id, import_id, pile.product.id, pile.batch, pile.state, pile.codes, pile.last)
                for part_id, pile in enumerate(piles, first)
            ],
        )


def check_unfinished(session: Session, import_id: int, wanted: Phase | None = None) -> None:
    """Refuse to touch an import that is visible, or in another phase than the wanted one.

    :raises Refused: when it is.
    """
    for phase, shown in session.rows("SELECT phase, shown FROM imports WHERE id = ?", (import_id,)):
        if shown or wanted not in (None, phase):
            raise Refused(f"the import {import_id} is {phase} by now: see `scanhook imports show {import_id}`")


def begin_loading(session: Session, import_id: int) -> int:
    """Begin to store the codes of an import: the others forget how much they have stored.

    :returns: the part of its first pile; those of the others follow.
    :raises Refused: when it is visible, or has no parts.
    """
    check_unfinished(session, import_id)
    first_part = session.value("SELECT min(id) FROM parts WHERE import_id = ?", (import_id,))
    if first_part is None:
        raise Refused(f"the import {import_id} has no codes to store: begin it again")
    session.change("UPDATE imports SET loaded = 0, done = 0 WHERE shown = 0 AND loaded > 0 AND id <> ?", (import_id,))
    return int(first_part)


def new_row(product: Product, *, shown: bool, at: int) -> tuple[object, ...]:
    """Return what ``INSERT_PRODUCT`` writes.

    :param at: seconds since 1970.
    """
    name = product.id, product.account, product.key_standard, product.key_str
    return (*name, *settings_row(product), *mark_row(product.mark), shown, at)


def _log_import(session: Session, import_id: int, at: int) -> None:
    """Write one change for each batch that an import brings codes to."""
    for kind, who, why, file in session.rows("SELECT kind, who, why, file FROM imports WHERE id = ?", (import_id,)):
        details = json.dumps({"file": file, "import": import_id}, ensure_ascii=False)
        insert_all(
            session,
            _LOG_IMPORT,
            [
                (at, who, why, kind, Level.BATCH, product_id, batch_id, codes, details)
                for product_id, batch_id, codes in session.rows(_BROUGHT, (import_id,))
            ],
        )
        session.change(_LINK_CHANGES, (import_id,))


def _import(row: tuple[Any, ...]) -> Import:
    id_, kind, file, phase, who, why, options, started_at, ended_at, digest, *counts, report, change_id, first = row
    done, total, loaded = counts
    asked: dict[str, object] = json.loads(options)
    machine = asked.pop(_MACHINE, None)
    return Import(
        id=id_,
        plan=ImportPlan(kind=Kind(kind), file=file, who=who, why=why, options=asked),
        phase=Phase(phase),
        started_at=started_at,
        ended_at=ended_at,
        digest=digest or b"",
        done=done,
        total=total,
        loaded=loaded,
        report=json.loads(report),
        change_id=change_id,
        first_part=first or 0,
        machine=Machine.of(str(machine)) if machine else None,
    )


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(dict(value), ensure_ascii=False)
