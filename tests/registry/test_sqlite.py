from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from shutil import copy
from typing import Any

import apsw
import pytest

from scanhook.errors import PepperMismatch, SchemaMismatch, StorageError, StorageMoved
from scanhook.registry import Action, Change, Order, Product, Scope, import_codes
from scanhook.registry.sql_check import unfinished_imports
from scanhook.registry.sql_products import FIND_PRODUCT
from scanhook.registry.sqlite import FIND_CODE, FIND_MARK, FIND_PART, FIND_RANGE, PAGE_OF_CODES, SqliteRegistry
from scanhook.storage import Pepper, rows_of, upgrade
from tests.registry.codes import CLOCK, EAN, code_file, ean_lines, load
from tests.storage.old import PRODUCT_ID, make_old_storage

CODES = ("6J5T9XQ2", "7K6V0YR3", "8M7W1ZS4")


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def by_side(store: SqliteRegistry, statement: str) -> None:
    """Run a statement as another process would."""
    connection = apsw.Connection(str(store.database.path))
    connection.execute(statement)
    connection.close()


def test_codes_are_kept_as_tags_in_a_table_without_rowid(store: SqliteRegistry, tmp_path: Path, pepper: Pepper) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    product = store.find_product("main", *EAN)
    assert product is not None

    connection = store.database.connection
    tables = dict(rows_of(connection, "SELECT name, wr FROM pragma_table_list WHERE schema = 'main'"))
    assert tables["codes"] == 1
    columns = rows_of(connection, "SELECT name, type, pk FROM pragma_table_info('codes')")
    assert columns == [
        ("tag", "BLOB", 1),
        ("part_id", "INTEGER", 0),
        ("position", "INTEGER", 0),
        ("marked", "INTEGER", 0),
    ]
    tags = [tag for (tag,) in rows_of(connection, "SELECT tag FROM codes ORDER BY position")]
    assert tags == [pepper.tag(product.id, code) for code in CODES]
    assert {len(tag) for tag in tags} == {10}


def test_no_plain_code_stands_in_any_file(store: SqliteRegistry, tmp_path: Path, pepper: Pepper) -> None:
    path = code_file(tmp_path / "batch.csv", *ean_lines(*CODES), *ean_lines(CODES[0], "\x00" + CODES[1]))
    import_codes(store, path, pepper=pepper, account="main", skip_bad=True)
    for code in CODES:
        assert store.look_up("main", *EAN, code).code is not None

    folder = store.database.path.parent
    assert {file.name for file in folder.iterdir()} >= {"registry.db", "registry.db-wal"}
    kept = everything_in(folder)
    assert b"6900873042720" in kept
    assert b"batch" in kept
    for code in CODES:
        assert code.encode() not in kept
        assert code.encode("utf-16-le") not in kept
        assert code.encode().hex().encode() not in kept


def test_a_product_has_a_random_id_of_its_own(store: SqliteRegistry) -> None:
    ids = {store.draft_product("main", *EAN).id for _ in range(100)}

    assert len(ids) == 100
    assert {len(product_id) for product_id in ids} == {8}


def test_another_pepper_cannot_open_it(store: SqliteRegistry) -> None:
    with pytest.raises(PepperMismatch, match="made with the pepper 7df72aa8"):
        SqliteRegistry(store.database.path.parent, pepper=Pepper(secret=bytes(range(1, 33))), clock=CLOCK)


@pytest.mark.parametrize(
    "exchange",
    ["UPDATE meta SET value = '00000000' WHERE name = 'pepper_id'", "DELETE FROM meta WHERE name = 'pepper_id'"],
)
def test_a_pepper_that_is_exchanged_under_a_running_service_is_noticed(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper, exchange: str
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    assert store.look_up("main", *EAN, CODES[0]).code is not None

    by_side(store, exchange)

    for _ in range(2):
        with pytest.raises(PepperMismatch, match="put back the right one"):
            store.look_up("main", *EAN, CODES[0])
        with pytest.raises(PepperMismatch, match="put back the right one"):
            store.look_up("main", "ean13", "unknown", "")
        with pytest.raises(PepperMismatch, match="put back the right one"):
            store.probe()


def test_a_batch_names_its_pepper(store: SqliteRegistry, tmp_path: Path, pepper: Pepper) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))

    assert rows_of(store.database.connection, "SELECT name, pepper_id FROM batches") == [("codes", "7df72aa8")]


