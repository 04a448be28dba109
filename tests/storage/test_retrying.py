from __future__ import annotations

from collections.abc import Iterator

import pytest

from scanhook.errors import Refused, StorageError
from scanhook.storage import Pepper
from scanhook.storage.postgres.address import Address as PostgresAddress
from scanhook.storage.postgres.database import SCAN_S, PostgresDatabase
from tests.postgres import Address, Databases


@pytest.fixture
def database(storages: Databases, pepper: Pepper) -> Iterator[PostgresDatabase]:
    with storages.lend() as url:
        address = PostgresAddress.parse(url)
        opened = PostgresDatabase(address, room="registry", package="scanhook.registry", pepper=pepper, most=1)
        yield opened
        opened.close()


class Asking:
    """Asks for the process that serves it, and has that cut so many times before it asks.

    :param times: how often it is cut.
    """

    def __init__(self, database: PostgresDatabase, postgres: Address, times: int) -> None:
        self._database, self._postgres, self._times = database, postgres, times
        self.left_s: list[float] = []

    def __call__(self, left_s: float) -> int:
        self.left_s.append(left_s)
        with self._database.session(within_s=left_s) as session:
            served_by = int(session.value("SELECT pg_backend_pid()"))
            if len(self.left_s) <= self._times:
                self._postgres.sql(f"SELECT pg_terminate_backend({served_by}, 5000)")
            return int(session.value("SELECT pg_backend_pid()"))


def test_what_has_lost_its_connection_gets_another_in_the_same_time(
    database: PostgresDatabase, postgres: Address
) -> None:
    before = Asking(database, postgres, 0)(SCAN_S)
    asking = Asking(database, postgres, 1)

    assert database.retrying(asking, within_s=SCAN_S) != before
    first, second = asking.left_s
    assert first == SCAN_S
    assert 0 < second < SCAN_S


def test_what_has_lost_its_connection_twice_is_told(database: PostgresDatabase, postgres: Address) -> None:
    asking = Asking(database, postgres, 2)

    with pytest.raises(StorageError, match="the server was stopped: try again"):
        database.retrying(asking, within_s=SCAN_S)
    assert len(asking.left_s) == 2


def test_without_time_nothing_is_tried_again(database: PostgresDatabase, postgres: Address) -> None:
    asking = Asking(database, postgres, 1)

    def slow(left_s: float) -> int:
        return asking(left_s + SCAN_S)

    with pytest.raises(StorageError):
        database.retrying(slow, within_s=0.0)
    assert len(asking.left_s) == 1


@pytest.mark.parametrize("error", [Refused("no"), StorageError("it is full"), ValueError("x")])
def test_what_fails_otherwise_is_not_tried_again(database: PostgresDatabase, error: Exception) -> None:
    calls = []

    def fail(_left_s: float) -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        database.retrying(fail, within_s=SCAN_S)
    assert calls == [1]


def test_that_no_connection_came_free_is_no_loss(database: PostgresDatabase) -> None:
    calls = []

    def wait(_left_s: float) -> None:
        calls.append(1)
        with database.session(within_s=0.05):
            pass

    with (
        database.connections.connection(user=database, within_s=SCAN_S),
        pytest.raises(StorageError, match="no connection became free in time"),
    ):
        database.retrying(wait, within_s=SCAN_S)
    assert calls == [1]


def test_on_a_connection_of_its_own_nothing_is_tried_again_and_nothing_goes_elsewhere(
    database: PostgresDatabase, postgres: Address
) -> None:
    asking = Asking(database, postgres, 1)

    with database.connections.apart(within_s=SCAN_S) as connection, database.on(connection):
        with pytest.raises(StorageError, match="the server was stopped"):
            database.retrying(asking, within_s=SCAN_S)
        with pytest.raises(StorageError), database.writing():
            pass
    assert len(asking.left_s) == 1
    with database.reading() as session:
        assert session.value("SELECT 1") == 1
