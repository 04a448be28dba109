from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import psycopg
import pytest

from scanhook.errors import StorageError
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.wording import Hung, is_lost, sentence, wording
from tests.postgres import GUARDED, PASSWORD
from tests.postgres import Address as Server
from tests.serving import free_port


def failure(url: str, *statements: str) -> psycopg.Error:
    """Connect, run the statements, and return the error."""
    try:
        with psycopg.connect(Address.parse(url).conninfo) as connection:
            for statement in statements:
                connection.execute(statement.encode())
    except psycopg.Error as error:
        return error
    raise AssertionError(statements)


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (("SET TRANSACTION READ ONLY", "CREATE TABLE public.t (a int)"), "it is no primary (any more)"),
        (("SET LOCAL statement_timeout = 5", "SELECT pg_sleep(5)"), "see its statement_timeout"),
        (("SELECT * FROM scans_of_yore",), "a table is missing"),
        (("SELECT pg_read_file('/etc/passwd')",), "scanhook's user may not do this"),
        (("SELECT 1 / 0",), "division by zero (SQLSTATE 22012)"),
    ],
)
def test_a_failed_statement_says_what_to_do(empty_database: str, statements: tuple[str, ...], said: str) -> None:
    assert said in sentence(failure(empty_database, *statements))


def test_no_value_of_a_row_is_told(empty_database: str) -> None:
    error = failure(
        empty_database,
        "CREATE TEMP TABLE codes (tag text PRIMARY KEY)",
        "INSERT INTO codes VALUES ('GENUINE0001')",
        "INSERT INTO codes VALUES ('GENUINE0001')",
    )
    assert "GENUINE0001" in str(error)
    assert sentence(error) == 'duplicate key value violates unique constraint "codes_pkey" (SQLSTATE 23505)'


def _closed(_server: Server) -> str:
    return f"postgresql://scanhook@127.0.0.1:{free_port()}/brand"


def _wrong_password(server: Server) -> str:
    return server.url(user=GUARDED, password="not it")


CONNECTIONS: dict[str, tuple[Callable[[Server], str], str]] = {
    "nobody there": (_closed, "the server cannot be reached (Connection refused): is it running, and `[storage] url`"),
    "no such database": (
        lambda server: server.url("brand"),
        "make it with `createdb --encoding UTF8 --template template0 --owner USER brand`",
    ),
    "no such user": (
        lambda server: server.url(user="ann"),
        "make it with `createuser --login --pwprompt ann`",
    ),
    "wrong password": (_wrong_password, "the server refuses scanhook's user or password"),
    "no password": (lambda server: server.url(user=GUARDED), "the server refuses scanhook's user or password"),
    "no primary": (
        lambda server: server.url() + "?target_session_attrs=standby",
        "the server is no primary (server is not in hot standby mode)",
    ),
    "no TLS": (
        lambda server: server.url() + "?sslmode=require",
        "the server cannot be reached (server does not support SSL, but SSL was required)",
    ),
}


@pytest.mark.parametrize(("url", "said"), CONNECTIONS.values(), ids=CONNECTIONS)
def test_a_refused_connection_says_what_to_do(postgres: Server, url: Callable[[Server], str], said: str) -> None:
    error = failure(url(postgres))
    assert said in sentence(error)
    assert is_lost(error)


def test_of_several_servers_each_says_why_it_is_none(postgres: Server) -> None:
    gone = free_port()
    hosts = f"127.0.0.1:{gone},127.0.0.1:{postgres.port}"
    error = failure(f"postgresql://scanhook@{hosts}/postgres?target_session_attrs=standby")
    assert sentence(error) == (
        f"none of the servers is a primary that answers (127.0.0.1:{gone}: Connection refused; "
        f"127.0.0.1:{postgres.port}: server is not in hot standby mode)"
    )
    assert "make it with `createdb" in sentence(failure(f"postgresql://scanhook@{hosts}/brand"))


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ('数据库 "brand" 不存在', "--owner USER brand`"),
        ('角色"ann"不存在', "--pwprompt ann`"),
        ('用户 "ann" Password 认证失败', "refuses scanhook's user or password"),
        ('没有用于主机 "10.0.0.7", 用户 "ann", 数据库 "brand" 的 pg_hba.conf 记录', "pg_hba.conf, and reload it"),
        ("对不起, 已经有太多的客户", "the server has no connection left"),
        ("数据库系统启动中", "the server is starting or stopping"),
        ("sorry, too many clients already", "the server has no connection left"),
        ("remaining connection slots are reserved for roles with the SUPERUSER attribute", "no connection left"),
        ('too many connections for role "scanhook"', "no connection left"),
        ("the database system is starting up", "the server is starting or stopping"),
        ("the database system is in recovery mode", "the server is starting or stopping"),
        ('permission denied for database "brand"', 'GRANT CONNECT ON DATABASE "brand" TO "USER";'),
        ('no pg_hba.conf entry for host "10.0.0.7"', "pg_hba.conf, and reload it"),
        ('role "ann" is not permitted to log in', "--pwprompt ann`"),
    ],
)
def test_what_a_server_says_in_english_or_chinese_is_understood(said: str, remedy: str) -> None:
    text = f'connection failed: connection to server at "10.0.0.1", port 5432 failed: FATAL:  {said}'
    assert remedy in sentence(psycopg.OperationalError(text))


def test_a_secret_is_in_no_sentence(postgres: Server) -> None:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{postgres.port}"
    secret = quote(PASSWORD, safe="")
    for url in (
        f"postgresql://{GUARDED}:{secret}@{hosts}/brand",
        f"postgresql://ann:{secret}@{hosts}/brand",
        f"postgresql://{GUARDED}:{secret}@127.0.0.1:{free_port()}/brand",
        f"postgresql://{GUARDED}:{secret}@127.0.0.1:{postgres.port}/brand?sslmode=require",
    ):
        with pytest.raises(StorageError) as refused, wording("the database"):
            psycopg.connect(Address.parse(url).conninfo)
        assert PASSWORD not in str(refused.value)
        assert secret not in str(refused.value)


def test_an_error_of_ours_comes_out_as_it_is() -> None:
    with pytest.raises(StorageError, match="the disk"), wording("the database"):
        raise StorageError("the disk")


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (Hung("late"), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.ReadOnlySqlTransaction(), True),
        (psycopg.OperationalError("server closed the connection unexpectedly"), True),
        (psycopg.errors.LockNotAvailable(), False),
        (psycopg.errors.UniqueViolation(), False),
    ],
)
def test_a_connection_is_given_up_when_it_is_of_no_use(error: psycopg.Error, *, lost: bool) -> None:
    assert is_lost(error) is lost
