"""How the registry writes marks and products into rows, and reads them back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, TypeVar

from scanhook.message import CodeResult
from scanhook.registry.life import Mark, State
from scanhook.registry.normalise import Normalisation
from scanhook.registry.product import Product, Reason
from scanhook.storage import Session

__all__ = [
    "MARK_COLUMNS",
    "PRODUCT_COLUMNS",
    "chunks",
    "columns_of",
    "insert_all",
    "mark_of",
    "mark_row",
    "places",
    "product_of",
    "settings_row",
]

MARK_COLUMNS = "state, activated_by, activates_at, expires_at, change_id"
PRODUCT_COLUMNS = f"id, account, key_standard, key_str, loading, normalisation, verdicts, qr_prefix, {MARK_COLUMNS}"

T = TypeVar("T")
MarkRow = tuple[str, int, int | None, int | None, int]


_CHUNK = 500


def columns_of(table: str, columns: str) -> str:
    """Name the table before each of some columns."""
    return ", ".join(f"{table}.{column}" for column in columns.split(", "))


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield as many of some values at a time as one statement may name."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def places(values: Sequence[object]) -> str:
    """Return a place in a statement for each of some values."""
    return ", ".join("?" * len(values))


def insert_all(session: Session, insert: str, rows: Sequence[tuple[object, ...]], *, otherwise: str = "") -> None:
    """Insert many rows in few statements.

    :param insert: up to its ``VALUES``.
    :param otherwise: what stands behind them.
    """
    for some in chunks(rows):
        values = ", ".join([f"({places(some[0])})"] * len(some))
        session.change(f"{insert} VALUES {values} {otherwise}", tuple(chain.from_iterable(some)))


def mark_of(row: tuple[Any, ...]) -> Mark:
    """Read a mark from the columns of ``MARK_COLUMNS``."""
    state, activated_by, activates_at, expires_at, change_id = row
    return Mark(
        state=State(state),
        activated_by=activated_by,
        activates_at=activates_at,
        expires_at=expires_at,
        change_id=change_id,
    )


def mark_row(mark: Mark) -> MarkRow:
    """Write a mark into the columns of ``MARK_COLUMNS``."""
    return mark.state, mark.activated_by, mark.activates_at, mark.expires_at, mark.change_id


def product_of(row: tuple[Any, ...]) -> Product:
    """Read a product from the columns of ``PRODUCT_COLUMNS``."""
    id_, account, key_standard, key_str, loading, normalisation, verdicts, qr_prefix, *mark = row
    return Product(
        id=id_,
        account=account,
        key_standard=key_standard,
        key_str=key_str,
        mark=mark_of(tuple(mark)),
        loading=bool(loading),
        normalisation=Normalisation.parse(normalisation),
        verdicts={
            Reason(reason): None if result is None else CodeResult(result)
            for reason, result in json.loads(verdicts).items()
        },
        qr_prefix=qr_prefix,
    )


def settings_row(product: Product) -> tuple[bool, str, str, str]:
    """Write what staff can set of a product: loading, normalisation, verdicts, qr_prefix."""
    return product.loading, str(product.normalisation), json.dumps(dict(product.verdicts)), product.qr_prefix
