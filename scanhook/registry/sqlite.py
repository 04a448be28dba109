"""The registry on SQLite: ``registry.db`` in the storage's folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from scanhook.clock import Clock
from scanhook.errors import PepperMismatch, Refused, StorageError
from scanhook.registry.change import Batch
from scanhook.registry.life import Level, Mark, State
from scanhook.registry.product import Product, merged
from scanhook.registry.sqlite_batches import SqliteBatches
from scanhook.registry.sqlite_rows import MARK_COLUMNS, PRODUCT_COLUMNS, mark_of, product_of, settings_row
from scanhook.registry.store import CodeRecord, LookUp
from scanhook.storage import Pepper, SqliteDatabase, rows_of

__all__ = ["SqliteRegistry"]

FIND_CODE = "SELECT part_id, position, marked FROM codes WHERE tag = ?"
PAGE_OF_CODES = "SELECT tag, part_id, position, marked FROM codes WHERE tag > ? ORDER BY tag LIMIT ?"
_PAGE_ROWS = 10_000
FIND_PART = """
SELECT b.name, b.product_id, pt.state, pt.change_id, b.id, b.ranged,
  b.state, b.activated_by, b.activates_at, b.expires_at, b.change_id
FROM parts AS pt
JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
JOIN batches AS b ON b.id = pt.batch_id
WHERE pt.id = ?
"""
FIND_RANGE = f"""
SELECT last, {MARK_COLUMNS} FROM ranges WHERE batch_id = ? AND first <= ? ORDER BY first DESC LIMIT 1
"""
FIND_MARK = f"SELECT {MARK_COLUMNS} FROM marks WHERE tag = ?"
FIND_PRODUCT = f"""
SELECT {PRODUCT_COLUMNS} FROM products WHERE account = ? AND key_standard = ? AND key_str = ? AND shown = ?
"""


_UNFINISHED_FOR = """
SELECT EXISTS (SELECT 1 FROM batches AS b JOIN parts AS pt ON pt.batch_id = b.id
  JOIN imports AS i ON i.id = pt.import_id AND i.phase <> 'dropped' WHERE b.product_id = ?)
