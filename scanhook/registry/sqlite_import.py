"""How the SQLite registry takes in many codes: written out of sight, shown by one last row."""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

import apsw

from scanhook.clock import Clock
from scanhook.errors import Refused, StorageError
from scanhook.registry.importstore import CodeRow, Part, Pile
from scanhook.registry.life import State
from scanhook.registry.product import Product
from scanhook.registry.sqlite_rows import PRODUCT_COLUMNS, mark_row, product_of, settings_row
from scanhook.storage import Database, rows_of

__all__ = ["SqliteImports"]

PRODUCT_ID_BYTES = 8
_TAKE_BACK_ROWS = 20_000

# A row of an import that never became visible may be taken over: nobody has ever found it.
_LOAD = """
INSERT INTO codes (tag, part_id, position) VALUES (?, ?, ?)
ON CONFLICT (tag) DO UPDATE SET part_id = excluded.part_id, position = excluded.position
WHERE codes.part_id <> excluded.part_id AND codes.part_id IN (
  SELECT parts.id FROM parts JOIN imports ON imports.id = parts.import_id WHERE imports.shown = 0
)
"""


class SqliteImports:
    """The half of the SQLite registry that imports use."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self.database = database
        self._clock = clock

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Hold the one place for an import. The system gives it back when the process dies."""
        path = self.database.path.with_name("import.lock")
        with self.database.wording():
            file = path.open("w")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused("another import is running: wait until it has ended") from None
            yield

    def begin_import(self, file: str, piles: Sequence[Pile]) -> tuple[int, list[Part]]:
        """Open an import with its products, batches and parts."""
        with self.database.writing() as connection:
            connection.execute(
                "INSERT INTO imports (file, started_at, shown) VALUES (?, ?, 0)", (file, int(self._clock.now()))
            )
            import_id = connection.last_insert_rowid()
            for product in {pile.product.id: pile.product for pile in piles}.values():
                self._ensure_product(connection, product)
            return import_id, [self._open_part(connection, import_id, pile) for pile in piles]

    def load_codes(self, rows: Sequence[CodeRow]) -> list[CodeRow]:
        """Store one chunk of codes."""
        with self.database.writing() as connection:
            before = connection.total_changes()
            connection.executemany(_LOAD, rows)
            if connection.total_changes() - before == len(rows):
                return []
            find = "SELECT part_id FROM codes WHERE tag = ?"
            return [row for row in rows if connection.execute(find, (row[0],)).get != row[1]]

    def finish_import(self, import_id: int, loaded: Mapping[int, int]) -> None:
        """Show an import."""
        with self.database.writing() as connection:
            connection.execute(
                "UPDATE batches SET positions = "
                "(SELECT max(last) FROM parts WHERE batch_id = batches.id AND import_id = ?) "
                "WHERE id IN (SELECT batch_id FROM parts WHERE import_id = ?)",
                (import_id, import_id),
            )
            for part_id, codes in loaded.items():
                connection.execute("UPDATE parts SET codes = ? WHERE id = ?", (codes, part_id))
            connection.execute(
                "UPDATE products SET shown = 1 WHERE id IN "
                "(SELECT product_id FROM batches JOIN parts ON parts.batch_id = batches.id "
                "WHERE import_id = ? AND codes > 0)",
                (import_id,),
            )
            connection.execute(
                "UPDATE imports SET shown = 1, ended_at = ? WHERE id = ?", (int(self._clock.now()), import_id)
            )

    def abandon_import(self, import_id: int, rows: Iterable[CodeRow]) -> None:
        """Delete what an import has stored, and what it opened."""
        remaining = iter(rows)
        while chunk := [(tag, part_id) for tag, part_id, _ in islice(remaining, _TAKE_BACK_ROWS)]:
            with self.database.writing() as connection:
                connection.executemany("DELETE FROM codes WHERE tag = ? AND part_id = ?", chunk)
        with self.database.writing() as connection:
            connection.execute("DELETE FROM parts WHERE import_id = ?", (import_id,))
            connection.execute("DELETE FROM imports WHERE id = ?", (import_id,))
            connection.execute("DELETE FROM batches WHERE id NOT IN (SELECT batch_id FROM parts)")
            connection.execute("DELETE FROM products WHERE shown = 0 AND id NOT IN (SELECT product_id FROM batches)")

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

    def _open_part(self, connection: apsw.Connection, import_id: int, pile: Pile) -> Part:
        # Codes of a new batch stand in the state of their part until somebody changes the batch.
        connection.execute(
            "INSERT INTO batches (product_id, name, state, pepper_id, positions) "
            "SELECT ?, ?, ?, value, 0 FROM meta WHERE name = 'pepper_id' "
            "ON CONFLICT (product_id, name) DO NOTHING",
            (pile.product.id, pile.batch, State.ACTIVE),
        )
        rows = rows_of(
            connection,
            "SELECT id, positions FROM batches WHERE product_id = ? AND name = ?",
            (pile.product.id, pile.batch),
        )
        if not rows:
            raise StorageError(f"{self.database.path} has no pepper: restore it from a backup")
        batch_id, positions = rows[0]
        connection.execute(
            "INSERT INTO parts (import_id, batch_id, state, codes, last) VALUES (?, ?, ?, ?, ?)",
            (import_id, batch_id, pile.state, pile.codes, positions + pile.last),
        )
        return Part(id=connection.last_insert_rowid(), offset=positions)
