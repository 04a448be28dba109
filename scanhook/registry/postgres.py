"""The registry on PostgreSQL: tables in the storage's database."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from scanhook.clock import Clock
from scanhook.registry.change import Batch
from scanhook.registry.life import State
from scanhook.registry.postgres_import import PostgresImports
from scanhook.registry.product import Product
from scanhook.registry.sql_batches import SqlBatches
from scanhook.registry.sql_life import SqlLife
from scanhook.registry.sql_mints import SqlMints
from scanhook.registry.sql_products import SqlProducts, find_shown
from scanhook.registry.sql_rows import MARK_COLUMNS, PRODUCT_COLUMNS, columns_of, mark_of, product_of
from scanhook.registry.store import CodeRecord, LookUp
from scanhook.registry.tagging import Asked
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.database import SCAN_S, PostgresDatabase

__all__ = ["FIND_TAGS", "LOOK_UP", "PAGE_OF_BATCH", "PAGE_OF_CODES", "PostgresRegistry", "open_postgres"]

_PRODUCT = columns_of("p", PRODUCT_COLUMNS)
_CODE = ", ".join(
    (
        "i.id, b.name, c.position, pt.state, pt.change_id",
        *(columns_of(table, MARK_COLUMNS) for table in ("b", "r", "k")),
    )
)
# Each row by its primary key, one behind the other; what no change has ever touched is not asked. The LIMITs keep the
# server from joining in another way: a plan that it made while a table was empty may be used when it is full.
_PART = """
LATERAL (SELECT import_id, batch_id, state, change_id FROM parts WHERE id = c.part_id LIMIT 1) AS pt ON true
"""
_IMPORT = "LATERAL (SELECT id FROM imports WHERE id = pt.import_id AND shown = 1 LIMIT 1) AS i ON true"
_AROUND_CODE = f"""
LEFT JOIN {_PART}
LEFT JOIN {_IMPORT}
LEFT JOIN LATERAL (
  SELECT id, product_id, name, ranged, {MARK_COLUMNS} FROM batches WHERE id = pt.batch_id LIMIT 1
) AS b ON true
LEFT JOIN LATERAL (
  SELECT last, {MARK_COLUMNS} FROM ranges WHERE batch_id = b.id AND first <= c.position AND b.ranged = 1
  ORDER BY first DESC LIMIT 1
) AS r ON r.last >= c.position
LEFT JOIN LATERAL (SELECT {MARK_COLUMNS} FROM marks WHERE tag = c.tag AND c.marked = 1 LIMIT 1) AS k ON true
"""
# Where the tables are spread over many machines, both that are spread by the tag must name it.
LOOK_UP = f"""
SELECT (SELECT value FROM meta WHERE name = 'registry'), {_PRODUCT}, {_CODE} FROM (SELECT 1) AS one
LEFT JOIN products AS p ON p.account = ?1 AND p.key_standard = ?2 AND p.key_str = ?3 AND p.shown = 1
LEFT JOIN codes AS c ON c.tag = ?4
{_AROUND_CODE.replace("tag = c.tag", "tag = ?4")}
"""
# The number tells whether there may be another page behind it.
_PAGE = f"""
SELECT c.tag, c.number, b.id, {_PRODUCT}, {_CODE} FROM (
  SELECT *, row_number() OVER (ORDER BY tag) AS number
  FROM (SELECT * FROM codes WHERE tag > ?1 ORDER BY tag LIMIT ?2) AS page
) AS c
{_AROUND_CODE}
LEFT JOIN LATERAL (SELECT * FROM products WHERE id = b.product_id LIMIT 1) AS p ON true
"""
PAGE_OF_CODES = f"{_PAGE} ORDER BY c.tag"
# Of the page, what is not wanted never leaves the server, but for the code that the next one begins behind.
PAGE_OF_BATCH = f"{_PAGE} WHERE pt.batch_id = ?3 OR c.number = ?2 ORDER BY c.tag"
FIND_TAGS = f"""
SELECT wanted.tag, b.name, c.position FROM unnest(?::bytea[]) AS wanted (tag)
JOIN LATERAL (SELECT part_id, position FROM codes WHERE tag = wanted.tag LIMIT 1) AS c ON true
JOIN {_PART} JOIN {_IMPORT}
JOIN LATERAL (SELECT name FROM batches WHERE id = pt.batch_id LIMIT 1) AS b ON true
"""
_PAGE_ROWS = 10_000
_PRODUCT_WIDTH = len(PRODUCT_COLUMNS.split(", "))
_MARK_WIDTH = len(MARK_COLUMNS.split(", "))
_NOBODYS = ("", "", "")


def open_postgres(url: StorageUrl, *, pepper: Pepper, clock: Clock) -> PostgresRegistry:
    """Open the registry of a PostgreSQL storage.

    :raises PepperMismatch: when it was made with another pepper.
    :raises SchemaMismatch: when it was made by another version.
    :raises StorageError: when it cannot be opened.
    """
    address = cast("Address", url.address)
    database = PostgresDatabase(
        address, room="registry", package="scanhook.registry", pepper=pepper, most=url.connections
    )
    return PostgresRegistry(database, folder=url.folder, pepper=pepper, clock=clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A product as this process has read it last.

    :param row: the row that it was read from.
    """

    row: tuple[Any, ...]
    product: Product


