"""Runs what waits aside, so that a slow verifier cannot hold up other scans."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Generic, TypeVar

from scanhook.errand import handed
from scanhook.errors import Undecided

__all__ = ["Aside"]

THREADS = 32
QUEUE_MAX = 256

T = TypeVar("T")


class Aside:
    """Some threads for calls that wait, and a limit for how many scans wait for them.

    :param waiters_max: how many scans may stand and wait at once; a further one is answered "try again" at once, and
        finds the verdict when it comes again.
    """

    def __init__(self, *, waiters_max: int, threads: int = THREADS, queue_max: int = QUEUE_MAX) -> None:
        self._places = threading.Semaphore(waiters_max)
        self._queue = threading.Semaphore(queue_max)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="verifier")

    def run(self, call: Callable[[], T], *, wait_s: float, late: Callable[[T], None]) -> T:
        """Make a call in another thread and wait for what it gives.

        :param wait_s: how long to wait at most.
        :param late: gets what the call gives when nobody waits for it any more.
        :raises Undecided: when it takes longer, when nobody else may wait, or when too many calls stand in the queue.
        """
        if not self._queue.acquire(blocking=False):
            raise Undecided("too many scans wait for a verifier")
        handover = _Handover(late)
        future = Future[T]()
        if not handed(self._pool, lambda: self._call(call, handover, future), dropped=future.cancel):
            self._queue.release()
            raise Undecided("no thread is left for a verifier, or the service is stopping")
        why = "all places to wait for a verifier are taken"
        if self._places.acquire(blocking=False):
            try:
                return future.result(wait_s)
            except CancelledError:
                why = "the service is stopping"
            except FutureTimeoutError:
                why = f"the verifiers took longer than {wait_s:.1f} s"
            finally:
                self._places.release()
        if handover.leave():
            raise Undecided(why)
        return future.result()  # it came in the last moment

    def close(self) -> None:
        """Let the calls that run come to their end, and start no other."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _call(self, call: Callable[[], T], handover: _Handover[T], future: Future[T]) -> None:
        try:
            try:
                result = call()
            finally:
                self._queue.release()
            handover.give(result)
        except BaseException as error:  # noqa: BLE001  (it is whose who waits)
            future.set_exception(error)
            del future  # or error, traceback, frame and future would hold each other
        else:
            future.set_result(result)


class _Handover(Generic[T]):
    """Decides, once and for all, whether the one who asked gets the result or the one who comes late."""

    def __init__(self, late: Callable[[T], None]) -> None:
        self._late = late
        self._lock = threading.Lock()
        self._given = False
        self._left = False

    def give(self, result: T) -> None:
        with self._lock:
            self._given = True
        if self._left:
            self._late(result)

    def leave(self) -> bool:
        with self._lock:
            self._left = not self._given
            return self._left
