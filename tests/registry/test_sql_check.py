from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanhook.registry.sql_check import UnfinishedImport, contradictions, unfinished_imports
from scanhook.storage import Pepper, SqliteConnection, open_file, upgrade
from tests.storage.old import AT, make_old_storage


@pytest.fixture
def registry(tmp_path: Path, pepper: Pepper) -> Iterator[SqliteConnection]:
    """Return a registry with two batches: two codes at positions 1 and 2, one at position 1."""
    make_old_storage(tmp_path / "data", pepper)
    upgrade(tmp_path / "data" / "registry.db", package="scanhook.registry")
    connection = open_file(tmp_path / "data" / "registry.db")
    yield connection
    connection.close()


def found(registry: SqliteConnection, *, quick: bool = False) -> list[str]:
    return list(contradictions(registry, quick=quick, tell=lambda _what, _done, _of: None))


def add_range(registry: SqliteConnection, first: int, last: int) -> None:
    registry.execute("INSERT INTO ranges VALUES (1, ?, ?, 'recalled', 0, NULL, NULL, 0)", (first, last))


def test_a_good_registry_agrees_with_itself(registry: SqliteConnection) -> None:
    registry.execute("UPDATE batches SET ranged = 1 WHERE id = 1")
    add_range(registry, 1, 1)
    add_range(registry, 2, 2)
    registry.execute("INSERT INTO marks SELECT tag, 'void', 0, NULL, NULL, 0 FROM codes WHERE part_id = 2")
    registry.execute("UPDATE codes SET marked = 1 WHERE part_id = 2")

    assert found(registry) == []


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM imports", "parts without an import: 2"),
        ("DELETE FROM batches WHERE id = 1", "parts without a batch: 1"),
        ("DELETE FROM products", "batches without a product: 2"),
        ("UPDATE products SET shown = 0", "products that are hidden although they have codes: 1"),
        ("UPDATE batches SET positions = 0", "batches with fewer positions than they gave away: 2"),
        ("INSERT INTO marks VALUES (x'00', 'void', 0, NULL, NULL, 0)", "marks that no look-up would find: 1"),
        (
            "INSERT INTO marks SELECT tag, 'void', 0, NULL, NULL, 0 FROM codes WHERE part_id = 2",
            "marks that no look-up would find: 1",
        ),
        ("UPDATE batches SET change_id = 7", "marks of a change that is not in the history: 2"),
    ],
)
def test_rows_that_hang_in_the_air_are_told(registry: SqliteConnection, statement: str, what: str) -> None:
    registry.execute(statement)

    assert found(registry, quick=True) == [what]


@pytest.mark.parametrize(
    ("ranges", "what"),
    [
        ([(1, 2), (2, 2)], "ranges that overlap: 1"),
        ([(1, 3)], "ranges that no look-up would find: 1"),
        ([(2, 1)], "ranges that no look-up would find: 1"),
    ],
)
def test_ranges_that_are_wrong_are_told(registry: SqliteConnection, ranges: list[tuple[int, int]], what: str) -> None:
    registry.execute("UPDATE batches SET ranged = 1 WHERE id = 1")
    for first, last in ranges:
        add_range(registry, first, last)

    assert found(registry, quick=True) == [what]


def test_a_range_that_its_batch_does_not_announce_is_told(registry: SqliteConnection) -> None:
    add_range(registry, 1, 2)

    assert found(registry) == ["ranges that no look-up would find: 1"]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (
            "DELETE FROM codes WHERE part_id = 1 AND position = 2",
            "of 1 imported parts 2 codes are noted, and 1 are there",
        ),
        ("UPDATE parts SET codes = 5", "of 2 imported parts 10 codes are noted, and 3 are there"),
        ("UPDATE codes SET position = 9 WHERE part_id = 1", "parts with a code behind their last position: 1"),
        ("INSERT INTO codes VALUES (x'ffffffffffffffffffff', 77, 1, NULL)", "codes that no import has brought: 1"),
        ("INSERT INTO codes VALUES (x'00000000000000000000', 77, 1, NULL)", "codes that no import has brought: 1"),
    ],
)
def test_codes_are_counted_unless_it_must_be_quick(registry: SqliteConnection, statement: str, what: str) -> None:
    registry.execute(statement)

    assert found(registry) == [what]
    assert found(registry, quick=True) == []


def test_codes_of_an_import_that_is_not_visible_are_not_counted(registry: SqliteConnection) -> None:
    registry.execute("INSERT INTO imports (id, file, started_at, shown, phase) VALUES (2, 'b.csv', 1, 0, 'loading')")
    registry.execute("INSERT INTO parts (id, import_id, batch_id, state, codes, last) VALUES (3, 2, 1, 'active', 9, 9)")
    registry.execute("INSERT INTO codes VALUES (x'00000000000000000000', 3, 3, NULL)")

    assert found(registry) == []


def test_the_progress_counts_up_to_its_end(registry: SqliteConnection) -> None:
    told: dict[str, list[tuple[int, int]]] = {}

    list(
        contradictions(registry, quick=False, tell=lambda what, done, of: told.setdefault(what, []).append((done, of)))
    )

    assert [steps[-1] for steps in told.values()] == [(9, 9), (256, 256)]
    assert all(steps == sorted(steps) for steps in told.values())


def test_imports_that_are_not_finished_are_listed(registry: SqliteConnection) -> None:
    add = "INSERT INTO imports (id, file, started_at, shown, kind, phase) VALUES (?, ?, ?, 0, ?, ?)"
    registry.execute(add, (2, "b.csv", AT, "import", "loading"))
    registry.execute(add, (3, "c.csv", AT, "import", "refused"))
    registry.execute(add, (4, "d.csv", AT, "mint", "reading"))
    registry.execute(add, (5, "e.csv", AT, "import", "done"))

    assert unfinished_imports(registry) == [
        UnfinishedImport(id=2, kind="import", file="b.csv", phase="loading"),
        UnfinishedImport(id=4, kind="mint", file="d.csv", phase="reading"),
        UnfinishedImport(id=5, kind="import", file="e.csv", phase="done"),
    ]
