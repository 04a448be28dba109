"""The storage engines, each as one value: a new one is one more entry of ``ENGINES``, and every suite runs on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import apsw
import psycopg
import pytest
from _pytest.mark import ParameterSet

from scanhook.storage import StorageUrl
from tests.journal.writable import make_writable
from tests.postgres import Databases


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How a suite reaches an engine without scanhook.

    :param make: makes an empty storage for one test, perhaps by copying the folder of an empty SQLite storage to a
        folder that is not there yet, and gives its URL.
    :param registry_sql: runs one statement in a registry, as a connection of its own, and returns its rows.
    :param journal_sql: the same in a journal.
    """

    name: str
    make: Callable[[pytest.FixtureRequest, Path, Path], str]
    registry_sql: Callable[[StorageUrl, str], list[tuple[Any, ...]]]
    journal_sql: Callable[[StorageUrl, str], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An empty storage on one engine.

    :param base: where the settings file would lie.
    """

    engine: Engine
    url: str
    base: Path

    @property
    def storage(self) -> StorageUrl:
        return StorageUrl.parse(self.url, base=self.base)

    def registry_sql(self, statement: str) -> list[tuple[Any, ...]]:
        return self.engine.registry_sql(self.storage, statement)

    def journal_sql(self, statement: str) -> list[tuple[Any, ...]]:
        return self.engine.journal_sql(self.storage, statement)


def _sqlite(file: str) -> Callable[[StorageUrl, str], list[tuple[Any, ...]]]:
    def run(url: StorageUrl, statement: str) -> list[tuple[Any, ...]]:
        connection = apsw.Connection(str(url.folder / file))
        try:
            if file == "journal.db":
                make_writable(connection)
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    return run


def _lent(request: pytest.FixtureRequest, _folder: Path, _empty: Path) -> str:
    databases: Databases = request.getfixturevalue("storages")
    lending = databases.lend()
    url = lending.__enter__()
    request.addfinalizer(lambda: lending.__exit__(None, None, None))
    return url


def _postgresql(url: StorageUrl, statement: str) -> list[tuple[Any, ...]]:
    assert url.address is not None
    with psycopg.connect(url.address.conninfo, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


ENGINES = (
    Engine(
        name="sqlite",
        make=lambda _request, folder, empty: f"sqlite:///{copytree(empty, folder)}",
        registry_sql=_sqlite("registry.db"),
        journal_sql=_sqlite("journal.db"),
    ),
    Engine(name="postgresql", make=_lent, registry_sql=_postgresql, journal_sql=_postgresql),
)


def crossed(ones: Mapping[str, Any], others: Mapping[str, Any]) -> list[ParameterSet]:
    """Cross cases with cases on each engine, all by their ids.

    On a server, where every statement has its way there and back, each of ``ones`` comes once; the rest are ordeals.
    """
    return [
        pytest.param(
            engine,
            one,
            other,
            id=f"{engine.name}-{name}-{other_name}",
            marks=() if engine.name == "sqlite" or row % len(others) == column else pytest.mark.ordeal,
        )
        for engine in ENGINES
        for row, (name, one) in enumerate(ones.items())
        for column, (other_name, other) in enumerate(others.items())
    ]
