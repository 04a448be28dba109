"""The registry on PostgreSQL: tables in the storage's database."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from scanhook.registry.tagging import Asked, Name, tag_all
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.columns import Blobs, Texts
from scanhook.storage.postgres.database import SCAN_S, PostgresDatabase

__all__ = ["FIND_TAGS", "LOOK_UP", "PAGE_OF_BATCH", "PAGE_OF_CODES", "PostgresRegistry", "open_postgres"]

_PRODUCT_WIDTH = len(PRODUCT_COLUMNS.split(", "))
_MARK_WIDTH = len(MARK_COLUMNS.split(", "))
_PRODUCT = columns_of("p", PRODUCT_COLUMNS)
_NO_PRODUCT = ", ".join(["NULL"] * _PRODUCT_WIDTH)
_CODE = ", ".join(
    (
        "i.id, b.name, c.position, pt.state, pt.change_id",
        *(columns_of(table, MARK_COLUMNS) for table in ("b", "r", "k")),
    )
)
_NO_CODE = ", ".join(["NULL"] * len(_CODE.split(", ")))
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
# First the products as they are now, then the codes, all in one state. Where the tables are spread over many machines,
# the codes' own name the tag that each lies by.
LOOK_UP = f"""
SELECT (SELECT value FROM meta WHERE name = 'registry'), named.number, NULL AS tag, {_PRODUCT}, {_NO_CODE}
FROM unnest(?1::text[], ?2::text[], ?3::text[]) WITH ORDINALITY AS named (account, key_standard, key_str, number)
LEFT JOIN LATERAL (
  SELECT {PRODUCT_COLUMNS} FROM products
  WHERE account = named.account AND key_standard = named.key_standard AND key_str = named.key_str AND shown = 1 LIMIT 1
) AS p ON true
UNION ALL
SELECT NULL, NULL, c.tag, {_NO_PRODUCT}, {_CODE} FROM codes AS c
{_AROUND_CODE}
WHERE c.tag = ANY(?4::bytea[])
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
_NOBODYS = ("", "", "")
_Row = tuple[Any, ...]


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

    row: _Row
    product: Product


class PostgresRegistry(PostgresImports, SqlProducts, SqlBatches, SqlLife, SqlMints):
    """A :class:`~scanhook.registry.store.RegistryStore` in a PostgreSQL database."""

    waits = True

    def __init__(self, database: PostgresDatabase, *, folder: Path, pepper: Pepper, clock: Clock) -> None:
        super().__init__(database, folder=folder, clock=clock)
        self._pepper = pepper
        self._known: dict[Name, _Known] = {}

    def look_up(self, account: str, key_standard: str, key_str: str, ext_info: str) -> LookUp:
        """Find a code."""
        return self.look_up_all([(account, key_standard, key_str, ext_info)])[0]

    def look_up_all(self, asked: Sequence[Asked]) -> list[LookUp]:
        """Find codes by their tags, in one round trip; it sees what is committed when it begins.

        A tag can only be made with the product's id and rules, which this process remembers. The statement that looks
        the tags up returns the products as they are by then: what is remembered is never trusted, only tried first.
        """
        until = time.monotonic() + SCAN_S
        names = dict.fromkeys((account, key_standard, key_str) for account, key_standard, key_str, _ in asked)
        known = {name: self._known[name] for name in names if name in self._known}
        while True:
            tagged = tag_all(asked, {name: one.product for name, one in known.items()}, pepper=self._pepper)
            owners = {tag: name for name, _, tag in tagged if tag is not None}
            products, codes = self._ask(list(names), list(owners), within_s=until - time.monotonic())
            before, known = known, self._remember(names, known, products)
            if all(name in before and _makes_same_tags(before[name], one) for name, one in known.items()):
                break
        found = {row[0]: _code(known[owners[row[0]]].product, row[1:]) for row in codes if owners[row[0]] in known}
        return [
            LookUp(product=known[name].product, tag=tag, normal=normal, code=found.get(tag) if tag else None)
            if name in known
            else LookUp()
            for name, normal, tag in tagged
        ]

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

    def _ask(
        self, names: Sequence[Name], tags: Sequence[bytes], *, within_s: float
    ) -> tuple[dict[Name, _Row], list[_Row]]:
        """Return the products' rows by their names, as far as there are any, and those of codes and all around them."""
        # No product has another name than one in print, and PostgreSQL cannot even be asked for every one.
        askable = [name for name in names if f"{name[1]}{name[2]}".isprintable()] or [_NOBODYS]
        columns = *map(Texts, zip(*askable, strict=True)), Blobs(tags)

        def ask(left_s: float) -> list[_Row]:
            with self.database.session(within_s=left_s) as session:
                return session.rows(LOOK_UP, columns)

        products, codes = {}, []
        for standing, number, tag, *rest in self.database.retrying(ask, within_s=within_s):
            if tag is not None:
                codes.append((tag, *rest[_PRODUCT_WIDTH:]))
                continue
            self.database.check_standing(standing)
            if rest[0] is not None:
                products[askable[number - 1]] = tuple(rest[:_PRODUCT_WIDTH])
        return products, codes

    def _remember(
        self, names: Iterable[Name], known: Mapping[Name, _Known], rows: Mapping[Name, _Row]
    ) -> dict[Name, _Known]:
        """Remember the products as they are now, and forget those that are no more."""
        now = {}
        for name in names:
            if name not in rows:
                self._known.pop(name, None)
                continue
            one = known.get(name)
            if one is None or one.row != rows[name]:
                one = _Known(row=rows[name], product=product_of(rows[name]))
            now[name] = self._known[name] = one
        return now


def _makes_same_tags(one: _Known, other: _Known) -> bool:
    return one is other or (
        one.product.id == other.product.id and one.product.normalisation == other.product.normalisation
    )


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
