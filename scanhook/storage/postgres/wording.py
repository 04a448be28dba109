"""What PostgreSQL says, as a :class:`StorageError` that says what to do. No value of a row ever stands in it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from scanhook.errors import StorageError

__all__ = ["Hung", "NotConfirmed", "NotReplicated", "is_lost", "sentence", "wording"]


class Hung(psycopg.OperationalError):
    """The server did not answer in time; nobody knows what became of the statement."""


class NotConfirmed(Hung):
    """The server answers, but confirms no commit: most often, the standby that commits wait for is away."""


class NotReplicated(psycopg.OperationalError):
    """Somebody broke off a commit's wait for the standby: it is on the primary, and nobody knows where else."""


# The first that fits.
_REMEDIES: tuple[tuple[type[Exception], str], ...] = (
    (NotConfirmed, "the server confirms no commit: does the standby run that it waits for, and is its disk in order?"),
    (Hung, "the server did not answer in time: is it overloaded, or the network cut?"),
    (NotReplicated, "a commit's wait for the standby was broken off: look at the standby, and whether it is made"),
    (PoolTimeout, "no connection became free in time: try again, or raise `[storage] connections`"),
    (errors.DiskFull, "the server's disk is full: make room on it"),
    (errors.ReadOnlySqlTransaction, "the server only reads: it is no primary (any more)"),
    (errors.LockNotAvailable, "it is busy with another write: try again"),
    (errors.QueryCanceled, "the server cancelled a statement: try again, and see its statement_timeout"),
    (errors.DeadlockDetected, "two writes were in each other's way: try again"),
    (errors.SerializationFailure, "two writes were in each other's way: try again"),
    (errors.InsufficientPrivilege, "scanhook's user may not do this: give it all rights on the schema `scanhook`"),
    (errors.AdminShutdown, "the server was stopped: try again"),
    (errors.CrashShutdown, "the server has crashed and restarts: try again"),
    (errors.UndefinedTable, "a table is missing: restore the database from a backup, or see `scanhook storage check`"),
    (errors.DataCorrupted, "the database is damaged: restore it from a backup"),
    (errors.IndexCorrupted, "an index is damaged: rebuild it with REINDEX, and see `scanhook storage check`"),
)  # fmt: skip

# A refusal of a connection has no SQLSTATE, only a sentence in the server's language: English or Chinese.
_REFUSALS: tuple[tuple[str, str], ...] = (
    (
        r"database \"(.*)\" does not exist|数据库 *\"(.*)\" *不存在",
        "there is no such database: make it with `createdb --encoding UTF8 --template template0 --owner USER {}`",
    ),
    (
        r"password authentication failed|no password supplied|认证失败",
        "the server refuses scanhook's user or password: are characters like @ : / ? # in them written as %XX?",
    ),
    (
        r"role \"(.*)\" (?:does not exist|is not permitted)|角色 *\"(.*)\" *不",
        "the server knows no such user, or does not let it log in: make it with `createuser --login --pwprompt {}`",
    ),
    (
        r"permission denied for database \"(.*)\"|对数据库 *\"?(.*?)\"? *权限不够",
        'scanhook\'s user may not connect: let the superuser run `GRANT CONNECT ON DATABASE "{}" TO "USER";`',
    ),
    (
        r"pg_hba\.conf",
        "the server lets nobody in from this machine as this user: add a line to its pg_hba.conf, and reload it",
    ),
    (
        r"too many (?:clients|connections)|connection slots are reserved|连接(?:槽|位置|数)|太多",
        "the server has no connection left: raise max_connections, or lower our `connections`",
    ),
    (
        r"system is (?:starting up|shutting down|not yet accepting|not accepting|in recovery)|数据库系统",
        "the server is starting or stopping: try again",
    ),
)
_HOST_FAILED = re.compile(r"^- host: '([^']*)', port: '?(\w*)'?, hostaddr: (?:'[^']*'|None): (.*)$", re.MULTILINE)
_AT_SERVER = re.compile(r"^connection (?:failed|is bad|timeout expired): (?:connection to server .*? failed: )?")


@contextmanager
def wording(place: str) -> Iterator[None]:
    """Turn an error of psycopg's, or of what it makes bindings of, into a :class:`StorageError`.

    :param place: the database, without a password.
    """
    try:
        yield
    except psycopg.Error as error:
        raise StorageError(f"{place}: {sentence(error)}") from error
    except (OverflowError, struct.error, UnicodeEncodeError) as error:
        # The error itself quotes the value.
        raise StorageError(f"{place} cannot hold a value: a number is too large, or a text is no Unicode") from error


def is_lost(error: psycopg.Error) -> bool:
    """Tell whether the connection is of no use any more: the server has gone, hangs, or is no primary now."""
    gone = (errors.AdminShutdown, errors.CrashShutdown, errors.ReadOnlySqlTransaction, Hung)
    if isinstance(error, gone):
        return True
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


def sentence(error: psycopg.Error) -> str:
    """Say what is wrong and what to do; no value of a row stands in it."""
    for kind, remedy in _REMEDIES:
        if isinstance(error, kind):
            return remedy
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return _unconnected(str(error))
    return f"{error.diag.message_primary or type(error).__name__} (SQLSTATE {error.sqlstate})"


def _unconnected(said: str) -> str:
    """Say why no connection came about, or why one broke.

    :param said: by libpq: one sentence, or one for each host of the URL.
    """
    hosts = _HOST_FAILED.findall(said)
    first = _reason((said.strip().splitlines() or ["no reason given"])[0])
    reasons = [_reason(reason) for _, _, reason in hosts] or [first]
    for pattern, remedy in _REFUSALS:
        for reason in reasons:
            if found := re.search(pattern, reason):
                return remedy.format(*filter(None, found.groups()))
    if hosts:
        each = "; ".join(f"{host}:{port}: {reason}" for (host, port, _), reason in zip(hosts, reasons, strict=True))
        return f"none of the servers is a primary that answers ({each})"
    if re.search(r"read-only|hot standby|recovery", first):
        return f"the server is no primary ({first}): let `[storage] url` name the primary, and its standbys behind it"
    return f"the server cannot be reached ({first}): is it running, and `[storage] url` right?"


def _reason(said: str) -> str:
    return _AT_SERVER.sub("", said).strip()