def test_an_import_without_a_pepper_is_refused(store: SqliteRegistry, tmp_path: Path, pepper: Pepper) -> None:
    by_side(store, "DELETE FROM meta WHERE name = 'pepper_id'")

    with pytest.raises(StorageError, match="pepper"):
        import_codes(store, code_file(tmp_path / "codes.csv", *ean_lines(*CODES)), pepper=pepper, account="main")


def test_what_another_connection_changes_is_seen_after_this_one_was_closed(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    store.close()
    assert store.look_up("main", *EAN, CODES[0]).code is not None

    store.close()
    by_side(store, "UPDATE batches SET state = 'void'")

    code = store.look_up("main", *EAN, CODES[0]).code
    assert code is not None
    assert code.state_at(0.0) == "void"


FORKED = """
import os, sys
from pathlib import Path
from shutil import copy
from typing import Any
import apsw
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.storage import Pepper
from tests.registry.codes import CLOCK, EAN

def state():
    return store.look_up("main", *EAN, "6J5T9XQ2").code.state_at(0.0)

store = SqliteRegistry(Path(sys.argv[1]), pepper=Pepper(secret=bytes(range(32))), clock=CLOCK)
assert state() == "active"
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.read(reading, 1)
    print("child", state(), flush=True)
    store.close()
    os._exit(0)
other = apsw.Connection(str(store.database.path))
other.execute("UPDATE batches SET state = 'void'")
os.write(writing, b".")
os.waitpid(child, 0)
print("parent", state())
"""


def test_a_change_is_seen_on_both_sides_of_a_fork(store: SqliteRegistry, tmp_path: Path, pepper: Pepper) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    store.close()
    command = [sys.executable, "-W", "error", "-c", FORKED, str(store.database.path.parent)]
    root = Path(__file__).parents[2]

    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=30)

    assert (done.stdout, done.stderr) == ("child void\nparent void\n", "")


def _not_a_database(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink(missing_ok=True)
    path.write_bytes(gzip.compress(b"a backup") * 100)


@pytest.mark.parametrize(
    ("spoil", "why"), [(_not_a_database, "it is not a database"), (Path.unlink, "it cannot be opened")]
)
def test_a_file_that_cannot_be_read_is_told(store: SqliteRegistry, spoil: Callable[[Path], None], why: str) -> None:
    store.close()
    spoil(store.database.path)

    with pytest.raises(StorageError, match=why):
        store.look_up("main", *EAN, CODES[0])
    with pytest.raises(StorageError, match=why):
        store.probe()


def test_a_file_that_was_exchanged_under_a_running_service_is_noticed_by_the_probe(
    store: SqliteRegistry, empty_storage: Path
) -> None:
    store.probe()
    Path(copy(empty_storage / "registry.db", store.database.path.with_name("backup.db"))).replace(store.database.path)

    with pytest.raises(StorageError, match="was exchanged while scanhook runs"):
        store.probe()


def test_the_schema_of_a_newer_version_is_refused(store: SqliteRegistry, pepper: Pepper) -> None:
    store.database.connection.pragma("user_version", 3)

    with pytest.raises(SchemaMismatch, match="a newer version"):
        SqliteRegistry(store.database.path.parent, pepper=pepper, clock=CLOCK)


def traced(store: SqliteRegistry, run: Callable[[], object]) -> list[str]:
    """Return every statement that this thread's connection runs meanwhile."""
    statements: list[str] = []
    connection = store.database.connection

    def note(_cursor: object, statement: str, _bindings: object) -> bool:
        statements.append(" ".join(statement.split()))
        return True

    connection.exec_trace = note
    run()
    connection.exec_trace = None
    return statements


def change(store: SqliteRegistry, action: str, **scope: Any) -> Change:
    product = store.find_product("main", *EAN)
    order = Order(action=Action(action), scopes=(Scope(product=product, **scope),), who="mei", why="tested")
    return store.change(order)


FIND_CODE_ONCE = " ".join(FIND_CODE.split())


def test_a_look_up_is_one_read_by_primary_key(store: SqliteRegistry, tmp_path: Path, pepper: Pepper) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    change(store, "activate", batch="codes")
    change(store, "expire")
    store.look_up("main", *EAN, CODES[0])

    for code in (*CODES, "UNKNOWN", ""):
        assert traced(store, partial(store.look_up, "main", *EAN, code)) == [
            "BEGIN",
            "PRAGMA data_version",
            FIND_CODE_ONCE,
            "COMMIT",
        ]


def test_a_group_is_looked_up_in_one_transaction_that_reads_each_code_once(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    asked = [("main", *EAN, code) for code in (*CODES, "UNKNOWN", *CODES, f" {CODES[0]}")]
    store.look_up_all(asked)

    assert traced(store, partial(store.look_up_all, asked)) == [
        "BEGIN",
        "PRAGMA data_version",
        *[FIND_CODE_ONCE] * 4,
        "COMMIT",
    ]


def test_a_code_that_everybody_scans_is_read_once_for_a_group(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper
) -> None:
    codes = [f"SHOW{number:04}" for number in range(64)]
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*codes))

    def reads(asked: list[str]) -> int:
        store.look_up_all([("main", *EAN, code) for code in asked])
        return traced(store, lambda: store.look_up_all([("main", *EAN, code) for code in asked])).count(FIND_CODE_ONCE)

    assert (reads(codes[:1] * 64), reads(codes)) == (1, 64)


