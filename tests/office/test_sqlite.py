from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from scanhook.clock import FixedClock
from scanhook.errors import PepperMismatch, SchemaMismatch, StorageError
from scanhook.office import KeyScope
from scanhook.office.sql_office import FIND_KEY, SqlOffice
from scanhook.office.sqlite import open_sqlite
from scanhook.storage import Pepper, SqliteDatabase, StorageUrl, rows_of, schema_of

AT = 1795312800


@pytest.fixture
def office(tmp_path: Path, pepper: Pepper) -> Iterator[SqlOffice]:
    opened = _opened(tmp_path / "data", pepper)
    yield opened
    opened.close()


def _opened(folder: Path, pepper: Pepper) -> SqlOffice:
    return open_sqlite(StorageUrl(engine="sqlite", folder=folder), pepper=pepper, clock=FixedClock(AT))


def _file(office: SqlOffice) -> SqliteDatabase:
    assert isinstance(office.database, SqliteDatabase)
    return office.database


def run(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


def test_a_key_is_found_by_one_read_of_the_primary_key(office: SqlOffice) -> None:
    plan = rows_of(_file(office).connection, f"EXPLAIN QUERY PLAN {FIND_KEY}", ("a",))

    assert [row[3] for row in plan] == ["SEARCH api_keys USING PRIMARY KEY (id=?)"]


def test_a_note_that_cannot_be_written_spoils_no_key(office: SqlOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanhook.storage.sqlite_connection.BUSY_WAIT_S", 0.01)
    key, presented = office.add_key("erp", KeyScope.READ)
    holder = apsw.Connection(str(_file(office).path))
    holder.execute("BEGIN IMMEDIATE")

    assert office.find_key(presented) == key

    office.close()
    holder.execute("ROLLBACK")
    holder.close()
    assert office.api_keys()[0].last_used_at is None


def test_an_office_that_was_exchanged_lets_nobody_in(office: SqlOffice, tmp_path: Path) -> None:
    _, presented = office.add_key("erp", KeyScope.READ)
    copy = tmp_path / "copy.db"
    copy.write_bytes(_file(office).path.read_bytes())
    copy.replace(_file(office).path)

    with pytest.raises(StorageError, match=r"office\.db was exchanged while scanhook runs: restart it"):
        office.find_key(presented)


def test_what_a_probe_finds_is_told(office: SqlOffice) -> None:
    office.probe()
    run(_file(office).path, "PRAGMA user_version = 99")
    with pytest.raises(SchemaMismatch, match="made by a newer version"):
        office.probe()
    run(_file(office).path, f"PRAGMA user_version = {len(schema_of('scanhook.office'))}")
    run(_file(office).path, "UPDATE meta SET value = '0badcafe' WHERE name = 'pepper_id'")
    with pytest.raises(PepperMismatch, match="belongs to another pepper"):
        office.probe()


def test_an_office_that_cannot_be_written_is_told(tmp_path: Path, pepper: Pepper) -> None:
    office = _opened(tmp_path / "data", pepper)
    office.close()
    with _file(office).path.open("r+b") as file:
        file.seek(18)  # the version that a writer must understand
        file.write(b"\x03")

    with pytest.raises(StorageError, match="it cannot be written: give it to the user that scanhook runs as"):
        office.probe()
    office.close()
