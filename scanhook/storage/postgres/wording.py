"""What PostgreSQL says, as a :class:`StorageError` that says what to do. No value of a row ever stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from scanhook.errors import StorageError

__all__ = ["Hung", "is_lost", "sentence", "wording"]


class Hung(psycopg.OperationalError):
    """The server did not answer in time; nobody knows what became of the statement."""


# The first that fits.
_REMEDIES: tuple[tuple[type[Exception], str], ...] = (
    (Hung, "the server did not answer in time: is it overloaded, or the network cut?"),
    (TooManyRequests, "too many requests wait for a connection: try again"),
    (PoolTimeout, "no connection became free in time: try again, or raise `[storage] connections`"),
    (errors.TooManyConnections, "the server has no connection left: raise max_connections, or lower our `connections`"),
    (errors.DiskFull, "the server's disk is full: make room on it"),
    (errors.ReadOnlySqlTransaction, "the server only reads: it is no primary (any more)"),
    (errors.LockNotAvailable, "it is busy with another write: try again"),
    (errors.QueryCanceled, "the server cancelled a statement: try again, and see its statement_timeout"),
    (errors.DeadlockDetected, "two writes were in each other's way: try again"),
    (errors.SerializationFailure, "two writes were in each other's way: try again"),
    (errors.InsufficientPrivilege, "scanhook's user may not do this: give it all rights on the schema `scanhook`"),
    (errors.InvalidCatalogName, "there is no such database: make it with `createdb`"),
    (errors.InvalidPassword, "the server refuses scanhook's user or password"),
    (errors.InvalidAuthorizationSpecification, "the server refuses scanhook's user"),
    (errors.CannotConnectNow, "the server is starting or stopping: try again"),
    (errors.AdminShutdown, "the server was stopped: try again"),
    (errors.CrashShutdown, "the server has crashed and restarts: try again"),
    (errors.UndefinedTable, "a table is missing: restore the database from a backup, or see `scanhook storage check`"),
    (errors.DataCorrupted, "the database is damaged: restore it from a backup"),
    (errors.IndexCorrupted, "an index is damaged: rebuild it with REINDEX, and see `scanhook storage check`"),
)  # fmt: skip


@contextmanager
def wording(place: str) -> Iterator[None]:
    """Turn an error of psycopg's into a :class:`StorageError`.

    :param place: the database, without a password.
    """
    try:
        yield
    except psycopg.Error as error:
        raise StorageError(f"{place}: {sentence(error)}") from error


def is_lost(error: psycopg.Error) -> bool:
    """Tell whether the connection is of no use any more: the server has gone, hangs, or is no primary now."""
    gone = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow, errors.ReadOnlySqlTransaction, Hung)
    if isinstance(error, gone):
        return True
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


def sentence(error: psycopg.Error) -> str:
    """Say what is wrong and what to do; no value of a row stands in it."""
    for kind, remedy in _REMEDIES:
        if isinstance(error, kind):
            return remedy
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        said = str(error).strip().splitlines()
        return f"the server cannot be reached ({said[0] if said else 'no reason given'}): is it running?"
    return f"{error.diag.message_primary or type(error).__name__} (SQLSTATE {error.sqlstate})"
