from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from scanhook.journal.postgres import PostgresJournal, open_postgres
from scanhook.journal.sqlite import SqliteJournal
from scanhook.storage import Pepper, StorageUrl
from tests.postgres import Databases


@pytest.fixture
def folder(tmp_path: Path, empty_storage: Path) -> Path:
    """Return the folder of an empty storage on SQLite."""
    return Path(copytree(empty_storage, tmp_path / "data"))


@pytest.fixture
def journal(folder: Path, pepper: Pepper) -> Iterator[SqliteJournal]:
    """Return an empty journal on SQLite."""
    opened = SqliteJournal(folder, pepper=pepper)
    yield opened
    opened.close()


@pytest.fixture
def storage(storages: Databases, tmp_path: Path) -> Iterator[StorageUrl]:
    """Return an empty storage on PostgreSQL."""
    with storages.lend() as url:
        yield StorageUrl.parse(url, base=tmp_path)


@pytest.fixture
def on_postgres(storage: StorageUrl, pepper: Pepper) -> Iterator[PostgresJournal]:
    """Return an empty journal on PostgreSQL."""
    journal = open_postgres(storage, pepper=pepper)
    yield journal
    journal.close()
