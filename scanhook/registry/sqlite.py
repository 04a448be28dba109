"""The registry on SQLite: ``registry.db`` in the storage's folder."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from scanhook.clock import Clock
from scanhook.errors import PepperMismatch, Refused, StorageError
from scanhook.message import CodeResult
from scanhook.registry.normalise import Normalisation
from scanhook.registry.product import Product, Reason, State
from scanhook.registry.sqlite_import import SqliteImports
from scanhook.registry.store import BatchStats, CodeRecord, LookUp
from scanhook.storage import Database, Pepper, rows_of

__all__ = ["SqliteRegistry"]

PRODUCT_ID_BYTES = 8

_FIND_CODE = "SELECT part_id, position FROM codes WHERE tag = ?"
_FIND_PART = """
SELECT b.name, pt.state, b.state, b.activates_at, b.expires_at
FROM parts AS pt
JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
JOIN batches AS b ON b.id = pt.batch_id
WHERE pt.id = ?
"""
_PRODUCT_COLUMNS = "id, account, key_standard, key_str, state, loading, normalisation, verdicts, qr_prefix"
_STATS = """
SELECT p.account, p.key_standard, p.key_str, b.name, pt.state, b.state, sum(pt.codes)
FROM parts AS pt
JOIN imports AS i ON i.id = pt.import_id AND i.shown = 1
JOIN batches AS b ON b.id = pt.batch_id
JOIN products AS p ON p.id = b.product_id
GROUP BY p.account, p.key_standard, p.key_str, b.name, pt.state, b.state
HAVING sum(pt.codes) > 0
"""


class SqliteRegistry(SqliteImports):
    """A :class:`~scanhook.registry.store.RegistryStore` in one SQLite file."""

    def __init__(self, folder: Path, *, pepper: Pepper, clock: Clock) -> None:
        self._pepper = pepper
        self._local = threading.local()
        database = Database(folder / "registry.db", package="scanhook.registry", pepper=pepper)
        super().__init__(database, clock=clock)

    def look_up(self, account: str, key_standard: str, key_str: str, ext_info: str) -> LookUp:
        """Find a code by its tag; product and batch come from a cache that any commit to the file empties."""
        with self.database.reading() as connection:
            cache = self._fresh_cache(connection)
            name = (account, key_standard, key_str)
            product = cache.products.get(name) or self.find_product(*name)
            if product is None:
                return LookUp()
            cache.products[name] = product
            normal = product.normalisation.apply(ext_info)
            tag = self._pepper.tag(product.id, normal)
            found = rows_of(connection, _FIND_CODE, (tag,))
            code = _code(connection, cache, product, *found[0]) if found else None
        return LookUp(product=product, tag=tag, normal=normal, code=code)

    def _fresh_cache(self, connection: apsw.Connection) -> _Cache:
        self.database.check_in_place()
        version = self.database.version()
        cache: _Cache | None = getattr(self._local, "cache", None)
        if cache is None or cache.version != version:
            # The file may have been exchanged or restored under our feet; then every code would look unknown.
            pepper_id = rows_of(connection, "SELECT value FROM meta WHERE name = 'pepper_id'")
            if pepper_id != [(self._pepper.id,)]:
                raise PepperMismatch(f"{self.database.path} now belongs to another pepper: put back the right one")
            cache = self._local.cache = _Cache(version=version)
        return cache

    def find_product(self, account: str, key_standard: str, key_str: str) -> Product | None:
        """Return a visible product."""
        return self._find_product(account, key_standard, key_str, shown=True)

    def products(self) -> Iterator[Product]:
        """Return every visible product."""
        with self.database.reading() as connection:
            rows = rows_of(
                connection,
                f"SELECT {_PRODUCT_COLUMNS} FROM products WHERE shown = 1 ORDER BY account, key_standard, key_str",
            )
        return (_product(*row) for row in rows)

    def add_product(self, product: Product) -> Product:
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
        return product

    def save_product(self, product: Product) -> None:
        """Write a product's settings."""
        with self.database.writing() as connection:
            loaded = connection.execute("SELECT count(*) FROM batches WHERE product_id = ?", (product.id,)).get
            before = connection.execute("SELECT normalisation FROM products WHERE id = ?", (product.id,)).get
            if loaded and before != str(product.normalisation):
                raise Refused(
                    f"the normalisation of {product.key_standard}/{product.key_str} is fixed ({before}) since its "
                    "first code was loaded: every tag is made with it; make another product with the new rules and "
                    "import its codes there"
                )
            connection.execute(
                "UPDATE products SET state = ?, loading = ?, normalisation = ?, verdicts = ?, qr_prefix = ? "
                "WHERE id = ?",
                (*self.settings_of(product), product.id),
            )

    def stats(self) -> Iterator[BatchStats]:
        """Return how many codes each batch holds in each state."""
        with self.database.reading() as connection:
            rows = rows_of(connection, _STATS)
        by_name = {(product.account, product.key_standard, product.key_str): product for product in self.products()}
        for account, key_standard, key_str, batch, part_state, batch_state, codes in rows:
            product = by_name[account, key_standard, key_str]
            states = (State(part_state), State(batch_state), product.state)
            yield BatchStats(product=product, batch=batch, states=states, codes=codes)

    def draft_product(self, account: str, key_standard: str, key_str: str) -> Product:
        """Return the product for an import; one that an unfinished import has left is taken up again."""
        for shown in (True, False):
            found = self._find_product(account, key_standard, key_str, shown=shown)
            if found:
                return found
        return Product(
            id=secrets.token_bytes(PRODUCT_ID_BYTES), account=account, key_standard=key_standard, key_str=key_str
        )

    def probe(self) -> None:
        """Prove that the registry can be read and may be written, and belongs to the pepper."""
        self.look_up("", "", "", "")
        # Not tried out: an import may hold the file for longer than whoever asks would wait.
        if self.database.connection.readonly("main"):
            raise StorageError(f"{self.database.path}: it cannot be written: give it to the user that scanhook runs as")

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def _find_product(self, account: str, key_standard: str, key_str: str, *, shown: bool) -> Product | None:
        with self.database.reading() as connection:
            rows = rows_of(
                connection,
                f"SELECT {_PRODUCT_COLUMNS} FROM products "
                "WHERE account = ? AND key_standard = ? AND key_str = ? AND shown = ?",
                (account, key_standard, key_str, shown),
            )
        return _product(*rows[0]) if rows else None


