"""A lease on PostgreSQL: an advisory lock of a session that does nothing else, and so is gone when the session is.

When its holder dies, the server sees the connection end, and the lock is free at once. When the holder's whole machine
dies, or its network, the server hears nothing more: it then asks by itself, and frees the lock 11 s after the last
word. A holder that cannot reach the server finds that out within 2 s, and does not hold it any more.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

import psycopg

from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.connection import PostgresConnection, PostgresSession
from scanhook.storage.postgres.pool import Connections
from scanhook.storage.postgres.wording import wording

__all__ = ["PostgresLease"]

_LOOK_S = 2.0
"""For finding out whether the connection lives, and for giving the lock back."""
_WORK_S = 5.0
"""For everything else."""
_READ = "SELECT text FROM leases WHERE name = ?"
_WRITE = "INSERT INTO leases (name, text) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text"


class PostgresLease:
    """A :class:`~scanhook.storage.lease.Lease`; see :meth:`take`."""

    def __init__(self, connection: PostgresConnection, *, name: str, place: str) -> None:
        self._connection = connection
        self._name = name
        self._place = place

    @classmethod
    def take(cls, address: Address, name: str, *, connections: int) -> PostgresLease | None:
        """Take the lease of that name, if nobody holds it.

        :param connections: how many this process may have to the database; the lease's own counts not among them.
        :raises StorageError: when the database cannot be reached.
        """
        with wording(address.place):
            connection = Connections.shared(address, most=connections).connect()
            connection.until = time.monotonic() + _WORK_S
            session = PostgresSession(connection)
            taken = False
            try:
                taken = session.value("SELECT pg_try_advisory_lock(?)", (_number(name),))
            finally:
                if not taken:
                    connection.close()
        return cls(connection, name=name, place=address.place) if taken else None

    @staticmethod
    def peek(address: Address, name: str, *, connections: int) -> str:
        """Return what stands in a lease, whoever holds it.

        :raises StorageError: when the database cannot be reached.
        """
        with Connections.shared(address, most=connections).apart(within_s=_WORK_S) as connection:
            return str(PostgresSession(connection).value(_READ, (name,)) or "")

    def holds(self) -> bool:
        """Tell whether the session is there; a server that says nothing may have given the lock to somebody else."""
        try:
            with self._session(within_s=_LOOK_S) as session:
                return bool(session.value("SELECT 1"))
        except psycopg.Error:
            self._connection.close()
            return False

    def read(self) -> str:
        """Return what was written into it last."""
        with wording(self._place), self._session(within_s=_WORK_S) as session:
            return str(session.value(_READ, (self._name,)) or "")

    def write(self, text: str) -> None:
        """Put a text in the place of what was written last; a session that has lost the lock cannot."""
        with wording(self._place), self._session(within_s=_WORK_S) as session:
            session.change(_WRITE, (self._name, text))

    def close(self) -> None:
        """Give it back; whoever tries to take it afterwards gets it."""
        with suppress(psycopg.Error), self._session(within_s=_LOOK_S) as session:
            session.value("SELECT pg_advisory_unlock(?)", (_number(self._name),))
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _session(self, *, within_s: float) -> Iterator[PostgresSession]:
        self._connection.until = time.monotonic() + within_s
        yield PostgresSession(self._connection)


def _number(name: str) -> int:
    """Return the number by which the server knows the lock of a lease."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8, person=b"scanhook lease").digest(), signed=True)
