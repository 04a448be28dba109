"""The fixtures of tests that need a PostgreSQL server: nothing is started unless one asks."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.postgres.databases import Databases
from tests.postgres.server import Address
from tests.postgres.sharing import shared_server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """Return the server that all workers of this run share; a test may neither stop nor set it up."""
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    with shared_server(common / "postgres") as server:
        yield server


@pytest.fixture(scope="session")
def empty_databases(postgres: Address) -> Iterator[Databases]:
    """Return the databases with nothing in them: ``with empty_databases.lend() as url``."""
    with Databases(postgres) as databases:
        yield databases


@pytest.fixture
def empty_database(empty_databases: Databases) -> Iterator[str]:
    """Return the URL of a database with nothing in it."""
    with empty_databases.lend() as url:
        yield url
