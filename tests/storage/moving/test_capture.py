from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from scanhook.storage import Pepper, SqliteConnection, open_file, upgrade
from scanhook.storage.moving.capture import begin_capture, captured_by, end_capture, is_captured
from scanhook.storage.moving.tables import tables_of
from tests.storage.old import make_old_storage

_SCANNER = "INSERT INTO counts (tag, person) VALUES (?, ?) ON CONFLICT DO NOTHING"


@pytest.fixture
def journal(tmp_path: Path, empty_storage: Path) -> Iterator[SqliteConnection]:
    connection = open_file(copytree(empty_storage, tmp_path / "data") / "journal.db")
    yield connection
    connection.close()


@pytest.fixture
def captured(journal: SqliteConnection) -> SqliteConnection:
    begin_capture(journal, tables_of(journal, "journal"), move_id="m1")
    return journal


def log(connection: SqliteConnection) -> list[tuple[Any, ...]]:
    return connection.rows("SELECT name, k1, k2, k3 FROM moving_log ORDER BY number")


def add_tally(connection: SqliteConnection, tag: bytes) -> None:
    connection.change(
        "INSERT INTO counts (tag, person, scans, persons, first_at, last_at) VALUES (?, x'', 1, 1, 0, 0) "
        "ON CONFLICT (tag, person) DO UPDATE SET scans = scans + 1",
        (tag,),
    )


def test_every_kind_of_change_is_written_down(captured: SqliteConnection) -> None:
    add_tally(captured, b"a")
    add_tally(captured, b"a")
    captured.execute(_SCANNER, (b"a", b"p"))
    captured.execute(_SCANNER, (b"a", b"p"))
    captured.execute("UPDATE counts SET person = ? WHERE tag = ? AND person <> x''", (b"q", b"a"))
    captured.execute("DELETE FROM counts WHERE person = x''")
    captured.execute("INSERT OR REPLACE INTO erasures (mark, at) VALUES (?, 1), (?, 2)", (b"m", b"m"))

    assert sorted(log(captured)) == [
        ("erasures", b"m", None, None),
        ("erasures", b"m", None, None),
        ("scanners", b"a", b"p", None),
        ("scanners", b"a", b"p", None),
        ("scanners", b"a", b"q", None),
        ("tallies", b"a", None, None),
        ("tallies", b"a", None, None),
        ("tallies", b"a", None, None),
    ]


def test_what_is_rolled_back_is_not_written_down(captured: SqliteConnection) -> None:
    captured.execute("BEGIN")
    add_tally(captured, b"a")
    captured.execute("ROLLBACK")

    assert log(captured) == []


def test_every_table_of_every_room_is_watched(tmp_path: Path, empty_storage: Path) -> None:
    folder = copytree(empty_storage, tmp_path / "data")
    watched, moved = {}, {}
    for room in ("registry", "journal", "office"):
        connection = open_file(folder / f"{room}.db")
        tables = tables_of(connection, room)
        moved[room] = {table.name for table in tables}
        begin_capture(connection, tables, move_id="m1")
        watched[room] = {name for (name,) in connection.rows("SELECT tbl_name FROM sqlite_schema WHERE type='trigger'")}
        assert captured_by(connection, tables) == "m1"
        connection.close()

    assert watched == {
        "registry": {
            "batches", "befores", "changes", "codes", "handovers", "imports", "marks", "parts", "products", "ranges",
        },
        "journal": {"counts", "erasures", "events", "resets", "scans"},
        "office": {
            "access_tokens", "api_keys", "catalog", "catalog_reviews", "catalog_syncs", "catalog_ties", "live_goods",
            "wechat_calls",
        },
    }  # fmt: skip
    shown = {"journal": {"erasures", "events", "resets", "scanners", "scans", "tallies"}}
    assert moved == watched | shown


def test_every_row_of_a_table_that_views_show_is_in_one_of_them(
    journal: SqliteConnection,
) -> None:
    add_tally(journal, b"a")
    for person in (b"p", b"q", b"\0"):
        journal.execute(_SCANNER, (b"a", person))
    views = [table for table in tables_of(journal, "journal") if table.shown]

    assert [(table.name, table.columns, table.key) for table in views] == [
        ("scanners", ("tag", "person"), ("tag", "person")),
        ("tallies", ("tag", "scans", "persons", "first_at", "last_at"), ("tag",)),
    ]
    for table in views:
        (made,) = journal.rows("SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?", (table.name,))
        assert table.shown
        assert made[0].endswith(f" FROM {table.shown.table} WHERE {table.shown.only}")
    assert [journal.value(f"SELECT count(*) FROM {name}") for name in ("counts", "scanners", "tallies")] == [4, 3, 1]


@pytest.mark.parametrize("trigger", ["scans_update_key", "tallies_update", "scanners_delete"])
def test_a_missing_trigger_is_noticed(captured: SqliteConnection, trigger: str) -> None:
    captured.execute(f"DROP TRIGGER moving_{trigger}")

    assert captured_by(captured, tables_of(captured, "journal")) is None


def test_a_journal_that_was_upgraded_meanwhile_must_be_moved_anew(tmp_path: Path, pepper: Pepper) -> None:
    make_old_storage(tmp_path / "data", pepper)
    path = tmp_path / "data" / "journal.db"
    old = open_file(path)
    begin_capture(old, tables_of(old, "journal"), move_id="m1")
    old.close()

    upgrade(path, package="scanhook.journal")

    upgraded = open_file(path)
    assert captured_by(upgraded, tables_of(upgraded, "journal")) is None
    assert is_captured(upgraded)
    end_capture(upgraded)
    assert not is_captured(upgraded)
    upgraded.close()


def test_nothing_stays_when_it_ends(journal: SqliteConnection) -> None:
    before = journal.rows("SELECT type, name FROM sqlite_schema ORDER BY 1, 2"), journal.rows("SELECT * FROM meta")
    begin_capture(journal, tables_of(journal, "journal"), move_id="m1")

    end_capture(journal)

    after = journal.rows("SELECT type, name FROM sqlite_schema ORDER BY 1, 2"), journal.rows("SELECT * FROM meta")
    assert after == before
    assert captured_by(journal, tables_of(journal, "journal")) is None


def test_a_session_counts_what_it_changed_and_not_what_was_written_down(captured: SqliteConnection) -> None:
    add_tally(captured, b"a")
    captured.execute("BEGIN")

    assert captured.change("UPDATE counts SET scans = 7") == 1
    assert captured.change(_SCANNER, (b"a", b"p")) == 1
    assert captured.change(_SCANNER, (b"a", b"p")) == 0
    assert captured.change_all(_SCANNER, [(b"a", b"p"), (b"a", b"q"), (b"b", b"q")]) == 2
    assert (
        captured.change_all("UPDATE counts SET person = person || ? WHERE tag = ? AND person <> x''", [(b"x", b"a")])
        == 2
    )
