"""A storage as the first version made it: its two files from ``0001.sql`` alone, and what lay in them."""

from __future__ import annotations

from pathlib import Path

import apsw

from scanhook.storage import Pepper, schema_of

AT = 1795312800
PRODUCT_ID = bytes(range(8))
CODES = {"GENUINE0001": ("active", 1), "GENUINE0002": ("active", 2), "PRINTED0003": ("issued", 1)}


def make_old_storage(folder: Path, pepper: Pepper) -> None:
    """Make a registry with a product, two batches and three codes, and a journal with two scans of the first."""
    folder.mkdir(mode=0o700)
    registry = _make(folder / "registry.db", "scanhook.registry", pepper)
    registry.execute(
        "INSERT INTO products VALUES (?, 'main', 'qrcode', 'moment-frame', 'active', 0, 'trim,width', '{}', '', 1, ?)",
        (PRODUCT_ID, AT),
    )
    registry.execute("INSERT INTO imports VALUES (1, 'codes.csv', ?, ?, 1)", (AT, AT))
    for id_, (name, state, codes) in enumerate((("autumn", "active", 2), ("winter", "issued", 1)), 1):
        registry.execute(
            "INSERT INTO batches VALUES (?, ?, ?, 'active', NULL, NULL, ?, ?)",
            (id_, PRODUCT_ID, name, pepper.id, codes),
        )
        registry.execute("INSERT INTO parts VALUES (?, 1, ?, ?, ?, ?)", (id_, id_, state, codes, codes))
    for ext_info, (state, position) in CODES.items():
        part = 1 if state == "active" else 2
        registry.execute("INSERT INTO codes VALUES (?, ?, ?)", (pepper.tag(PRODUCT_ID, ext_info), part, position))
    registry.close()
    journal = _make(folder / "journal.db", "scanhook.journal", pepper)
    tag = pepper.tag(PRODUCT_ID, "GENUINE0001")
    for id_ in (1, 2):
        journal.execute(
            "INSERT INTO scans VALUES (?, ?, ?, 'main', ?, 'qrcode', 'moment-frame', ?, 'active', 'real', 'registry', "
            "?, ?, ?, 'autumn', 1, NULL)",
            (id_, bytes([id_]) * 16, AT * 1000, AT, bytes([id_]) * 16, AT * 1000, PRODUCT_ID, tag),
        )
        journal.execute("INSERT INTO scanners VALUES (?, ?)", (tag, bytes([id_]) * 16))
    journal.execute("INSERT INTO tallies VALUES (?, 2, 2, ?, ?)", (tag, AT * 1000, AT * 1000))
    journal.close()


def _make(path: Path, package: str, pepper: Pepper) -> apsw.Connection:
    path.touch(mode=0o600)
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode=WAL")
    for statement in schema_of(package)[0].split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('pepper_id', ?), ('pepper_check', ?)", (pepper.id, pepper.check))
    connection.pragma("user_version", 1)
    return connection
