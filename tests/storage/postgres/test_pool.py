from __future__ import annotations

import gc
import os
import re
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, cast
from urllib.parse import quote

import psycopg
import pytest

from scanhook.errors import StorageError
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.connection import PostgresConnection, PostgresSession
from scanhook.storage.postgres.pool import Connections
from tests.postgres import GUARDED, PASSWORD, Server
from tests.postgres import Address as Postgres
from tests.serving import free_port


class User:
    """Somebody who uses connections."""


USER = User()
OPEN = """
SELECT count(*) FROM pg_stat_activity WHERE application_name = 'scanhook {}' AND backend_type = 'client backend'"""
OURS = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'waiting'"
COMMITTED = b"SELECT pg_logical_emit_message(true, 'test', '')"
CUT = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'scanhook {}'"


@contextmanager
def pooled(url: str, *, most: int) -> Iterator[Connections]:
    connections = Connections(Address.parse(url), most=most)
    try:
        yield connections
    finally:
        connections.leave(USER)


def pid(connections: Connections) -> int:
    """Return the process that serves us, at the server."""
    with connections.connection(user=USER, within_s=30) as connection:
        return int(PostgresSession(connection).value("SELECT pg_backend_pid()"))


def both(connections: Connections) -> set[int]:
    """Return the processes that serve two at the same time."""
    with (
        connections.connection(user=USER, within_s=30) as one,
        connections.connection(user=USER, within_s=30) as other,
    ):
        return {connection.info.backend_pid for connection in (one, other)}


def refused(connections: Connections, *, within_s: float = 30, statement: str = "SELECT 1") -> str:
    """Return the sentence with which a statement is refused."""
    with pytest.raises(StorageError) as refusal, connections.connection(user=USER, within_s=within_s) as connection:
        connection.execute(statement.encode())
    return str(refusal.value)


def named(url: str, name: str) -> str:
    return f"{url}?application_name={quote(name)}"


def test_all_rooms_of_a_process_share_them() -> None:
    here, there = (Address.parse(f"postgresql://h/{name}") for name in ("here", "there"))
    assert Connections.shared(here, most=3) is Connections.shared(Address.parse("postgresql://h/here"), most=3)
    assert Connections.shared(here, most=3) is not Connections.shared(there, most=3)


def test_one_after_the_other_uses_the_same_connection(postgres: Postgres) -> None:
    with pooled(postgres.url(), most=1) as connections:
        assert len({pid(connections) for _ in range(5)}) == 1


def test_there_are_never_more_than_so_many_however_many_threads_ask(postgres: Postgres) -> None:
    with pooled(postgres.url(), most=3) as connections, ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(lambda _: pid(connections), range(200)))) <= 3


def test_each_connection_is_one_threads_at_a_time(postgres: Postgres) -> None:
    with pooled(postgres.url(), most=3) as connections, ExitStack() as held:
        taken = [held.enter_context(connections.connection(user=USER, within_s=30)) for _ in range(3)]
        assert len({id(one) for one in taken}) == 3


def test_whoever_waits_too_long_for_one_is_told_to_try_again(postgres: Postgres) -> None:
    with pooled(postgres.url(), most=1) as connections, connections.connection(user=USER, within_s=30):
        assert refused(connections, within_s=0.05) == (
            f"postgresql://127.0.0.1:{postgres.port}/postgres: no connection became free in time: try again, or raise "
            "`[storage] connections`"
        )


def test_they_are_closed_when_the_last_user_has_left(postgres: Postgres) -> None:
    connections, first, second = Connections(Address.parse(named(postgres.url(), "leaver")), most=1), User(), User()
    for user in (first, second, first):
        with connections.connection(user=user, within_s=30):
            pass
    connections.leave(first)
    assert postgres.sql(OPEN.format("leaver")) == [(1,)]
    connections.leave(second)
    connections.leave(second)
    while postgres.sql(OPEN.format("leaver")) != [(0,)]:
        pass
    assert pid(connections)  # whoever comes anew
    connections.leave(USER)


def test_whoever_has_left_gets_none_any_more_except_after_a_fork(postgres: Postgres) -> None:
    connections = Connections(Address.parse(postgres.url()), most=1)
    assert pid(connections)
    connections.leave(USER)
    assert refused(connections).endswith(" is closed here: the process is stopping")
    connections.forget()
    assert pid(connections)
    connections.leave(USER)


