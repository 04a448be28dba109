from __future__ import annotations

import csv
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanhook.errors import CodeFileRefused, Refused, StorageError
from scanhook.registry import ImportReport, Normalisation, State, check_character, import_codes
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.storage import Pepper, rows_of
from tests.registry.codes import CLOCK, EAN, HEADER, code_file, ean_lines, load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "codes.csv"


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few codes take many runs on the disk and many transactions."""
    monkeypatch.setattr("scanhook.registry.spool.RUN_RECORDS", 3)
    monkeypatch.setattr("scanhook.registry.importing.LOAD_ROWS", 2)
    monkeypatch.setattr("scanhook.registry.sqlite_import._TAKE_BACK_ROWS", 2)


def importing(store: SqliteRegistry, path: Path, pepper: Pepper, **options: Any) -> ImportReport:
    return import_codes(store, path, pepper=pepper, account="main", **options)


def found(store: SqliteRegistry, *codes: str) -> list[tuple[str, int] | None]:
    """Return batch and position of each code of the EAN product."""
    records = [store.look_up("main", *EAN, code).code for code in codes]
    return [(record.batch, record.position) if record else None for record in records]


def rejected(path: Path) -> list[tuple[str, ...]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [tuple(row) for row in csv.reader(file)]


def rows_in(store: SqliteRegistry, table: str) -> int:
    ((count,),) = rows_of(store.database.connection, f"SELECT count(*) FROM {table}")
    return int(count)


def test_every_code_of_a_file_is_found(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    code_file(path, *ean_lines("A1", "A2"), "qrcode,tea,A1,inactive")

    report = importing(store, path, pepper)

    assert (report.codes, report.refused, report.finished, report.rejects) == (3, 0, True, None)
    assert [(pile.product.key_str, pile.batch, pile.state, pile.codes) for pile in report.piles] == [
        ("6900873042720", "codes", State.ACTIVE, 2),
        ("tea", "codes", State.ISSUED, 1),
    ]
    assert found(store, "A1", "A2", "A3") == [("codes", 1), ("codes", 2), None]
    tea = store.look_up("main", "qrcode", "tea", "A1").code
    assert tea is not None
    assert (tea.position, tea.states) == (1, (State.ISSUED, State.ACTIVE, State.ACTIVE))
    assert not path.with_name("codes.csv.rejects.csv").exists()


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        ("B-7.csv", "B-7"),
        ("B-7.csv.gz", "B-7"),
        ("B-7.gz", "B-7"),
        ("国庆.txt", "国庆.txt"),
        ("x" * 70 + ".csv", "x" * 64),
    ],
)
def test_a_batch_is_called_like_its_file(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper, name: str, batch: str
) -> None:
    importing(store, code_file(tmp_path / name, *ean_lines("A1")), pepper)

    assert found(store, "A1") == [(batch, 1)]


def test_a_batch_may_be_named_by_the_caller_and_by_the_line(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    lines = [line + batch for line, batch in zip(ean_lines("A1", "A2", "A3"), (",", ",B-8", ","), strict=True)]
    code_file(path, *lines, header=f"{HEADER},batch")

    importing(store, path, pepper, batch="B-7")

    assert found(store, "A1", "A2", "A3") == [("B-7", 1), ("B-8", 1), ("B-7", 2)]


@pytest.mark.usefixtures("small_steps")
def test_positions_follow_the_order_of_the_file(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    codes = [f"A{number}" for number in range(20)]
    importing(store, code_file(path, *ean_lines(*codes)), pepper)

    assert found(store, *codes) == [("codes", position) for position in range(1, 21)]


def test_positions_go_on_in_the_next_file_of_the_batch(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    load(store, path, pepper, *ean_lines("A1", "A2", "A3"))
    load(store, path, pepper, *ean_lines("A4", "A5"))

    assert found(store, "A3", "A4", "A5") == [("codes", 3), ("codes", 4), ("codes", 5)]


def test_no_two_codes_of_a_batch_ever_share_a_position(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    importing(store, code_file(path, *ean_lines("A1", "A1", "A2")), pepper, skip_bad=True)
    importing(store, code_file(path, *ean_lines("A3", "A4")), pepper)
    importing(store, code_file(path, *ean_lines("A4", "A5")), pepper, skip_bad=True)

    positions = [place[1] for place in found(store, "A1", "A2", "A3", "A4", "A5") if place]
    assert len(set(positions)) == 5


def test_a_file_that_mixes_states_makes_two_parts_of_a_batch(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    report = load(store, path, pepper, *ean_lines("A1"), *ean_lines("A2", status="inactive"), *ean_lines("A3"))

    assert [(pile.batch, pile.state, pile.codes) for pile in report.piles] == [
        ("codes", State.ACTIVE, 2),
        ("codes", State.ISSUED, 1),
    ]
    assert found(store, "A1", "A2", "A3") == [("codes", 1), ("codes", 2), ("codes", 3)]
    states = {code: store.look_up("main", *EAN, code).code for code in ("A1", "A2", "A3")}
    assert [record.states[0] if record else None for record in states.values()] == ["active", "issued", "active"]


def test_products_belong_to_the_account_that_was_named(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    import_codes(store, code_file(path, *ean_lines("A1")), pepper=pepper, account="second")

    assert store.find_product("second", *EAN) is not None
    assert store.look_up("second", *EAN, "A1").code is not None
    assert store.look_up("main", *EAN, "A1").product is None


def test_a_code_is_stored_in_the_normal_form_of_its_product(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    product = replace(store.draft_product("main", *EAN), normalisation=Normalisation.parse("trim,upper,look-alikes"))
    store.add_product(product)

    load(store, path, pepper, *ean_lines(" abo1 "))

    assert found(store, "AB01", "aboi", "ABOL ", "AB02") == [("codes", 1)] * 3 + [None]


def test_rules_of_a_product_refuse_lines(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    product = replace(store.draft_product("main", *EAN), normalisation=Normalisation.parse("trim,check"))
    store.add_product(product)
    good = "6J5T9XQ" + check_character("6J5T9XQ")

    report = importing(store, code_file(path, *ean_lines(good, "6J5T9XQ0", "   ")), pepper, skip_bad=True)

    assert (report.codes, report.refused) == (1, 2)
    assert report.rejects is not None
    assert rejected(report.rejects) == [
        ("line", "reason"),
        ("3", "its extinfo has a wrong check character"),
        ("4", "its extinfo is empty once it is trimmed"),
    ]


def test_a_name_that_no_product_can_have_refuses_its_lines(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    code_file(path, "ean13,a/b,A1,active", *ean_lines("A1"), "ean13,a/b,A2,active", "ean13, x,A3,active")

    report = importing(store, path, pepper, skip_bad=True)

    assert report.rejects is not None
    assert [line for line, _ in rejected(report.rejects)] == ["line", "2", "4", "5"]
    assert [product.key_str for product in store.products()] == ["6900873042720"]


def test_after_a_refused_line_nothing_is_visible(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    report = importing(store, code_file(path, *ean_lines("A1", "A2"), "ean13,6900873042720,A3,sold"), pepper)

    rejects = path.with_name("codes.csv.rejects.csv")
    assert report == ImportReport(codes=0, refused=1, finished=False, rejects=rejects, piles=())
    assert rejected(rejects) == [("line", "reason"), ("4", "its status is neither `active` nor `inactive`")]
    assert store.look_up("main", *EAN, "A1").product is None
    assert {rows_in(store, table) for table in ("products", "imports", "batches", "parts", "codes")} == {0}


def test_skip_bad_takes_the_good_lines(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    code_file(path, *ean_lines("A1"), "ean13,6900873042720,A2,sold", *ean_lines("A3"))

    report = importing(store, path, pepper, skip_bad=True)

    assert (report.codes, report.refused, report.finished) == (2, 1, True)
    assert report.rejects == path.with_name("codes.csv.rejects.csv")
    assert [place is not None for place in found(store, "A1", "A2", "A3")] == [True, False, True]


def test_skip_bad_cannot_help_a_file_without_a_good_line(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    report = importing(store, code_file(path, "ean13,6900873042720,A2,sold"), pepper, skip_bad=True)

    assert (report.codes, report.refused, report.finished) == (0, 1, False)
    assert {rows_in(store, table) for table in ("products", "imports", "batches", "parts")} == {0}


@pytest.mark.usefixtures("small_steps")
def test_of_doubled_lines_the_first_wins(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    code_file(path, *ean_lines("A1", "A2", "A1", "A3"), *ean_lines("A1", "A2", status="inactive"))

    report = importing(store, path, pepper, skip_bad=True)

    assert (report.codes, report.refused) == (3, 3)
    assert report.rejects is not None
    assert sorted(rejected(report.rejects)) == [
        ("4", "its code stands in line 2 already"),
        ("6", "its code stands in line 2 already"),
        ("7", "its code stands in line 3 already"),
        ("line", "reason"),
    ]
    records = [store.look_up("main", *EAN, code).code for code in ("A1", "A2", "A3")]
    assert [record.states[0] if record else None for record in records] == ["active", "active", "active"]


def test_a_doubled_line_refuses_the_file(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    report = importing(store, code_file(path, *ean_lines("A1", "A2", "A1")), pepper)

    assert (report.codes, report.refused, report.finished) == (0, 1, False)
    assert store.find_product("main", *EAN) is None


def test_lines_that_are_equal_in_their_normal_form_are_doubles(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    report = importing(store, code_file(path, *ean_lines("A1", "Ａ１")), pepper, skip_bad=True)

    assert (report.codes, report.refused) == (1, 1)


def test_the_same_code_of_two_products_is_no_double(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    load(store, path, pepper, *ean_lines("A1"), "ean13,6900873042737,A1,active", "ean8,6900873042720,A1,active")

    assert len(list(store.products())) == 3


@pytest.mark.usefixtures("small_steps")
def test_a_code_that_is_registered_already_refuses_the_file(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    load(store, path, pepper, *ean_lines("A1", "A2", "A3"))

    report = importing(store, code_file(path, *ean_lines("A7", "A8", "A2", "A9", "A6")), pepper, batch="later")

    assert (report.codes, report.refused, report.finished) == (0, 1, False)
    assert report.rejects is not None
    assert rejected(report.rejects) == [("line", "reason"), ("4", "its code is registered already")]
    assert found(store, "A1", "A2", "A3", "A7", "A8", "A9", "A6") == [
        ("codes", 1),
        ("codes", 2),
        ("codes", 3),
        *[None] * 4,
    ]
    assert [rows_in(store, table) for table in ("codes", "imports", "parts", "batches")] == [3, 1, 1, 1]


@pytest.mark.usefixtures("small_steps")
def test_skip_bad_leaves_a_registered_code_as_it_was(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    load(store, path, pepper, *ean_lines("A1", "A2"))

    code_file(path, *ean_lines("A2", "A3", status="inactive"))
    report = importing(store, path, pepper, batch="later", skip_bad=True)

    assert (report.codes, report.refused, report.finished) == (1, 1, True)
    assert [(pile.batch, pile.codes) for pile in report.piles] == [("later", 1)]
    assert found(store, "A2", "A3") == [("codes", 2), ("later", 2)]
    assert sum(batch.codes for batch in store.stats()) == 3


def test_a_file_that_is_imported_twice_brings_nothing_new(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    load(store, path, pepper, *ean_lines("A1", "A2"))

    report = importing(store, path, pepper, skip_bad=True)

    assert (report.codes, report.refused, report.finished) == (0, 2, False)
    assert [rows_in(store, table) for table in ("codes", "imports", "parts")] == [2, 1, 1]


@pytest.mark.parametrize("lines", [(), ("", "")], ids=["no line", "empty lines"])
def test_a_file_without_codes_is_refused(
    store: SqliteRegistry, path: Path, pepper: Pepper, lines: tuple[str, ...]
) -> None:
    with pytest.raises(CodeFileRefused, match="holds no code below its header"):
        importing(store, code_file(path, *lines), pepper)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_an_unclosed_quote_refuses_the_whole_file(
    store: SqliteRegistry, path: Path, pepper: Pepper, *, skip_bad: bool
) -> None:
    code_file(path, *ean_lines("A1", '"A2', "A3", "A4"))

    with pytest.raises(CodeFileRefused, match="line 3: a quoted field runs over the end"):
        importing(store, path, pepper, skip_bad=skip_bad)

    assert store.find_product("main", *EAN) is None


def test_rejects_are_private_and_hold_no_code(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    code = "6J5T9XQ2"
    lines = [f"{line}{end}" for line in ean_lines(code) for end in ("", "", "x", ",more", "\x00")]
    code_file(
        path, *lines, f'ean13,1,"{code}"x,active', f"ean13,,{code},active", f"{code},1,,active", f"a/{code},1,1,active"
    )

    report = importing(store, path, pepper)

    assert report.rejects is not None
    assert report.refused == 8
    assert stat.S_IMODE(report.rejects.stat().st_mode) == 0o600
    assert code not in report.rejects.read_text()


def test_rejects_go_where_the_caller_says(store: SqliteRegistry, path: Path, pepper: Pepper, tmp_path: Path) -> None:
    rejects = tmp_path / "why.csv"
    rejects.write_text("of an earlier import\n" * 100)

    report = importing(store, code_file(path, *ean_lines("A1", "A1")), pepper, rejects=rejects)

    assert report.rejects == rejects
    assert rejected(rejects) == [("line", "reason"), ("3", "its code stands in line 2 already")]


def test_rejects_that_cannot_be_written_are_told(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    code_file(path, *ean_lines("A1", "A1"))

    with pytest.raises(CodeFileRefused, match=r"line 3 is refused .* cannot be written.* name another file"):
        importing(store, path, pepper, rejects=path.parent / "missing" / "why.csv")

    assert store.find_product("main", *EAN) is None


def test_rejects_never_overwrite_the_code_file(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    before = code_file(path, *ean_lines("A1", "A1")).read_bytes()

    with pytest.raises(Refused):
        importing(store, path, pepper, rejects=path)

    assert path.read_bytes() == before


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("product_is_there", [False, True])
def test_look_ups_see_nothing_until_the_last_row(
    store: SqliteRegistry, path: Path, pepper: Pepper, *, product_is_there: bool
) -> None:
    if product_is_there:
        store.add_product(store.draft_product("main", *EAN))
    codes = [f"A{number}" for number in range(7)]
    other = SqliteRegistry(path.parent / "data", pepper=pepper, clock=CLOCK)
    seen: list[bool] = []

    def look(_what: str, _done: int, _total: int) -> None:
        for registry in (store, other):
            look_ups = [registry.look_up("main", *EAN, code) for code in codes]
            seen.extend(look_up.code is not None for look_up in look_ups)
            assert {look_up.product is not None for look_up in look_ups} == {product_is_there}
            assert list(registry.stats()) == []

    with ThreadPoolExecutor(1) as thread:
        importing(
            store,
            code_file(path, *ean_lines(*codes)),
            pepper,
            progress=lambda *told: thread.submit(look, *told).result(),
        )

    assert len(seen) == 5 * 2 * 7
    assert not any(seen)
    assert all(place is not None for registry in (store, other) for place in found(registry, *codes))
    other.close()


class Stop(BaseException):
    """Stands for whatever ends an import: an error, or somebody's Ctrl-C."""


