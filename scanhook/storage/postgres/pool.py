"""The connections of one process to one database: shared by all rooms, made when they are needed.

While the server is away, whoever asks is refused at once, and a thread finds out every quarter of a second whether it
is back: scans that cannot be judged must not pile up.

A server that did not answer one statement in time is in doubt, and nobody gets at it, until that thread has had a
commit confirmed. Where the statement was slow by itself, that takes milliseconds. Where commits wait for a standby that
is away, each that was given up still holds a process of the server's: there must not be more and more of them.
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
from scanhook.storage.postgres.wording import Hung, NotConfirmed, is_lost, sentence, wording

__all__ = ["CONNECT_WAIT_S", "Connections"]

CONNECT_WAIT_S = 1.0
"""How long one waits for a connection that is free."""
_LOOK_EVERY_S = 0.25
_DOUBT_S = 0.5
"""So long a server that is in doubt has for its proof before it counts as away."""
_PROOF_S = 1.2
"""So long one commit is waited for; then it is cancelled, and another connection made: perhaps to a new primary."""
# A commit waits for the standby only when it has written something; no table has to be there for that.
_PROOF = "SELECT pg_logical_emit_message(true, 'scanhook', '')"
_LOOK_OUT = "scanhook-looks-out"
_SHARED: dict[tuple[str, int], Connections] = {}
_SHARED_LOCK = threading.Lock()

logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it warns of, whoever asked for a connection is told


class Connections:
    """See :meth:`shared`."""

    _pool: ConnectionPool[PostgresConnection] | None
    _hung: Hung | None
    _why: psycopg.Error | None

    def __init__(self, address: Address, *, most: int) -> None:
        self._address = address
        self._most = most
        self.forget()

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
        :raises StorageError: when there is none to have, or the user has left; and for whatever psycopg raises in the
            block.
        """
        with wording(self._address.place):
            until = time.monotonic() + within_s
            pool = self._opened(user)
            connection = self._usable(pool, max(0.0, min(within_s, CONNECT_WAIT_S)))
            connection.until = until
            try:
                yield connection
            except psycopg.Error as error:
                if isinstance(error, Hung):
                    self._doubt(pool, error, connection)  # the others need not find out for themselves
                elif is_lost(error) or connection.broken:
                    self._lose(pool, connection)
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
        """Open a connection of one's own, that no scan waits for; psycopg's errors come out as they are."""
        connection = PostgresConnection.connect(self._address.conninfo_apart, autocommit=True)
        adapted(connection)
        return connection

    def leave(self, user: object) -> None:
        """Need no connection any more, in this process; the last one closes them all."""
        with self._lock:
            self._users.discard(user)
            self._left.add(user)
            pool = None if self._users else self._pool
            if pool is not None:
                # Whoever opens it again begins without a doubt: what was found out is of another time.
                self._pool = None
                self._why = None
                self._hung = None
        if pool is not None:
            pool.close(timeout=1.0)

    def forget(self) -> None:
        """Let go of everything, after a fork: a connection must not be used on its far side."""
        self._lock = threading.Lock()
        self._pool = None
        self._users: WeakSet[Any] = WeakSet()
        self._left: WeakSet[Any] = WeakSet()
        self._opened_ones: WeakSet[PostgresConnection] = WeakSet()
        self._looks = self._is_away = False
        self._why = None
        self._hung = None
        self._hung_at = 0.0
        self._hung_server: tuple[str, int] | None = None
        self._proved = threading.Event()

    def _opened(self, user: object) -> ConnectionPool[PostgresConnection]:
        with self._lock:
            if user in self._left:
                raise StorageError(f"{self._address.place} is closed here: the process is stopping")
            self._users.add(user)
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
                if ours._is_away and threading.current_thread().name != _LOOK_OUT:
                    # The pool tries twice, whatever it is told, and each try may take seconds.
                    raise Hung("the server is away")
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

    def _usable(self, pool: ConnectionPool[PostgresConnection], wait_s: float) -> PostgresConnection:
        """Take a connection that was not cut while it lay in the pool, as far as that can be seen without asking."""
        connection = self._taken(pool, wait_s)
        if _has_unread_bytes(connection):
            self._lose(pool, connection)
            pool.putconn(connection)
            connection = self._taken(pool, wait_s)
        return connection

    def _taken(self, pool: ConnectionPool[PostgresConnection], wait_s: float) -> PostgresConnection:
        if self._hung is not None:
            self._look_out(pool)
            if not self._proved.wait(max(0.0, self._hung_at + _DOUBT_S - time.monotonic())):
                raise self._refusal()
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

    def _doubt(self, pool: ConnectionPool[PostgresConnection], hung: Hung, connection: PostgresConnection) -> None:
        """Let nobody get at the server until it has confirmed a commit."""
        with self._lock:
            if self._hung is None:
                self._proved.clear()
                self._hung_at, self._hung_server = time.monotonic(), connection.server
                self._hung = hung
        self._look_out(pool)

    def _look_out(self, pool: ConnectionPool[PostgresConnection]) -> None:
        """Let a thread find out when the server is back, unless one does."""
        with self._lock:
            if self._looks:
                return
            self._looks = True
        try:
            threading.Thread(target=self._look, args=(pool,), name=_LOOK_OUT, daemon=True).start()
        except RuntimeError:  # the system gives no thread: whoever comes next tries again
            self._looks = False

    def _look(self, pool: ConnectionPool[PostgresConnection]) -> None:
        try:
            while (self._why is not None or self._hung is not None) and not pool.closed:
                try:
                    connection = pool.connection_class.connect(self._address.conninfo, autocommit=True)
                    self._prove(pool, connection)
                except psycopg.Error as error:
                    self._is_away = True
                    if isinstance(error, NotConfirmed):
                        self._hung = error
                    else:
                        time.sleep(_LOOK_EVERY_S)
        finally:
            self._looks = self._is_away = False

    def _prove(self, pool: ConnectionPool[PostgresConnection], connection: PostgresConnection) -> None:
        """Have a commit confirmed, if the server is in doubt.

        :raises NotConfirmed: when it is not.
        """
        try:
            adapted(connection)
            if self._hung is not None:
                _commit(connection)
                was_away, self._is_away = self._is_away, False
                if was_away or connection.server != self._hung_server:
                    pool.drain()  # they lead to a server that hung, or to one that was the primary
                with self._lock:
                    self._hung = None
                    self._proved.set()
        finally:
            connection.close()

    def _any_open(self) -> bool:
        with self._lock:
            return not all(connection.closed for connection in self._opened_ones)

    def _refusal(self) -> StorageError:
        why = self._why or self._hung
        said = "try again" if why is None else sentence(why)
        return StorageError(f"{self._address.place}: {said}")

    def _lose(self, pool: ConnectionPool[PostgresConnection], connection: PostgresConnection) -> None:
        """Trust no connection that is as old as this one: what took it has most likely taken the others too."""
        connection.close()
        pool.drain()


def _commit(connection: PostgresConnection) -> None:
    """Commit something that changes nothing.

    :raises NotConfirmed: when the server does not confirm it in time.
    """
    connection.until, connection.cancels = time.monotonic() + _PROOF_S, True
    try:
        connection.execute(_PROOF.encode())
    except Hung:
        raise NotConfirmed("the server confirms no commit") from None
    except psycopg.Error as error:
        if is_lost(error):
            raise
        # It answers. What else is wrong, those who ask are told.


def _has_unread_bytes(connection: PostgresConnection) -> bool:
    """Tell whether the server has said something unasked, most likely its farewell; or nothing can come any more."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _forget_all() -> None:
    global _SHARED_LOCK  # noqa: PLW0603  (another thread may have held it when the process was forked)
    _SHARED_LOCK = threading.Lock()
    for connections in _SHARED.values():
        connections.forget()


os.register_at_fork(after_in_child=_forget_all)
