"""A room's tables in a PostgreSQL database, and its transactions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import NoReturn, TypeVar

import psycopg
from psycopg_pool import PoolTimeout

from scanhook.errors import PepperMismatch, SchemaMismatch, StorageError
from scanhook.storage.database import Session, filling
from scanhook.storage.pepper import Pepper
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.connection import PostgresConnection, PostgresSession
from scanhook.storage.postgres.pool import Connections
from scanhook.storage.postgres.tables import FILLING, ROOMS, check_tables, misfit, schema_of
from scanhook.storage.postgres.wording import is_lost, wording

__all__ = ["LOCK_CLASS", "READ_S", "ROOMS", "SCAN_S", "PostgresDatabase"]

SCAN_S = 1.2
"""For each thing that a scan waits for: the look-up and the record, and with a verifier also the recall before them.

Two of them lie within the 3 s of a scan; all that it waits for has an end of its own, in the door's waiting room.
"""
READ_S = 30.0
"""For what staff ask, and for changes."""
LOCK_CLASS = 0x5CA9
"""The first half of the advisory locks by which the rooms' writers know each other."""

_STANDING = "SELECT value FROM meta WHERE name = ?"
T = TypeVar("T")


class PostgresDatabase:
    """A :class:`~scanhook.storage.database.Database`.

    :param room: ``registry``, ``journal`` or ``office``.
    :param package: where the room's schema lies: ``schema/postgresql/NNNN.sql`` in it, in order.
    :param most: how many connections this process may have to the database.
    :raises PepperMismatch: when the database was made with another pepper.
    :raises SchemaMismatch: when the room's tables were made by another version.
    :raises StorageError: when it cannot be reached, holds no storage, or is not durable.
    """

    waits = True

    def __init__(self, address: Address, *, room: str, package: str, pepper: Pepper, most: int) -> None:
        self.name = address.place
        self.room = room
        self._number = ROOMS.index(room)
        self._pepper = pepper
        self._version = len(schema_of(package))
        self.connections = Connections.shared(address, most=most)
        self._local = threading.local()
        with self.connections.apart(within_s=READ_S) as connection:
            check_tables(connection, room=room, package=package, pepper=pepper, place=self.name)

    @property
    def standing(self) -> str:
        """What stands in ``meta`` under the room's name as long as the tables are ours: one look tells all."""
        return f"{self._version}/{self._pepper.id}"

    @contextmanager
    def session(self, *, within_s: float) -> Iterator[PostgresSession]:
        """Give a session whose statements take so long at most, together; inside :meth:`writing`, that one."""
        current: PostgresSession | None = getattr(self._local, "session", None)
        if current is not None:
            with wording(self.name):
                yield current
            return
        with self._connection(within_s=within_s) as connection:
            yield PostgresSession(connection)

    def reading(self) -> AbstractContextManager[PostgresSession]:
        """Give a session for reading; each statement is a transaction of its own."""
        return self.session(within_s=READ_S)

    @contextmanager
    def seeing_one_state(self) -> Iterator[PostgresSession]:
        """Give a session all of whose statements see one state."""
        if getattr(self._local, "session", None) is not None:
            with self.session(within_s=READ_S) as session:
                yield session
            return
        with self.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", within_s=READ_S) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[PostgresSession]:
        """Give a session inside a transaction that is the only one of its kind in this room."""
        with self.transaction(within_s=READ_S) as session:
            session.value("SELECT pg_advisory_xact_lock(?::int, ?::int)", (LOCK_CLASS, self._number))
            self.check_ours(session)
            yield session

    @contextmanager
    def transaction(self, begin: str = "BEGIN", *, within_s: float) -> Iterator[PostgresSession]:
        """Give a session inside a transaction, beside which there may be others; see also :meth:`writing`.

        :param within_s: the time for all of it.
        """
        with self._connection(within_s=within_s) as connection:
            connection.execute(begin)
            session = PostgresSession(connection)
            self._local.session = session
            try:
                yield session
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
            finally:
                self._local.session = None

    @contextmanager
    def on(self, connection: PostgresConnection) -> Iterator[None]:
        """Let all that this thread does in this room be done on a connection of its own.

        For work that must not go on without a lock which that connection holds: when it is cut, everything fails.
        """
        self._local.own = connection
        try:
            yield
        finally:
            self._local.own = None

    @contextmanager
    def _connection(self, *, within_s: float) -> Iterator[PostgresConnection]:
        own: PostgresConnection | None = getattr(self._local, "own", None)
        if own is None:
            with self.connections.connection(user=self, within_s=within_s) as connection:
                yield connection
            return
        with wording(self.name):
            own.until = time.monotonic() + within_s
            try:
                yield own
            finally:
                own.until = float("inf")

    def retrying(self, call: Callable[[float], T], *, within_s: float) -> T:
        """Run a call, and once more when it has lost its connection: then it gets a fresh one.

        A connection that lay in the pool while the server was restarted, or another became the primary, is only known
        to be lost once it is used.

        :param call: gets the seconds that it has. It may be run twice: also where it had committed, and only the
            answer was lost.
        :param within_s: the time for both: the second gets what is left of it.
        :raises StorageError: when the second was lost too, or no time is left; and for whatever else the call raises.
        """
        until = time.monotonic() + within_s
        try:
            return call(within_s)
        except StorageError as error:
            left_s = until - time.monotonic()
            if left_s <= 0 or not _has_lost(error) or getattr(self._local, "own", None) is not None:
                raise
        return call(left_s)

    def check_ours(self, session: Session) -> None:
        """Find out whether the tables are still ours."""
        self.check_standing(session.value(_STANDING, (self.room,)))

    def check_standing(self, found: str | None) -> None:
        """Compare what stands in ``meta`` under the room's name with what should.

        :raises StorageError: as :meth:`check_ours` says.
        """
        if found != self.standing:
            self._complain(found or "")

    def _complain(self, found: str) -> NoReturn:
        version, _, rest = found.partition("/")
        if version == FILLING:
            raise StorageError(filling(self.name, rest))
        if not version.isdecimal():
            raise StorageError(f"{self.name} holds no {self.room} of scanhook's any more: restore it from a backup")
        if rest != self._pepper.id:
            raise PepperMismatch(f"{self.name} now belongs to another pepper: put back the right one")
        raise SchemaMismatch(misfit(self.name, int(version), self._version))

    def check_writable(self, session: Session) -> None:
        """Find out whether the server takes writes."""
        if session.value("SHOW transaction_read_only") == "on":
            raise StorageError(f"{self.name}: the server only reads: it is no primary (any more)")

    def describe(self) -> str:
        """Name the server's version and how safe a commit is."""
        with self.reading() as session:
            ((version, synchronous, fsync, standbys),) = session.rows(
                "SELECT current_setting('server_version'), current_setting('synchronous_commit'), "
                "current_setting('fsync'), CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') "
                "THEN (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) END"
            )
        said = f"PostgreSQL {version}, fsync {fsync}, synchronous_commit {synchronous}"
        if standbys is None:  # only who may read the server's statistics sees them
            return said
        return f"{said}, {standbys} synchronous {'standby' if standbys == 1 else 'standbys'}"

    def wording(self) -> AbstractContextManager[None]:
        """Turn psycopg's errors into a :class:`StorageError`."""
        return wording(self.name)

    def close(self) -> None:
        """Close every connection of this process that no other room uses."""
        self.connections.leave(self)


def _roll_back(connection: PostgresConnection) -> None:
    if not connection.closed:
        with suppress(psycopg.Error):  # of one that hangs, which is given up anyway: why it does is what matters
            connection.rollback()


def _has_lost(error: StorageError) -> bool:
    cause = error.__cause__
    # That no connection came free is no loss: whoever waits longer only makes it worse.
    return isinstance(cause, psycopg.Error) and not isinstance(cause, PoolTimeout) and is_lost(cause)