def test_a_user_that_is_forgotten_is_no_user(postgres: Postgres) -> None:
    connections, gone = Connections(Address.parse(named(postgres.url(), "forgotten")), most=1), User()
    with connections.connection(user=gone, within_s=30):
        pass
    assert pid(connections)
    del gone
    connections.leave(USER)
    while postgres.sql(OPEN.format("forgotten")) != [(0,)]:
        pass


def test_a_connection_that_everybody_has_forgotten_is_gone(postgres: Postgres) -> None:
    connection = Connections(Address.parse(postgres.url()), most=1).connect()
    forgotten = weakref.ref(connection)
    connection.close()
    gc.collect()
    gc.disable()
    try:
        del connection
        assert forgotten() is None
    finally:
        gc.enable()


def test_a_connection_that_was_closed_in_the_pool_is_given_back(postgres: Postgres) -> None:
    with pooled(postgres.url(), most=1) as connections:
        with connections.connection(user=USER, within_s=30) as connection:
            pass
        connection.close()
        assert pid(connections)


def test_one_that_hangs_takes_no_other_with_it_and_nobody_is_refused(postgres: Postgres) -> None:
    with pooled(postgres.url(), most=2) as connections:
        before = both(connections)
        assert "did not answer in time" in refused(connections, within_s=0.15, statement="SELECT pg_sleep(60)")
        assert len(before & both(connections)) == 1


def test_what_a_block_left_open_is_rolled_back(empty_database: str) -> None:
    def fail(connection: PostgresConnection) -> None:
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE public.t (a int)")
        raise KeyError

    with pooled(empty_database, most=1) as connections:
        with pytest.raises(KeyError), connections.connection(user=USER, within_s=30) as connection:
            fail(connection)
        with connections.connection(user=USER, within_s=30) as connection:
            assert PostgresSession(connection).value("SELECT to_regclass('public.t')") is None


def test_a_fault_of_a_statement_costs_no_connection(postgres: Postgres) -> None:
    with pooled(postgres.url(), most=1) as connections:
        before = pid(connections)
        assert "division by zero" in refused(connections, statement="SELECT 1 / 0")
        assert pid(connections) == before


def test_connections_that_were_cut_in_the_pool_are_replaced_and_nobody_notices(postgres: Postgres) -> None:
    with pooled(named(postgres.url(), "cut"), most=4) as connections:
        with ExitStack() as held:
            for _ in range(4):
                held.enter_context(connections.connection(user=USER, within_s=30))
        assert len(postgres.sql(CUT.format("cut"))) == 4
        assert pid(connections)
        assert postgres.sql(OPEN.format("cut"))[0][0] <= 4


def test_a_hung_connection_is_not_used_again(postgres: Postgres) -> None:
    with pooled(postgres.url(), most=1) as connections:
        before = pid(connections)
        assert "the server did not answer in time" in refused(
            connections, within_s=0.15, statement="SELECT pg_sleep(60)"
        )
        assert _eventually(connections) != before


class _Away:
    """A port where whoever connects is counted and thrown out."""

    def __init__(self) -> None:
        self.visits = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._turn_away)
        self._thread.start()

    def _turn_away(self) -> None:
        while True:
            visitor, _ = self._socket.accept()
            visitor.close()
            if self.port == 0:
                return
            self.visits += 1

    def close(self) -> None:
        port, self.port = self.port, 0
        socket.create_connection(("127.0.0.1", port)).close()
        self._thread.join()
        self._socket.close()


def test_while_the_server_is_away_few_ask_for_it_and_the_others_are_refused_at_once() -> None:
    away = _Away()
    try:
        with pooled(f"postgresql://scanhook@127.0.0.1:{away.port}/brand?gssencmode=disable", most=4) as connections:
            said = refused(connections, within_s=0.2)
            assert re.search("server closed the connection unexpectedly|Connection reset", said)
            first = away.visits
            assert all("cannot be reached" in refused(connections) for _ in range(300))
            assert away.visits <= first + 8
    finally:
        away.close()


def test_a_child_process_makes_its_own_and_leaves_ours_alone(postgres: Postgres) -> None:
    connections = Connections.shared(Address.parse(named(postgres.url(), "fork")), most=1)
    try:
        before = pid(connections)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(write, str(pid(connections)).encode())
                connections.leave(USER)
            finally:
                os._exit(0)
        os.close(write)
        theirs = int(os.read(read, 100))
        os.waitpid(child, 0)
        os.close(read)
        assert theirs != before
        assert pid(connections) == before
    finally:
        connections.leave(USER)


