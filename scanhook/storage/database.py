"""What registry, journal and office stand on, whatever the engine: statements, and transactions for them.

Statements are written once for every engine, with ``?`` (in order) or ``?1`` (by number) for their bindings; what only
one engine understands lies in that engine's modules.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol

__all__ = ["Database", "Session", "filling", "moved"]


class Session(Protocol):
    """A connection to a database, as statements use it."""

    def rows(self, statement: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement to its end, and return its rows."""

    def value(self, statement: str, bindings: tuple[object, ...] = ()) -> Any:
        """Run one statement, and return the first value of its first row; ``None`` where there is no row."""

    def change(self, statement: str, bindings: tuple[object, ...] = ()) -> int:
        """Run one statement, and return how many rows it has added, changed or deleted."""

    def change_all(self, statement: str, many: Iterable[tuple[object, ...]]) -> int:
        """Run one statement with each of those bindings, and return how many rows were changed in all."""


class Database(Protocol):
    """One room's tables, opened for one pepper. Threads share it; every use of a thread has a connection of its own.

    :ivar name: what people are told when something is wrong with it; never with a password.
    :ivar waits: whether a statement may wait for another machine: then no event loop may call it.
    """

    name: str
    waits: bool

    def reading(self) -> AbstractContextManager[Session]:
        """Give a session; each statement sees what is committed when it begins. Inside :meth:`writing`: that session.

        Whether the tables are still ours is not looked at: whoever must not read on in tables that were upgraded or
        exchanged meanwhile asks :meth:`check_ours` inside. (What was moved away, SQLite refuses here: its file stays.)

        :raises StorageError: for whatever goes wrong with the database inside the block.
        """

    def seeing_one_state(self) -> AbstractContextManager[Session]:
        """Give a session all of whose statements see one state of the database; it is held open as short as possible.

        :raises StorageError: for whatever goes wrong with the database inside the block.
        """

    def writing(self) -> AbstractContextManager[Session]:
        """Give a session inside a transaction, which is on the disk when the block is left without an error.

        Nobody else is in such a block of the same room meanwhile, in whatever process and on whatever machine. Nothing
        that takes seconds may be done in it: a server ends a transaction that idles, for scans may wait for it.

        :raises StorageError: for whatever goes wrong with the database inside the block.
        """

    def check_ours(self, session: Session) -> None:
        """Find out whether the tables are still ours: they may be upgraded, restored, exchanged or moved meanwhile.

        :raises PepperMismatch: when they belong to another pepper.
        :raises SchemaMismatch: when another version has made them.
        :raises StorageMoved: when the storage was moved away.
        :raises StorageError: when they were exchanged.
        """

    def check_writable(self, session: Session) -> None:
        """Find out whether it could be written, without waiting for anybody who writes.

        :raises StorageError: when it could not.
        """

    def describe(self) -> str:
        """Name the engine and how safe a commit is, for people; read back from the engine itself."""

    def wording(self) -> AbstractContextManager[None]:
        """Turn what the engine and the system say into a :class:`StorageError` that says what to do."""

    def close(self) -> None:
        """Close every connection of this process."""


def moved(name: str, to: str) -> str:
    """Say that a storage was moved.

    :param to: where, without a password.
    """
    return f"{name} was moved to {to}: let `[storage] url` in the settings name the new one, and restart"


def filling(name: str, origin: str) -> str:
    """Say that a storage is not whole yet.

    :param origin: what is being copied into it.
    """
    return (
        f"{name} is still being filled from {origin}: end that with `scanhook storage copy … --finish`, and let "
        "`[storage] url` in the settings name the old one until then"
    )
