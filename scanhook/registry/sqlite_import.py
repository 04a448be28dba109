"""How the SQLite registry takes in many codes: written out of sight, shown by one last transaction."""

from __future__ import annotations

import fcntl
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from scanhook.errors import Refused, StorageError
from scanhook.registry.importstore import Import, ImportPlan, Kind, Part, Phase, Pile
from scanhook.registry.life import Level, State
from scanhook.registry.product import Product
from scanhook.registry.sqlite_loading import SqliteLoader, loading_connection
from scanhook.registry.sqlite_rows import PRODUCT_COLUMNS, mark_row, product_of, settings_row
from scanhook.registry.sqlite_store import SqliteStore
from scanhook.storage import rows_of
from scanhook.storage.files import give_to_owner

__all__ = ["SqliteImports"]

PRODUCT_ID_BYTES = 8
_SHOWN_PARTS = "parts AS pt JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1"
_REGISTERED = f"""
SELECT c.tag FROM carray(?) AS wanted JOIN codes AS c ON c.tag = wanted.value
WHERE EXISTS (SELECT 1 FROM {_SHOWN_PARTS} WHERE pt.id = c.part_id)
"""
_HOLDS_CODES = f"""
SELECT EXISTS (SELECT 1 FROM {_SHOWN_PARTS} JOIN batches AS b ON b.id = pt.batch_id
  WHERE b.product_id = ? AND pt.codes > 0)
"""
_LAST_POSITION = """
SELECT max(b.positions, coalesce((
  SELECT max(pt.last) FROM parts AS pt JOIN imports AS i ON i.id = pt.import_id AND i.phase <> 'dropped'
  WHERE pt.batch_id = b.id
), 0)) FROM batches AS b WHERE b.product_id = ? AND b.name = ?
"""
_IMPORTS = """
SELECT id, kind, file, phase, who, why, options, started_at, ended_at, digest, done, total, loaded, report, change_id,
  (SELECT min(id) FROM parts WHERE import_id = imports.id) FROM imports
"""
_LOG_IMPORT = """
INSERT INTO changes (at, who, why, action, level, product_id, batch_id, codes, details)
SELECT ?, i.who, i.why, i.kind, ?, b.product_id, b.id, 0, json_object('file', i.file, 'import', i.id)
FROM imports AS i, batches AS b WHERE i.id = ? AND b.id = ?
"""
# One that is visible, or was given up, is never written again by whoever still takes it for unfinished.
_NOTE_PROGRESS = """
UPDATE imports SET phase = ?1, done = ?2, total = ?3
WHERE id = ?4 AND shown = 0 AND (phase <> 'dropped' OR ?1 = 'dropped')
"""
_DELETE_BATCH = "DELETE FROM batches WHERE id = ? AND NOT EXISTS (SELECT 1 FROM parts WHERE batch_id = batches.id)"