"""


class SqliteRegistry(SqliteBatches):
    """A :class:`~scanhook.registry.store.RegistryStore` in one SQLite file."""

    def __init__(self, folder: Path, *, pepper: Pepper, clock: Clock) -> None:
        self._pepper = pepper
        self._local = threading.local()
        database = SqliteDatabase(folder / "registry.db", package="scanhook.registry", pepper=pepper)
        super().__init__(database, clock=clock)

    def look_up(self, account: str, key_standard: str, key_str: str, ext_info: str) -> LookUp:
        """Find a code by its tag: one read of the file; product and batch come from memory.

        What is in memory is forgotten with any commit to the file, by whichever process: so a change holds for every
        look-up that begins after it.
        """
        with self.database.reading() as connection, _one_state(connection):
            memory = self._fresh_memory(connection)
            name = (account, key_standard, key_str)
            product = memory.products.get(name) or self.find_product(*name)
            if product is None:
                return LookUp()
            memory.products[name] = product
            normal = product.normalisation.apply(ext_info)
            tag = self._pepper.tag(product.id, normal)
            found = rows_of(connection, FIND_CODE, (tag,))
            code = _code(connection, memory, product, tag, found[0]) if found else None
        return LookUp(product=product, tag=tag, normal=normal, code=code)

    def find_tags(self, tags: Sequence[bytes]) -> dict[bytes, tuple[str, int]]:
        """Return the batch and position of those tags that belong to a visible code."""
        found = {}
        with self.database.reading() as connection:
            memory = self._fresh_memory(connection)
            for tag in tags:
                for part_id, position, _ in rows_of(connection, FIND_CODE, (tag,)):
                    part = _part(connection, memory, part_id)
                    if part is not None:
                        found[tag] = (part.batch, position)
        return found

    def find_product(self, account: str, key_standard: str, key_str: str) -> Product | None:
        """Return a visible product."""
        return self._find_product(account, key_standard, key_str, shown=True)

    def products(self) -> Iterator[Product]:
        """Return every visible product."""
        with self.database.reading() as connection:
            rows = rows_of(
                connection,
                f"SELECT {PRODUCT_COLUMNS} FROM products WHERE shown = 1 ORDER BY account, key_standard, key_str",
            )
        return map(product_of, rows)

    def add_product(self, product: Product, *, who: str = "", why: str = "") -> Product:
        """Add a product."""
        with self.database.writing() as connection:
            if self.find_product(product.account, product.key_standard, product.key_str):
                raise Refused(
                    f"the product {product.key_standard}/{product.key_str} is there already: "
                    "change it with `scanhook products set`"
                )
            hidden = self._find_product(product.account, product.key_standard, product.key_str, shown=False)
            if hidden:
                raise Refused(
                    f"an import has begun for {product.key_standard}/{product.key_str} and is not finished: "
                    "finish it (import the file again), then use `scanhook products set`"
                )
            self.insert_product(connection, product, shown=True)
            self._log_settings(connection, product, who=who, why=why, set_to=_described(product))
        return product

    def save_product(self, product: Product, *, was: Product, who: str = "", why: str = "") -> Product:
        """Write what is different in a product's settings."""
        with self.database.writing() as connection:
            rows = rows_of(connection, f"SELECT {PRODUCT_COLUMNS} FROM products WHERE id = ?", (product.id,))
            if not rows:
                raise Refused("the product is not there any more: see `scanhook products list`")
            before = product_of(rows[0])
            now = merged(before, was=was, wanted=product)
            if before.normalisation != now.normalisation:
                self._check_unfixed(connection, before)
            connection.execute(
                "UPDATE products SET loading = ?, normalisation = ?, verdicts = ?, qr_prefix = ? WHERE id = ?",
                (*settings_row(now), product.id),
            )
            old, new = _described(before), _described(now)
            changed = {name: value for name, value in new.items() if old[name] != value}
            if changed:
                self._log_settings(connection, now, who=who, why=why, set_to=changed)
        return now

    def _check_unfixed(self, connection: apsw.Connection, product: Product) -> None:
        """Find out whether a product's normalisation may still change: no code was made with it yet."""
        name = f"{product.key_standard}/{product.key_str}"
        if self.holds_codes(product):
            raise Refused(
                f"the normalisation of {name} is fixed ({product.normalisation}) since its first code was loaded: "
                "every tag is made with it; make another product with the new rules and import its codes there"
            )
        if connection.execute(_UNFINISHED_FOR, (product.id,)).get:
            raise Refused(
                f"an import of {name} has begun with its normalisation ({product.normalisation}) and is not finished: "
                "finish it, or give it up with `scanhook imports drop`"
            )

    def codes(self, batch: Batch | None = None) -> Iterator[tuple[bytes, Product, CodeRecord]]:
        """Yield every visible code in the order of the tags."""
        after = b""
        while True:
            with self.database.reading() as connection:
                memory = self._fresh_memory(connection)
                rows = rows_of(connection, PAGE_OF_CODES, (after, _PAGE_ROWS))
                for _, part_id, *_ in rows:
                    _part(connection, memory, part_id)
                # Read last: whatever part is shown, its product is.
                by_id = {product.id: product for product in self.products()}
                page = []
                for tag, *found in rows:
                    part = _part(connection, memory, found[0])
                    if part is None or (batch is not None and part.batch_id != batch.id):
                        continue
                    product = by_id[part.product_id]
                    code = _code(connection, memory, product, tag, tuple(found))
                    if code is not None:
                        page.append((tag, product, code))
            yield from page
            if len(rows) < _PAGE_ROWS:
                return
            after = rows[-1][0]

    def probe(self) -> None:
        """Prove that the registry can be read and may be written, and belongs to the pepper."""
        self.look_up("", "", "", "")
        # Not tried out: an import may hold the file for longer than whoever asks would wait.
        if self.database.connection.readonly("main"):
            raise StorageError(f"{self.database.path}: it cannot be written: give it to the user that scanhook runs as")

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def _fresh_memory(self, connection: apsw.Connection) -> _Memory:
        self.database.check_in_place()
        version = self.database.version()
        memory: _Memory | None = getattr(self._local, "memory", None)
        if memory is None or memory.version != version:
            # The file may have been upgraded, exchanged or restored under our feet; every code would look unknown.
            self.database.check_version(connection)
            pepper_id = rows_of(connection, "SELECT value FROM meta WHERE name = 'pepper_id'")
            if pepper_id != [(self._pepper.id,)]:
                raise PepperMismatch(f"{self.database.path} now belongs to another pepper: put back the right one")
            memory = self._local.memory = _Memory(version=version)
        return memory

    def _find_product(self, account: str, key_standard: str, key_str: str, *, shown: bool) -> Product | None:
        with self.database.reading() as connection:
            rows = rows_of(connection, FIND_PRODUCT, (account, key_standard, key_str, shown))
        return product_of(rows[0]) if rows else None

    def _log_settings(
        self, connection: apsw.Connection, product: Product, *, who: str, why: str, set_to: dict[str, object]
    ) -> None:
        connection.execute(
            "INSERT INTO changes (at, who, why, action, level, product_id, codes, details) "
            "VALUES (?, ?, ?, 'set', ?, ?, 0, ?)",
            (int(self._clock.now()), who, why, Level.PRODUCT, product.id, json.dumps(set_to, ensure_ascii=False)),
        )