def stop_at(what: str, done: int) -> Callable[[str, int, int], None]:
    def progress(now: str, so_far: int, _total: int) -> None:
        if (now, so_far) == (what, done):
            raise Stop

    return progress


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("done", [2, 4, 6])
def test_an_import_that_is_stopped_is_taken_back(store: SqliteRegistry, path: Path, pepper: Pepper, done: int) -> None:
    load(store, path, pepper, *ean_lines("A1"))
    code_file(path, *ean_lines("A2", "A3", "A4"), *ean_lines("A5", "A6", status="inactive"), "qrcode,tea,A1,active")

    with pytest.raises(Stop):
        importing(store, path, pepper, progress=stop_at("load", done))

    assert found(store, "A1", "A2", "A6") == [("codes", 1), None, None]
    assert store.look_up("main", "qrcode", "tea", "A1").product is None
    counts = [rows_in(store, table) for table in ("products", "imports", "batches", "parts", "codes")]
    assert counts == [1, 1, 1, 1, 1]
    assert importing(store, path, pepper).codes == 6
    assert found(store, "A1", "A2", "A6") == [("codes", 1), ("codes", 2), ("codes", 6)]


KILLED = """
import os, signal, sys
from pathlib import Path
from scanhook.registry import import_codes, importing
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.storage import Pepper
from tests.registry.codes import CLOCK

def progress(what, done, total):
    if (what, done) == ("load", 4):
        os.kill(os.getpid(), signal.SIGKILL)

importing.LOAD_ROWS = 2
pepper = Pepper(secret=bytes(range(32)))
store = SqliteRegistry(Path(sys.argv[1]), pepper=pepper, clock=CLOCK)
import_codes(store, Path(sys.argv[2]), pepper=pepper, account="main", progress=progress)
"""