def test_a_connection_apart_counts_not_among_the_most(postgres: Postgres) -> None:
    with pooled(postgres.url(), most=1) as connections, connections.connection(user=USER, within_s=30):
        with connections.apart(within_s=30) as apart:
            assert PostgresSession(apart).value("SELECT ? + 1", (1,)) == 2
        assert apart.closed


def test_a_password_is_in_no_sentence_and_no_picture_of_them(postgres: Postgres) -> None:
    url = postgres.url("brand", user=GUARDED, password=PASSWORD)
    for address in (url, url.replace(str(postgres.port), str(free_port()))):
        with pooled(address, most=1) as connections:
            sentences = refused(connections, within_s=0.2), refused(connections, within_s=0.2)
            for told in (*sentences, repr(connections), repr(vars(connections))):
                assert PASSWORD not in told
                assert quote(PASSWORD, safe="") not in told


@pytest.mark.ordeal
def test_while_the_standby_is_away_no_more_and_more_processes_wait_for_it() -> None:
    with Server.start(in_memory=True) as server, server.standby("b") as standby, ThreadPoolExecutor(6) as threads:
        server.sql("CREATE DATABASE waiting OWNER scanhook")
        with pooled(server.url("waiting"), most=6) as connections:
            assert pid(connections)
            standby.pause()
            ends_at = time.monotonic() + 8
            said = {
                why for found in threads.map(lambda _: _commits_until(connections, ends_at), range(6)) for why in found
            }
            assert any("the server confirms no commit: does the standby run that it waits for" in why for why in said)
            ((backends,),) = server.sql(OURS)
            assert backends <= 6 + 6 + 2  # those that were given up, those in the pool, and the one that looks out
            standby.resume()
            resumed_at = time.monotonic()
            while _commits_until(connections, 0):
                pass
            assert time.monotonic() < resumed_at + 1
            while server.sql(OURS)[0][0] > 6:
                pass


def _commits_until(connections: Connections, ends_at: float) -> set[str]:
    """Commit at least once, and return why that was refused."""
    said = set()
    while True:
        try:
            with connections.connection(user=USER, within_s=1.2) as connection:
                connection.execute(COMMITTED)
        except StorageError as error:
            said.add(str(error))
        if time.monotonic() >= ends_at:
            return said


@pytest.mark.ordeal
def test_a_server_that_comes_back_is_used_again() -> None:
    with Server.start() as server, pooled(server.url(), most=4) as connections:
        before = pid(connections)
        server.stop("immediate")
        for _ in range(100):  # more than may ever wait: those who gave up must not be counted
            refused(connections, within_s=0.01)
        server.restart()
        assert _eventually(connections) != before


@pytest.mark.ordeal
def test_a_server_without_a_free_connection_is_told_and_those_that_are_open_go_on() -> None:
    with (
        Server.start(settings={"max_connections": "10"}) as server,
        pooled(server.url(), most=8) as connections,
        ExitStack() as ours,
        ExitStack() as others,
    ):
        held = ours.enter_context(connections.connection(user=USER, within_s=30))
        with suppress(psycopg.OperationalError):
            while True:
                others.enter_context(psycopg.connect(server.url()))
        with pytest.raises(StorageError, match="the server has no connection left: raise max_connections"):
            _take_all(connections, ours)
        assert PostgresSession(held).value("SELECT 1") == 1
        ours.close()
        assert [pid(connections) for _ in range(5)]


def _take_all(connections: Connections, held: ExitStack) -> None:
    while True:
        held.enter_context(connections.connection(user=USER, within_s=30))


def _eventually(connections: Connections) -> int:
    """Return the process that serves us, as soon as one does."""
    while True:
        try:
            return pid(connections)
        except StorageError:
            continue


def test_where_no_thread_is_left_to_look_out_the_next_who_asks_tries_again(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Event()
    monkeypatch.setattr(Connections, "_look", lambda *_: looked.set())
    connections, pool = Connections(Address.parse(postgres.url()), most=1), cast("Any", None)

    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        connections._look_out(pool)
    connections._look_out(pool)

    assert looked.wait(10)
