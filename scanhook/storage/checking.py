"""Looks whether a database of the storage is whole, ours, and of this version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import apsw

from scanhook.errors import PepperMismatch, ScanhookError, StorageError
from scanhook.storage.database import Session
from scanhook.storage.files import StoreFile, Telling
from scanhook.storage.pepper import Pepper
from scanhook.storage.sqlite import schema_of
from scanhook.storage.sqlite_connection import SqliteConnection, open_file, rows_of, wording

__all__ = ["Contradictions", "Finding", "check_file", "check_kept_pepper"]

_FAULTS_MAX = 10


class Contradictions(Protocol):
    """Looks whether the rows of a database agree with each other."""

    def __call__(self, session: Session, /, *, quick: bool, tell: Telling) -> Iterator[str]:
        """Yield what contradicts itself, each in a few words.

        :param quick: leave out what reads every row of the largest tables.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    :param fault: what is wrong and how to mend it; ``None`` when all is well.
    """

    name: str
    fault: str | None = None


def check_kept_pepper(connection: apsw.Connection, path: Path, pepper: Pepper) -> None:
    """Compare the pepper with the one that a database was made with, whatever its schema.

    :raises PepperMismatch: when it is another.
    """
    kept = dict(rows_of(connection, "SELECT name, value FROM meta WHERE name LIKE 'pepper_%'"))
    if (kept.get("pepper_id"), kept.get("pepper_check")) != (pepper.id, pepper.check):
        raise PepperMismatch(
            f"{path} was made with the pepper {kept.get('pepper_id', 'unknown')}, and `pepper_file` holds "
            f"{pepper.id}: put back the pepper that belongs to this storage"
        )


def check_file(
    file: StoreFile,
    folder: Path,
    *,
    pepper: Pepper,
    quick: bool,
    contradictions: Contradictions,
    one_state: bool,
    tell: Telling,
) -> Iterator[Finding]:
    """Look at one database: pepper, schema, integrity, and whether its rows agree with each other.

    :param quick: leave out what reads every row of the largest tables.
    :param one_state: whether its rows must be looked at as they were at one moment.
    """
    path = folder / file.name
    try:
        with wording(path):
            connection = open_file(path)
    except ScanhookError as error:
        yield Finding(name=file.name, fault=str(error))
        return
    try:
        for name, look in (
            ("pepper", lambda: check_kept_pepper(connection, path, pepper)),
            ("schema", lambda: _check_schema(connection, path, file)),
            ("integrity", lambda: _check_integrity(connection, path, quick=quick, tell=tell)),
            (
                "rows",
                lambda: _check_rows(
                    connection, path, partial(contradictions, quick=quick, tell=tell), one_state=one_state
                ),
            ),
        ):
            fault = _fault(path, look)
            yield Finding(name=f"{file.name}: {name}", fault=fault)
            if fault and name in {"schema", "integrity"}:
                return  # what follows would only say it again
    finally:
        connection.close()


def _fault(path: Path, look: Callable[[], None]) -> str | None:
    try:
        with wording(path):
            look()
    except ScanhookError as error:
        return str(error)
    return None


def _check_schema(connection: apsw.Connection, path: Path, file: StoreFile) -> None:
    version, ours = connection.pragma("user_version"), len(schema_of(file.package))
    if version < ours:
        raise StorageError(f"{path} has the schema {version}, here it is {ours}: run `scanhook storage upgrade`")
    if version > ours:
        raise StorageError(f"{path} has the schema {version}, here it is {ours}: install the version that made it")


def _check_integrity(connection: apsw.Connection, path: Path, *, quick: bool, tell: Telling) -> None:
    what = f"{path.name}: integrity"
    tell(what, 0, 1)
    found = rows_of(connection, f"PRAGMA {'quick_check' if quick else 'integrity_check'}({_FAULTS_MAX})")
    tell(what, 1, 1)
    if found != [("ok",)]:
        raise StorageError(f"{path} is damaged ({found[0][0]}): restore the newest backup that is good")


def _check_rows(
    connection: SqliteConnection, path: Path, look: Callable[[Session], Iterator[str]], *, one_state: bool
) -> None:
    if one_state:
        connection.execute("BEGIN")
    try:
        found = list(look(connection))
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    if found:
        raise StorageError(f"{path} contradicts itself: {'; '.join(found)}")
