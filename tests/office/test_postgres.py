from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import PepperMismatch, SchemaMismatch, StorageError, StorageMoved
from scanhook.office import KeyScope, open_office
from scanhook.office.sql_office import FIND_KEY, SqlOffice
from scanhook.storage import Pepper, StorageUrl
from tests.postgres import Databases

AT = 1795312800


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
        ("moved/postgresql://other/house", StorageMoved),
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
