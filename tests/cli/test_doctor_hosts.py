from __future__ import annotations

import pytest

from scanhook.cli.doctor_hosts import HostSeen, ask_hosts, look_at_hosts
from scanhook.storage.postgres.address import Address
from tests.postgres import Address as Postgres

NOWHERE = "127.0.0.1:9"


def seen(name: str, *, started: str = "1.5", **state: object) -> HostSeen:
    return HostSeen(**{"name": name, "version": "16.2", "timeline": 1, "started": started, **state})  # type: ignore[arg-type]


def told(*hosts: HostSeen, more: str = "") -> dict[str, str]:
    address = Address.parse(f"postgresql://a,b/brand{more}")
    return {check.name.split(" (")[0]: check.fault or check.name for check in look_at_hosts(address, hosts)}


def test_each_server_of_the_url_is_asked_by_itself(postgres: Postgres) -> None:
    url = postgres.url().replace("127.0.0.1", f"{NOWHERE},localhost") + "?connect_timeout=30"
    nowhere, there = ask_hosts(Address.parse(url))
    assert (nowhere.name, nowhere.takes_writes, nowhere.fault is None) == (NOWHERE, False, False)
    assert (there.name, there.takes_writes, there.fault) == (f"localhost:{postgres.port}", True, None)
    assert (there.timeline, there.standby, there.read_only) == (1, False, False)
    assert postgres.sql("SHOW server_version")[0][0].startswith(there.version)


def test_one_port_and_none_hold_for_every_host(postgres: Postgres) -> None:
    hosts = f"localhost,127.0.0.1/postgres?port={postgres.port}"
    assert [host.name for host in ask_hosts(Address.parse(f"postgresql://scanhook@{hosts}"))] == [
        f"localhost:{postgres.port}",
        f"127.0.0.1:{postgres.port}",
    ]


def test_a_server_under_two_names_is_no_split(postgres: Postgres) -> None:
    port = postgres.port
    url = postgres.url().replace(f"127.0.0.1:{port}", f"127.0.0.1:{port},localhost:{port}")
    address = Address.parse(url)
    assert [check.fault for check in look_at_hosts(address, ask_hosts(address))] == [None, None, None]


def test_two_that_take_writes_are_a_split() -> None:
    found = told(seen("a:5432", sessions=3), seen("b:5432", started="2.5", timeline=2), seen("c:5432", standby=True))
    assert found["hosts"].startswith(
        "two hosts take writes: a:5432 (primary, PostgreSQL 16.2, timeline 1; 3 connections of scanhook's) and "
        "b:5432 (primary, PostgreSQL 16.2, timeline 2; 0 connections of scanhook's): which one do the services use? "
        "Stop the other at once"
    )
    assert found["host c:5432"] == "host c:5432 (standby, PostgreSQL 16.2, timeline 1)"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (seen("b:5432", standby=True), "hosts (2; a:5432 takes writes)"),
        (seen("b:5432", started="2.5", read_only=True), "hosts (2; a:5432 takes writes)"),
        (HostSeen(name="b:5432", fault="it is away"), "hosts (2; a:5432 takes writes)"),
    ],
)
def test_one_that_takes_writes_beside_others_is_named(other: HostSeen, said: str) -> None:
    assert told(seen("a:5432"), other)["hosts"] == said


def test_none_that_takes_writes_is_a_fault() -> None:
    found = told(HostSeen(name="a:5432", fault="it is away"), seen("b:5432", standby=True))
    assert found["hosts"].startswith("none that can be asked takes writes")


def test_one_that_cannot_be_reached_is_a_fault_with_a_remedy() -> None:
    assert told(seen("a:5432"), HostSeen(name="b:5432", fault="it is away"))["host b:5432"] == (
        "unreachable (it is away): start it, or take it out of `[storage] url` if it is gone for good"
    )


def test_of_several_servers_the_one_that_writes_must_be_asked_for() -> None:
    found = told(seen("a:5432"), seen("b:5432", standby=True), more="?target_session_attrs=any")
    assert "target_session_attrs=any may choose one that only reads" in found["hosts"]
