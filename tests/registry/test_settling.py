from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from shutil import rmtree

import pytest

from scanhook.errors import Refused, StorageError
from scanhook.registry import Action, Order, Product, RegistryStore, Scope, State
from scanhook.registry.importstore import ImportPlan, Kind
from scanhook.registry.loading import drop_import
from scanhook.registry.mint import settle_mints
from scanhook.registry.mintorder import MINTED_RULES
from scanhook.registry.printfile import PrintFile
from scanhook.registry.sqlite import SqliteRegistry
from tests.registry.codes import AT
from tests.registry.killed_mint import STEPS
from tests.registry.mints import FRAME, an_order, check_untouched, mint, rows, rules_of, sql

BEFORE_THE_FILE = list(STEPS)[:-2]
LEFT = {"file standing by": {".spring.csv.minting"}, "codes shown": {".spring.csv.minting"}}
LEFT["name taken"] = {".spring.csv.minting", "spring.csv"}
"""What lies in the file's folder until the next one settles it."""
KILLS = [
    *((step, "") for step in STEPS),
    *((step, "old") for step in ("lines written", "codes shown", "name taken", "file named")),
]


def kill_at(step: str, store: RegistryStore, path: Path, disk: str = "", url: str = "") -> None:
    url = url or f"sqlite:///{store.folder}"
    command = [sys.executable, "-m", "tests.registry.killed_mint", url, str(store.folder.parent), str(path), step, disk]
    killed = subprocess.run(command, check=False, capture_output=True, timeout=60, cwd=Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL, killed.stderr


@pytest.mark.parametrize(("step", "disk"), KILLS)
@pytest.mark.ordeal
def test_a_killed_mint_leaves_neither_file_nor_codes_or_both(
    either: RegistryStore, url: str, shelf: Path, step: str, disk: str
) -> None:
    store, path = either, shelf / "spring.csv"
    frame = store.add_product(FRAME, who="tester", why="test")
    kill_at(step, store, path, disk, url)

    if step in BEFORE_THE_FILE:
        left = LEFT.get(step, {".spring.csv.minting"} if disk == "old" else set())
        assert {each.name for each in shelf.iterdir()} == left
        assert bool(store.find_batch(frame, "spring")) == (step in {"codes shown", "name taken"})
        assert settle_mints(store) == 1
        assert list(shelf.iterdir()) == []
        check_untouched(store)
        assert mint(store, an_order(frame, path)).codes == 300
    else:
        assert settle_mints(store) == 0
    assert settle_mints(store) == 0
    assert list(store.open_mints()) == []
    batch = store.find_batch(frame, "spring")
    assert batch
    assert rules_of(store) == MINTED_RULES
    assert (batch.codes, len(batch.handovers)) == (300, 1)
    assert list(shelf.iterdir()) == [path]
    assert list(store.folder.glob("import-*")) == []
    assert all(store.look_up("main", "qrcode", "frame", line["serial"]).code for line in rows(path))
    assert sql(store, "SELECT count(*) FROM codes") == 300


@pytest.mark.parametrize("step", ["file named", "handover noted"])
def test_a_file_that_was_moved_to_the_printer_is_never_taken_back(
    store: SqliteRegistry, frame: Product, shelf: Path, step: str
) -> None:
    kill_at(step, store, shelf / "spring.csv")
    moved = (shelf / "spring.csv").rename(shelf.parent / "printer.csv")

    assert settle_mints(store) == 0
    batch = store.find_batch(frame, "spring")
    assert batch
    assert [handover.path for handover in batch.handovers] == [str(shelf / "spring.csv")]
    assert store.look_up("main", "qrcode", "frame", rows(moved)[0]["serial"]).code
    assert list(store.folder.glob("import-*")) == []


@pytest.mark.ordeal
def test_codes_whose_folder_cannot_be_seen_stay_until_it_can(
    store: SqliteRegistry, frame: Product, shelf: Path
) -> None:
    kill_at("codes shown", store, shelf / "spring.csv")
    away = shelf.rename(shelf.with_name("away"))
    shelf.mkdir()  # as below a memory stick that was pulled out, or in a service's own /tmp

    assert settle_mints(store) == 0
    assert [mint.is_shown for mint in store.open_mints()] == [True]
    assert store.find_batch(frame, "spring")
    shelf.rmdir()
    assert settle_mints(store) == 0
    assert store.find_batch(frame, "spring")
    away.rename(shelf)
    assert settle_mints(store) == 1
    check_untouched(store)
    assert list(shelf.iterdir()) == []


def activate(store: SqliteRegistry, scope: Scope) -> None:
    store.change(Order(action=Action.ACTIVATE, scopes=(scope,), who="tester", why="shipped"))


def test_codes_that_staff_have_activated_are_never_taken_back(
    store: SqliteRegistry, frame: Product, shelf: Path
) -> None:
    path = shelf / "spring.csv"
    kill_at("codes shown", store, path)
    activate(store, Scope(product=frame, batch="spring"))

    assert settle_mints(store) == 0
    assert list(shelf.iterdir()) == [path]
    batch = store.find_batch(frame, "spring")
    assert batch
    assert len(batch.handovers) == 1
    found = store.look_up("main", "qrcode", "frame", rows(path)[0]["serial"]).code
    assert found
    assert found.state_at(AT) is State.ACTIVE


def test_activated_codes_whose_file_cannot_appear_stay(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    path = shelf / "spring.csv"
    kill_at("codes shown", store, path)
    activate(store, Scope(product=frame, batch="spring"))
    path.write_text("somebody's")

    assert settle_mints(store) == 0
    assert path.read_text() == "somebody's"
    assert [mint.is_changed for mint in store.open_mints()] == [True]
    path.unlink()
    assert settle_mints(store) == 0
    assert len(rows(path)) == 300
    assert list(store.open_mints()) == []


@pytest.mark.ordeal
def test_activated_codes_whose_folder_is_gone_are_noted(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    kill_at("file named", store, shelf / "spring.csv")
    activate(store, Scope(product=frame, batch="spring", first=1, last=10))
    shelf.rename(shelf.with_name("away"))

    assert settle_mints(store) == 0
    assert list(store.open_mints()) == []
    assert store.find_batch(frame, "spring")


@pytest.mark.ordeal
def test_a_dropped_mint_without_its_folder_is_not_settled_for_ever(
    store: SqliteRegistry, frame: Product, shelf: Path
) -> None:
    kill_at("tags stored", store, shelf / "spring.csv")
    for folder in store.folder.glob("import-*"):
        rmtree(folder)

    assert settle_mints(store) == 1
    assert list(store.open_mints()) == []


@pytest.mark.ordeal
def test_the_next_mint_clears_away_what_a_killed_one_has_left(
    store: SqliteRegistry, frame: Product, shelf: Path
) -> None:
    path = shelf / "spring.csv"
    kill_at("tags stored", store, path)
    assert sql(store, "SELECT count(*) FROM codes") == 300

    mint(store, an_order(frame, path, codes=10))
    assert sql(store, "SELECT count(*) FROM codes") == 10


def test_a_killed_mint_can_be_dropped_like_an_import(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    path = shelf / "spring.csv"
    kill_at("tags stored", store, path)
    (killed,) = store.imports()
    drop_import(store, killed, progress=lambda _what, _done, _total: None)

    assert sql(store, "SELECT count(*) FROM codes") == 0
    assert settle_mints(store) == 0
    check_untouched(store)
    assert mint(store, an_order(frame, path)).codes == 300


def test_a_running_mint_is_not_settled(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    with store.importing():
        store.start_import(ImportPlan(kind=Kind.MINT, file="x", who="tester", why="test", options={"path": "/x"}))
        assert settle_mints(store) == 0
        assert [mint.is_shown for mint in store.open_mints()] == [False]
    assert settle_mints(store) == 1


def test_what_cannot_be_taken_back_now_is_taken_back_later(
    store: SqliteRegistry, frame: Product, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("the disk is full")

    def refuse(*_: object) -> None:
        raise Refused("the disk is full")

    monkeypatch.setattr(PrintFile, "appear", refuse)
    monkeypatch.setattr(SqliteRegistry, "hide_mint", fail)
    with pytest.raises(Refused):
        mint(store, an_order(frame, shelf / "spring.csv"))
    monkeypatch.undo()

    assert store.find_batch(frame, "spring")
    assert settle_mints(store) == 1
    check_untouched(store)
    assert list(shelf.iterdir()) == []
