"""Opens the database that a house is moved into, for one move alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scanhook.errors import Refused
from scanhook.storage.moving.target import Target
from scanhook.storage.pepper import Pepper
from scanhook.storage.postgres.address import Address
from scanhook.storage.postgres.database import LOCK_CLASS
from scanhook.storage.postgres.pool import Connections
from scanhook.storage.postgres.wording import wording

__all__ = ["opened_target"]

_LOCK = 100
"""The second half of the advisory lock that one move holds in the target."""


@contextmanager
def opened_target(address: Address, *, pepper: Pepper) -> Iterator[Target]:
    """Open a target; no other move does anything with it meanwhile.

    :raises Refused: when another move is at work on it.
    :raises StorageError: when it cannot be reached.
    """
    with wording(address.place):
        connection = Connections(address, most=1).connect()
    try:
        target = Target(address, connection, pepper=pepper)
        with wording(address.place):
            if not target.session.value("SELECT pg_try_advisory_lock(?::int, ?::int)", (LOCK_CLASS, _LOCK)):
                raise Refused(f"another `scanhook storage copy` is at work on {address.place}: wait for it, or stop it")
        yield target
    finally:
        connection.close()
