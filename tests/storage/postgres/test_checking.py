from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from scanhook.storage import Pepper, Session
from scanhook.storage.checking import Contradictions, Finding
from scanhook.storage.files import Telling
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.checking import check_database, sizes_of_tables
from tests.postgres import Address as Postgres
from tests.postgres import Databases
from tests.serving import free_port

GOOD = [
    "server",
    "pepper",
    "data checksums",
    "indexes",
    *(f"{room}: {look}" for room in ("journal", "office", "registry") for look in ("schema", "rows")),
]


@pytest.fixture
def storage(storages: Databases) -> Iterator[str]:
    with storages.lend() as url:
        yield url


def nothing_wrong(session: Session, /, *, quick: bool, tell: Telling) -> Iterator[str]:
    return iter(())


def two_things_wrong(session: Session, /, *, quick: bool, tell: Telling) -> Iterator[str]:
    return iter(("ghosts: 1", f"quick: {quick}"))


def look(url: str, pepper: Pepper, *, quick: bool = False, office: Contradictions = nothing_wrong) -> list[Finding]:
    return list(
        check_database(
            Address.parse(url),
            pepper=pepper,
            quick=quick,
            contradictions={"journal": nothing_wrong, "office": office, "registry": nothing_wrong},
            of_one_state=frozenset({"office"}),
            tell=lambda _w, _d, _o: None,
        )
    )


def faults(findings: list[Finding]) -> dict[str, str]:
    return {finding.name: finding.fault for finding in findings if finding.fault}


def sql(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


def test_a_good_database_has_no_fault(storage: str, pepper: Pepper) -> None:
    found = look(storage, pepper)
    assert [finding.name.partition(" (")[0] for finding in found] == GOOD
    assert faults(found) == {}


def test_another_pepper_is_a_fault(storage: str) -> None:
    found = faults(look(storage, Pepper(secret=bytes(range(1, 33)))))
    assert list(found) == ["pepper"]
    assert "put back the pepper that belongs to this storage" in found["pepper"]


def test_another_schema_is_a_fault_and_its_rows_are_not_looked_at(storage: str, pepper: Pepper) -> None:
    sql(storage, "UPDATE scanhook.meta SET value = '99/x' WHERE name = 'office'")
    found = look(storage, pepper, office=two_things_wrong)
    assert "install the version that made it" in faults(found)["office: schema"]
    assert "office: rows" not in {finding.name for finding in found}


def test_a_room_whose_version_nobody_can_read_is_a_fault(storage: str, pepper: Pepper) -> None:
    sql(storage, "UPDATE scanhook.meta SET value = 'x' WHERE name = 'journal'")
    assert "holds no journal of scanhook's any more" in faults(look(storage, pepper))["journal: schema"]


@pytest.mark.parametrize("quick", [True, False])
def test_what_contradicts_itself_is_a_fault(storage: str, pepper: Pepper, *, quick: bool) -> None:
    found = faults(look(storage, pepper, quick=quick, office=two_things_wrong))
    assert list(found) == ["office: rows"]
    assert found["office: rows"].endswith(f" contradicts itself: ghosts: 1; quick: {quick}")


def test_a_table_that_is_missing_is_a_fault(storage: str, pepper: Pepper) -> None:
    def count(session: Session, /, *, quick: bool, tell: Telling) -> Iterator[str]:
        yield str(session.value("SELECT count(*) FROM scans_of_yore"))

    assert "a table is missing" in faults(look(storage, pepper, office=count))["office: rows"]


def test_rows_are_looked_at_as_they_were_at_one_moment_where_that_is_asked(storage: str, pepper: Pepper) -> None:
    counts: list[int] = []

    def count_twice(session: Session, /, *, quick: bool, tell: Telling) -> Iterator[str]:
        for _ in range(2):
            counts.append(session.value("SELECT count(*) FROM meta"))
            sql(storage, f"INSERT INTO scanhook.meta VALUES ('{len(counts)}', '')")
        yield from ()

    look(storage, pepper, office=count_twice)
    assert counts[0] == counts[1]


def test_an_index_that_was_never_finished_is_a_fault(postgres: Postgres, storage: str, pepper: Pepper) -> None:
    database = storage.rpartition("/")[2]
    mark = "UPDATE pg_index SET indisvalid = {} WHERE indexrelid = 'scanhook.tallies_pkey'::regclass"
    postgres.sql(mark.format("false"), database=database)
    try:
        found = faults(look(storage, pepper))
    finally:
        postgres.sql(mark.format("true"), database=database)
    assert found["indexes"].endswith("tallies_pkey are not valid: rebuild them with REINDEX")


READER = """
CREATE FUNCTION public.bt_index_check(i regclass, thoroughly boolean) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO public.looked VALUES (i::text, thoroughly);
  IF i = 'scanhook.codes_pkey'::regclass THEN RAISE 'damaged' USING ERRCODE = 'XX002'; END IF;
END $$"""


@pytest.mark.parametrize("quick", [True, False])
def test_with_amcheck_every_index_is_read(postgres: Postgres, storage: str, pepper: Pepper, *, quick: bool) -> None:
    database = storage.rpartition("/")[2]
    postgres.sql("CREATE TABLE public.looked (i text, thoroughly boolean)", database=database)
    postgres.sql("GRANT ALL ON public.looked TO PUBLIC", database=database)
    postgres.sql(READER.replace("IF i =", "IF false AND i ="), database=database)
    assert Finding(name="indexes") in look(storage, pepper, quick=quick)
    looked = postgres.sql(
        "SELECT count(DISTINCT i), bool_and(thoroughly), bool_or(thoroughly) FROM looked", database=database
    )
    ((trees,),) = postgres.sql(
        "SELECT count(*) FROM pg_indexes WHERE schemaname = 'scanhook' AND indexdef LIKE '%USING btree%'",
        database=database,
    )
    assert looked == [(trees, not quick, not quick)]


def test_an_index_that_is_damaged_is_a_fault(postgres: Postgres, storage: str, pepper: Pepper) -> None:
    database = storage.rpartition("/")[2]
    postgres.sql("CREATE TABLE public.looked (i text, thoroughly boolean)", database=database)
    postgres.sql("GRANT ALL ON public.looked TO PUBLIC", database=database)
    postgres.sql(READER, database=database)
    assert "an index is damaged: rebuild it with REINDEX" in faults(look(storage, pepper))["indexes"]


def test_a_function_of_that_name_that_somebody_else_has_made_is_not_run(storage: str, pepper: Pepper) -> None:
    sql(storage, READER.replace("public.bt", "scanhook.bt"))
    assert faults(look(storage, pepper)) == {}


def test_a_server_that_is_away_is_a_fault(pepper: Pepper) -> None:
    (found,) = look(f"postgresql://scanhook@127.0.0.1:{free_port()}/brand", pepper)
    assert found.name == "connection"
    assert "the server cannot be reached" in str(found.fault)


def test_an_empty_database_is_a_fault(empty_database: str, pepper: Pepper) -> None:
    found = faults(look(empty_database, pepper))
    assert "holds no storage of scanhook's" in found["pepper"]


def test_tables_are_told_with_their_sizes_the_largest_first(storage: str) -> None:
    sizes = sizes_of_tables(Address.parse(storage))
    assert {"codes", "scans", "meta"} <= set(sizes)
    assert list(sizes.values()) == sorted(sizes.values(), reverse=True)