def test_only_codes_that_were_touched_themselves_cost_a_second_read(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    load(store, tmp_path / "more.csv", pepper, *ean_lines("OTHER"))
    tag = store.look_up("main", *EAN, CODES[0]).tag
    assert tag is not None

    def reads(code: str) -> list[str]:
        store.look_up("main", *EAN, code)
        begin, version, *statements, commit = traced(store, partial(store.look_up, "main", *EAN, code))
        assert (begin, version, commit) == ("BEGIN", "PRAGMA data_version", "COMMIT")
        return statements

    find_mark, find_range = (" ".join(statement.split()) for statement in (FIND_MARK, FIND_RANGE))
    marked = change(store, "suspend", tags=(tag,))
    assert [reads(code) for code in CODES[:2]] == [[FIND_CODE_ONCE, find_mark], [FIND_CODE_ONCE]]
    change(store, "suspend", batch="codes", first=2, last=2)
    assert [reads(code) for code in (CODES[0], CODES[1], CODES[2], "OTHER")] == [
        [FIND_CODE_ONCE, find_range, find_mark],
        [FIND_CODE_ONCE, find_range],
        [FIND_CODE_ONCE, find_range],
        [FIND_CODE_ONCE],
    ]
    store.undo(marked.id, who="mei", why="a mistake")
    assert reads(CODES[0]) == [FIND_CODE_ONCE, find_range]


def test_a_look_up_that_remembers_nothing_reads_each_level_once(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    tag = store.look_up("main", *EAN, CODES[0]).tag
    assert tag is not None
    change(store, "suspend", batch="codes", first=1, last=1)
    change(store, "suspend", tags=(tag,))

    begin, *statements, commit = traced(store, partial(store.look_up, "main", *EAN, CODES[0]))

    levels = [" ".join(each.split()) for each in (FIND_PRODUCT, FIND_CODE, FIND_PART, FIND_RANGE, FIND_MARK)]
    assert (begin, statements[0], commit) == ("BEGIN", "PRAGMA data_version", "COMMIT")
    assert statements[-5:] == levels
    assert len(statements) == 9  # with the version of the schema, the pepper, and whether it was moved


@pytest.mark.parametrize(
    ("forbidden", "lifted"),
    [("code", "batch"), ("code", "range"), ("batch", "code"), ("range", "code"), ("product", "batch")],
)
def test_a_look_up_is_one_state_of_the_file_whenever_others_commit(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper, forbidden: str, lifted: str
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    other = SqliteRegistry(store.database.path.parent, pepper=pepper, clock=CLOCK)
    tag = store.look_up("main", *EAN, CODES[0]).tag
    assert tag is not None
    scopes: dict[str, dict[str, Any]] = {
        "product": {},
        "batch": {"batch": "codes"},
        "range": {"batch": "codes", "first": 1, "last": 1},
        "code": {"tags": (tag,)},
    }
    made: list[Change] = []
    statements: list[str] = []

    def state() -> str:
        code = store.look_up("main", *EAN, CODES[0]).code
        return code.state_at(0.0) if code else "unknown"

    def state_with_changes_at(moment: int) -> str:
        """Look the code up while another process forbids one level, and then lifts what the other level forbade."""

        def note(_cursor: object, statement: str, _bindings: object) -> bool:
            if len(statements) == moment:
                made.append(change(other, "void", **scopes[forbidden]))
                made.append(change(other, "activate", **scopes[lifted]))
            statements.append(statement)
            return True

        statements.clear()
        connection = store.database.connection
        connection.exec_trace = note
        try:
            return state()
        finally:
            connection.exec_trace = None

    change(other, "suspend", **scopes[lifted])
    found = {}
    for moment in count():
        found[moment] = state_with_changes_at(moment)
        if not made:
            break
        # What was read before is not remembered after.
        assert state() == "void"
        while made:
            other.undo(made.pop().id, who="li", why="a mistake")
        assert state() == "suspended"
    other.close()

    # `BEGIN` does not read yet, and what comes before the first read counts. Never is it active.
    assert statements[:2] == ["BEGIN", "PRAGMA data_version"]
    assert found == {moment: "void" if moment <= 1 else "suspended" for moment in range(len(statements) + 1)}


def test_a_group_is_one_state_of_the_file_whenever_others_commit(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(CODES[0]))
    load(store, tmp_path / "more.csv", pepper, *ean_lines(CODES[1]))
    other = SqliteRegistry(store.database.path.parent, pepper=pepper, clock=CLOCK)
    change(other, "suspend", batch="more")
    asked, moments = [("main", *EAN, code) for code in CODES[:2]], range(12)
    found = {}
    for moment in moments:
        made: list[Change] = []
        passed = count()

        def note(*_: object, moment: int = moment, made: list[Change] = made, passed: count[int] = passed) -> bool:
            if next(passed) == moment:
                made.append(change(other, "void", batch="codes"))
                made.append(change(other, "activate", batch="more"))
            return True

        connection = store.database.connection
        connection.exec_trace = note
        found[moment] = [look_up.code.state_at(0.0) for look_up in store.look_up_all(asked) if look_up.code]
        connection.exec_trace = None
        while made:
            other.undo(made.pop().id, who="li", why="a mistake")
    other.close()

    changed, before = ["void", "active"], ["active", "suspended"]
    assert found == {moment: changed if moment <= 1 else before for moment in moments}


def test_a_look_up_that_fails_leaves_no_transaction_open(store: SqliteRegistry, tmp_path: Path, pepper: Pepper) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    by_side(store, "UPDATE meta SET value = '00000000' WHERE name = 'pepper_id'")
    with pytest.raises(PepperMismatch):
        store.look_up("main", *EAN, CODES[0])

    assert not store.database.connection.in_transaction
    by_side(store, f"UPDATE meta SET value = '{pepper.id}' WHERE name = 'pepper_id'")
    change(store, "void", batch="codes")
    code = store.look_up("main", *EAN, CODES[0]).code
    assert code is not None
    assert code.state_at(0.0) == "void"


@pytest.mark.parametrize(
    ("statement", "bindings", "plan"),
    [
        (FIND_CODE, (b"0123456789",), ["SEARCH codes USING PRIMARY KEY (tag=?)"]),
        (FIND_MARK, (b"0123456789",), ["SEARCH marks USING PRIMARY KEY (tag=?)"]),
        (FIND_RANGE, (1, 1), ["SEARCH ranges USING PRIMARY KEY (batch_id=? AND first<?)"]),
        (
            FIND_PART,
            (1,),
            [
                "SEARCH pt USING INTEGER PRIMARY KEY (rowid=?)",
                "SEARCH i USING INTEGER PRIMARY KEY (rowid=?)",
                "SEARCH b USING INTEGER PRIMARY KEY (rowid=?)",
            ],
        ),
        (
            FIND_PRODUCT,
            ("main", *EAN, 1),
            ["SEARCH products USING INDEX sqlite_autoindex_products_2 (account=? AND key_standard=? AND key_str=?)"],
        ),
        (PAGE_OF_CODES, (b"", 10), ["SEARCH codes USING PRIMARY KEY (tag>?)"]),
    ],
    ids=["code", "mark", "range", "part", "product", "page of codes"],
)
def test_no_statement_of_a_look_up_scans_or_sorts(
    store: SqliteRegistry, statement: str, bindings: tuple[object, ...], plan: list[str]
) -> None:
    rows = rows_of(store.database.connection, f"EXPLAIN QUERY PLAN {statement}", bindings)

    assert [row[-1] for row in rows] == plan


@pytest.mark.parametrize(("version", "age", "remedy"), [(1, "an older", "storage upgrade"), (99, "a newer", "install")])
def test_a_schema_that_is_exchanged_under_a_running_service_is_noticed(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper, version: int, age: str, remedy: str
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    assert store.look_up("main", *EAN, CODES[0]).code is not None

    by_side(store, f"PRAGMA user_version = {version}")

    for _ in range(2):
        for code in (CODES[0], "UNKNOWN"):
            with pytest.raises(SchemaMismatch, match=rf"made by {age} version of scanhook .*{remedy}") as error:
                store.look_up("main", *EAN, code)
            assert error.value.status_hint == 503
        with pytest.raises(SchemaMismatch):
            store.probe()
        with pytest.raises(SchemaMismatch):
            list(store.codes())

    by_side(store, "PRAGMA user_version = 2")
    assert store.look_up("main", *EAN, CODES[0]).code is not None


def test_an_import_that_the_first_version_left_unfinished_is_dropped_by_the_upgrade(
    tmp_path: Path, pepper: Pepper
) -> None:
    path = tmp_path / "old" / "registry.db"
    make_old_storage(path.parent, pepper)
    old = apsw.Connection(str(path))
    old.execute("INSERT INTO imports VALUES (2, 'lost.csv', 7, NULL, 0), (3, 'refused.csv', 8, 9, 0)")
    old.execute("INSERT INTO parts VALUES (3, 2, 1, 'active', 1, 3)")
    old.execute("INSERT INTO codes VALUES (?, 3, 3)", (pepper.tag(PRODUCT_ID, "LOST0004"),))
    old.close()

    assert upgrade(path, package="scanhook.registry") == (1, 2)

    store = SqliteRegistry(path.parent, pepper=pepper, clock=CLOCK)
    assert {found.id: found.phase for found in store.imports()} == {1: "done", 2: "dropped", 3: "dropped"}
    assert list(unfinished_imports(store.database.connection)) == []
    assert store.look_up("main", "qrcode", "moment-frame", "LOST0004").code is None
    load(store, tmp_path / "lost.csv", pepper, "qrcode,moment-frame,LOST0004,active")
    code = store.look_up("main", "qrcode", "moment-frame", "LOST0004").code
    assert code is not None
    assert (code.batch, code.position) == ("lost", 1)
    store.close()


def test_codes_are_listed_while_an_import_shows_a_new_product(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    read = store.products

    def products() -> Iterator[Product]:
        listed = list(read())
        monkeypatch.undo()
        load(store, tmp_path / "tea.csv", pepper, "qrcode,tea,A1,active")
        return iter(listed)

    monkeypatch.setattr(store, "products", products)

    assert len(list(store.codes())) in (3, 4)
    assert len(list(store.codes())) == 4


def test_look_ups_go_on_while_somebody_writes(store: SqliteRegistry, tmp_path: Path, pepper: Pepper) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    found: list[bool] = []

    with store.database.writing() as connection:
        connection.execute("UPDATE batches SET state = 'void'")
        thread = threading.Thread(target=lambda: found.append(store.look_up("main", *EAN, CODES[0]).code is not None))
        thread.start()
        thread.join()

    assert found == [True]


@pytest.mark.parametrize("failing", ["PRAGMA data_version", FIND_CODE])
def test_what_the_disk_says_is_told_though_it_ends_the_transaction(
    store: SqliteRegistry, tmp_path: Path, pepper: Pepper, failing: str
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    connection = store.database.connection

    def fail(_cursor: object, statement: str, _bindings: object) -> bool:
        if statement == failing:
            # As SQLite does itself when a read fails.
            connection.execute("ROLLBACK")
            raise apsw.IOError("disk I/O error")
        return True

    connection.exec_trace = fail
    with pytest.raises(StorageError, match="the disk gave an error: look into the system's log"):
        store.look_up("main", *EAN, CODES[0])
    connection.exec_trace = None
    assert store.look_up("main", *EAN, CODES[0]).code is not None


def test_a_storage_that_was_moved_answers_nothing(store: SqliteRegistry, tmp_path: Path, pepper: Pepper) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    assert store.look_up("main", *EAN, CODES[0]).code is not None
    with store.database.writing() as session:
        session.change("INSERT INTO meta (name, value) VALUES ('moved_to', 'postgresql://there/db')")

    for ask in (
        lambda: store.look_up("main", *EAN, CODES[0]),
        lambda: store.find_product("main", *EAN),
        lambda: list(store.codes()),
        store.probe,
        store.batches,
    ):
        with pytest.raises(StorageMoved, match="was moved to postgresql://there/db"):
            ask()