class SqliteImports(SqliteStore):
    """The half of the SQLite registry that imports use."""

    @property
    def folder(self) -> Path:
        """Where the storage lies."""
        return self.database.path.parent

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Hold the one place for an import. The system gives it back when the process dies."""
        path = self.database.path.with_name("import.lock")
        with self.database.wording():
            file = path.open("w")
            give_to_owner(path)
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused("another import is running: wait until it has ended") from None
            yield

    def draft_product(self, account: str, key_standard: str, key_str: str) -> Product:
        """Return the product for an import; one that an unfinished import has left is taken up again."""
        find = f"SELECT {PRODUCT_COLUMNS} FROM products WHERE account = ? AND key_standard = ? AND key_str = ?"
        with self.database.reading() as connection:
            rows = rows_of(connection, find, (account, key_standard, key_str))
        if rows:
            return product_of(rows[0])
        return Product(
            id=secrets.token_bytes(PRODUCT_ID_BYTES), account=account, key_standard=key_standard, key_str=key_str
        )

    def holds_codes(self, product: Product) -> bool:
        """Tell whether a code of the product is visible."""
        with self.database.reading() as connection:
            return bool(connection.execute(_HOLDS_CODES, (product.id,)).get)

    def last_position(self, product: Product, batch: str) -> int:
        """Return the highest position that any import has taken in a batch."""
        with self.database.reading() as connection:
            return int(connection.execute(_LAST_POSITION, (product.id, batch)).get or 0)

    def registered(self, tags: Sequence[bytes]) -> set[bytes]:
        """Return which of these tags belong to a visible code."""
        if not tags:
            return set()
        with self.database.reading() as connection:
            return {tag for (tag,) in rows_of(connection, _REGISTERED, (apsw.carray(tuple(tags)),))}

    def start_import(self, plan: ImportPlan, *, phase: Phase = Phase.READING) -> int:
        """Write down that an import begins."""
        with self.database.writing() as connection:
            connection.execute(
                "INSERT INTO imports (file, started_at, shown, kind, phase, who, why, options) "
                "VALUES (?, ?, 0, ?, ?, ?, ?, ?)",
                (plan.file, int(self._clock.now()), plan.kind, phase, plan.who, plan.why, _json(plan.options)),
            )
            return connection.last_insert_rowid()

    def note_progress(self, import_id: int, *, phase: Phase, done: int, total: int) -> bool:
        """Write down how far an import is."""
        with self.database.writing() as connection:
            connection.execute(_NOTE_PROGRESS, (phase, done, total, import_id))
            return bool(connection.changes())

    def ready_import(
        self, import_id: int, piles: Sequence[Pile], *, digest: bytes, total: int, report: Mapping[str, object]
    ) -> list[Part]:
        """Open the parts of an import, and say that its sorted tags are complete."""
        with self.database.writing() as connection:
            _check_unfinished(connection, import_id, Phase.READING)
            for product in {pile.product.id: pile.product for pile in piles}.values():
                self._ensure_product(connection, product)
            first = int(connection.execute("SELECT coalesce(max(id), 0) + 1 FROM parts").get)
            for part_id, pile in enumerate(piles, first):
                self._open_part(connection, part_id, import_id, pile)
            connection.execute(
                "UPDATE imports SET phase = ?, digest = ?, total = ?, done = 0, loaded = 0, report = ? WHERE id = ?",
                (Phase.LOADING, digest, total, _json(report), import_id),
            )
        return [Part(id=part_id, pile=pile) for part_id, pile in enumerate(piles, first)]

    @contextmanager
    def loading(self, import_id: int) -> Iterator[SqliteLoader]:
        """Begin to store the codes of an import."""
        with loading_connection(self.database) as connection:
            _check_unfinished(connection, import_id)
            first_part = connection.execute("SELECT min(id) FROM parts WHERE import_id = ?", (import_id,)).get
            if first_part is None:
                raise Refused(f"the import {import_id} has no codes to store: begin it again")
            connection.execute(
                "UPDATE imports SET loaded = 0, done = 0 WHERE shown = 0 AND loaded > 0 AND id <> ?", (import_id,)
            )
            yield SqliteLoader(connection, import_id=import_id, first_part=first_part)

    def finish_import(self, import_id: int, codes: Sequence[int], *, report: Mapping[str, object]) -> None:
        """Show an import."""
        with self.database.writing() as connection:
            _check_unfinished(connection, import_id, Phase.LOADING)
            parts = rows_of(
                connection, "SELECT id, batch_id, last FROM parts WHERE import_id = ? ORDER BY id", (import_id,)
            )
            by_batch: dict[int, list[int]] = {}
            for (part_id, batch_id, last), brought in zip(parts, codes, strict=True):
                connection.execute("UPDATE parts SET codes = ? WHERE id = ?", (brought, part_id))
                connection.execute("UPDATE batches SET positions = max(positions, ?) WHERE id = ?", (last, batch_id))
                if brought:
                    by_batch.setdefault(batch_id, []).append(part_id)
            connection.execute(
                "UPDATE products SET shown = 1 WHERE id IN "
                "(SELECT product_id FROM batches JOIN parts ON parts.batch_id = batches.id "
                "WHERE import_id = ? AND codes > 0)",
                (import_id,),
            )
            newest = 0
            for batch_id, part_ids in by_batch.items():
                newest = self._log_import(connection, import_id, batch_id, part_ids)
            connection.execute(
                "UPDATE imports SET shown = 1, ended_at = ?, phase = ?, done = total, report = ?, change_id = ? "
                "WHERE id = ?",
                (int(self._clock.now()), Phase.DONE, _json(report), newest, import_id),
            )

    def close_import(
        self, import_id: int, *, phase: Phase, report: Mapping[str, object], was: Phase | None = None
    ) -> None:
        """End an import that brings nothing."""
        with self.database.writing() as connection:
            _check_unfinished(connection, import_id, was)
            batches = rows_of(connection, "SELECT DISTINCT batch_id FROM parts WHERE import_id = ?", (import_id,))
            connection.execute("DELETE FROM parts WHERE import_id = ?", (import_id,))
            for (batch_id,) in batches:
                connection.execute(_DELETE_BATCH, (batch_id,))
            connection.execute("DELETE FROM products WHERE shown = 0 AND id NOT IN (SELECT product_id FROM batches)")
            connection.execute(
                "UPDATE imports SET phase = ?, report = ?, ended_at = ?, loaded = 0 WHERE id = ?",
                (phase, _json(report), int(self._clock.now()), import_id),
            )

    def parts_of(self, import_id: int) -> list[Part]:
        """Return the parts of an import."""
        with self.database.reading() as connection:
            rows = rows_of(
                connection,
                f"SELECT pt.id, pt.state, pt.codes, pt.last, b.name, {_of_product()} FROM parts AS pt "
                "JOIN batches AS b ON b.id = pt.batch_id JOIN products AS p ON p.id = b.product_id "
                "WHERE pt.import_id = ? ORDER BY pt.id",
                (import_id,),
            )
        return [
            Part(
                id=part_id,
                pile=Pile(product=product_of(tuple(product)), batch=batch, state=State(state), codes=codes, last=last),
            )
            for part_id, state, codes, last, batch, *product in rows
        ]

    def imports(self, *, before: int | None = None, limit: int = 100) -> list[Import]:
        """Return imports, the newest first."""
        with self.database.reading() as connection:
            rows = rows_of(
                connection,
                f"{_IMPORTS} WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2",
                (before, limit),
            )
        return [_import(row) for row in rows]

    def find_import(self, import_id: int) -> Import | None:
        """Return an import."""
        with self.database.reading() as connection:
            rows = rows_of(connection, f"{_IMPORTS} WHERE id = ?", (import_id,))
        return _import(rows[0]) if rows else None

    def insert_product(self, connection: apsw.Connection, product: Product, *, shown: bool) -> None:
        """Write the row of a new product."""
        connection.execute(
            f"INSERT INTO products ({PRODUCT_COLUMNS}, shown, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                product.id,
                product.account,
                product.key_standard,
                product.key_str,
                *settings_row(product),
                *mark_row(product.mark),
                shown,
                int(self._clock.now()),
            ),
        )

    def _ensure_product(self, connection: apsw.Connection, product: Product) -> None:
        find = "SELECT normalisation FROM products WHERE id = ?"
        normalisation = connection.execute(find, (product.id,)).get
        try:
            if normalisation is None:
                self.insert_product(connection, product, shown=False)
        except apsw.ConstraintError:
            normalisation = "another product's"
        if normalisation not in (None, str(product.normalisation)):
            raise Refused(
                f"the product {product.key_standard}/{product.key_str} was added or changed while its codes were "
                "read: import the file again"
            )

    def _open_part(self, connection: apsw.Connection, part_id: int, import_id: int, pile: Pile) -> None:
        # Codes of a new batch stand in the state of their part until somebody changes the batch.
        connection.execute(
            "INSERT INTO batches (product_id, name, state, pepper_id, positions) "
            "SELECT ?, ?, ?, value, 0 FROM meta WHERE name = 'pepper_id' "
            "ON CONFLICT (product_id, name) DO NOTHING",
            (pile.product.id, pile.batch, State.ACTIVE),
        )
        find = "SELECT id FROM batches WHERE product_id = ? AND name = ?"
        batch_id = connection.execute(find, (pile.product.id, pile.batch)).get
        if batch_id is None:
            raise StorageError(f"{self.database.path} has no pepper: restore it from a backup")
        connection.execute(
            "INSERT INTO parts (id, import_id, batch_id, state, codes, last) VALUES (?, ?, ?, ?, ?, ?)",
            (part_id, import_id, batch_id, pile.state, pile.codes, pile.last),
        )

    def _log_import(self, connection: apsw.Connection, import_id: int, batch_id: int, part_ids: Sequence[int]) -> int:
        connection.execute(_LOG_IMPORT, (int(self._clock.now()), Level.BATCH, import_id, batch_id))
        change_id = connection.last_insert_rowid()
        brought = 0
        for part_id in part_ids:
            connection.execute("UPDATE parts SET change_id = ? WHERE id = ?", (change_id, part_id))
            brought += connection.execute("SELECT codes FROM parts WHERE id = ?", (part_id,)).get
        connection.execute("UPDATE changes SET codes = ? WHERE id = ?", (brought, change_id))
        return change_id


def _import(row: tuple[Any, ...]) -> Import:
    (
        id_,
        kind,
        file,
        phase,
        who,
        why,
        options,
        started_at,
        ended_at,
        digest,
        *counts,
        report,
        change_id,
        first_part,
    ) = row
    done, total, loaded = counts
    return Import(
        id=id_,
        plan=ImportPlan(kind=Kind(kind), file=file, who=who, why=why, options=json.loads(options)),
        phase=Phase(phase),
        started_at=started_at,
        ended_at=ended_at,
        digest=digest or b"",
        done=done,
        total=total,
        loaded=loaded,
        report=json.loads(report),
        change_id=change_id,
        first_part=first_part or 0,
    )


def _check_unfinished(connection: apsw.Connection, import_id: int, wanted: Phase | None = None) -> None:
    """Refuse to touch an import that is visible, or in another phase than the wanted one."""
    for phase, shown in rows_of(connection, "SELECT phase, shown FROM imports WHERE id = ?", (import_id,)):
        if shown or wanted not in (None, phase):
            raise Refused(f"the import {import_id} is {phase} by now: see `scanhook imports show {import_id}`")


def _of_product() -> str:
    return ", ".join(f"p.{column}" for column in PRODUCT_COLUMNS.split(", "))


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(dict(value), ensure_ascii=False)