@dataclass(slots=True, kw_only=True)
class _Cache:
    """What one thread has read of the registry since it last changed.

    :param products: by account, keystandard and keystr.
    :param parts: by id: the batch's name, the states of part and batch, activation and expiry; ``None`` is not shown.
    """

    version: tuple[apsw.Connection, int, int]
    products: dict[tuple[str, str, str], Product] = field(default_factory=dict)
    parts: dict[int, tuple[Any, ...] | None] = field(default_factory=dict)


def _code(
    connection: apsw.Connection, cache: _Cache, product: Product, part_id: int, position: int
) -> CodeRecord | None:
    if part_id not in cache.parts:
        rows = rows_of(connection, _FIND_PART, (part_id,))
        cache.parts[part_id] = rows[0] if rows else None
    part = cache.parts[part_id]
    if part is None:
        return None
    batch, part_state, batch_state, activates_at, expires_at = part
    return CodeRecord(
        batch=batch,
        position=position,
        states=(State(part_state), State(batch_state), product.state),
        activates_at=activates_at,
        expires_at=expires_at,
    )


def _product(
    id_: bytes,
    account: str,
    key_standard: str,
    key_str: str,
    state: str,
    loading: int,
    normalisation: str,
    verdicts: str,
    qr_prefix: str,
) -> Product:
    return Product(
        id=id_,
        account=account,
        key_standard=key_standard,
        key_str=key_str,
        state=State(state),
        loading=bool(loading),
        normalisation=Normalisation.parse(normalisation),
        verdicts={
            Reason(reason): None if result is None else CodeResult(result)
            for reason, result in json.loads(verdicts).items()
        },
        qr_prefix=qr_prefix,
    )