def kill_half_way(folder: Path, path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(path)], cwd=Path(__file__).parents[2], check=False, timeout=30
    )
    assert killed.returncode == -signal.SIGKILL


def test_an_import_that_is_killed_leaves_nothing_visible_and_can_be_repeated(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    codes = [f"A{number}" for number in range(6)]
    code_file(path, *ean_lines(*codes))
    assert found(store, *codes) == [None] * 6

    kill_half_way(store.database.path.parent, path)

    assert rows_in(store, "codes") == 4
    assert store.look_up("main", *EAN, "A0").product is None
    assert list(store.products()) == []
    assert list(store.stats()) == []

    assert importing(store, path, pepper).codes == 6
    assert found(store, *codes) == [("codes", position) for position in range(1, 7)]
    assert rows_in(store, "codes") == 6
    assert [(batch.batch, batch.codes) for batch in store.stats()] == [("codes", 6)]


def test_what_a_killed_import_left_can_come_back_in_another_file(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    code_file(path, *ean_lines(*[f"A{number}" for number in range(6)]))
    kill_half_way(store.database.path.parent, path)
    other = code_file(path.with_name("other.csv"), *ean_lines("A5", "A4", "A3", "A2", "A1", "A0", status="inactive"))

    assert importing(store, other, pepper).codes == 6

    assert found(store, "A5", "A0") == [("other", 1), ("other", 6)]
    assert [(batch.batch, batch.states[0], batch.codes) for batch in store.stats()] == [("other", State.ISSUED, 6)]


def test_a_product_of_a_killed_import_can_neither_be_added_nor_is_it_there(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    kill_half_way(store.database.path.parent, code_file(path, *ean_lines(*"ABCDEF")))
    product = store.draft_product("main", *EAN)

    assert store.find_product("main", *EAN) is None
    with pytest.raises(Refused, match=r"import the file again.*products set"):
        store.add_product(product)

    importing(store, path, pepper)
    store.save_product(replace(product, loading=True))
    assert store.find_product("main", *EAN) == replace(product, loading=True)


def test_a_second_import_is_refused_while_one_runs(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    code_file(path, *ean_lines("A1"))
    other = SqliteRegistry(path.parent / "data", pepper=pepper, clock=CLOCK)

    with store.importing():
        for registry in (store, other):
            with pytest.raises(Refused, match="another import is running: wait until it has ended"):
                importing(registry, path, pepper)

    assert importing(other, path, pepper).codes == 1
    other.close()


def test_a_product_that_is_added_while_its_codes_are_read_stops_the_import(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    code_file(path, *ean_lines("A1"))

    def add(what: str, _done: int, _total: int) -> None:
        if what == "read":
            store.add_product(replace(store.draft_product("main", *EAN), qr_prefix="mine"))

    with pytest.raises(Refused, match="was added or changed while its codes were read: import the file again"):
        importing(store, path, pepper, progress=add)

    assert rows_in(store, "imports") == 0
    assert importing(store, path, pepper).codes == 1
    product = store.find_product("main", *EAN)
    assert product is not None
    assert product.qr_prefix == "mine"


def test_rules_that_are_changed_while_codes_are_read_stop_the_import(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    product = store.add_product(store.draft_product("main", *EAN))
    code_file(path, *ean_lines("a1"))

    def change(what: str, _done: int, _total: int) -> None:
        if what == "read":
            store.save_product(replace(product, normalisation=Normalisation.parse("upper")))

    with pytest.raises(Refused, match="import the file again"):
        importing(store, path, pepper, progress=change)

    assert importing(store, path, pepper).codes == 1
    assert found(store, "A1", "a1") == [("codes", 1), ("codes", 1)]


def test_progress_reaches_the_whole(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    told: list[tuple[str, int, int]] = []
    size = code_file(path, *ean_lines("A1", "A2")).stat().st_size

    importing(store, path, pepper, progress=lambda *step: told.append(step))

    assert told == [("read", size, size), ("load", 2, 2)]


def test_progress_reaches_the_whole_of_a_file_with_doubles_too(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    told: list[tuple[str, int, int]] = []
    code_file(path, *ean_lines("A1", "A1", "A2"))

    importing(store, path, pepper, skip_bad=True, progress=lambda *step: told.append(step))

    assert told[-1] == ("load", 2, 2)


def test_too_many_batches_are_refused(
    store: SqliteRegistry, path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.registry.importing._PILES_MAX", 2)
    lines = [f"ean13,6900873042720,A{number},active,B-{number}" for number in range(3)]

    with pytest.raises(CodeFileRefused, match="names more than 2 batches"):
        importing(store, code_file(path, *lines, header=f"{HEADER},batch"), pepper)

    assert store.find_product("main", *EAN) is None


@pytest.mark.usefixtures("small_steps")
def test_a_registry_that_can_take_no_more_is_told_and_left_as_it_was(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    code_file(path, *ean_lines(*[f"A{number}" for number in range(6)]))

    def break_it(what: str, done: int, _total: int) -> None:
        if (what, done) == ("load", 2):
            store.database.connection.execute(
                "CREATE TRIGGER t BEFORE INSERT ON codes BEGIN SELECT raise(FAIL, 'x'); END"
            )

    with pytest.raises(StorageError):
        importing(store, path, pepper, progress=break_it)

    assert {rows_in(store, table) for table in ("products", "imports", "batches", "parts", "codes")} == {0}


def test_spooled_tags_leave_nothing_behind(
    store: SqliteRegistry, path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    monkeypatch.setattr("scanhook.registry.spool.RUN_RECORDS", 1)

    load(store, path, pepper, *ean_lines("A1", "A2", "A3"))

    assert list(spool.iterdir()) == []
