"""The registry on SQLite: ``registry.db`` in the storage's folder."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from scanhook.clock import Clock
from scanhook.registry.change import Batch
from scanhook.registry.life import Mark, State
from scanhook.registry.product import Product
from scanhook.registry.sql_batches import SqlBatches
from scanhook.registry.sql_life import SqlLife
from scanhook.registry.sql_mints import SqlMints
from scanhook.registry.sql_products import SqlProducts, find_shown
from scanhook.registry.sql_rows import MARK_COLUMNS, mark_of
from scanhook.registry.sqlite_import import SqliteImports
from scanhook.registry.store import CodeRecord, LookUp
from scanhook.registry.tagging import Asked, Name, tag_all
from scanhook.storage import Pepper, SqliteConnection, SqliteDatabase, rows_of
from scanhook.storage.sqlite import check_not_moved

__all__ = ["SqliteRegistry"]

FIND_CODE = "SELECT tag, part_id, position, marked FROM codes WHERE tag = ?"
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


class SqliteRegistry(SqliteImports, SqlProducts, SqlBatches, SqlLife, SqlMints):
    """A :class:`~scanhook.registry.store.RegistryStore` in one SQLite file."""

    waits = False

    def __init__(self, folder: Path, *, pepper: Pepper, clock: Clock) -> None:
        self._pepper = pepper
        self._local = threading.local()
        database = SqliteDatabase(folder / "registry.db", package="scanhook.registry", pepper=pepper)
        super().__init__(database, folder=folder, clock=clock)

    def look_up(self, account: str, key_standard: str, key_str: str, ext_info: str) -> LookUp:
        """Find a code."""
        return self.look_up_all([(account, key_standard, key_str, ext_info)])[0]

    def look_up_all(self, asked: Sequence[Asked]) -> list[LookUp]:
        """Find codes by their tags: one read of the file for each; product and batch come from memory.

        What is in memory is forgotten with any commit to the file, by whichever process: so a change holds for every
        look-up that begins after it.
        """
        with self.database.wording(), _one_state(self.database.connection) as connection:
            memory = self._fresh_memory(connection)
            names = {(account, key_standard, key_str) for account, key_standard, key_str, _ in asked}
            products = {name: _product(connection, memory, name) for name in names}
            tagged = tag_all(asked, products, pepper=self._pepper)
            owners = {tag: product for name, _, tag in tagged if tag and (product := products[name])}
            codes = {row[0]: _code(connection, memory, owners[row[0]], row) for row in _rows_by_tag(connection, owners)}
        return [
            LookUp(product=products[name], tag=tag, normal=normal, code=codes.get(tag) if tag else None)
            for name, normal, tag in tagged
        ]

    def find_tags(self, tags: Sequence[bytes]) -> dict[bytes, tuple[str, int]]:
        """Return the batch and position of those tags that belong to a visible code."""
        found = {}
        with self.database.reading() as connection:
            memory = self._fresh_memory(connection)
            for tag, part_id, position, _ in _rows_by_tag(connection, tags):
                part = _part(connection, memory, part_id)
                if part is not None:
                    found[tag] = (part.batch, position)
        return found

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
                for row in rows:
                    part = _part(connection, memory, row[1])
                    if part is None or (batch is not None and part.batch_id != batch.id):
                        continue
                    product = by_id[part.product_id]
                    code = _code(connection, memory, product, row)
                    if code is not None:
                        page.append((row[0], product, code))
            yield from page
            if len(rows) < _PAGE_ROWS:
                return
            after = rows[-1][0]

    def probe(self) -> None:
        """Prove that the registry can be read and may be written, and belongs to the pepper."""
        self.look_up("", "", "", "")
        with self.database.reading() as connection:
            self.database.check_writable(connection)

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def _fresh_memory(self, connection: SqliteConnection) -> _Memory:
        self.database.check_in_place()
        version = self.database.version()
        memory: _Memory | None = getattr(self._local, "memory", None)
        if memory is None or memory.version != version:
            # The file may have been upgraded, restored or moved under our feet; every code would look unknown.
            self.database.check_ours(connection)
            check_not_moved(connection, self.database.name)
            memory = self._local.memory = _Memory(version=version)
        return memory


@contextmanager
def _one_state(connection: SqliteConnection) -> Iterator[SqliteConnection]:
    """Read one state of the file: between two statements somebody may commit, and what never was would be answered."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        if connection.in_transaction:  # SQLite has ended it by itself if the disk failed
            connection.execute("COMMIT")


@dataclass(slots=True, kw_only=True)
class _Part:
    """What memory keeps of a part and its batch.

    :param marks: the batch's only.
    """

    batch: str
    product_id: bytes
    loaded_as: State
    loaded_by: int
    batch_id: int
    ranged: bool
    marks: tuple[Mark]


@dataclass(slots=True, kw_only=True)
class _Memory:
    """What one thread has read of the registry since it last changed.

    :param products: by account, keystandard and keystr.
    :param parts: by id; ``None`` is not shown.
    """

    version: tuple[apsw.Connection, int, int]
    products: dict[Name, Product] = field(default_factory=dict)
    parts: dict[int, _Part | None] = field(default_factory=dict)


def _rows_by_tag(connection: SqliteConnection, tags: Iterable[bytes]) -> list[tuple[Any, ...]]:
    return connection.executemany(FIND_CODE, [(tag,) for tag in tags]).fetchall()


def _product(connection: SqliteConnection, memory: _Memory, name: Name) -> Product | None:
    product = memory.products.get(name)
    if product is None:
        product = find_shown(connection, *name)
        if product is not None:  # names that nobody has registered would fill the memory
            memory.products[name] = product
    return product


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
        marks=(mark_of(mark),),
    )


def _code(connection: apsw.Connection, memory: _Memory, product: Product, row: tuple[Any, ...]) -> CodeRecord | None:
    """Read a code from its row; of a part that is not shown, it is not there."""
    tag, part_id, position, marked = row
    part = _part(connection, memory, part_id)
    if part is None:
        return None
    below: tuple[Mark, ...] = part.marks
    if part.ranged:
        ranges = rows_of(connection, FIND_RANGE, (part.batch_id, position))
        below += tuple(mark_of(found[1:]) for found in ranges if position <= found[0])
    if marked:
        below += tuple(mark_of(found) for found in rows_of(connection, FIND_MARK, (tag,)))
    return CodeRecord(
        batch=part.batch,
        position=position,
        loaded_as=part.loaded_as,
        loaded_by=part.loaded_by,
        product=product.mark,
        below=below,
    )
