"""A connection that never hangs, and statements on it as every room writes them."""

from __future__ import annotations

import re
import time
import weakref
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg import RawCursor, adapt
from psycopg.abc import PQGen
from psycopg.errors import Diagnostic
from psycopg.pq import ExecStatus, Format
from psycopg.types.numeric import Int8BinaryDumper

from scanhook.storage.postgres.columns import COLUMN_DUMPERS
from scanhook.storage.postgres.wording import Hung, NotReplicated

__all__ = ["PostgresConnection", "PostgresSession", "adapted", "translated"]

T = TypeVar("T")
_FOREVER = float("inf")
_LOOK_UP_S = 0.1
"""So often a wait looks whether its time is over."""
_CANCEL_S = 0.5
_BROKEN_OFF = "SyncRepWaitForLSN"
"""Where in PostgreSQL's source the warning comes from that a commit is not on the standby; its words are translated."""
_PLACES = re.compile(r"'[^']*'|\?(\d*)")


class PostgresConnection(psycopg.Connection[Any]):
    """Gives up on a server that says nothing, as one does that is stopped, or behind a network that is cut.

    :ivar until: when, by ``time.monotonic``.
    :ivar cancels: whether a statement that is given up is cancelled: never one whose effect matters, as a commit that
        is cancelled while it waits for the standby stays on the primary alone.
    :ivar server: where it leads to, also when it is closed.
    """

    until: float = _FOREVER
    cancels: bool = False
    server: tuple[str, int] | None = None
    _not_replicated: bool = False

    def wait(self, gen: PQGen[T], interval: float = _LOOK_UP_S, timeout: float | None = None) -> T:
        """Wait for the server, in every statement's place."""
        try:
            result = super().wait(_bounded(gen, self.until), min(interval, _LOOK_UP_S), timeout)
        except Hung:
            if self.cancels and psycopg.capabilities.has_cancel_safe():  # the older way may hang itself
                with suppress(psycopg.Error):
                    self.cancel_safe(timeout=_CANCEL_S)
            # What psycopg would do to bring it back into order only hides that the server hung.
            self.close()
            raise
        if self._not_replicated:
            # PostgreSQL calls that a success.
            self._not_replicated = False
            raise NotReplicated("the commit did not wait for the standby")
        return result

    def note_notice(self, notice: Diagnostic) -> None:
        """Note what the server says beside its answers."""
        self._not_replicated = self._not_replicated or notice.source_function == _BROKEN_OFF


def _bounded(gen: PQGen[T], until: float) -> PQGen[T]:
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > until:
                raise Hung("the server did not answer in time")
            wanted = gen.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result


class PostgresSession:
    """A :class:`~scanhook.storage.database.Session` on PostgreSQL."""

    def __init__(self, connection: PostgresConnection) -> None:
        self.connection = connection

    def rows(self, statement: str, bindings: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, and return its rows."""
        cursor = self.connection.execute(translated(statement), bindings)
        # Not `cursor.description`, which makes an object of every column, every time.
        return cursor.fetchall() if cursor.pgresult and cursor.pgresult.status == ExecStatus.TUPLES_OK else []

    def value(self, statement: str, bindings: tuple[object, ...] = ()) -> Any:
        """Run one statement, and return the first value of its first row."""
        rows = self.rows(statement, bindings)
        return rows[0][0] if rows else None

    def change(self, statement: str, bindings: tuple[object, ...] = ()) -> int:
        """Run one statement, and return how many rows it has changed."""
        return self.connection.execute(translated(statement), bindings).rowcount

    def change_all(self, statement: str, many: Iterable[tuple[object, ...]]) -> int:
        """Run one statement with each of those bindings, without waiting in between."""
        with self.connection.cursor() as cursor:
            cursor.executemany(translated(statement), many)
            return cursor.rowcount


@lru_cache(maxsize=1024)
def translated(statement: str) -> bytes:
    """Write ``?`` and ``?1`` as PostgreSQL has it: ``$1``."""
    count = 0

    def place(found: re.Match[str]) -> str:
        nonlocal count
        if found[0][0] == "'":
            return found[0]
        count = int(found[1]) if found[1] else count + 1
        return f"${count}"

    return _PLACES.sub(place, statement).encode()


class _Int(Int8BinaryDumper):
    """All numbers as one type, or each size of number would make a prepared statement of its own."""


class _Bool(Int8BinaryDumper):
    """The tables have 0 and 1, as SQLite's do."""

    def dump(self, obj: Any) -> Any:
        """Write it as a number."""
        return super().dump(int(obj))


class _WholeNumber(adapt.Loader):
    """Sums of ours are whole numbers, and PostgreSQL makes NUMERIC of them."""

    format = Format.TEXT

    def load(self, raw: Any) -> int:
        """Read it."""
        return int(bytes(raw))


def adapted(connection: PostgresConnection) -> None:
    """Let a connection speak as the tables do."""
    connection.cursor_factory = RawCursor
    connection.server = connection.info.hostaddr, connection.info.port
    known = weakref.ref(connection)  # or it would keep itself alive, when everybody has forgotten it

    def note(notice: Diagnostic) -> None:
        if (noting := known()) is not None:
            noting.note_notice(notice)

    connection.add_notice_handler(note)
    dumpers: tuple[tuple[type, type[adapt.Dumper]], ...] = ((int, _Int), (bool, _Bool), *COLUMN_DUMPERS)
    for kind, dumper in dumpers:
        connection.adapters.register_dumper(kind, dumper)
    connection.adapters.register_loader("numeric", _WholeNumber)
