from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanhook.errors import StorageError
from scanhook.storage import StorageUrl
from scanhook.storage.lease import Lease, read_lease, take_lease
from scanhook.storage.postgres import lease as lease_module
from scanhook.storage.postgres.lease import PostgresLease
from tests.conftest import _make_tables
from tests.postgres import Address, Databases, Server

_HOLDERS = (
    "SELECT pid, host(client_addr) FROM pg_stat_activity JOIN pg_locks USING (pid) "
    "WHERE locktype = 'advisory' AND datname = '{}'"
)


@pytest.fixture
def storage(storages: Databases, tmp_path: Path) -> Iterator[StorageUrl]:
    with storages.lend() as url:
        yield StorageUrl.parse(url, base=tmp_path)


def taken(storage: StorageUrl) -> Lease:
    lease = take_lease(storage, "housekeeper")
    assert lease is not None
    return lease


def holders(server: Address, storage: StorageUrl) -> list[int]:
    assert storage.address is not None
    return [pid for pid, _ in server.sql(_HOLDERS.format(storage.address.place.rpartition("/")[2]))]


def test_a_lease_whose_connection_was_cut_holds_no_more(postgres: Address, storage: StorageUrl) -> None:
    with taken(storage) as lease:
        (pid,) = holders(postgres, storage)
        postgres.sql(f"SELECT pg_terminate_backend({pid}, 5000)")
        with taken(storage) as another:
            assert not lease.holds()
            with pytest.raises(StorageError):
                lease.write("I act")
            with pytest.raises(StorageError):
                lease.read()
            lease.close()
            assert another.holds()
            assert another.read() == ""


def test_a_lease_is_free_as_soon_as_it_is_given_back(postgres: Address, storage: StorageUrl) -> None:
    for _ in range(20):
        taken(storage).close()
    assert holders(postgres, storage) == []


def test_the_server_soon_asks_a_holder_that_says_nothing_for_a_sign_of_life(storage: StorageUrl) -> None:
    names = ("keepalives_idle", "keepalives_interval", "keepalives_count", "user_timeout")
    with taken(storage) as lease:
        assert isinstance(lease, PostgresLease)
        with lease._session(within_s=5) as session:
            shown = [session.value(f"SHOW tcp_{name}") for name in names]
    assert shown == ["5", "2", "3", "10000"]


@pytest.mark.ordeal
def test_a_server_that_says_nothing_hangs_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LOOK_S", "_WORK_S"):
        monkeypatch.setattr(lease_module, name, 0.3)
    with Server.start(in_memory=True) as server:
        server.sql("CREATE DATABASE house OWNER scanhook")
        _make_tables(server.url("house"))
        storage = StorageUrl.parse(server.url("house"), base=tmp_path)
        lease = taken(storage)
        server.pause()
        assert not lease.holds()
        lease.close()
        with pytest.raises(StorageError, match=r"postgresql://127\.0\.0\.1:\d+/house: "):
            take_lease(storage, "housekeeper")
        with pytest.raises(StorageError):
            read_lease(storage, "housekeeper")
        server.resume()
        taken(storage).close()
        lease = taken(storage)
        server.restart()
        assert not lease.holds()
        lease.close()
        taken(storage).close()


@pytest.mark.ordeal
def test_a_lease_on_a_primary_that_died_is_taken_on_the_next_one(tmp_path: Path) -> None:
    with Server.start(in_memory=True) as server:
        server.sql("CREATE DATABASE house OWNER scanhook")
        _make_tables(server.url("house"))
        standby = server.standby("b")
        storage = StorageUrl.parse(
            f"postgresql://scanhook@127.0.0.1:{server.port},127.0.0.1:{standby.port}/house", base=tmp_path
        )
        lease = taken(storage)
        lease.write("I acted")

        server.kill()
        assert not lease.holds()
        lease.close()
        with pytest.raises(StorageError):
            take_lease(storage, "housekeeper")
        standby.promote()

        with taken(storage) as lease:
            assert lease.read() == "I acted"
            assert lease.holds()
