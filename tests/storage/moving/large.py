"""Houses of many codes and scans, made quickly: by writing into the files."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import apsw

from scanhook.cli.init import NewHouse, make_house
from scanhook.message import CodeResult
from scanhook.settings import House, load_settings
from scanhook.storage import Pepper
from tests.conftest import APP_ID, ENCODED_KEY, ORIGINAL_ID, TOKEN

_PRODUCT = b"\x01" * 8
_STEP_ROWS = 100_000


def code_of(number: int) -> str:
    """Return one of the codes of a large house, by its number from 0."""
    return f"{number:016d}"


def large_house(folder: Path, *, codes: int, scans: int) -> House:
    """Make a house with so many active codes and so many scans of them, or open the one that is there."""
    if (folder / "scanhook.toml").exists():
        return load_settings(folder / "scanhook.toml")
    new = NewHouse(app_id=APP_ID, original_id=ORIGINAL_ID, token=TOKEN, encoding_aes_key=ENCODED_KEY)
    house = load_settings(make_house(folder, new))
    pepper = Pepper.load(house.pepper_path)
    tags = sorted(pepper.tags(_PRODUCT, map(code_of, range(codes))))
    _fill_registry(folder / "data" / "registry.db", tags, pepper)
    _fill_journal(folder / "data" / "journal.db", tags, scans)
    return house


def _fill_registry(path: Path, tags: list[bytes], pepper: Pepper) -> None:
    with _filling(path) as connection:
        connection.execute(
            "INSERT INTO products (id, account, key_standard, key_str, state, loading, normalisation, verdicts, "
            "qr_prefix, shown, created_at) VALUES (?, 'main', 'qrcode', 'bench', 'active', 0, 'trim,width', '{}', '', "
            "1, 0)",
            (_PRODUCT,),
        )
        connection.execute("INSERT INTO imports (file, started_at, ended_at, shown) VALUES ('bench.csv', 0, 1, 1)")
        connection.execute(
            "INSERT INTO batches (product_id, name, state, pepper_id, positions) VALUES (?, 'bench', 'active', ?, ?)",
            (_PRODUCT, pepper.id, len(tags)),
        )
        connection.execute(
            "INSERT INTO parts (import_id, batch_id, state, codes, last) VALUES (1, 1, 'active', ?, ?)",
            (len(tags), len(tags)),
        )
        statement = "INSERT INTO codes (tag, part_id, position) VALUES (?, 1, ?)"
        _add_all(connection, statement, ((tag, position) for position, tag in enumerate(tags, 1)))


def _fill_journal(path: Path, tags: list[bytes], scans: int) -> None:
    picked, at = random.Random(8), int(time.time()) - 86_400
    scanned = [(picked.choice(tags), picked.randbytes(16)) for _ in range(scans)]
    with _filling(path) as connection:
        _add_all(
            connection,
            "INSERT INTO scans (identity, received_at, account, create_time, key_standard, key_str, person, reason, "
            "verdict, verifier, decided_at, product_id, tag, batch, position, need_anti_fake) VALUES (?, ?, 'main', ?, "
            "'qrcode', 'bench', ?, 'active', ?, 'registry', ?, ?, ?, 'bench', 1, 1)",
            (
                (picked.randbytes(16), at * 1000, at, person, CodeResult.REAL, at * 1000, _PRODUCT, tag)
                for tag, person in scanned
            ),
        )
        _add_all(connection, "INSERT INTO counts (tag, person) VALUES (?, ?)", iter(sorted(scanned)))
        counts = Counter(tag for tag, _ in scanned)
        _add_all(
            connection,
            "INSERT INTO counts (tag, person, scans, persons, first_at, last_at) VALUES (?, x'', ?, ?, ?, ?)",
            ((tag, count, count, at * 1000, at * 1000) for tag, count in sorted(counts.items())),
        )


@contextmanager
def _filling(path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA synchronous=OFF")
        yield connection
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()


def _add_all(connection: apsw.Connection, statement: str, rows: Iterator[tuple[object, ...]]) -> None:
    while step := list(islice(rows, _STEP_ROWS)):
        with connection:
            connection.executemany(statement, step)
