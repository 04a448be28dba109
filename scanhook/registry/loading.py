"""Stores the sorted stacks of an import, and takes back an import that is given up."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate, chain, islice

from scanhook.errors import Refused
from scanhook.registry.importstore import CodeRow, Import, ImportStore, Phase
from scanhook.registry.sorting import rows_of_stack
from scanhook.registry.workfolder import FolderLost, Manifest, WorkFolder, remove_work

__all__ = ["Progress", "drop_import", "load_stacks", "work_name"]

Progress = Callable[[str, int, int], None]
"""Told now and then: what is being done (``know``, ``read``, ``mint``, ``sort``, ``compare``, ``load``, ``drop``), how
much of it is done, and of how much."""

FIRST_ROWS = 2_000
ROWS_MIN = 100
ROWS_MAX = 60_000
TRANSACTION_S = 0.06
"""How long a transaction should hold the registry's write lock."""
PAUSE_S = 0.002
"""Between two transactions: whoever waits tries again every 0.2 ms."""


def work_name(import_id: int) -> str:
    """Return the name of an import's folder in the storage's."""
    return f"import-{import_id}"


def load_stacks(
    store: ImportStore, import_id: int, work: WorkFolder, manifest: Manifest, *, loaded: int = 0, progress: Progress
) -> None:
    """Store the codes of an import that is ready, invisible. It may be stopped anywhere, and begun again.

    :param loaded: how many stacks are stored already.
    :raises StorageError: when the registry cannot take them.
    """
    upto = list(accumulate(manifest.records))
    total, done = upto[-1], upto[loaded - 1] if loaded else 0
    rows = chain.from_iterable(rows_of_stack(work, number) for number in range(loaded, work.stacks))
    with store.loading(import_id) as loader:
        pace = _Pace()
        while done < total:
            count = min(pace.rows, total - done)
            done += count
            with pace.measured():
                loader.store(list(islice(rows, count)), loaded=bisect_right(upto, done), done=done)
            progress("load", done, total)


def drop_import(store: ImportStore, found: Import, *, progress: Progress) -> None:
    """Give an unfinished import up: its rows are deleted, and its folder.

    A drop that is stopped can be begun again. One that is queued may be dropped while another import runs; for others
    the caller holds the place for an import.

    :raises Refused: when the import is finished, was given up before, or, queued when it was found, has begun since.
    :raises StorageError: when registry or folder cannot be read or written now.
    """
    if found.phase not in (Phase.QUEUED, Phase.READING, Phase.LOADING, Phase.DROPPED) or (
        found.phase is Phase.DROPPED and not found.first_part
    ):
        raise Refused(f"the import {found.id} is {found.phase}: only one that is not finished can be dropped")
    if found.phase is Phase.QUEUED:
        return store.close_import(found.id, phase=Phase.DROPPED, report=found.report, was=Phase.QUEUED)
    # Without its tags, its rows cannot be found. They stay, invisible: whoever imports the same codes takes them over,
    # and since the parts stay too, their numbers never come to mean something else.
    if found.first_part and not _delete_stored(store, found, progress):
        return None
    store.close_import(found.id, phase=Phase.DROPPED, report=found.report)
    return remove_work(store.folder / work_name(found.id))


def _delete_stored(store: ImportStore, found: Import, progress: Progress) -> bool:
    """Delete what an import has stored; False when its tags are lost."""
    try:
        sealed = WorkFolder.open(store.folder, work_name(found.id))
    except FolderLost:
        sealed = None
    store.note_progress(found.id, phase=Phase.DROPPED, done=0, total=found.total)
    if sealed is None:
        return False
    try:
        _delete_rows(store, found.id, *sealed, progress)
    except FolderLost:
        return False
    return True


def _delete_rows(store: ImportStore, import_id: int, work: WorkFolder, manifest: Manifest, progress: Progress) -> None:
    rows: Iterator[CodeRow] = chain.from_iterable(rows_of_stack(work, number) for number in range(work.stacks))
    total, done = sum(manifest.records), 0
    with store.loading(import_id) as loader:
        pace = _Pace()
        while done < total:
            count = min(pace.rows, total - done)
            with pace.measured():
                loader.delete(list(islice(rows, count)))
            done += count
            progress("drop", done, total)


class _Pace:
    """Finds how many rows make a transaction of the wanted length."""

    def __init__(self) -> None:
        self.rows = FIRST_ROWS

    @contextmanager
    def measured(self) -> Iterator[None]:
        begun = time.monotonic()
        yield
        fitting = TRANSACTION_S / max(time.monotonic() - begun, 1e-6)
        self.rows = max(min(int(self.rows * min(max(fitting, 0.25), 2.0)), ROWS_MAX), ROWS_MIN)
        time.sleep(PAUSE_S)
