"""Mints for the tests, and what is left of them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

from scanhook.registry import Normalisation, Product, RegistryStore
from scanhook.registry.mint import mint_codes
from scanhook.registry.mintorder import Minted, MintOrder
from scanhook.registry.sql_store import SqlStore
from scanhook.storage import Pepper
from tests.registry.codes import CLOCK

PREFIX = "http://p.url.cn/5g0B4A90aqc"
FRAME = Product(id=b"productx", account="main", key_standard="qrcode", key_str="frame", qr_prefix=PREFIX)


def an_order(product: Product, path: Path, **changed: Any) -> MintOrder:
    order = MintOrder(
        product=product, batch="spring", codes=300, path=path, taken_by="Mr Li", who="tester", why="for the printer"
    )
    return replace(order, **changed)


def mint(store: RegistryStore, order: MintOrder) -> Minted:
    return mint_codes(store, order, pepper=Pepper(secret=bytes(range(32))), clock=CLOCK)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def sql(store: RegistryStore, statement: str) -> Any:
    assert isinstance(store, SqlStore)
    with store.database.reading() as session:
        return session.value(statement)


def check_untouched(store: RegistryStore) -> None:
    """Find out whether the registry holds nothing of a mint, but the record that it was given up."""
    assert sql(store, "SELECT count(*) FROM codes") == 0
    assert sql(store, "SELECT count(*) FROM parts") == 0
    assert sql(store, "SELECT count(*) FROM batches") == 0
    assert sql(store, "SELECT count(*) FROM handovers") == 0
    assert sql(store, "SELECT count(*) FROM imports WHERE shown = 1 OR phase <> 'dropped'") == 0
    assert list(store.folder.glob("import-*")) == []
    assert rules_of(store) == Normalisation()


def rules_of(store: RegistryStore) -> Normalisation:
    product = store.find_product("main", "qrcode", "frame")
    assert product
    return product.normalisation
