from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanhook.errors import Refused, StorageError
from scanhook.registry import ImportReport, RegistryStore, State, import_codes
from scanhook.registry.importstore import ImportPlan, Kind, Phase
from scanhook.registry.loading import drop_import
from scanhook.registry.sorting import take_stack
from scanhook.registry.sql_check import contradictions
from scanhook.registry.sql_store import SqlStore
from scanhook.storage import Pepper
from tests.registry.codes import CLOCK, EAN, code_file, ean_lines

PRODUCT = 8
CODES = [f"A{number}" for number in range(6)]
COUNT = 20_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "codes.csv"


@pytest.fixture
def store(either: RegistryStore) -> RegistryStore:
    return either


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few codes take many blocks, stacks and transactions, the same in every run: A3 and A4 lie in two stacks."""
    monkeypatch.setattr("scanhook.registry.sql_imports.secrets.token_bytes", PRODUCT.to_bytes)
    monkeypatch.setattr("scanhook.registry.codefile.BLOCK_BYTES", 60)
    monkeypatch.setattr("scanhook.registry.spool._STACK_CODES", 1)
    for name in ("FIRST_ROWS", "ROWS_MIN", "ROWS_MAX"):
        monkeypatch.setattr(f"scanhook.registry.loading.{name}", 2)
    monkeypatch.setattr("scanhook.registry.loading.PAUSE_S", 0.0)


def importing(store: RegistryStore, path: Path, pepper: Pepper, **options: Any) -> ImportReport:
    return import_codes(store, path, pepper=pepper, account="main", **options)


def found(store: RegistryStore, *codes: str) -> list[tuple[str, int] | None]:
    records = [store.look_up("main", *EAN, code).code for code in codes]
    return [(record.batch, record.position) if record else None for record in records]


def sql(store: RegistryStore, statement: str) -> list[tuple[Any, ...]]:
    assert isinstance(store, SqlStore)
    with store.database.reading() as session:
        return session.rows(statement)


def rows_in(store: RegistryStore, table: str) -> int:
    ((count,),) = sql(store, f"SELECT count(*) FROM {table}")
    return int(count)


def phases(store: RegistryStore) -> list[Phase]:
    return [found.phase for found in store.imports()]


class Stop(BaseException):
    """Stands for whatever ends an import: an error, or somebody's Ctrl-C."""


def stop_at(what: str, done: int) -> Callable[[str, int, int], None]:
    def progress(now: str, so_far: int, _total: int) -> None:
        if (now, so_far) == (what, done):
            raise Stop

    return progress


def run_killed(url: str, path: Path, at: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-m", "tests.registry.killed_import", url, str(path), at],
        cwd=Path(__file__).parents[2],
        check=False,
        timeout=30,
    )
    assert killed.returncode == -signal.SIGKILL


def leave_half(store: RegistryStore, path: Path, pepper: Pepper, *codes: str) -> None:
    """Store four codes of a file, and stop."""
    with pytest.raises(Stop):
        importing(store, code_file(path, *ean_lines(*codes)), pepper, progress=stop_at("load", 4))


@pytest.mark.parametrize(
    ("url", "at", "rows", "phase"),
    [
        ("sqlite", "read:60", 0, Phase.READING),
        ("sqlite", "sort:1", 0, Phase.READING),
        ("sqlite", "load:2", 2, Phase.LOADING),
        ("sqlite", "load:6", 6, Phase.LOADING),
        ("postgresql", "load:2", 2, Phase.LOADING),
        pytest.param("postgresql", "read:60", 0, Phase.READING, marks=pytest.mark.ordeal),
        pytest.param("postgresql", "sort:1", 0, Phase.READING, marks=pytest.mark.ordeal),
        pytest.param("postgresql", "load:6", 6, Phase.LOADING, marks=pytest.mark.ordeal),
    ],
    indirect=["url"],
)
@pytest.mark.usefixtures("small_steps")
def test_an_import_that_is_killed_leaves_nothing_visible_and_is_finished_by_the_same_command(
    store: RegistryStore, url: str, path: Path, pepper: Pepper, at: str, rows: int, phase: Phase
) -> None:
    code_file(path, *ean_lines(*CODES))
    at = at if at != "read:60" else f"read:{path.stat().st_size}"
    run_killed(url, path, at)

    assert (rows_in(store, "codes"), phases(store)) == (rows, [phase])
    assert found(store, *CODES) == [None] * 6
    assert list(store.products()) == []
    assert store.batches() == []

    report = importing(store, path, pepper)

    assert (report.codes, report.finished) == (6, True)
    assert (report.went_on_at is None) is (phase is Phase.READING)
    assert found(store, *CODES) == [("codes", position) for position in range(1, 7)]
    assert rows_in(store, "codes") == 6
    assert [batch.codes for batch in store.batches()] == [6]
    assert list(store.folder.glob("import-*")) == []


