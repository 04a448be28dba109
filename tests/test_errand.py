from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from scanhook.errand import handed


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def no_more(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_work_is_done_by_a_thread_of_the_pool(pool: ThreadPoolExecutor) -> None:
    done: list[str] = []
    assert handed(pool, lambda: done.append(threading.current_thread().name))
    pool.shutdown(wait=True)
    assert len(done) == 1
    assert done != [threading.current_thread().name]


def test_work_for_which_no_thread_can_be_started_is_never_done(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_more)
        assert not handed(pool, lambda: done.append("first"))
    assert handed(pool, lambda: done.append("second"))  # the thread that comes now finds both in the queue
    pool.shutdown(wait=True)
    assert done == ["second"]


def test_a_pool_that_is_closed_takes_nothing(pool: ThreadPoolExecutor) -> None:
    pool.shutdown(wait=True)
    assert not handed(pool, lambda: None)


def test_work_that_a_pool_drops_is_told_of_and_never_done() -> None:
    pool, go_on = ThreadPoolExecutor(1), threading.Event()
    told: list[str] = []
    assert handed(pool, go_on.wait, dropped=lambda: told.append("the first"))
    assert handed(pool, lambda: told.append("done"), dropped=lambda: told.append("the second"))

    pool.shutdown(wait=False, cancel_futures=True)
    assert told == ["the second"]
    go_on.set()
    pool.shutdown(wait=True)
    assert told == ["the second"]
