"""Products in a registry on a SQL database."""

from __future__ import annotations

from collections.abc import Iterator

from scanhook.errors import Refused
from scanhook.registry.product import Product, merged
from scanhook.registry.sql_history import log_settings
from scanhook.registry.sql_imports import HOLDS_CODES, INSERT_PRODUCT, new_row
from scanhook.registry.sql_rows import PRODUCT_COLUMNS, product_of, settings_row
from scanhook.registry.sql_store import SqlStore
from scanhook.storage import Session

__all__ = ["FIND_PRODUCT", "SqlProducts", "find_shown"]

FIND_PRODUCT = f"""
SELECT {PRODUCT_COLUMNS} FROM products WHERE account = ? AND key_standard = ? AND key_str = ? AND shown = ?
"""
_UNFINISHED_FOR = """
SELECT EXISTS (SELECT 1 FROM batches AS b JOIN parts AS pt ON pt.batch_id = b.id
  JOIN imports AS i ON i.id = pt.import_id AND i.phase <> 'dropped' WHERE b.product_id = ?)
"""


class SqlProducts(SqlStore):
    """The half of the registry that knows products."""

    def find_product(self, account: str, key_standard: str, key_str: str) -> Product | None:
        """Return a visible product."""
        with self.database.reading() as session:
            return find_shown(session, account, key_standard, key_str)

    def products(self) -> Iterator[Product]:
        """Return every visible product."""
        with self.database.reading() as session:
            rows = session.rows(
                f"SELECT {PRODUCT_COLUMNS} FROM products WHERE shown = 1 ORDER BY account, key_standard, key_str"
            )
        return map(product_of, rows)

    def add_product(self, product: Product, *, who: str = "", why: str = "") -> Product:
        """Add a product."""
        name = product.account, product.key_standard, product.key_str
        with self.database.writing() as session:
            if find_shown(session, *name):
                raise Refused(
                    f"the product {product.key_standard}/{product.key_str} is there already: "
                    "change it with `scanhook products set`"
                )
            if _find(session, *name, shown=False):
                raise Refused(
                    f"an import has begun for {product.key_standard}/{product.key_str} and is not finished: "
                    "finish it (import the file again), then use `scanhook products set`"
                )
            at = int(self._clock.now())
            session.change(INSERT_PRODUCT, new_row(product, shown=True, at=at))
            log_settings(session, product, at=at, who=who, why=why, set_to=_described(product))
        return product

    def save_product(self, product: Product, *, was: Product, who: str = "", why: str = "") -> Product:
        """Write what is different in a product's settings."""
        with self.database.writing() as session:
            rows = session.rows(f"SELECT {PRODUCT_COLUMNS} FROM products WHERE id = ?", (product.id,))
            if not rows:
                raise Refused("the product is not there any more: see `scanhook products list`")
            before = product_of(rows[0])
            now = merged(before, was=was, wanted=product)
            if before.normalisation != now.normalisation:
                _check_unfixed(session, before)
            session.change(
                "UPDATE products SET loading = ?, normalisation = ?, verdicts = ?, qr_prefix = ? WHERE id = ?",
                (*settings_row(now), product.id),
            )
            old, new = _described(before), _described(now)
            changed = {name: value for name, value in new.items() if old[name] != value}
            if changed:
                log_settings(session, now, at=int(self._clock.now()), who=who, why=why, set_to=changed)
        return now


def find_shown(session: Session, account: str, key_standard: str, key_str: str) -> Product | None:
    """Return a visible product."""
    return _find(session, account, key_standard, key_str, shown=True)


def _find(session: Session, account: str, key_standard: str, key_str: str, *, shown: bool) -> Product | None:
    if not f"{key_standard}{key_str}".isprintable():
        return None  # no product has such a name, and not every engine can be asked for it
    rows = session.rows(FIND_PRODUCT, (account, key_standard, key_str, shown))
    return product_of(rows[0]) if rows else None


def _check_unfixed(session: Session, product: Product) -> None:
    """Find out whether a product's normalisation may still change: no code was made with it yet."""
    name = f"{product.key_standard}/{product.key_str}"
    if session.value(HOLDS_CODES, (product.id,)):
        raise Refused(
            f"the normalisation of {name} is fixed ({product.normalisation}) since its first code was loaded: "
            "every tag is made with it; make another product with the new rules and import its codes there"
        )
    if session.value(_UNFINISHED_FOR, (product.id,)):
        raise Refused(
            f"an import of {name} has begun with its normalisation ({product.normalisation}) and is not finished: "
            "finish it, or give it up with `scanhook imports drop`"
        )


def _described(product: Product) -> dict[str, object]:
    return {
        "loading": product.loading,
        "normalisation": str(product.normalisation),
        "verdicts": {reason: result or "success" for reason, result in product.verdicts.items()},
        "qr_prefix": product.qr_prefix,
    }