@contextmanager
def _one_state(connection: apsw.Connection) -> Iterator[None]:
    """Read one state of the file: between two statements somebody may commit, and what never was would be answered."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # SQLite has ended it by itself if the disk failed
            connection.execute("COMMIT")


@dataclass(slots=True, kw_only=True)
class _Part:
    """What memory keeps of a part and its batch."""

    batch: str
    product_id: bytes
    loaded_as: State
    loaded_by: int
    batch_id: int
    ranged: bool
    mark: Mark


@dataclass(slots=True, kw_only=True)
class _Memory:
    """What one thread has read of the registry since it last changed.

    :param products: by account, keystandard and keystr.
    :param parts: by id; ``None`` is not shown.
    """

    version: tuple[apsw.Connection, int, int]
    products: dict[tuple[str, str, str], Product] = field(default_factory=dict)
    parts: dict[int, _Part | None] = field(default_factory=dict)


def _part(connection: apsw.Connection, memory: _Memory, part_id: int) -> _Part | None:
    if part_id not in memory.parts:
        rows = rows_of(connection, FIND_PART, (part_id,))
        memory.parts[part_id] = _read_part(*rows[0]) if rows else None
    return memory.parts[part_id]


def _read_part(
    batch: str, product_id: bytes, state: str, change_id: int, batch_id: int, ranged: int, *mark: Any
) -> _Part:
    return _Part(
        batch=batch,
        product_id=product_id,
        loaded_as=State(state),
        loaded_by=change_id,
        batch_id=batch_id,
        ranged=bool(ranged),
        mark=mark_of(mark),
    )


def _code(
    connection: apsw.Connection, memory: _Memory, product: Product, tag: bytes, found: tuple[Any, ...]
) -> CodeRecord | None:
    part_id, position, marked = found
    part = _part(connection, memory, part_id)
    if part is None:
        return None
    below = [part.mark]
    if part.ranged:
        below += [
            mark_of(row[1:]) for row in rows_of(connection, FIND_RANGE, (part.batch_id, position)) if position <= row[0]
        ]
    if marked:
        below += [mark_of(row) for row in rows_of(connection, FIND_MARK, (tag,))]
    return CodeRecord(
        batch=part.batch,
        position=position,
        loaded_as=part.loaded_as,
        loaded_by=part.loaded_by,
        product=product.mark,
        below=tuple(below),
    )


def _described(product: Product) -> dict[str, object]:
    return {
        "loading": product.loading,
        "normalisation": str(product.normalisation),
        "verdicts": {reason: result or "success" for reason, result in product.verdicts.items()},
        "qr_prefix": product.qr_prefix,
    }
