"""Work for the threads of a pool, also where the system has no thread left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["handed"]


class _Errand:
    """Work that is done once, or taken back before anybody has begun it.

    :param work: let go of as soon as it is begun or taken back.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._lock = threading.Lock()
        self._work: Callable[[], object] | None = work

    def __call__(self) -> None:
        work = self.take()
        if work is not None:
            work()

    def take(self) -> Callable[[], object] | None:
        """Return the work to the first who asks for it."""
        with self._lock:
            work, self._work = self._work, None
        return work


def handed(
    pool: ThreadPoolExecutor, work: Callable[[], object], *, dropped: Callable[[], object] | None = None
) -> bool:
    """Hand work to a pool's threads.

    A pool puts work in its queue before it starts a thread for it. Where that raises, another thread of the pool may
    come upon the work all the same, later or already.

    :param dropped: called instead where the pool is shut down, and what waits in its queue cancelled.
    :returns: whether it is done, once, or dropped; else it never is.
    """
    errand = _Errand(work)
    try:
        given = pool.submit(errand)
    except RuntimeError:  # the system has no thread left, or the service is stopping
        return errand.take() is None
    if dropped is not None:
        given.add_done_callback(lambda given: given.cancelled() and dropped())
    return True
