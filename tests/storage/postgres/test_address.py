from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from scanhook.errors import SettingsError
from scanhook.storage.postgres.address import Address
from tests.postgres import Address as Server

SECRET = "s3cret:p@ss"
QUOTED = "s3cret%3Ap%40ss"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (f"postgresql://ann:{QUOTED}@db.example.com:5433/brand", "postgresql://db.example.com:5433/brand"),
        (f"postgres://ann:{QUOTED}@db.example.com/brand", "postgresql://db.example.com/brand"),
        ("postgresql://a:5432,b:5433/brand", "postgresql://a:5432,b:5433/brand"),
        ("postgresql://a,b/brand?port=6432", "postgresql://a:6432,b:6432/brand"),
        (f"postgresql:///brand?host=/run/postgresql&user=ann&password={QUOTED}", "postgresql:///run/postgresql/brand"),
    ],
)
def test_people_are_told_hosts_and_database_and_nothing_else(url: str, place: str) -> None:
    address = Address.parse(url)
    assert address.place == place
    assert "s3cret" not in repr(address)
    assert "ann" not in repr(address)


def test_the_password_is_what_the_url_says() -> None:
    assert conninfo_to_dict(Address.parse(f"postgresql://ann:{QUOTED}@h/d").conninfo)["password"] == SECRET


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ann:{SECRET}/x@h/d",
        "postgresql://ann:s3cret/x@h/d",
        "postgresql://ann:x@s3cret@h/d",
        "postgresql://ann:s3cret/d",
        "postgresql://ann:p/a?s3cret=x@h/d",
        "postgresql://ann:s3cret?s3cret=x",
        f"postgresql://ann:{QUOTED}@h/d?%zz",
        f"postgresql://ann:{QUOTED}@[::1/d",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match=r"storage\.url cannot be read: write postgresql://USER:PASSWORD@HOST") as e:
        Address.parse(url)
    assert "s3cret" not in str(e.value)
    assert e.value.__suppress_context__ or not e.value.__context__


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("sslmod=require", "storage.url: libpq knows no parameter `sslmod`: "),
        ("sslmode=require&nonsense=1", "storage.url: libpq knows no parameter `nonsense`: "),
        ("statement_timeout=3", "scanhook sets `statement_timeout` itself: leave it out"),
    ],
)
def test_a_parameter_that_is_not_known_is_named_and_nothing_else_is_shown(parameter: str, said: str) -> None:
    with pytest.raises(SettingsError) as e:
        Address.parse(f"postgresql://ann:{QUOTED}@h.example/d?{parameter}")
    assert said in str(e.value)
    assert not any(part in str(e.value) for part in ("s3cret", "ann", "h.example", "require"))
    assert e.value.__suppress_context__ or not e.value.__context__


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("-csynchronous_commit%3Doff", "synchronous_commit"),
        ("-c%20work_mem%3D8MB%20-c%20search_path%3Dpublic", "search_path"),
        ("--statement-timeout%3D3", "statement_timeout"),
        ("-cLock_Timeout%3D1", "lock_timeout"),
    ],
)
def test_what_scanhook_stands_on_cannot_be_set_in_the_url(options: str, name: str) -> None:
    with pytest.raises(SettingsError, match=f"its `options` set `{name}`, which scanhook sets itself"):
        Address.parse(f"postgresql://h/d?options={options}")


def test_a_url_without_a_database_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"storage\.url names no database"):
        Address.parse(f"postgresql://ann:{QUOTED}@h")


def test_what_scanhook_stands_on_is_asked_of_every_connection(empty_database: str) -> None:
    address = Address.parse(f"{empty_database}?options=-cwork_mem%3D8MB")
    names = ["synchronous_commit", "search_path", "default_transaction_isolation", "lock_timeout", "timezone", "jit"]
    names += ["idle_in_transaction_session_timeout"]
    names += [f"tcp_{name}" for name in ("keepalives_idle", "keepalives_interval", "user_timeout")]
    with psycopg.connect(address.conninfo, autocommit=True) as connection:
        found = {name: connection.execute(f"SHOW {name}".encode()).fetchall()[0][0] for name in (*names, "work_mem")}
    assert found == {
        "synchronous_commit": "on",
        "search_path": "scanhook",
        "default_transaction_isolation": "read committed",
        "lock_timeout": "5s",
        "timezone": "UTC",
        "jit": "off",
        "work_mem": "8MB",
        "idle_in_transaction_session_timeout": "5s",
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "2",
        "tcp_user_timeout": "10000",
    }


def test_work_that_no_scan_waits_for_may_idle_longer_and_is_asked_for_the_rest(empty_database: str) -> None:
    with psycopg.connect(Address.parse(empty_database).conninfo_apart, autocommit=True) as connection:
        assert connection.execute("SHOW idle_in_transaction_session_timeout").fetchall() == [("1min",)]
        assert connection.execute("SHOW synchronous_commit").fetchall() == [("on",)]
        assert connection.execute("SHOW search_path").fetchall() == [("scanhook",)]


def test_what_the_url_says_of_the_way_there_holds() -> None:
    said = conninfo_to_dict(Address.parse("postgresql://h/d?connect_timeout=7&target_session_attrs=any").conninfo)
    assert (said["connect_timeout"], said["target_session_attrs"]) == ("7", "any")
    usual = conninfo_to_dict(Address.parse("postgresql://h/d").conninfo)
    assert (usual["connect_timeout"], usual["target_session_attrs"]) == ("2", "read-write")


@pytest.mark.parametrize(
    ("given", "name"),
    [("", "scanhook"), ("?application_name=east", "scanhook east"), ("?application_name=scanhook-7", "scanhook-7")],
)
def test_a_connection_is_known_by_its_name(postgres: Server, given: str, name: str) -> None:
    address = Address.parse(postgres.url() + given)
    with psycopg.connect(address.conninfo) as connection:
        assert connection.execute("SHOW application_name").fetchall() == [(name,)]
