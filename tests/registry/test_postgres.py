from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from scanhook.errors import Refused, StorageError
from scanhook.registry import LookUp, Normalisation, Product, import_codes
from scanhook.registry.importstore import CodeRow, ImportPlan, Kind, Phase
from scanhook.registry.postgres import FIND_TAGS, LOOK_UP, PAGE_OF_BATCH, PAGE_OF_CODES, PostgresRegistry, open_postgres
from scanhook.registry.postgres_import import REGISTERED
from scanhook.registry.postgres_loading import DELETE, TAKE_OVER, PostgresLoader
from scanhook.registry.sql_check import BROKEN
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.postgres.connection import PostgresSession
from scanhook.storage.postgres.database import PostgresDatabase
from tests.postgres import Address, Databases, Server
from tests.registry.codes import CLOCK, EAN, HEADER, code_file, ean_lines, load

CODES = ("A1", "A2", "A3")
STATEMENTS = {
    "look-up": LOOK_UP,
    "tags of a list": FIND_TAGS,
    "page of codes": PAGE_OF_CODES,
    "codes of a batch in a page": PAGE_OF_BATCH,
    "tags of an import": REGISTERED,
    "codes that are taken over": TAKE_OVER,
    "codes that are dropped": DELETE,
}
FILLED = """
INSERT INTO products SELECT int8send(n), 'main', 'qrcode', n::text, 'active', 0, '', '{}', '', 1, 0
  FROM generate_series(1, 300) AS n;
INSERT INTO imports (id, file, started_at, shown) SELECT n, '', 0, n % 10 / 9 FROM generate_series(1, 1000) AS n;
INSERT INTO batches (id, product_id, name, state, pepper_id, positions, ranged)
  SELECT n, int8send(n % 300 + 1), n::text, 'active', '', 100, 1 FROM generate_series(1, 1000) AS n;
INSERT INTO parts SELECT n, n, n, 'active', 20, 20 FROM generate_series(1, 1000) AS n;
INSERT INTO codes SELECT n % 1000 + 1, n, NULL, int8send(n) || '..' FROM generate_series(1, 20000) AS n;
INSERT INTO marks SELECT tag, 'void', 0, NULL, NULL, 0 FROM codes WHERE position < 3000;
INSERT INTO ranges SELECT n, 1, 9, 'void', 0, NULL, NULL, 0 FROM generate_series(1, 1000) AS n;
ANALYZE
"""


@pytest.fixture
def url(storages: Databases) -> Iterator[str]:
    with storages.lend() as lent:
        yield lent


@pytest.fixture
def store(url: str, tmp_path: Path, pepper: Pepper) -> Iterator[PostgresRegistry]:
    opened = opened_at(url, tmp_path, pepper)
    yield opened
    opened.close()


def opened_at(url: str, base: Path, pepper: Pepper) -> PostgresRegistry:
    return open_postgres(StorageUrl.parse(url, base=base), pepper=pepper, clock=CLOCK)


def sql(url: str, statement: str) -> None:
    """Run statements by side of every registry."""
    address = StorageUrl.parse(url, base=Path("/")).address
    assert address is not None
    with psycopg.connect(address.conninfo, autocommit=True) as connection:
        connection.execute(statement.encode())


def cut_all(postgres: Address, url: str) -> None:
    """Cut every connection of scanhook's to a database, as a restart of the server does."""
    postgres.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        f"WHERE datname = '{url.rpartition('/')[2]}' AND application_name = 'scanhook'"
    )


def cut_place(postgres: Address, url: str) -> None:
    """Cut the connection that holds the place for an import."""
    found = postgres.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks JOIN pg_database AS d ON d.oid = database "
        f"WHERE objid = 16 AND objsubid = 2 AND datname = '{url.rpartition('/')[2]}'"
    )
    assert found == [(True,)]


