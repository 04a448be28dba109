from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest
from pyrage import decrypt, x25519

from scanhook.errors import Refused, StorageError
from scanhook.registry import (
    ALPHABET,
    Normalisation,
    Pile,
    Product,
    State,
    has_right_check,
    settling,
)
from scanhook.registry.agefile import Recipient
from scanhook.registry.importstore import ImportPlan, Kind
from scanhook.registry.mint import mint_codes, settle_mints
from scanhook.registry.mintorder import MINTED_RULES, MintOrder
from scanhook.registry.printfile import PrintFile
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.storage import Pepper
from tests.registry.codes import AT, CLOCK
from tests.registry.killed_mint import STEPS, place_of
from tests.registry.mints import FRAME, PREFIX, an_order, check_untouched, mint, rows, rules_of, sql


def test_minted_codes_are_in_the_file_and_known(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    minted = mint(store, an_order(frame, shelf / "spring.csv"))

    lines = rows(shelf / "spring.csv")
    assert [line["position"] for line in lines] == [str(position) for position in range(1, 301)]
    assert {line["batch"] for line in lines} == {"spring"}
    assert {line["content"].removeprefix(PREFIX) == line["serial"] for line in lines} == {True}
    assert all(len(line["serial"]) == 17 and has_right_check(line["serial"]) for line in lines)
    assert len({line["serial"] for line in lines}) == 300 == minted.codes
    for line in lines:
        found = store.look_up("main", "qrcode", "frame", line["serial"]).code
        assert found
        assert (found.batch, found.position, found.state_at(AT)) == ("spring", int(line["position"]), State.ISSUED)


def test_the_registry_holds_none_of_the_codes(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    mint(store, an_order(frame, shelf / "spring.csv"))
    store.close()

    serials = [line["serial"].encode() for line in rows(shelf / "spring.csv")]
    kept = [path for path in store.folder.rglob("*") if path.is_file()]
    assert any(path.name == "registry.db" for path in kept)
    assert [path.name for path in store.folder.iterdir() if path.is_dir()] == []
    assert [path for path in kept for serial in serials if serial in path.read_bytes()] == []


def test_the_handover_is_recorded(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    path = shelf / "spring.csv"
    minted = mint(store, an_order(frame, path))

    batch = store.find_batch(frame, "spring")
    assert batch
    assert batch.handovers == (minted.handover,)
    assert minted.handover.path == str(path)
    assert minted.handover.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (minted.handover.taken_by, minted.handover.recipient, minted.handover.at) == ("Mr Li", "", int(AT))
    assert (batch.codes, batch.positions) == (300, 300)
    assert [load.minted for load in batch.loads] == [True]
    change = store.find_change(minted.change_id)
    assert change
    assert (change.action, change.who, change.why, change.codes) == ("mint", "tester", "for the printer", 300)


def test_a_fresh_product_gets_the_rules_that_minted_codes_are_made_for(
    store: SqliteRegistry, frame: Product, shelf: Path
) -> None:
    minted = mint(store, an_order(frame, shelf / "spring.csv"))

    assert (minted.rules_set, minted.slips_unseen) == (True, False)
    found = store.find_product("main", "qrcode", "frame")
    assert found
    assert found.normalisation == minted.product.normalisation == MINTED_RULES
    assert str(MINTED_RULES) == "trim,width,upper,look-alikes,check"
    serial = rows(shelf / "spring.csv")[0]["serial"]
    typed = " " + serial.lower().replace("0", "o").replace("1", "l") + "\u3000"
    assert store.look_up("main", "qrcode", "frame", typed).code


@pytest.mark.parametrize(
    ("rules", "slips_unseen"),
    [("none", True), ("trim,width,upper", True), ("trim,check", False), ("trim,width,upper,look-alikes,check", False)],
)
def test_rules_that_staff_have_set_stay(
    store: SqliteRegistry,
    frame: Product,
    shelf: Path,
    rules: str,
    slips_unseen: bool,  # noqa: FBT001
) -> None:
    store.save_product(replace(frame, normalisation=Normalisation.parse(rules)), was=frame)
    minted = mint(store, an_order(frame, shelf / "spring.csv"))

    assert (minted.rules_set, minted.slips_unseen) == (False, slips_unseen)
    assert minted.product.normalisation == Normalisation.parse(rules)


def test_rules_that_codes_were_loaded_under_stay(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    with store.importing():
        import_id = store.start_import(ImportPlan(kind=Kind.IMPORT, file="old.csv", who="tester", why="test"))
        pile = Pile(product=frame, batch="old", state=State.ACTIVE, codes=1, last=1)
        store.ready_import(import_id, [pile], digest=b"", total=1, report={})
        with pytest.raises(Refused, match="an import for qrcode/frame is not finished: finish or drop it first"):
            _mint_without_place(store, an_order(frame, shelf / "spring.csv"))
        store.finish_import(import_id, [1], report={})
    minted = mint(store, an_order(frame, shelf / "spring.csv"))

    assert (minted.rules_set, minted.slips_unseen) == (False, True)


def _mint_without_place(store: SqliteRegistry, order: MintOrder) -> None:
    """Mint although this test holds the place for imports itself, as if the import had been killed."""
    other = SqliteRegistry(store.folder, pepper=Pepper(secret=bytes(range(32))), clock=CLOCK)
    lock = store.folder / "import.lock"
    lock.unlink()
    try:
        mint(other, order)
    finally:
        other.close()


def test_a_batch_is_minted_once(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    mint(store, an_order(frame, shelf / "spring.csv"))
    with pytest.raises(Refused, match="the batch `spring` holds codes already, and a batch is minted once"):
        mint(store, an_order(frame, shelf / "more.csv"))
    assert [path.name for path in shelf.iterdir()] == ["spring.csv"]

    mint(store, an_order(frame, shelf / "summer.csv", batch="summer"))
    assert sql(store, "SELECT count(*) FROM codes") == 600


def test_many_codes_are_minted_by_helper_processes(
    store: SqliteRegistry, frame: Product, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.registry.mint._ALONE_CODES", 0)
    monkeypatch.setattr("scanhook.registry.mint.BLOCK_CODES", 70)
    told: list[tuple[str, int, int]] = []
    mint_codes(
        store,
        an_order(frame, shelf / "spring.csv"),
        pepper=Pepper(secret=bytes(range(32))),
        clock=CLOCK,
        progress=lambda what, done, total: told.append((what, done, total)),
    )

    lines = rows(shelf / "spring.csv")
    assert [line["position"] for line in lines] == [str(position) for position in range(1, 301)]
    assert all(store.look_up("main", "qrcode", "frame", line["serial"]).code for line in lines)
    assert [step for step in told if step[0] == "mint"] == [("mint", done, 300) for done in (70, 140, 210, 280, 300)]
    assert told[-1] == ("load", 300, 300)


def test_a_file_can_be_encrypted_to_the_printer(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    printer = x25519.Identity.generate()
    path = shelf / "spring.csv.age"
    minted = mint(store, an_order(frame, path, recipient=Recipient(text=str(printer.to_public()))))

    assert PREFIX.encode() not in path.read_bytes()
    assert decrypt(path.read_bytes(), [printer]).startswith(b"position,serial,content,batch\r\n1,")
    assert minted.handover.recipient == str(printer.to_public())
    assert minted.handover.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"codes": 0}, "1 to 100,000,000 codes"),
        ({"codes": -1}, "1 to 100,000,000 codes"),
        ({"codes": 100_000_001}, "1 to 100,000,000 codes"),
        ({"batch": ""}, "the batch is not 1 to 64 printable characters"),
        ({"batch": "  "}, "the batch is not"),
        ({"batch": "x" * 65}, "the batch is not"),
        ({"batch": "a\nb"}, "the batch is not"),
        ({"taken_by": " "}, "who takes the file"),
        ({"taken_by": "x" * 101}, "who takes the file"),
        ({"why": ""}, "`why` is empty"),
        ({"path": Path("a\nb.csv")}, "the file's name cannot be printed"),
        ({"product": replace(FRAME, qr_prefix="")}, r"no QR prefix.*scanhook products set qrcode frame --qr-prefix"),
        ({"product": replace(FRAME, qr_prefix="http://x.cn/ y")}, "no address of plain ASCII without blanks"),
        ({"product": replace(FRAME, qr_prefix="http://茅.cn/")}, "no address of plain ASCII without blanks"),
        ({"product": replace(FRAME, qr_prefix="x" * 62)}, "has 62 characters, and with a serial of 17 it is longer"),
    ],
)
def test_what_cannot_be_minted_is_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        replace(an_order(FRAME, Path("spring.csv")), **changed)


def test_the_longest_prefix_is_taken() -> None:
    an_order(replace(FRAME, qr_prefix="x" * 61), Path("spring.csv"), codes=100_000_000)


def test_a_file_that_is_there_is_left_alone(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    (shelf / "spring.csv").write_text("somebody's")
    with pytest.raises(Refused, match=r"spring\.csv is there already"):
        mint(store, an_order(frame, shelf / "spring.csv"))

    assert (shelf / "spring.csv").read_text() == "somebody's"
    check_untouched(store)


FAILURES = [
    *((KeyboardInterrupt(), step) for step in list(STEPS)[:-1]),
    (Refused("the disk is full"), "lines written"),
    (StorageError("the disk is full"), "tags stored"),
]


@pytest.mark.parametrize(("error", "failing_step"), FAILURES, ids=[f"{step}, {error!r}" for error, step in FAILURES])
def test_a_mint_that_fails_leaves_neither_file_nor_codes(
    store: SqliteRegistry,
    frame: Product,
    shelf: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    failing_step: str,
) -> None:
    target, name = place_of(failing_step, store)
    step = getattr(target, name)
    calls = []

    def failing(*arguments: Any, **named: Any) -> Any:
        calls.append(name)
        if len(calls) == 1:
            raise error
        return step(*arguments, **named)

    monkeypatch.setattr(target, name, failing)
    with pytest.raises(type(error)):
        mint(store, an_order(frame, shelf / "spring.csv"))

    assert calls
    assert list(shelf.iterdir()) == []
    check_untouched(store)
    assert settle_mints(store) == 0


def test_a_name_that_is_taken_while_codes_are_minted_takes_them_back(
    store: SqliteRegistry, frame: Product, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    appear = PrintFile.appear

    def too_late(file: PrintFile) -> None:
        file.path.write_text("somebody's")
        appear(file)

    monkeypatch.setattr(PrintFile, "appear", too_late)
    with pytest.raises(Refused, match="is there already"):
        mint(store, an_order(frame, shelf / "spring.csv"))

    assert (shelf / "spring.csv").read_text() == "somebody's"
    check_untouched(store)
    # Its codes were visible for a moment, and the history says so.
    undo, minted, _added = store.changes()
    assert (minted.action, minted.codes, minted.undone_by) == ("mint", 300, undo.id)
    assert (undo.action, undo.who, undo.undoes) == ("undo", "scanhook", minted.id)
    assert minted.details["batch"] == "spring"


@pytest.mark.parametrize("failing", ["note_handover", "remove_work"])
def test_a_mint_whose_file_is_there_has_succeeded_whatever_fails_then(
    store: SqliteRegistry, frame: Product, shelf: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    appear = PrintFile.appear

    def fail(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    def last(file: PrintFile) -> None:
        appear(file)
        monkeypatch.setattr(settling if failing == "remove_work" else SqliteRegistry, failing, fail)

    monkeypatch.setattr(PrintFile, "appear", last)
    assert mint(store, an_order(frame, shelf / "spring.csv")).change_id > 0
    monkeypatch.undo()

    batch = store.find_batch(frame, "spring")
    assert batch
    assert len(batch.handovers) == (failing == "remove_work")
    assert settle_mints(store) == 0
    batch = store.find_batch(frame, "spring")
    assert batch
    assert len(batch.handovers) == 1
    assert rules_of(store) == MINTED_RULES
    assert list(store.folder.glob("import-*")) == []


def test_those_who_look_on_see_how_many_codes_are_made(
    store: SqliteRegistry, frame: Product, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.registry.mint._NOTE_EVERY_S", 0.0)
    monkeypatch.setattr("scanhook.registry.mint.BLOCK_CODES", 100)
    seen: list[tuple[int, int, str]] = []

    def look(what: str, _done: int, _total: int) -> None:
        if what == "mint":
            (running,) = store.imports()
            seen.append((running.done, running.total, running.phase))

    mint_codes(
        store,
        an_order(frame, shelf / "spring.csv"),
        pepper=Pepper(secret=bytes(range(32))),
        clock=CLOCK,
        progress=look,
    )
    assert seen == [(0, 0, "reading"), (100, 300, "reading"), (200, 300, "reading")]


def test_no_slip_of_a_minted_code_is_called_genuine(store: SqliteRegistry, frame: Product, shelf: Path) -> None:
    mint(store, an_order(frame, shelf / "spring.csv"))
    codes = [line["serial"] for line in rows(shelf / "spring.csv")]
    chance = random.Random(20261122)
    slips = 0
    while slips < 10_000:
        code, place = chance.choice(codes), chance.randrange(17)
        changed = code[:place] + chance.choice(ALPHABET) + code[place + 1 :]
        swapped = code[:place] + code[place : place + 2][::-1] + code[place + 2 :]
        for slip in {changed, swapped} - {code}:
            slips += 1
            assert not has_right_check(MINTED_RULES.apply(slip))
            if slips % 20 == 0:
                assert store.look_up("main", "qrcode", "frame", slip).code is None


def test_a_registry_that_cannot_be_written_leaves_no_file(
    store: SqliteRegistry, frame: Product, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanhook.storage.sqlite_connection.BUSY_WAIT_S", 0.01)
    blocker = apsw.Connection(str(store.database.path))
    blocker.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StorageError, match="another process held it"):
            mint(store, an_order(frame, shelf / "spring.csv"))
    finally:
        blocker.close()
    assert list(shelf.iterdir()) == []
    assert settle_mints(store) == 0
    check_untouched(store)
