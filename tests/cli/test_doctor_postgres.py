from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from scanhook.cli import doctor_postgres
from scanhook.cli.doctor_hosts import ask_hosts
from scanhook.cli.doctor_postgres import look_at_server, standbys_needed
from scanhook.clock import FixedClock, SystemClock
from scanhook.settings import House, load_settings
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.tables import make_tables
from tests.cli.conftest import run_json
from tests.conftest import on_postgres
from tests.postgres import OWNER, SUPERUSER, Databases, Server
from tests.postgres import Address as Postgres


@pytest.fixture
def url(storages: Databases) -> Iterator[str]:
    with storages.lend() as url:
        yield url


@pytest.fixture
def served(shop: House, url: str) -> House:
    """Return a house whose storage is an empty one on PostgreSQL."""
    return on_postgres(shop, url)


def look(house: House, **clock: float) -> dict[str, str]:
    """Return what the doctor says of each thing, by the first words of its name."""
    address = StorageUrl.of(house).address
    assert address
    checks = look_at_server(house, address, FixedClock(**clock) if clock else SystemClock(), ask_hosts(address))
    return {check.name.split(" (")[0]: check.fault or check.name for check in checks}


def test_a_good_server_has_no_fault(served: House) -> None:
    checks = [check for check in run_json("doctor", code=0) if not check["check"].startswith("scan right")]
    assert [check for check in checks if check["fault"]] == []
    named = [check["check"].split(" (")[0] for check in checks]
    assert named[named.index("durability") :][:9] == [
        "durability", f"host {StorageUrl.of(served).name.split('/')[2]}", "hosts", "server", "standbys", "schema",
        "TLS", "clocks", "round trip",
    ]  # fmt: skip


def test_what_the_server_keeps_is_read_back_from_it(served: House) -> None:
    told = look(served)
    assert "fsync on, full_page_writes on, synchronous_commit on, data_checksums on" in told["server"]
    assert "Asia/Shanghai" in told["server"]
    assert told["schema"] == "schema (registry 1, journal 1, office 1)"
    assert told["TLS"] == "TLS (not in use; the server is on this machine)"
    assert told["hosts"].startswith("hosts (one: when it dies, scans wait")


def test_a_user_who_may_not_see_the_standbys_is_told_the_right_that_mends_it(served: House) -> None:
    assert "GRANT pg_read_all_stats TO" in look(served)["standbys"]


def test_without_a_synchronous_standby_it_is_told_what_would_be_lost(shop: House, postgres: Postgres, url: str) -> None:
    house = on_postgres(shop, postgres.url(url.rpartition("/")[2], user=SUPERUSER))
    assert look(house)["standbys"].startswith("standbys (0, none of them synchronous: what was answered last is lost")


@pytest.mark.parametrize(
    ("names", "needed"),
    [
        ("", 0),
        ("b", 1),
        ("b, c", 1),
        ("*", 1),
        ("1 (b)", 1),
        ("2 (b, c)", 2),
        ("FIRST 2 (b, c, d)", 2),
        ("any 1 (b, c)", 1),
        ('ANY 2 ("b", c)', 2),
        ("first", 1),
    ],
)
def test_the_number_of_standbys_that_a_commit_waits_for_is_read(names: str, needed: int) -> None:
    assert standbys_needed(names) == needed


def test_a_clock_that_is_far_from_the_servers_is_a_fault(served: House) -> None:
    assert "clock is 3,6" not in look(served)["clocks"]
    told = look(served, at=SystemClock().now() - 7200)["clocks"]
    assert told.startswith("the server's clock is 7,")
    assert "ahead of this machine's" in told
    assert "behind this machine's" in look(served, at=SystemClock().now() + 7200)["clocks"]


def test_more_connections_than_the_server_has_room_for_are_a_fault(served: House) -> None:
    served.path.write_text(served.path.read_text().replace("[storage]", "[storage]\nconnections = 60"))
    told = look(load_settings(served.path))["connections"]
    assert told.startswith("this machine may open 180 (2 workers and the housekeeper, 60 each; no other is connected")
    assert "and each counts as much again), and the server has room for 97, of which others use " in told


def test_each_other_machine_that_is_connected_counts_as_much_as_this_one(
    served: House, postgres: Postgres, url: str
) -> None:
    name = url.rpartition("/")[2]
    with psycopg.connect(f"{url}?application_name=scanhook"):
        assert look(served)["connections"].startswith("connections (this machine: 24 of 97 at most: 2 workers and")
    elsewhere = psycopg.connect(
        host=str(postgres.folder), port=postgres.port, user=OWNER, dbname=name, application_name="scanhook-2"
    )
    with elsewhere, psycopg.connect(f"{url}?application_name=scanhook"):
        assert look(served)["connections"].startswith(
            "connections (2 machines, as far as they are connected now: 48 of 97 at most: on each machine as here 2 "
            "workers and the housekeeper, 8 each; 1 are open from another; other programs use "
        )


