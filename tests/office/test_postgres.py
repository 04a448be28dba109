from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import PepperMismatch, SchemaMismatch, StorageError
from scanhook.office import KeyScope, Listed, open_office
from scanhook.office.sql_office import FIND_KEY, SqlOffice
from scanhook.registry import Product
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.postgres.connection import PostgresSession
from scanhook.storage.postgres.database import PostgresDatabase
from scanhook.wechat import System
from tests.postgres import Databases

AT = 1795312800
TEA = Product(id=b"product1", account="main", key_standard="ean13", key_str="6900873042720")


@pytest.fixture
def storage(storages: Databases, tmp_path: Path) -> Iterator[StorageUrl]:
    with storages.lend() as url:
        yield StorageUrl.parse(url, base=tmp_path)


@pytest.fixture
def office(storage: StorageUrl, pepper: Pepper) -> Iterator[SqlOffice]:
    opened = open_office(storage, pepper=pepper, clock=FixedClock(AT))
    assert isinstance(opened, SqlOffice)
    yield opened
    opened.close()


def say(office: SqlOffice, standing: str) -> None:
    """Let ``meta`` say something else of the office, as an upgrade, a restore or a move does."""
    with office.database.reading() as session:
        session.change("UPDATE meta SET value = ? WHERE name = 'office'", (standing,))


def test_a_key_is_found_by_one_read_of_the_primary_key(office: SqlOffice) -> None:
    with office.database.reading() as session:
        plan = session.rows(f"EXPLAIN (COSTS OFF) {FIND_KEY}", ("a",))

    assert [row[0].strip() for row in plan] == [
        "Index Scan using api_keys_pkey on api_keys",
        "Index Cond: (id = 'a'::text)",
    ]


@pytest.mark.parametrize(
    ("standing", "error"),
    [
        ("copying/sqlite:///there", StorageError),
        ("99/{pepper}", SchemaMismatch),
        ("1/0badcafe", PepperMismatch),
        ("", StorageError),
    ],
)
def test_tables_that_are_ours_no_more_let_nobody_in(
    office: SqlOffice, pepper: Pepper, standing: str, error: type[StorageError]
) -> None:
    _, presented = office.add_key("erp", KeyScope.READ)
    office.probe()
    with office.database.reading() as session:
        before = session.value("SELECT value FROM meta WHERE name = 'office'")
    say(office, standing.format(pepper=pepper.id))

    for ask in (office.probe, lambda: office.find_key(presented), lambda: office.tokens.find("main")):
        with pytest.raises(error):
            ask()
    with pytest.raises(error):
        office.revoke_key("erp")

    say(office, str(before))
    assert office.find_key(presented)


def test_who_waits_outside_waits_no_longer_than_a_scan(office: SqlOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    _, presented = office.add_key("erp", KeyScope.READ)
    times = []
    session = PostgresDatabase.session

    def noted(database: PostgresDatabase, *, within_s: float) -> AbstractContextManager[PostgresSession]:
        times.append(within_s)
        return session(database, within_s=within_s)

    monkeypatch.setattr(PostgresDatabase, "session", noted)
    office.probe()
    assert office.find_key(presented)
    assert office.catalog.presentation(TEA, owner="wxba5fad812f8e6fb9") is None
    office.close()  # waits for the note of the key's use

    assert times == [1.2] * 4


def test_the_use_of_a_key_is_noted_while_others_write(office: SqlOffice, storage: StorageUrl, pepper: Pepper) -> None:
    _, presented = office.add_key("erp", KeyScope.READ)
    other = open_office(storage, pepper=pepper, clock=FixedClock(AT))

    with office.database.writing() as session:
        assert other.find_key(presented)
        other.close()  # waits for the note
        assert session.value("SELECT last_used_at FROM api_keys") == AT


def test_many_products_are_kept_by_as_many_statements_as_few(
    office: SqlOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("rows", "change", "change_all"):
        monkeypatch.setattr(PostgresSession, name, noting(getattr(PostgresSession, name), asked))
    begun = office.catalog.begin_sync(System.PAGES, "wx1", now=AT, newer_than=0)

    counts = []
    for count in (1, 40):
        asked.clear()
        listed = [Listed(id=f"P{number}", name=f"tea {number}") for number in range(count)]
        office.catalog.keep(begun, listed, place="", now=AT)
        kept = len(asked)
        assert len(office.catalog.known(System.PAGES, "wx1", [one.id for one in listed])) == count
        counts.append((kept, len(asked) - kept))

    assert counts[0] == counts[1]
    assert counts[0][1] == 1


def noting(method: Callable[..., Any], asked: list[str]) -> Callable[..., Any]:
    """Return the method of a session, which then adds each of its statements to a list."""

    def noted(session: PostgresSession, statement: str, *bindings: Any) -> Any:
        asked.append(statement)
        return method(session, statement, *bindings)

    return noted
