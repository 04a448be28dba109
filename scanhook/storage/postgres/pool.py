"""The connections of one process to one database: shared by all rooms, made when they are needed.

While the server is away, whoever asks is refused at once, and a thread finds out every quarter of a second whether it
is back: scans that cannot be judged must not pile up.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from scanhook.errors import StorageError
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.connection import PostgresConnection, adapted
from scanhook.storage.postgres.wording import Hung, is_lost, sentence, wording

__all__ = ["CONNECT_WAIT_S", "Connections"]

CONNECT_WAIT_S = 1.0
"""How long one waits for a connection that is free."""
_LOOK_EVERY_S = 0.25
_SHARED: dict[tuple[str, int], Connections] = {}
_SHARED_LOCK = threading.Lock()

logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it warns of, whoever asked for a connection is told


class Connections:
    """See :meth:`shared`."""

    def __init__(self, address: Address, *, most: int) -> None:
        self._address = address
        self._most = most
        self._users: set[int] = set()
        self._lock = threading.Lock()
        self._pool: ConnectionPool[PostgresConnection] | None = None
        self._why: psycopg.Error | None = None
        self._looks = False
        self._opened_ones: WeakSet[PostgresConnection] = WeakSet()

    @classmethod
    def shared(cls, address: Address, *, most: int) -> Connections:
        """Return those of this process to a database: the same for everybody who asks.

        :param most: how many at most, for all threads.
        """
        with _SHARED_LOCK:
            return _SHARED.setdefault((address.conninfo, most), cls(address, most=most))

    @contextmanager
    def connection(self, *, user: object, within_s: float) -> Iterator[PostgresConnection]:
        """Give a connection that commits each statement by itself.

        :param user: keeps the connections open until its :meth:`leave`.
        :param within_s: the time for all that is done in the block.
        :raises StorageError: when there is none to have; and for whatever psycopg raises in the block.
        """
        with wording(self._address.place):
            until = time.monotonic() + within_s
            pool = self._opened(user)
            connection = self._whole(pool, min(within_s, CONNECT_WAIT_S))
            connection.until = until
            try:
                yield connection
            except psycopg.Error as error:
                if is_lost(error) or connection.broken:
                    self._lose(pool, connection)
                if isinstance(error, Hung):
                    self._why = error  # the others need not find out for themselves
                raise
            finally:
                connection.until = float("inf")
                pool.putconn(connection)

    @contextmanager
    def apart(self, *, within_s: float) -> Iterator[PostgresConnection]:
        """Give a connection that is nobody else's, for work that holds it for long; it counts not among the most."""
        with wording(self._address.place):
            connection = self.connect()
            connection.until = time.monotonic() + within_s
            try:
                yield connection
            finally:
                connection.close()

    def connect(self) -> PostgresConnection:
        """Open a connection of one's own; psycopg's errors come out as they are."""
        connection = PostgresConnection.connect(self._address.conninfo, autocommit=True)
        adapted(connection)
        return connection

    def leave(self, user: object) -> None:
        """Need no connection any more; the last one closes them all."""
        with self._lock:
            self._users.discard(id(user))
            pool = None if self._users else self._pool
            if pool is not None:
                self._pool = None
        if pool is not None:
            pool.close(timeout=1.0)

    def forget(self) -> None:
        """Let go of everything, after a fork: a connection must not be used on its far side."""
        self._lock, self._pool, self._users, self._why = threading.Lock(), None, set(), None
        self._looks, self._opened_ones = False, WeakSet()

    def _opened(self, user: object) -> ConnectionPool[PostgresConnection]:
        with self._lock:
            self._users.add(id(user))
            if self._pool is None:
                self._pool = self._open()
            return self._pool

    def _open(self) -> ConnectionPool[PostgresConnection]:
        return ConnectionPool(
            self._address.conninfo,
            connection_class=self._watched(),
            kwargs={"autocommit": True},
            min_size=1,
            max_size=self._most,
            open=True,
            configure=adapted,
            timeout=CONNECT_WAIT_S,
            # Whoever gave up waiting is still counted there: a limit would be reached by them, once and for all.
            max_waiting=0,
            reconnect_timeout=0,
            num_workers=2,
            name="scanhook",
        )

    def _watched(self) -> type[PostgresConnection]:
        """Return a class of connections that tells us why one could not be opened: the pool keeps that to itself."""
        ours = self

        class Watched(PostgresConnection):
            @classmethod
            def connect(cls, conninfo: str = "", **options: Any) -> Any:
                try:
                    opened = super().connect(conninfo, **options)
                except psycopg.Error as error:
                    ours._why = error
                    raise
                ours._why = None
                with ours._lock:
                    ours._opened_ones.add(opened)
                return opened

        return Watched

    def _whole(self, pool: ConnectionPool[PostgresConnection], wait_s: float) -> PostgresConnection:
        """Take a connection that was not cut while it lay in the pool, as far as that can be seen without asking."""
        connection = self._taken(pool, wait_s)
        if _has_word(connection):
            self._lose(pool, connection)
            pool.putconn(connection)
            connection = self._taken(pool, wait_s)
        return connection

    def _taken(self, pool: ConnectionPool[PostgresConnection], wait_s: float) -> PostgresConnection:
        # Where the server only has no room for more, those that are open go on.
        if self._why is not None and not self._any_open():
            self._look_out(pool)
            raise self._refusal()
        try:
            return pool.getconn(timeout=wait_s)
        except PoolTimeout:
            if self._why is not None:
                raise self._refusal() from None
            if not self._any_open():
                raise Hung("the server did not answer in time") from None
            raise

    def _look_out(self, pool: ConnectionPool[PostgresConnection]) -> None:
        """Let a thread find out when the server is back, unless one does."""
        with self._lock:
            if self._looks:
                return
            self._looks = True
        threading.Thread(target=self._look, args=(pool,), name="scanhook-looks-out", daemon=True).start()

    def _look(self, pool: ConnectionPool[PostgresConnection]) -> None:
        try:
            while self._why is not None and not pool.closed:
                try:
                    pool.connection_class.connect(self._address.conninfo).close()
                except psycopg.Error:
                    time.sleep(_LOOK_EVERY_S)
        finally:
            self._looks = False

    def _any_open(self) -> bool:
        with self._lock:
            return not all(connection.closed for connection in self._opened_ones)

    def _refusal(self) -> StorageError:
        why = self._why
        said = "try again" if why is None else sentence(why)
        return StorageError(f"{self._address.place}: {said}")

    def _lose(self, pool: ConnectionPool[PostgresConnection], connection: PostgresConnection) -> None:
        """Trust no connection that is as old as this one: what took it has most likely taken the others too."""
        connection.close()
        pool.drain()


def _has_word(connection: PostgresConnection) -> bool:
    """Tell whether the server has said something unasked: most likely its farewell."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _forget_all() -> None:
    for connections in _SHARED.values():
        connections.forget()


os.register_at_fork(after_in_child=_forget_all)