def noting_times(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list to which is added how long every use of the database may take."""
    times = []
    session = PostgresDatabase.session

    def noted(database: PostgresDatabase, *, within_s: float) -> AbstractContextManager[PostgresSession]:
        times.append(within_s)
        return session(database, within_s=1.2)

    monkeypatch.setattr(PostgresDatabase, "session", noted)
    return times


def position(store: PostgresRegistry, code: str) -> int | None:
    found = store.look_up("main", *EAN, code).code
    return found.position if found else None


def noting_rows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """Return a list to which every statement that is asked is added, with its rows."""
    asked = []
    rows = PostgresSession.rows

    def noted(session: PostgresSession, statement: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        asked.append((statement, rows(session, statement, bindings)))
        return asked[-1][1]

    monkeypatch.setattr(PostgresSession, "rows", noted)
    return asked


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
def test_no_statement_reads_more_than_its_keys_whatever_the_server_believes_of_the_tables(
    store: PostgresRegistry, url: str, *, filled: bool
) -> None:
    sql(url, FILLED if filled else "ANALYZE")

    found = {}
    with store.database.transaction(within_s=10.0) as session:
        for name, statement in STATEMENTS.items():
            explain = f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {statement}"
            ((((plan,),)),) = session.rows(explain)
            found[name] = list(nodes(plan["Plan"]))

    for name, plan in found.items():
        kinds = {node["Node Type"] for node in plan}
        assert not {kind for kind in kinds if "Seq" in kind or "Sort" in kind or "Hash" in kind or "Merge" in kind}, (
            name
        )
        assert all("Index Cond" in node for node in plan if "Index" in node["Node Type"]), name
    assert {len(plan) for plan in found.values()} != {1}


def test_a_look_up_is_one_round_trip(
    store: PostgresRegistry, tmp_path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    asked = noting_rows(monkeypatch)

    def trips(*name: str) -> int:
        asked.clear()
        store.look_up("main", *name)
        assert {statement for statement, _ in asked} == {LOOK_UP}
        return len(asked)

    assert trips(*EAN, "A1") == 2  # the product is not known yet
    assert [trips(*EAN, code) for code in (*CODES, "UNKNOWN", "")] == [1] * 5
    assert trips("ean13", "unknown", "A1") == 1


def test_a_group_is_looked_up_in_one_round_trip(
    store: PostgresRegistry, tmp_path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES), "qrcode,tea,T1,active")
    asked = [*(("main", *EAN, code) for code in (*CODES, "UNKNOWN", *CODES)), ("main", "qrcode", "tea", "T1")]
    asked += [("main", "qrcode", name, "A1") for name in ("nobody's", "a\x00b")]
    store.look_up_all(asked)
    noted = noting_rows(monkeypatch)

    found = store.look_up_all(asked)

    assert [look_up.code.position if look_up.code else None for look_up in found] == [
        1,
        2,
        3,
        None,
        1,
        2,
        3,
        1,
        None,
        None,
    ]
    ((statement, rows),) = noted
    assert statement == LOOK_UP
    assert len(rows) == 3 + 4  # each name that can be asked for and each code that there is, once


def test_a_look_up_has_one_time_for_all_that_it_asks(
    store: PostgresRegistry, tmp_path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    times = noting_times(monkeypatch)
    hours = iter((0.0, 0.5, 0.9))
    monkeypatch.setattr("scanhook.registry.postgres.time", SimpleNamespace(monotonic=lambda: next(hours)))

    assert store.look_up("main", *EAN, "A1").code is not None

    assert times == pytest.approx([0.7, 0.3])


def test_a_product_is_found_within_the_time_of_a_scan(
    store: PostgresRegistry, tmp_path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    times = noting_times(monkeypatch)

    assert store.find_product("main", *EAN) is not None

    assert times == [1.2]


def test_a_page_of_batches_is_read_by_as_many_statements_however_long_it_is(
    store: PostgresRegistry, tmp_path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{EAN[0]},{EAN[1]},A{number},active,B-{number}" for number in range(7)]
    load(store, tmp_path / "codes.csv", pepper, *lines, "qrcode,tea,T1,inactive,B-T", header=f"{HEADER},batch")
    asked = noting_rows(monkeypatch)

    counts = []
    for limit in (1, 8):
        asked.clear()
        found = store.batches(limit=limit)
        assert [batch.codes for batch in found] == [1] * limit
        counts.append(len(asked))

    assert counts == [3, 3]


def test_of_the_codes_of_a_batch_the_others_stay_on_the_server(
    store: PostgresRegistry, tmp_path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{EAN[0]},{EAN[1]},A{number},active,B-{number % 10 // 9}" for number in range(40)]
    load(store, tmp_path / "codes.csv", pepper, *lines, header=f"{HEADER},batch")
    monkeypatch.setattr("scanhook.registry.postgres._PAGE_ROWS", 10)
    everything = list(store.codes())
    asked = noting_rows(monkeypatch)

    for batch in store.batches():
        asked.clear()
        found = list(store.codes(batch))
        assert found == [each for each in everything if each[2].batch == batch.name]
        assert len(found) == {"B-0": 36, "B-1": 4}[batch.name]
        pages = [rows for statement, rows in asked if statement == PAGE_OF_BATCH]
        assert len(pages) == 5
        assert sum(map(len, pages)) <= len(found) + 4


def test_an_import_that_finds_its_codes_there_does_not_try_to_copy_each_time(
    store: PostgresRegistry, tmp_path: Path, pepper: Pepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [f"A{number}" for number in range(40)]
    path = code_file(tmp_path / "codes.csv", *ean_lines(*codes))
    for name in ("FIRST_ROWS", "ROWS_MIN", "ROWS_MAX"):
        monkeypatch.setattr(f"scanhook.registry.loading.{name}", 2)
    monkeypatch.setattr("scanhook.registry.loading.PAUSE_S", 0.0)

    def stop(what: str, done: int, total: int) -> None:
        if (what, done) == ("load", total):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_codes(store, path, pepper=pepper, account="main", progress=stop)
    copies = []
    copy = PostgresLoader._copy

    def copied(loader: PostgresLoader, session: PostgresSession, rows: Sequence[CodeRow]) -> None:
        copies.append(len(rows))
        copy(loader, session, rows)

    monkeypatch.setattr(PostgresLoader, "_copy", copied)
    report = import_codes(store, path, pepper=pepper, account="main", batch="B-9")

    # 20 transactions, each of which finds its codes there.
    assert copies == [2, 2]
    assert report.codes == 40
    assert [position(store, code) for code in codes] == list(range(1, 41))


def test_what_is_said_of_rows_that_hang_in_the_air_is_asked_without_a_subquery_for_each(
    store: PostgresRegistry,
) -> None:
    with store.database.reading() as session:
        for what, statement in BROKEN.items():
            ((((plan,),)),) = session.rows(f"EXPLAIN (FORMAT JSON) {statement}")
            assert "SubPlan" not in [node.get("Parent Relationship") for node in nodes(plan["Plan"])], what


def test_what_is_remembered_of_a_product_is_never_trusted(
    store: PostgresRegistry, url: str, tmp_path: Path, pepper: Pepper
) -> None:
    other = opened_at(url, tmp_path, pepper)
    product = Product(id=b"product1", account="main", key_standard=EAN[0], key_str=EAN[1])
    other.add_product(product)
    assert store.look_up("main", *EAN, "a1").normal == "a1"

    other.save_product(Product(**{**_fields(product), "normalisation": Normalisation.parse("trim,upper")}), was=product)
    load(other, tmp_path / "codes.csv", pepper, *ean_lines("A1"))
    found = store.look_up("main", *EAN, "a1")
    assert (found.normal, found.tag, found.code is None) == ("A1", pepper.tag(b"product1", "A1"), False)

    sql(url, "UPDATE products SET id = 'product2', loading = 1")
    found = store.look_up("main", *EAN, "a1")
    assert (found.tag, found.code) == (pepper.tag(b"product2", "A1"), None)
    assert found.product is not None
    assert (found.product.id, found.product.loading) == (b"product2", True)

    sql(url, "DELETE FROM products")
    assert store.look_up("main", *EAN, "a1") == LookUp()
    other.close()


def _fields(product: Product) -> dict[str, Any]:
    return {name: getattr(product, name) for name in Product.__slots__}


@pytest.mark.parametrize("name", ["a\x00b", "a\ud800b", "\n"])
def test_a_name_that_postgresql_cannot_keep_is_unknown(store: PostgresRegistry, name: str) -> None:
    assert store.look_up("main", "qrcode", name, "A1") == LookUp()
    assert store.look_up("main", name, "tea", "A1") == LookUp()
    assert store.find_product("main", "qrcode", name) is None


def test_a_code_that_postgresql_could_not_keep_has_a_tag_all_the_same(store: PostgresRegistry, pepper: Pepper) -> None:
    store.add_product(Product(id=b"product1", account="main", key_standard=EAN[0], key_str=EAN[1]))
    found = store.look_up("main", *EAN, "A\x00")
    assert (found.tag, found.code) == (pepper.tag(b"product1", "A\x00"), None)


def test_a_look_up_goes_on_when_its_connection_was_cut(
    store: PostgresRegistry, postgres: Address, url: str, tmp_path: Path, pepper: Pepper
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    for _ in range(3):
        assert position(store, "A2") == 2
        cut_all(postgres, url)


def test_a_storage_that_was_moved_or_exchanged_answers_nothing(
    store: PostgresRegistry, url: str, tmp_path: Path, pepper: Pepper
) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    for value, why in (
        (f"1/{'0' * 8}", "now belongs to another pepper"),
        (f"9/{pepper.id}", "made by a newer version"),
        ("copying/sqlite:///there", "is still being filled from sqlite:///there"),
    ):
        sql(url, f"UPDATE meta SET value = '{value}' WHERE name = 'registry'")
        for ask in (
            lambda: store.look_up("main", *EAN, "A1"),
            lambda: store.look_up("main", "ean13", "unknown", ""),
            store.probe,
            lambda: list(store.codes()),
            lambda: store.find_tags([b"0123456789"]),
            lambda: store.start_import(ImportPlan(kind=Kind.IMPORT, file="f", who="mei", why="w")),
        ):
            with pytest.raises(StorageError, match=why):
                ask()
    sql(url, "DELETE FROM meta WHERE name = 'registry'")
    with pytest.raises(StorageError, match="holds no registry of scanhook's any more"):
        store.look_up("main", *EAN, "A1")


def test_whoever_has_lost_the_place_for_an_import_can_neither_store_nor_show(
    store: PostgresRegistry, postgres: Address, url: str, tmp_path: Path, pepper: Pepper
) -> None:
    other = opened_at(url, tmp_path / "other", pepper)
    path = code_file(tmp_path / "codes.csv", *ean_lines(*CODES))

    def lose(at: str) -> Callable[[str, int, int], None]:
        def progress(what: str, done: int, total: int) -> None:
            if (what, done) == (at, total):
                cut_place(postgres, url)

        return progress

    for at, phase in (("read", Phase.READING), ("sort", Phase.READING), ("load", Phase.LOADING)):
        with pytest.raises(StorageError):
            import_codes(store, path, pepper=pepper, account="main", progress=lose(at))
        assert store.imports()[0].phase is phase
        with other.importing():
            assert list(other.codes()) == []
    with pytest.raises(Refused, match="another import is running"), other.importing(), store.importing():
        pass

    assert import_codes(store, path, pepper=pepper, account="main").went_on_at is not None
    assert [position(other, code) for code in CODES] == [1, 2, 3]
    other.close()


def test_changes_do_not_wait_for_codes_that_are_stored(store: PostgresRegistry, tmp_path: Path, pepper: Pepper) -> None:
    load(store, tmp_path / "codes.csv", pepper, *ean_lines(*CODES))
    waited = []

    def change(what: str, _done: int, _total: int) -> None:
        if what == "load":
            with store.database.connections.apart(within_s=5.0) as connection:
                connection.execute("SET lock_timeout = '1ms'")
                waited.append(connection.execute("SELECT count(*) FROM codes").fetchall())
                connection.execute("UPDATE codes SET marked = NULL")

    import_codes(store, code_file(tmp_path / "m.csv", *ean_lines("M1")), pepper=pepper, account="main", progress=change)
    assert waited == [[(4,)]]


@pytest.mark.ordeal
def test_an_import_that_was_shown_outlives_the_server(tmp_path: Path, pepper: Pepper) -> None:
    from scanhook.storage.postgres.address import Address as PostgresAddress  # noqa: PLC0415
    from scanhook.storage.postgres.tables import make_tables  # noqa: PLC0415

    with Server.start() as server:
        server.sql("CREATE DATABASE house OWNER scanhook")
        url = server.url("house")
        make_tables(PostgresAddress.parse(url), pepper=pepper)
        store = opened_at(url, tmp_path, pepper)
        codes = [f"{number:05}" for number in range(30_000)]
        load(store, tmp_path / "codes.csv", pepper, *ean_lines(*codes))
        server.kill()
        server.restart()

        assert [position(store, code) for code in codes[::997]] == list(range(1, 30_001, 997))
        assert len(list(store.codes())) == 30_000
        store.close()
