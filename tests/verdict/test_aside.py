from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from scanhook.errors import Undecided
from scanhook.verdict.aside import Aside

PATIENCE_S = 5.0
"""How long a test waits for what must come at once."""


def never(result: str) -> None:
    raise AssertionError(result)


def test_a_result_that_comes_in_time_is_returned() -> None:
    aside = Aside(waiters_max=1)

    assert aside.run(lambda: "real", wait_s=PATIENCE_S, late=never) == "real"
    assert aside.run(threading.current_thread, wait_s=PATIENCE_S, late=print) is not threading.current_thread()

    aside.close()


def test_an_error_of_the_call_comes_to_the_one_who_waits() -> None:
    aside = Aside(waiters_max=1)

    def call() -> str:
        raise Undecided("no answer")

    with pytest.raises(Undecided, match="no answer"):
        aside.run(call, wait_s=PATIENCE_S, late=never)
    assert aside.run(lambda: "real", wait_s=PATIENCE_S, late=never) == "real"

    aside.close()


def test_a_result_that_comes_late_is_handed_over() -> None:
    aside, go_on, late = Aside(waiters_max=1), threading.Event(), SimpleQueue[str]()

    def call() -> str:
        go_on.wait(PATIENCE_S)
        return "real"

    with pytest.raises(Undecided, match=r"the verifiers took longer than 0\.0 s"):
        aside.run(call, wait_s=0.01, late=late.put)
    assert late.empty()
    go_on.set()

    assert late.get(timeout=PATIENCE_S) == "real"
    aside.close()


def test_an_error_that_comes_late_is_nobodys() -> None:
    aside, go_on = Aside(waiters_max=1, threads=1), threading.Event()

    def call() -> str:
        go_on.wait(PATIENCE_S)
        raise Undecided("no answer")

    with pytest.raises(Undecided, match="took longer"):
        aside.run(call, wait_s=0.01, late=never)
    go_on.set()

    assert aside.run(lambda: "next", wait_s=PATIENCE_S, late=never) == "next"
    aside.close()


def test_only_some_may_wait_and_the_others_get_their_result_late() -> None:
    aside, go_on, late = Aside(waiters_max=1), threading.Event(), SimpleQueue[str]()
    started = threading.Event()
    waited: list[str] = []

    def call(name: str) -> str:
        started.set()
        go_on.wait(PATIENCE_S)
        return name

    waiter = threading.Thread(
        target=lambda: waited.append(aside.run(lambda: call("first"), wait_s=PATIENCE_S, late=never))
    )
    waiter.start()
    assert started.wait(PATIENCE_S)
    while aside._places._value:
        waiter.join(0.001)

    with pytest.raises(Undecided, match="all places to wait for a verifier are taken"):
        aside.run(lambda: call("second"), wait_s=PATIENCE_S, late=late.put)
    go_on.set()
    waiter.join()

    assert waited == ["first"]
    assert late.get(timeout=PATIENCE_S) == "second"
    assert aside.run(lambda: "third", wait_s=PATIENCE_S, late=never) == "third"
    aside.close()


def test_a_queue_that_is_full_takes_no_more() -> None:
    aside, go_on, late = Aside(waiters_max=0, threads=1, queue_max=2), threading.Event(), SimpleQueue[str]()

    def call() -> str:
        go_on.wait(PATIENCE_S)
        return "real"

    for _ in range(2):
        with pytest.raises(Undecided, match="all places"):
            aside.run(call, wait_s=PATIENCE_S, late=late.put)
    with pytest.raises(Undecided, match="too many scans wait for a verifier"):
        aside.run(call, wait_s=PATIENCE_S, late=never)
    go_on.set()
    assert [late.get(timeout=PATIENCE_S) for _ in range(2)] == ["real", "real"]

    go_on.clear()
    with pytest.raises(Undecided, match="all places"):
        aside.run(call, wait_s=PATIENCE_S, late=late.put)
    go_on.set()
    assert late.get(timeout=PATIENCE_S) == "real"
    aside.close()


def test_a_result_that_comes_in_the_last_moment_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    aside = Aside(waiters_max=1, threads=1)

    class LastMoment:
        """No place to wait; but until that is known, the call has ended."""

        def acquire(self, *, blocking: bool) -> bool:
            aside._pool.submit(lambda: None).result(PATIENCE_S)  # its only thread is done with the call before
            return False

    monkeypatch.setattr(aside, "_places", LastMoment())

    assert aside.run(lambda: "real", wait_s=PATIENCE_S, late=never) == "real"
    aside.close()


def test_a_late_result_that_cannot_be_used_harms_nobody() -> None:
    aside, go_on, late = Aside(waiters_max=0, threads=1), threading.Event(), SimpleQueue[str]()

    def call() -> str:
        go_on.wait(PATIENCE_S)
        return "real"

    def broken(_result: str) -> None:
        raise ValueError("the storage is gone")

    for hand_over in (broken, late.put):
        with pytest.raises(Undecided):
            aside.run(call, wait_s=PATIENCE_S, late=hand_over)
    go_on.set()

    assert late.get(timeout=PATIENCE_S) == "real"
    aside.close()


def test_closing_waits_for_calls_that_run() -> None:
    aside, go_on, late = Aside(waiters_max=0), threading.Event(), SimpleQueue[str]()
    started = threading.Event()

    def call() -> str:
        started.set()
        go_on.wait(PATIENCE_S)
        return "real"

    with pytest.raises(Undecided):
        aside.run(call, wait_s=PATIENCE_S, late=late.put)
    assert started.wait(PATIENCE_S)
    closing = threading.Thread(target=aside.close)
    closing.start()
    assert late.empty()
    go_on.set()
    closing.join()

    assert late.get_nowait() == "real"


def test_a_call_that_closing_finds_in_the_queue_decides_nothing() -> None:
    aside, go_on, told = Aside(waiters_max=2, threads=1), threading.Event(), SimpleQueue[object]()

    def call() -> str:
        go_on.wait(PATIENCE_S)
        return "real"

    def wait_for(call: Callable[[], str]) -> None:
        try:
            told.put(aside.run(call, wait_s=PATIENCE_S, late=never))
        except Exception as error:  # noqa: BLE001  (whatever it is, it is told)
            told.put(type(error))

    threads = [threading.Thread(target=wait_for, args=(each,)) for each in (call, lambda: "never called")]
    for waiting, thread in enumerate(threads, 1):
        thread.start()
        while aside._places._value > 2 - waiting:
            thread.join(0.001)
    threads.append(threading.Thread(target=aside.close))
    threads[-1].start()
    first = told.get(timeout=PATIENCE_S)
    go_on.set()
    for thread in threads:
        thread.join()

    assert first is Undecided
    assert told.get_nowait() == "real"


def test_after_closing_nothing_is_decided() -> None:
    aside = Aside(waiters_max=1)
    aside.close()

    with pytest.raises(Undecided):
        aside.run(lambda: "real", wait_s=PATIENCE_S, late=never)


def test_a_call_for_which_no_thread_can_be_started_is_never_made_and_leaves_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aside = Aside(waiters_max=1, threads=1, queue_max=1)

    made: list[str] = []

    def no_more(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_more)
        for _ in range(2):
            with pytest.raises(Undecided, match="no thread is left for a verifier"):
                aside.run(lambda: made.append("never"), wait_s=PATIENCE_S, late=print)
    # The thread that comes now finds all three in the queue.
    assert aside.run(lambda: "real", wait_s=PATIENCE_S, late=never) == "real"

    aside.close()
    assert made == []
    assert aside._queue._value == 1
