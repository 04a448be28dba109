from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scanhook.journal.postgres import PostgresJournal, open_postgres
from scanhook.storage import Pepper, StorageUrl
from tests.postgres import Databases


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