@pytest.mark.ordeal
def test_an_import_that_is_killed_again_and_again_is_finished_in_the_end(
    store: RegistryStore, url: str, path: Path
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201  (pytest shows it when the test fails)
    chance = random.Random(seed)
    codes = [f"{number:06}" for number in range(COUNT)]
    code_file(path, *ean_lines(*codes, status="inactive"))
    command = [sys.executable, "-m", "tests.registry.killed_import", url, str(path), "-"]

    for longest in (0.2, 1.0, None):
        with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
            try:
                process.wait(longest and chance.uniform(0.0, longest))
                break
            except subprocess.TimeoutExpired:
                process.kill()
        assert found(store, codes[0], codes[-1]) == [None, None] or store.imports()[0].phase is Phase.DONE

    assert process.returncode == 0
    ((count, tags, positions, last),) = sql(
        store,
        "SELECT count(*), count(DISTINCT tag), count(DISTINCT position), max(position) FROM codes",
    )
    assert (count, tags, positions, last) == (COUNT, COUNT, COUNT, COUNT)
    assert [(batch.codes, batch.positions) for batch in store.batches()] == [(COUNT, COUNT)]
    assert found(store, *codes[::997]) == [("codes", position) for position in range(1, COUNT + 1, 997)]
    assert len(store.changes()) == 1


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("done", [2, 4])
def test_an_import_that_is_stopped_goes_on_where_it_was(
    store: RegistryStore, path: Path, pepper: Pepper, done: int
) -> None:
    code_file(path, *ean_lines(*CODES))
    with pytest.raises(Stop):
        importing(store, path, pepper, progress=stop_at("load", done))
    told: list[tuple[str, int, int]] = []

    report = importing(store, path, pepper, progress=lambda *step: told.append(step))

    assert report.import_id == 1
    assert report.went_on_at is not None
    assert 0 < report.went_on_at <= done / 6
    assert "read" not in {what for what, _, _ in told}
    assert told[-1] == ("load", 6, 6)
    assert found(store, *CODES) == [("codes", position) for position in range(1, 7)]


@pytest.mark.usefixtures("small_steps")
def test_other_options_begin_another_import(store: RegistryStore, path: Path, pepper: Pepper) -> None:
    leave_half(store, path, pepper, *CODES)

    report = importing(store, path, pepper, batch="B-9")

    assert (report.went_on_at, report.import_id) == (None, 2)
    assert found(store, "A0", "A5") == [("B-9", 1), ("B-9", 6)]
    assert phases(store) == [Phase.DONE, Phase.LOADING]


@pytest.mark.usefixtures("small_steps")
def test_another_file_of_the_same_name_leaves_a_stopped_import_alone(
    store: RegistryStore, path: Path, pepper: Pepper
) -> None:
    leave_half(store, path, pepper, *CODES)
    before = path.read_bytes()

    report = importing(store, code_file(path, *ean_lines("B2", "B1")), pepper)

    assert (report.went_on_at, report.codes, report.others) == (None, 2, (1,))
    assert found(store, "B2", "B1", "A0") == [("codes", 7), ("codes", 8), None]
    assert phases(store) == [Phase.DONE, Phase.LOADING]
    path.write_bytes(before)
    report = importing(store, path, pepper)
    assert (report.import_id, report.codes, report.others) == (1, 6, ())
    assert report.went_on_at is not None


@pytest.mark.usefixtures("small_steps")
def test_a_comparison_that_is_killed_loses_no_refusal(
    store: RegistryStore, path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing(store, code_file(path.with_name("first.csv"), *ean_lines("Z1")), pepper)
    leave_half(store, path, pepper, *CODES)
    importing(store, code_file(path.with_name("other.csv"), *ean_lines("A3", "A4", status="inactive")), pepper)
    kept = path.with_name("codes.csv.rejects.csv")
    wanted = "line,reason\n5,its code is registered already\n6,its code is registered already\n"

    # Killed between two stacks, before the folder is sealed again, and once more before anything is refused.
    for where in ("comparing.take_stack", "workfolder.WorkFolder.seal", "rejects.Rejects.write"):
        with monkeypatch.context() as patched:
            patched.setattr(f"scanhook.registry.{where}", second_time_stopped(where))
            with pytest.raises(Stop):
                importing(store, path, pepper)
        assert phases(store)[1] is Phase.LOADING

    report = importing(store, path, pepper)

    assert (report.finished, report.codes, report.refused) == (False, 0, 2)
    assert kept.read_text() == wanted
    assert found(store, "A0", "A3") == [None, ("other", 1)]


def second_time_stopped(where: str) -> Callable[..., None]:
    """Return a step that is done once, where it is one of several, and then stops everything."""
    turns = iter([take_stack]) if where.endswith("take_stack") else iter([])

    def step(*arguments: Any) -> None:
        turn = next(turns, None)
        if turn is None:
            raise Stop
        turn(*arguments)

    return step


@pytest.mark.usefixtures("small_steps")
def test_with_skip_bad_a_killed_comparison_counts_what_is_left(
    store: RegistryStore, path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    code_file(path, *ean_lines(*CODES))
    with pytest.raises(Stop):
        importing(store, path, pepper, progress=stop_at("load", 4), skip_bad=True)
    importing(store, code_file(path.with_name("other.csv"), *ean_lines("A3", "A4")), pepper)
    with monkeypatch.context() as patched:
        patched.setattr("scanhook.registry.comparing.take_stack", second_time_stopped("take_stack"))
        with pytest.raises(Stop):
            importing(store, path, pepper, skip_bad=True)

    report = importing(store, path, pepper, skip_bad=True)

    assert (report.finished, report.codes, report.refused) == (True, 4, 2)
    assert [(batch.name, batch.codes) for batch in store.batches()] == [("codes", 4), ("other", 2)]
    assert isinstance(store, SqlStore)
    with store.database.reading() as session:
        assert list(contradictions(session, quick=False, tell=lambda *_step: None)) == []


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("lost", ["sorted-000", "reasons.json"])
def test_an_import_that_has_lost_a_file_is_begun_anew(
    store: RegistryStore, path: Path, pepper: Pepper, lost: str
) -> None:
    leave_half(store, path, pepper, *CODES)
    (store.folder / "import-1" / lost).unlink()

    report = importing(store, path, pepper)

    assert (report.codes, report.went_on_at) == (6, None)
    assert phases(store) == [Phase.DONE, Phase.DROPPED]
    assert found(store, "A0") != [None]


@pytest.mark.usefixtures("small_steps")
def test_an_import_whose_folder_cannot_be_read_now_is_kept(
    store: RegistryStore, path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_half(store, path, pepper, *CODES)

    read_text = Path.read_text

    def broken(path: Path, *arguments: Any, **named: Any) -> str:
        if path.name == "manifest.json":
            raise OSError(24, "Too many open files")
        return read_text(path, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.read_text", broken)
        for give_up in (importing, drop_first):
            with pytest.raises(StorageError, match=r"Too many open files.*nothing of the import is lost"):
                give_up(store, path, pepper)

    report = importing(store, path, pepper)
    assert (report.import_id, report.codes) == (1, 6)
    assert report.went_on_at is not None


def drop_first(store: RegistryStore, _path: Path, _pepper: Pepper) -> None:
    found = store.find_import(1)
    assert found is not None
    drop_import(store, found, progress=lambda *_step: None)


def test_whoever_still_takes_a_finished_import_for_one_that_waits_changes_nothing(
    store: RegistryStore, path: Path, pepper: Pepper
) -> None:
    importing(store, code_file(path, *ean_lines("A1")), pepper)
    done = store.find_import(1)
    pile = store.parts_of(1)[0].pile

    assert not store.note_progress(1, phase=Phase.QUEUED, done=0, total=0)
    with pytest.raises(Refused, match="the import 1 is done by now"):
        store.close_import(1, phase=Phase.FAILED, report={})
    with pytest.raises(Refused, match="the import 1 is done by now"):
        store.ready_import(1, [pile], digest=b"", total=1, report={})
    with pytest.raises(Refused, match="the import 1 is done by now"):
        store.finish_import(1, [1], report={})
    with pytest.raises(Refused, match="the import 1 is done by now"), store.loading(1):
        pass

    assert store.find_import(1) == done
    assert found(store, "A1") == [("codes", 1)]


def test_a_folder_that_cannot_be_deleted_stops_no_other_import(
    store: RegistryStore, path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path) -> None:
        raise OSError(13, "Permission denied", str(folder))

    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda folder: refused(folder) if folder.exists() else None)
        assert importing(store, code_file(path, *ean_lines("A1")), pepper).finished
        assert (store.folder / "import-1").exists()

        assert importing(store, code_file(path, *ean_lines("A2")), pepper).finished

    importing(store, code_file(path, *ean_lines("A3")), pepper)
    assert list(store.folder.glob("import-*")) == []


@pytest.mark.parametrize("kind", [Kind.IMPORT, Kind.MINT])
def test_the_folder_of_a_mint_is_left_to_the_mint(store: RegistryStore, path: Path, pepper: Pepper, kind: Kind) -> None:
    number = store.start_import(ImportPlan(kind=kind, file="codes.csv", who="lin", why=""))
    store.close_import(number, phase=Phase.FAILED, report={})
    (store.folder / "import-1").mkdir()

    importing(store, code_file(path, *ean_lines("A1")), pepper)

    assert (store.folder / "import-1").exists() is (kind is Kind.MINT)


@pytest.mark.usefixtures("small_steps")
def test_what_a_stopped_import_left_can_come_back_in_another_file(
    store: RegistryStore, path: Path, pepper: Pepper
) -> None:
    leave_half(store, path, pepper, *CODES)
    other = code_file(path.with_name("other.csv"), *ean_lines(*reversed(CODES), status="inactive"))

    assert importing(store, other, pepper).codes == 6

    assert found(store, "A5", "A0") == [("other", 1), ("other", 6)]
    assert [(batch.name, batch.codes) for batch in store.batches()] == [("other", 6)]


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_stopped_import_finds_what_another_has_brought_meanwhile(
    store: RegistryStore, path: Path, pepper: Pepper, *, skip_bad: bool
) -> None:
    code_file(path, *ean_lines(*CODES))
    with pytest.raises(Stop):
        importing(store, path, pepper, progress=stop_at("load", 4), skip_bad=skip_bad)
    other = code_file(path.with_name("other.csv"), *ean_lines("A4", "A1"))
    importing(store, other, pepper)

    report = importing(store, path, pepper, skip_bad=skip_bad)

    assert (report.finished, report.refused) == (skip_bad, 2)
    assert report.rejects is not None
    assert report.rejects.read_text() == (
        "line,reason\n3,its code is registered already\n6,its code is registered already\n"
    )
    kept = {True: [("codes", 1), ("other", 2), ("codes", 3)], False: [None, ("other", 2), None]}
    assert found(store, "A0", "A1", "A2") == kept[skip_bad]
    assert rows_in(store, "codes") == (6 if skip_bad else 2)
    assert phases(store) == [Phase.DONE, Phase.DONE if skip_bad else Phase.REFUSED]
    assert list(store.folder.glob("import-*")) == []


@pytest.mark.usefixtures("small_steps")
def test_an_import_whose_rows_were_taken_over_stores_all_of_them_again(
    store: RegistryStore, path: Path, pepper: Pepper
) -> None:
    leave_half(store, path, pepper, *CODES)
    other = path.with_name("other.csv")
    leave_half(store, other, pepper, *reversed(CODES))
    with store.importing():
        drop_import(store, store.imports()[0], progress=lambda *_step: None)

    assert rows_in(store, "codes") < 4
    assert importing(store, code_file(path, *ean_lines(*CODES)), pepper).codes == 6
    assert found(store, *CODES) == [("codes", position) for position in range(1, 7)]
    assert rows_in(store, "codes") == 6


@pytest.mark.usefixtures("small_steps")
def test_positions_of_a_batch_are_taken_by_unfinished_imports_too(
    store: RegistryStore, path: Path, pepper: Pepper
) -> None:
    leave_half(store, path, pepper, *CODES)
    other = code_file(path.with_name("other.csv"), *ean_lines("B1", "B2"))
    importing(store, other, pepper, batch="codes")

    importing(store, path, pepper)

    assert found(store, "A0", "A5", "B1", "B2") == [("codes", 1), ("codes", 6), ("codes", 7), ("codes", 8)]
    assert [batch.positions for batch in store.batches()] == [8]


@pytest.mark.usefixtures("small_steps")
def test_an_import_whose_folder_is_gone_is_begun_anew(store: RegistryStore, path: Path, pepper: Pepper) -> None:
    leave_half(store, path, pepper, *CODES)
    (store.folder / "import-1" / "manifest.json").unlink()
    parts = sql(store, "SELECT id FROM parts")

    report = importing(store, path, pepper)

    assert (report.codes, report.went_on_at) == (6, None)
    assert phases(store) == [Phase.DONE, Phase.DROPPED]
    assert sql(store, "SELECT id FROM parts") != parts
    assert [batch.codes for batch in store.batches()] == [6]
    assert all(found(store, *CODES))


@pytest.mark.usefixtures("small_steps")
def test_an_import_that_is_given_up_leaves_nothing(store: RegistryStore, path: Path, pepper: Pepper) -> None:
    leave_half(store, path, pepper, *CODES)

    drop_import(store, store.imports()[0], progress=lambda *_step: None)

    assert {rows_in(store, table) for table in ("products", "batches", "parts", "codes")} == {0}
    assert phases(store) == [Phase.DROPPED]
    assert list(store.folder.glob("import-*")) == []
    with pytest.raises(Refused, match="the import 1 is dropped: only one that is not finished can be dropped"):
        drop_import(store, store.imports()[0], progress=lambda *_step: None)


@pytest.mark.usefixtures("small_steps")
def test_a_drop_that_is_stopped_can_be_begun_again(store: RegistryStore, path: Path, pepper: Pepper) -> None:
    leave_half(store, path, pepper, *CODES)
    with pytest.raises(Stop):
        drop_import(store, store.imports()[0], progress=stop_at("drop", 2))
    assert importing(store, code_file(path.with_name("other.csv"), *ean_lines("C1")), pepper).codes == 1

    drop_import(store, store.imports()[1], progress=lambda *_step: None)

    assert rows_in(store, "codes") == 1
    assert rows_in(store, "parts") == 1


@pytest.mark.usefixtures("small_steps")
def test_part_numbers_never_come_to_mean_something_else(store: RegistryStore, path: Path, pepper: Pepper) -> None:
    leave_half(store, path, pepper, *CODES)
    (store.folder / "import-1" / "manifest.json").unlink()
    drop_import(store, store.imports()[0], progress=lambda *_step: None)
    assert rows_in(store, "codes") == 4

    other = code_file(path.with_name("other.csv"), *ean_lines("C1", status="inactive"))
    importing(store, other, pepper)

    assert found(store, *CODES, "C1") == [None] * 6 + [("other", 1)]


def test_a_finished_import_cannot_be_given_up(store: RegistryStore, path: Path, pepper: Pepper) -> None:
    importing(store, code_file(path, *ean_lines("A1")), pepper)

    with pytest.raises(Refused, match="the import 1 is done: only one that is not finished can be dropped"):
        drop_import(store, store.imports()[0], progress=lambda *_step: None)

    assert found(store, "A1") == [("codes", 1)]


@pytest.mark.usefixtures("small_steps")
def test_a_product_of_a_stopped_import_can_neither_be_added_nor_is_it_there(
    store: RegistryStore, path: Path, pepper: Pepper
) -> None:
    leave_half(store, path, pepper, *CODES)
    product = store.draft_product("main", *EAN)

    assert store.find_product("main", *EAN) is None
    with pytest.raises(Refused, match=r"import the file again"):
        store.add_product(product)

    importing(store, path, pepper)
    store.save_product(replace(product, loading=True), was=product)
    assert store.find_product("main", *EAN) == replace(product, loading=True)


@pytest.mark.usefixtures("small_steps")
def test_a_registry_that_can_take_no_more_is_told_and_the_import_goes_on_later(
    store: RegistryStore, path: Path, pepper: Pepper
) -> None:
    code_file(path, *ean_lines(*CODES))

    def break_it(what: str, done: int, _total: int) -> None:
        if (what, done) == ("load", 2):
            sql(store, "ALTER TABLE codes RENAME TO lost")

    with pytest.raises(StorageError, match="6 codes are read and sorted already: run the same command again to go on"):
        importing(store, path, pepper, progress=break_it)

    sql(store, "ALTER TABLE lost RENAME TO codes")
    assert found(store, *CODES) == [None] * 6
    assert importing(store, path, pepper).codes == 6
    assert found(store, *CODES) == [("codes", position) for position in range(1, 7)]


@pytest.mark.usefixtures("small_steps")
def test_a_storage_without_room_for_the_tags_is_told(
    store: RegistryStore, path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("scanhook.registry.sorting.write_stack", full)

    with pytest.raises(StorageError, match=r"cannot be sorted in .*: No space left on device: make room there"):
        importing(store, code_file(path, *ean_lines(*CODES)), pepper)

    assert phases(store) == [Phase.FAILED]
    assert list(store.folder.glob("import-*")) == []


@pytest.mark.usefixtures("small_steps")
def test_the_rows_of_a_stopped_import_do_not_stand_in_the_way_of_a_dry_run(
    store: RegistryStore, path: Path, pepper: Pepper
) -> None:
    leave_half(store, path, pepper, *CODES)

    assert importing(store, path, pepper, dry_run=True).codes == 6
    report = importing(store, path, pepper)

    assert report.went_on_at is not None
    assert [pile.state for pile in report.piles] == [State.ACTIVE]
    assert CLOCK.now() == store.imports()[0].ended_at
