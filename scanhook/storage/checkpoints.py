"""Brings what was committed from SQLite's write-ahead log into the file itself, beside those who write.

SQLite does that by itself every 1000 pages, inside the commit that comes just then, and whoever waits for that commit
waits for a thousand scattered writes and for the disk. Here a thread does it on a connection of its own, and SQLite
lets Python run meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import apsw

from scanhook.errors import StorageError
from scanhook.storage.sqlite_connection import open_file, wording

__all__ = ["Checkpoints"]

_STEP_PAGES = 4_000
"""Of so many pages (16 MiB) those are copied that are there: one that was changed often is copied once."""
_LONG_PAGES = 16_000
"""A log that is that long (64 MiB) was never at rest, and is begun anew while writers are held up."""
_ENDLESS_PAGES = 65_536
"""From here on (256 MiB) commits copy, if the thread fails, and writers are held up for more than a little."""
_LITTLE_PAGES = 100
"""Writers are held up for so many pages at most (400 KiB), and what came while the last so many were copied."""
_ROUNDS_MAX = 8
_PAUSE_S = 1.0
"""After a failure the next commit that comes later tries again, however short the log."""
_END_WAIT_S = 0.01
_END_SLEEP_S = 0.0002

_log = logging.getLogger("scanhook")


class Checkpoints:
    """Watches over the log of one file, for all connections of this process.

    A thread lives only as long as one run takes: commands of a moment have none, and none idles. On the far side of a
    fork its place is taken by a new one of these.

    :param turn: what the writers of this process take in turn.
    """

    def __init__(self, path: Path, *, turn: AbstractContextManager[object]) -> None:
        self._path = path
        self._turn = turn
        self._thread: threading.Thread | None = None
        self._alone = threading.Lock()
        self._seen, self._due = 0, _STEP_PAGES
        self._failed, self._again_at = False, 0.0

    def watch(self, connection: apsw.Connection) -> None:
        """Keep the copying out of a connection's commits."""
        connection.set_wal_hook(self._committed)

    def close(self) -> None:
        """Wait until nothing is copied any more."""
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let nothing be copied here meanwhile: whoever cuts off the log would find it in use."""
        with self._alone:
            yield

    def _committed(self, connection: apsw.Connection, _schema: str, pages: int) -> int:
        """Look how long the log is; SQLite calls this behind every commit, with its file held by nobody else here."""
        if pages < self._seen:
            self._due = _STEP_PAGES
        self._seen = pages
        is_step = pages >= self._due
        is_time = is_step or (self._failed and time.monotonic() >= self._again_at)
        if is_time and (self._thread is None or not self._thread.is_alive()):
            if is_step:
                self._due = pages + _STEP_PAGES
            if not self._started(tells=is_step) or (is_step and self._failed and pages >= _ENDLESS_PAGES):
                with self._telling(tells=is_step):
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        return apsw.SQLITE_OK

    def _started(self, *, tells: bool) -> bool:
        thread = threading.Thread(target=self._run, kwargs={"tells": tells}, name="scanhook-checkpoint")
        try:
            thread.start()
        except RuntimeError:  # the system gives no thread
            return False
        self._thread = thread
        return True

    def _run(self, *, tells: bool = True) -> None:
        # Of several processes one copies; the others find the log busy, and leave it to that one.
        with self._alone, self._telling(tells=tells), closing(open_file(self._path)) as connection:
            connection.set_busy_handler(_patience())
            if _nearly_all_copied(connection):
                with self._turn:
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)

    @contextmanager
    def _telling(self, *, tells: bool) -> Iterator[None]:
        """Let no failure reach a commit, which has succeeded; it is told once a step, and tried again much sooner."""
        try:
            with wording(self._path), suppress(apsw.BusyError):  # somebody else copies, or reads what is old
                yield
                self._failed = False
        except StorageError as error:
            self._again_at = time.monotonic() + _PAUSE_S
            self._failed = True
            if tells:
                _log.warning("the write-ahead log grows until it can be copied: %s", error)


def _nearly_all_copied(connection: apsw.Connection) -> bool:
    """Copy; return whether the log is to be begun anew by us, and writers held up for it.

    Where nothing came meanwhile, who writes next begins the log anew. Under constant writing something is always left.
    Beginning anew copies that, and waits for the disk twice: for the log, and for the file. Writers wait meanwhile: for
    ``_LITTLE_PAGES`` about as long as for another commit. If more is left, because the disk is slow or somebody reads
    an old state, the log grows until the next step. At worst, from ``_ENDLESS_PAGES`` on, writers wait for what was
    written during one round of copying, and never for what a reader has kept from being copied.
    """
    copied, last = 0, 0
    for _ in range(_ROUNDS_MAX):
        before = copied
        pages, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        last = copied - before
        if last < _LITTLE_PAGES:
            break
    is_little = pages - copied < _LITTLE_PAGES and (last < _LITTLE_PAGES or pages >= _ENDLESS_PAGES)
    return pages >= _LONG_PAGES and is_little


def _patience() -> Callable[[int], bool]:
    """Wait shortly for whoever writes or reads: while it waits for a reader, every writer waits along."""
    ends = 0.0

    def keep_trying(tries: int) -> bool:
        nonlocal ends
        if tries == 0:
            ends = time.monotonic() + _END_WAIT_S
        time.sleep(_END_SLEEP_S)
        return time.monotonic() < ends

    return keep_trying
