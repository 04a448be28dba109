from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scanhook.errors import Refused
from scanhook.registry import Action, Change, Order, Scope
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.storage import Pepper, rows_of
from tests.registry.codes import EAN, ean_lines, load

CODES = ("A1", "A2", "A3", "A4", "A5", "A6")


@pytest.fixture(autouse=True)
def _stocked(store: SqliteRegistry, tmp_path: Path, pepper: Pepper) -> None:
    load(store, tmp_path / "B-7.csv", pepper, *ean_lines(*CODES))


def change(store: SqliteRegistry, action: str, **scope: Any) -> Change:
    product = store.find_product("main", *EAN)
    order = Order(action=Action(action), scopes=(Scope(product=product, **scope),), who="mei", why="tested")
    return store.change(order)


def on_range(store: SqliteRegistry, action: str, first: int, last: int) -> Change:
    return change(store, action, batch="B-7", first=first, last=last)


def tag(store: SqliteRegistry, code: str) -> bytes:
    found = store.look_up("main", *EAN, code).tag
    assert found is not None
    return found


def rows(store: SqliteRegistry, statement: str) -> list[tuple[Any, ...]]:
    return rows_of(store.database.connection, statement)


def ranges(store: SqliteRegistry) -> list[tuple[Any, ...]]:
    return rows(store, "SELECT first, last, state FROM ranges ORDER BY batch_id, first")


def test_ranges_never_overlap_and_keep_no_empty_row(store: SqliteRegistry) -> None:
    seen, made = [], []
    for action, first, last in (("suspend", 2, 5), ("activate", 3, 3), ("recall", 3, 4), ("void", 1, 6)):
        made.append(on_range(store, action, first, last).id)
        seen.append(ranges(store))

    assert seen == [
        [(2, 5, "suspended")],
        [(2, 2, "suspended"), (3, 3, "active"), (4, 5, "suspended")],
        [(2, 2, "suspended"), (3, 3, "recalled"), (4, 4, "recalled"), (5, 5, "suspended")],
        # Position 3 was activated once, which a later undo must find again.
        [(1, 2, "void"), (3, 3, "void"), (4, 6, "void")],
    ]
    for change_id in reversed(made):
        store.undo(change_id, who="li", why="a mistake")
    assert ranges(store) == []


def test_a_batch_is_changed_in_one_row_whatever_its_size(store: SqliteRegistry) -> None:
    before = store.database.connection.total_changes()

    change(store, "suspend", batch="B-7")

    # The history, what was found, and the batch.
    assert store.database.connection.total_changes() - before == 3
    assert rows(store, "SELECT count(*) FROM codes WHERE marked IS NOT NULL") == [(0,)]


def test_a_long_range_is_one_row(store: SqliteRegistry) -> None:
    store.database.connection.execute("UPDATE batches SET positions = 100000000")

    on_range(store, "suspend", 1, 100_000_000)
    on_range(store, "activate", 50_000_000, 50_000_000)

    assert ranges(store) == [
        (1, 49_999_999, "suspended"),
        (50_000_000, 50_000_000, "active"),
        (50_000_001, 100_000_000, "suspended"),
    ]


def test_only_the_codes_of_a_list_are_marked(store: SqliteRegistry) -> None:
    done = change(store, "suspend", tags=(tag(store, "A2"), tag(store, "A5")))

    assert rows(store, "SELECT position FROM codes WHERE marked = 1 ORDER BY position") == [(2,), (5,)]
    assert rows(store, "SELECT count(*) FROM marks") == [(2,)]
    store.undo(done.id, who="li", why="a mistake")
    assert rows(store, "SELECT count(*) FROM codes WHERE marked IS NOT NULL") == [(0,)]
    assert rows(store, "SELECT count(*) FROM marks") == [(0,)]


def test_a_refused_change_leaves_no_row_behind(store: SqliteRegistry) -> None:
    change(store, "void", tags=(tag(store, "A6"),))
    on_range(store, "void", 6, 6)
    tables = ("changes", "befores", "marks", "ranges")
    before = [rows(store, f"SELECT * FROM {table}") for table in tables]

    for scope in (
        {"tags": tuple(tag(store, code) for code in CODES)},
        {"tags": (tag(store, "A1"), bytes(10))},
        {"batch": "B-7", "first": 1, "last": 6},
    ):
        with pytest.raises(Refused):
            change(store, "recall", **scope)
        assert [rows(store, f"SELECT * FROM {table}") for table in tables] == before
    assert rows(store, "SELECT position FROM codes WHERE marked = 1") == [(6,)]


def test_no_number_of_a_change_is_given_twice(store: SqliteRegistry) -> None:
    last = change(store, "suspend", batch="B-7").id
    store.database.connection.execute("DELETE FROM changes WHERE id = ?", (last,))

    assert change(store, "suspend", batch="B-7").id == last + 1


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("SELECT * FROM befores WHERE change_id = 1 ORDER BY number", "SEARCH befores USING PRIMARY KEY (change_id=?)"),
        (
            "SELECT change_id FROM befores WHERE tag = x'00'",
            "SEARCH befores USING COVERING INDEX befores_of_code (tag=?)",
        ),
        (
            "SELECT change_id FROM befores WHERE batch_id = 1",
            "SEARCH befores USING COVERING INDEX befores_of_batch (batch_id=?)",
        ),
        (
            "SELECT id FROM changes WHERE batch_id = 1",
            "SEARCH changes USING COVERING INDEX changes_of_batch (batch_id=?)",
        ),
        (
            "SELECT * FROM changes WHERE product_id = x'00' ORDER BY id DESC LIMIT 1",
            "SEARCH changes USING INDEX changes_of_product (product_id=?)",
        ),
    ],
)
def test_the_history_is_read_by_its_indexes(store: SqliteRegistry, statement: str, index: str) -> None:
    assert [row[-1] for row in rows(store, f"EXPLAIN QUERY PLAN {statement}")] == [index]