def test_the_connections_of_others_are_counted_and_not_what_the_server_runs_itself(
    served: House, postgres: Postgres
) -> None:
    def others() -> int:
        return int(re.findall(r"other programs use (\d+)", look(served)["connections"])[0])

    def clients() -> int:
        return int(postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")[0][0])

    assert any(others() <= clients() for _ in range(20))  # other workers of this run come and go
    with psycopg.connect(postgres.url()), psycopg.connect(postgres.url()):
        assert others() >= 2


def test_a_slow_way_to_the_server_is_a_fault(served: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_postgres, "_SLOW_S", 0.0)
    assert "ms, and a scan needs several: bring the service nearer" in look(served)["round trip"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("?target_session_attrs=any", "may choose one that only reads: write target_session_attrs=read-write"),
        ("", "hosts (2; "),
    ],
)
def test_of_several_servers_the_one_that_writes_must_be_asked_for(
    shop: House, postgres: Postgres, url: str, more: str, said: str
) -> None:
    hosts = f"127.0.0.1:{postgres.port},localhost:{postgres.port}"
    house = on_postgres(shop, url.replace(f"127.0.0.1:{postgres.port}", hosts) + more)
    assert said in look(house)["hosts"]


@pytest.mark.parametrize(
    ("hostaddr", "is_local"), [("", True), ("127.0.0.1", True), ("::1", True), ("10.0.0.7", False)]
)
def test_the_way_to_another_machine_must_be_encrypted(
    served: House, monkeypatch: pytest.MonkeyPatch, hostaddr: str, *, is_local: bool
) -> None:
    monkeypatch.setattr("psycopg.ConnectionInfo.hostaddr", hostaddr)
    told = look(served)["TLS"]
    assert ("goes there unencrypted: switch `ssl` on there, and write sslmode=verify-full" in told) is not is_local


def test_servers_that_cannot_be_reached_are_told_one_by_one(shop: House) -> None:
    on_postgres(shop, "postgresql://scanhook:s3cret@127.0.0.1:9,localhost:7/brand")
    faults = {check["check"]: str(check["fault"]) for check in run_json("doctor", code=1) if check["fault"]}
    assert faults["host 127.0.0.1:9"].startswith("unreachable (")
    assert faults["host localhost:7"].startswith("unreachable (")
    assert "s3cret" not in str(faults)


@pytest.mark.ordeal
def test_standbys_that_commits_wait_for_are_told_and_their_absence_is_a_fault(shop: House) -> None:
    with Server.start() as server:
        server.sql("CREATE DATABASE brand OWNER scanhook")
        url = server.url("brand", user=SUPERUSER)
        house = on_postgres(shop, url)
        make_tables(Address.parse(url), pepper=Pepper.load(house.pepper_path))
        standby = server.standby("b")
        assert look(house)["standbys"] == "standbys (1 synchronous and streaming: b)"
        standby.stop()
        while server.sql("SELECT 1 FROM pg_stat_replication"):
            pass
        told = look(house)["standbys"]
        assert told.startswith("a commit waits for 1 of synchronous_standby_names = 'b', and 0 of them are streaming")
        assert "ALTER SYSTEM RESET synchronous_standby_names" in told
        assert f"on 127.0.0.1:{server.port}, the only one that takes writes" in told
        faults = {check["check"]: check["fault"] for check in run_json("doctor", code=1) if check["fault"]}
        assert "the server did not answer in time" in faults["journal"]
        server.sql("ALTER SYSTEM RESET synchronous_standby_names")
        server.sql("SELECT pg_reload_conf()")


@pytest.mark.ordeal
def test_two_servers_that_take_writes_are_a_fault_and_nothing_is_advised_that_would_complete_the_split(
    shop: House,
) -> None:
    with Server.start() as server:
        server.sql("CREATE DATABASE brand OWNER scanhook")
        url = server.url("brand", user=SUPERUSER)
        make_tables(Address.parse(url), pepper=Pepper.load(shop.pepper_path))
        standby = server.standby("b")
        ours, theirs = f"127.0.0.1:{server.port}", f"127.0.0.1:{standby.port}"
        house = on_postgres(shop, url.replace(ours, f"{ours},{theirs}"))
        told = look(house)
        assert re.fullmatch(rf"host {ours} \(primary, PostgreSQL [\d.]+, timeline 1\)", told[f"host {ours}"])
        assert re.fullmatch(rf"host {theirs} \(standby, PostgreSQL [\d.]+, timeline 1\)", told[f"host {theirs}"])
        assert told["hosts"] == f"hosts (2; {ours} takes writes)"

        standby.promote(alone=True)
        told = look(house)
        assert told["hosts"].startswith("two hosts take writes: ")
        assert "timeline 1; " in told["hosts"]
        assert "timeline 2; " in told["hosts"]
        assert "RESET" not in "".join(told.values())
        assert "Change nothing there before it is clear which server is the primary" in told["standbys"]

        server.kill()
        told = look(house)
        assert told[f"host {ours}"].startswith("unreachable (")
        assert told["hosts"] == f"hosts (2; {theirs} takes writes)"
        assert told["standbys"].startswith(f"the URL names 2 servers, and on {theirs} no commit waits for another")
