from __future__ import annotations

import csv
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanhook.errors import CodeFileRefused, Refused
from scanhook.registry import (
    Action,
    ImportReport,
    Normalisation,
    Order,
    Scope,
    State,
    check_character,
    import_codes,
)
from scanhook.registry.importstore import Import, ImportPlan, Kind, Phase
from scanhook.registry.loading import drop_import
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.storage import Pepper, rows_of
from tests.registry.codes import AT, CLOCK, EAN, HEADER, code_file, ean_lines, load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "codes.csv"


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few codes take many blocks, stacks and transactions."""
    monkeypatch.setattr("scanhook.registry.codefile.BLOCK_BYTES", 60)
    monkeypatch.setattr("scanhook.registry.spool._STACK_CODES", 1)
    monkeypatch.setattr("scanhook.registry.loading.FIRST_ROWS", 2)
    monkeypatch.setattr("scanhook.registry.loading.ROWS_MIN", 2)
    monkeypatch.setattr("scanhook.registry.loading.ROWS_MAX", 2)
    monkeypatch.setattr("scanhook.registry.loading.PAUSE_S", 0.0)


def importing(store: SqliteRegistry, path: Path, pepper: Pepper, **options: Any) -> ImportReport:
    return import_codes(store, path, pepper=pepper, account="main", **options)


def found(store: SqliteRegistry, *codes: str) -> list[tuple[str, int] | None]:
    """Return batch and position of each code of the EAN product."""
    records = [store.look_up("main", *EAN, code).code for code in codes]
    return [(record.batch, record.position) if record else None for record in records]


def rejected(path: Path) -> list[tuple[str, ...]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [tuple(row) for row in csv.reader(file)]


def phases(store: SqliteRegistry) -> list[Phase]:
    return [found.phase for found in store.imports()]


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
    assert (tea.position, tea.loaded_as) == (1, State.ISSUED)
    assert not path.with_name("codes.csv.rejects.csv").exists()


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        ("B-7.csv", "B-7"),
        ("B-7.csv.gz", "B-7"),
        ("B-7.gz", "B-7"),
        ("国庆.txt", "国庆.txt"),
        ("x" * 70 + ".csv", "x" * 64),
        ("x" * 63 + " y.csv", "x" * 63),
        (".csv", "import"),
        (".csv.gz", "import"),
        ("winter .csv", "winter"),
        ("a\tb.csv", "ab"),
        (os.fsdecode(b"\xb9\xfa.csv"), "\ufffd\ufffd"),
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
    assert [record.loaded_as if record else None for record in states.values()] == ["active", "issued", "active"]


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
    assert report == ImportReport(codes=0, refused=1, finished=False, rejects=rejects, piles=(), import_id=1)
    assert rejected(rejects) == [("line", "reason"), ("4", "its status is neither `active` nor `inactive`")]
    assert store.look_up("main", *EAN, "A1").product is None
    assert {rows_in(store, table) for table in ("products", "batches", "parts", "codes")} == {0}
    assert phases(store) == [Phase.REFUSED]


def test_skip_bad_takes_the_good_lines(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    code_file(path, *ean_lines("A1"), "ean13,6900873042720,A2,sold", *ean_lines("A3"))

    report = importing(store, path, pepper, skip_bad=True)

    assert (report.codes, report.refused, report.finished) == (2, 1, True)
    assert report.rejects == path.with_name("codes.csv.rejects.csv")
    assert [place is not None for place in found(store, "A1", "A2", "A3")] == [True, False, True]


def test_skip_bad_cannot_help_a_file_without_a_good_line(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    report = importing(store, code_file(path, "ean13,6900873042720,A2,sold"), pepper, skip_bad=True)

    assert (report.codes, report.refused, report.finished) == (0, 1, False)
    assert {rows_in(store, table) for table in ("products", "batches", "parts")} == {0}


@pytest.mark.usefixtures("small_steps")
def test_of_doubled_lines_the_first_wins(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    code_file(path, *ean_lines("A1", "A2", "A1", "A3"), *ean_lines("A1", "A2", status="inactive"))

    report = importing(store, path, pepper, skip_bad=True)

    assert (report.codes, report.refused) == (3, 3)
    assert report.rejects is not None
    assert rejected(report.rejects) == [
        ("line", "reason"),
        ("4", "its code stands in line 2 already"),
        ("6", "its code stands in line 2 already"),
        ("7", "its code stands in line 3 already"),
    ]
    records = [store.look_up("main", *EAN, code).code for code in ("A1", "A2", "A3")]
    assert [record.loaded_as if record else None for record in records] == ["active", "active", "active"]


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
    assert [rows_in(store, table) for table in ("codes", "parts", "batches")] == [3, 1, 1]


@pytest.mark.usefixtures("small_steps")
def test_skip_bad_leaves_a_registered_code_as_it_was(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    load(store, path, pepper, *ean_lines("A1", "A2"))

    code_file(path, *ean_lines("A2", "A3", status="inactive"))
    report = importing(store, path, pepper, batch="later", skip_bad=True)

    assert (report.codes, report.refused, report.finished) == (1, 1, True)
    assert [(pile.batch, pile.codes) for pile in report.piles] == [("later", 1)]
    assert found(store, "A2", "A3") == [("codes", 2), ("later", 2)]
    assert [batch.codes for batch in store.batches()] == [2, 1]


def test_a_file_that_is_imported_twice_brings_nothing_new(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    load(store, path, pepper, *ean_lines("A1", "A2"))

    with pytest.raises(Refused, match="this file was imported already, as import 1: see `scanhook imports show 1`"):
        importing(store, path, pepper)
    report = importing(store, path, pepper, skip_bad=True)

    assert (report.codes, report.refused, report.finished) == (0, 2, False)
    assert [rows_in(store, table) for table in ("codes", "parts")] == [2, 1]


def test_a_code_that_is_broken_off_in_its_batch_is_refused(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    lines = [
        f"{line},{batch}" for line, batch in zip(ean_lines("A1", "A2", "A3"), ("aut", "autumn", "aut"), strict=True)
    ]
    whole = code_file(path, *lines, header=f"{HEADER},batch").read_bytes()
    path.write_bytes(whole[: whole.index(b"autumn") + 3].replace(b",aut\n", b",winter\n"))

    report = importing(store, path, pepper, skip_bad=True)

    assert report.rejects is not None
    assert rejected(report.rejects)[1:] == [
        (
            "3",
            "the file ends within this line, or its last line end is missing: see that the file is whole, "
            "and end the line",
        )
    ]
    assert [batch.name for batch in store.batches()] == ["winter"]


@pytest.mark.usefixtures("small_steps")
def test_a_last_line_without_an_end_is_taken_where_its_batch_is_known(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    lines = [f"{line},winter" for line in ean_lines("A1", "A2", "A3")]
    path.write_bytes(code_file(path, *lines, header=f"{HEADER},batch").read_bytes().removesuffix(b"\n"))

    assert importing(store, path, pepper).codes == 3


@pytest.mark.parametrize("batch", ["winter ", " ", "x" * 65, "a\tb"])
def test_a_batch_that_no_line_could_name_is_refused(
    store: SqliteRegistry, path: Path, pepper: Pepper, batch: str
) -> None:
    with pytest.raises(Refused, match="the batch is not up to 64 printable characters without blanks at its ends"):
        importing(store, code_file(path, *ean_lines("A1")), pepper, batch=batch)


def queued_import(store: SqliteRegistry) -> Import:
    plan = ImportPlan(kind=Kind.IMPORT, file="codes.csv", who="lin", why="uploaded")
    waiting = store.find_import(store.start_import(plan, phase=Phase.QUEUED))
    assert waiting is not None
    return waiting


def test_an_import_that_waited_is_run_under_its_number(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    report = importing(store, code_file(path, *ean_lines("A1")), pepper, queued=queued_import(store))

    assert (report.import_id, phases(store)) == (1, [Phase.DONE])


def test_an_import_that_was_given_up_while_it_waited_is_not_run(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    waiting = queued_import(store)
    with store.importing():  # another one runs
        drop_import(store, waiting, progress=lambda *_step: None)
    store.note_progress(waiting.id, phase=Phase.QUEUED, done=0, total=0)

    with pytest.raises(Refused, match="the import 1 does not wait any more: see `scanhook imports show 1`"):
        importing(store, code_file(path, *ean_lines("A1")), pepper, queued=waiting)

    assert phases(store) == [Phase.DROPPED]
    assert found(store, "A1") == [None]


def test_an_import_that_was_refused_meanwhile_is_not_run(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    waiting = queued_import(store)
    store.close_import(waiting.id, phase=Phase.REFUSED, report={})

    with pytest.raises(Refused, match="the import 1 does not wait any more"):
        importing(store, code_file(path, *ean_lines("A1")), pepper, queued=waiting)

    assert phases(store) == [Phase.REFUSED]


def test_an_import_that_has_begun_is_not_given_up_as_one_that_waits(store: SqliteRegistry) -> None:
    waiting = queued_import(store)
    store.note_progress(waiting.id, phase=Phase.READING, done=0, total=0)

    with pytest.raises(Refused, match="the import 1 is reading by now"):
        drop_import(store, waiting, progress=lambda *_step: None)

    assert phases(store) == [Phase.READING]


def test_an_import_that_begins_while_it_is_given_up_goes_its_way(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    waiting = queued_import(store)
    assert importing(store, code_file(path, *ean_lines("A1")), pepper, queued=waiting).finished

    with pytest.raises(Refused, match="the import 1 is done by now: see `scanhook imports show 1`"):
        drop_import(store, waiting, progress=lambda *_step: None)

    assert found(store, "A1") == [("codes", 1)]


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
            assert registry.batches() == []

    with ThreadPoolExecutor(1) as thread:
        importing(
            store,
            code_file(path, *ean_lines(*codes)),
            pepper,
            progress=lambda *told: thread.submit(look, *told).result(),
        )

    assert len(seen) > 5 * 2 * 7
    assert not any(seen)
    assert all(place is not None for registry in (store, other) for place in found(registry, *codes))
    other.close()


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

    assert phases(store) == [Phase.REFUSED]
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
            store.save_product(replace(product, normalisation=Normalisation.parse("upper")), was=product)

    with pytest.raises(Refused, match="import the file again"):
        importing(store, path, pepper, progress=change)

    assert importing(store, path, pepper).codes == 1
    assert found(store, "A1", "a1") == [("codes", 1), ("codes", 1)]


def test_progress_reaches_the_whole(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    told: list[tuple[str, int, int]] = []
    size = code_file(path, *ean_lines("A1", "A2")).stat().st_size

    importing(store, path, pepper, progress=lambda *step: told.append(step))

    assert told == [("read", size, size), ("sort", 1, 1), ("load", 2, 2)]


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
    monkeypatch.setattr("scanhook.registry.intake.PILES_MAX", 2)
    lines = [f"ean13,6900873042720,A{number},active,B-{number}" for number in range(3)]

    with pytest.raises(CodeFileRefused, match=r"names more than 2 batches .*: split it into several files"):
        importing(store, code_file(path, *lines, header=f"{HEADER},batch"), pepper)

    assert store.find_product("main", *EAN) is None


def test_nothing_is_left_in_the_storage_folder(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    before = sorted(store.folder.iterdir())

    load(store, path, pepper, *ean_lines("A1", "A2", "A3"))
    importing(store, code_file(path, *ean_lines("B1", "B1")), pepper)
    with pytest.raises(CodeFileRefused):
        importing(store, code_file(path), pepper)

    left = {entry.name for entry in store.folder.iterdir()} - {entry.name for entry in before}
    assert left <= {"import.lock", "registry.db-wal", "registry.db-shm"}


def test_tags_on_the_disk_are_private(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    modes: list[int] = []

    def look(what: str, _done: int, _total: int) -> None:
        if what == "load":
            modes.append(stat.S_IMODE((store.folder / "import-1").stat().st_mode))

    importing(store, code_file(path, *ean_lines("A1")), pepper, progress=look)

    assert modes == [0o700]


def test_all_duplicates_are_told_in_one_round(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    load(store, path, pepper, *ean_lines("A1", "A2"))

    report = importing(store, code_file(path, *ean_lines("B1", "A2", "B1", "A1"), "x"), pepper)

    assert report.rejects is not None
    assert rejected(report.rejects) == [
        ("line", "reason"),
        ("3", "its code is registered already"),
        ("4", "its code stands in line 2 already"),
        ("5", "its code is registered already"),
        ("6", "it has 1 fields, and the header has 4"),
    ]
    assert [report.audit[name] for name in ("lines", "codes", "refused", "doubles", "registered")] == [5, 1, 4, 1, 2]


def test_a_dry_run_stores_nothing(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    load(store, path, pepper, *ean_lines("A0"))
    code_file(path, *ean_lines("A0", "B1", "B1", "B2"))

    report = importing(store, path, pepper, dry_run=True)

    assert (report.codes, report.refused, report.finished, report.import_id) == (2, 2, False, 0)
    assert report.rejects is not None
    assert [line for line, _ in rejected(report.rejects)] == ["line", "2", "4"]
    assert [(pile.batch, pile.codes) for pile in report.piles] == [("codes", 2)]
    assert [rows_in(store, table) for table in ("codes", "imports", "parts", "batches")] == [1, 1, 1, 1]
    assert list(store.folder.glob("import-*")) == []


@pytest.mark.parametrize(("encoding", "product"), [("utf-8", "茅台酒"), ("utf-8-sig", "茅台酒"), ("gbk", "茅台酒")])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.usefixtures("small_steps")
def test_the_encoding_is_found(
    store: SqliteRegistry, path: Path, pepper: Pepper, encoding: str, product: str, *, zipped: bool
) -> None:
    lines = ["ean13,1,A1,active", "ean13,1,A2,active", "ean13,1,A3,active", f"qrcode,{product},编号一,active"]

    report = importing(store, code_file(path, *lines, encoding=encoding, zipped=zipped), pepper)

    assert report.codes == 4
    assert store.look_up("main", "qrcode", "茅台酒", "编号一").code is not None


@pytest.mark.parametrize("content", [b"\x81", b"PK\x03\x04\xff\xff\xff"])
def test_a_file_that_is_neither_utf_8_nor_gbk_is_refused(
    store: SqliteRegistry, path: Path, pepper: Pepper, content: bytes
) -> None:
    path.write_bytes(HEADER.encode() + b"\nean13,1,A1,active\n" + content + b"\n")

    with pytest.raises(CodeFileRefused, match="neither UTF-8 nor GBK: save it as UTF-8"):
        importing(store, path, pepper)

    assert store.find_product("main", "ean13", "1") is None


def test_a_file_that_breaks_off_within_a_character_is_refused(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    path.write_bytes(HEADER.encode() + "\nqrcode,茅台酒,编号,active\nqrcode,茅台".encode()[:-1])

    with pytest.raises(CodeFileRefused, match="its last line breaks off in the middle of a character"):
        importing(store, path, pepper)


def test_helper_processes_read_the_same(
    store: SqliteRegistry, path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.registry.intake.HELPERS_FROM_BYTES", 1)
    monkeypatch.setattr("scanhook.registry.codefile.BLOCK_BYTES", 500)
    monkeypatch.setattr("scanhook.registry.spool._STACK_CODES", 100)
    good = [f"A{number}" for number in range(600)]
    lines = [*ean_lines(*good[:300]), "odd", *ean_lines(*good[300:], "A7", status="inactive"), "ean13,a/b,A1,active"]

    report = importing(store, code_file(path, *lines), pepper, skip_bad=True)

    assert (report.codes, report.refused) == (600, 3)
    assert found(store, *good) == [("codes", position) for position in range(1, 601)]
    assert report.rejects is not None
    assert rejected(report.rejects)[1:] == [
        ("302", "it has 1 fields, and the header has 4"),
        ("603", "its code stands in line 9 already"),
        ("604", "a keystr has no slash: scanhook writes a code as KEYSTANDARD/KEYSTR/EXTINFO"),
    ]
    assert [(pile.state, pile.codes) for pile in report.piles] == [(State.ACTIVE, 300), (State.ISSUED, 300)]


def test_a_broken_quote_is_told_through_a_helper_process(
    store: SqliteRegistry, path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.registry.intake.HELPERS_FROM_BYTES", 1)

    with pytest.raises(CodeFileRefused, match="line 3: a quoted field runs over the end"):
        importing(store, code_file(path, *ean_lines("A1", '"A2', "A3")), pepper)


def test_the_history_says_who_brought_codes_and_why(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    lines = [f"{line},B-{number}" for number, line in enumerate(ean_lines("A1", "A2"), 7)]
    importing(store, code_file(path, *lines, header=f"{HEADER},batch"), pepper, who="lin", why="delivery of May")
    load(store, path, pepper, *ean_lines("A3"))

    last, second, first = store.changes()

    assert [(change.who, change.why, change.action) for change in (first, second)] == [
        ("lin", "delivery of May", "import")
    ] * 2
    assert [(change.batch, change.codes) for change in (first, second, last)] == [("B-7", 1), ("B-8", 1), ("codes", 1)]
    assert (last.why, dict(last.details)) == ("import of codes.csv", {"file": "codes.csv", "import": 2})
    assert [batch.loads[0].loaded_by for batch in store.batches()] == [first.id, second.id, last.id]
    assert [found.change_id for found in store.imports()] == [last.id, second.id]


def test_a_file_that_mixes_states_is_one_change_of_its_batch(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    load(store, path, pepper, *ean_lines("A1", "A2"), *ean_lines("A3", status="inactive"))

    (change,) = store.changes()
    (batch,) = store.batches()

    assert (change.batch, change.codes) == ("codes", 3)
    assert [(part.codes, part.loaded_by) for part in batch.loads] == [(2, change.id), (1, change.id)]


def test_a_code_of_a_later_import_is_not_activated_by_an_earlier_change(
    store: SqliteRegistry, path: Path, pepper: Pepper
) -> None:
    load(store, path, pepper, *ean_lines("A1", status="inactive"))
    product = store.find_product("main", *EAN)
    assert product is not None
    scope = Scope(product=product, batch="codes")
    store.change(Order(action=Action.ACTIVATE, scopes=(scope,), who="lin", why="on sale"))

    load(store, path, pepper, *ean_lines("A2", status="inactive"))

    codes = [store.look_up("main", *EAN, code).code for code in ("A1", "A2")]
    assert [code.state_at(CLOCK.now()) if code else None for code in codes] == [State.ACTIVE, State.ISSUED]


def test_an_import_is_kept_with_its_report(store: SqliteRegistry, path: Path, pepper: Pepper) -> None:
    report = load(store, path, pepper, *ean_lines("A1", "A2"))

    (kept,) = store.imports()

    assert kept.report == report.audit
    assert (kept.id, kept.phase, kept.plan.file, kept.done, kept.total) == (1, Phase.DONE, "codes.csv", 2, 2)
    assert (kept.started_at, kept.ended_at) == (AT, AT)
    assert kept.plan.options == {"account": "main", "batch": "codes", "skip_bad": False}
    assert store.find_import(1) == kept
    assert store.find_import(2) is None
    assert store.imports(before=1) == []


def test_a_million_rejects_are_no_burden(
    store: SqliteRegistry, path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.registry.rejects._LINES_A_FILE", 1000)
    monkeypatch.setattr("scanhook.registry.rejects._WAITING_MAX", 700)
    code_file(path, *[f"ean13,1,A{number},sold" for number in range(5000)])

    report = importing(store, path, pepper)

    assert report.refused == 5000
    assert report.rejects is not None
    lines = rejected(report.rejects)
    assert [int(line) for line, _ in lines[1:]] == list(range(2, 5002))
    assert {why for _, why in lines[1:]} == {"its status is neither `active` nor `inactive`"}