class PostgresRegistry(PostgresImports, SqlProducts, SqlBatches, SqlLife, SqlMints):
    """A :class:`~scanhook.registry.store.RegistryStore` in a PostgreSQL database."""

    waits = True

    def __init__(self, database: PostgresDatabase, *, folder: Path, pepper: Pepper, clock: Clock) -> None:
        super().__init__(database, folder=folder, clock=clock)
        self._pepper = pepper
        self._known: dict[tuple[str, str, str], _Known] = {}

    def look_up(self, account: str, key_standard: str, key_str: str, ext_info: str) -> LookUp:
        """Find a code by its tag, in one round trip; every look-up sees what is committed when it begins.

        A tag can only be made with the product's id and rules, which this process remembers. The statement that looks
        the tag up returns the product as it is by then: what is remembered is never trusted, only tried first.
        """
        until = time.monotonic() + SCAN_S
        name = (account, key_standard, key_str)
        if not f"{key_standard}{key_str}".isprintable():
            name = _NOBODYS  # no product has such a name, and PostgreSQL cannot even be asked for every one
        known = self._known.get(name)
        while True:
            normal = known.product.normalisation.apply(ext_info) if known else ""
            tag = self._pepper.tag(known.product.id, normal) if known else b""
            product, code = self._ask(name, tag, within_s=until - time.monotonic())
            if product[0] is None:
                self._known.pop(name, None)
                return LookUp()
            before, known = known, self._remember(name, known, product)
            if before and _makes_same_tags(before.product, known.product):
                return LookUp(product=known.product, tag=tag, normal=normal, code=_code(known.product, code))

    def look_up_all(self, asked: Sequence[Asked]) -> list[LookUp]:
        """Find codes."""
        return [self.look_up(*one) for one in asked]

    def find_product(self, account: str, key_standard: str, key_str: str) -> Product | None:
        """Return a visible product, within the time of a scan: those who have scanned wait for a page about it."""

        def find(left_s: float) -> Product | None:
            with self.database.session(within_s=left_s) as session:
                return find_shown(session, account, key_standard, key_str)

        return self.database.retrying(find, within_s=SCAN_S)

    def find_tags(self, tags: Sequence[bytes]) -> dict[bytes, tuple[str, int]]:
        """Return the batch and position of those tags that belong to a visible code."""
        with self.database.reading() as session:
            self.database.check_ours(session)
            rows = session.rows(FIND_TAGS, (list(tags),))
        return {tag: (batch, position) for tag, batch, position in rows}

    def codes(self, batch: Batch | None = None) -> Iterator[tuple[bytes, Product, CodeRecord]]:
        """Yield every visible code in the order of the tags; each page is one statement, and one state."""
        page, of_batch = (PAGE_OF_BATCH, (batch.id,)) if batch else (PAGE_OF_CODES, ())
        after = b""
        while True:
            with self.database.reading() as session:
                self.database.check_ours(session)
                rows = session.rows(page, (after, _PAGE_ROWS, *of_batch))
            known: dict[bytes, Product] = {}
            for tag, _, batch_id, product_id, *rest in rows:
                if rest[_PRODUCT_WIDTH - 1] is None or (batch is not None and batch_id != batch.id):
                    continue
                if product_id not in known:
                    known[product_id] = product_of((product_id, *rest[: _PRODUCT_WIDTH - 1]))
                code = _code(known[product_id], rest[_PRODUCT_WIDTH - 1 :])
                if code is not None:
                    yield tag, known[product_id], code
            if not rows or rows[-1][1] < _PAGE_ROWS:
                return
            after = rows[-1][0]

    def probe(self) -> None:
        """Prove that the registry can be read and may be written, and belongs to the pepper."""
        with self.database.session(within_s=SCAN_S) as session:
            self.database.check_ours(session)
            self.database.check_writable(session)

    def close(self) -> None:
        """Close the connections that nobody else of this process uses."""
        self.database.close()

    def _ask(self, name: tuple[str, str, str], tag: bytes, *, within_s: float) -> tuple[tuple[Any, ...], Sequence[Any]]:
        """Return the rows of the product, and of the code and all that is said of it."""

        def ask(left_s: float) -> tuple[Any, ...]:
            with self.database.session(within_s=left_s) as session:
                return session.rows(LOOK_UP, (*name, tag))[0]

        standing, *found = self.database.retrying(ask, within_s=within_s)
        self.database.check_standing(standing)
        return tuple(found[:_PRODUCT_WIDTH]), found[_PRODUCT_WIDTH:]

    def _remember(self, name: tuple[str, str, str], known: _Known | None, row: tuple[Any, ...]) -> _Known:
        if known is None or known.row != row:
            known = self._known[name] = _Known(row=row, product=product_of(row))
        return known


def _makes_same_tags(one: Product, other: Product) -> bool:
    return one.id == other.id and one.normalisation == other.normalisation


def _code(product: Product, row: Sequence[Any]) -> CodeRecord | None:
    import_id, batch, position, state, loaded_by, *marks = row
    if import_id is None:
        return None
    below = (tuple(marks[at : at + _MARK_WIDTH]) for at in range(0, len(marks), _MARK_WIDTH))
    return CodeRecord(
        batch=batch,
        position=position,
        loaded_as=State(state),
        loaded_by=loaded_by,
        product=product.mark,
        below=tuple(mark_of(mark) for mark in below if mark[0] is not None),
    )
