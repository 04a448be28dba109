from __future__ import annotations

import os
import signal
import threading
from array import array
from collections.abc import Iterator
from multiprocessing.connection import Pipe

import pytest

from scanhook.bench import load as load_module
from scanhook.bench.load import LOST_LINE, OVERDUE, Load, Run, due_at, serve
from scanhook.bench.making import request_of
from tests.bench.answering import CLOSING, OK, answering
from tests.serving import free_port


def requests(count: int) -> list[bytes]:
    return [request_of("/wechat/callback", "a=b", b"%d" % number) for number in range(count)]


def load_of(port: int, count: int, *, connections: int = 1, rate: float | None = None, patience_s: float = 5.0) -> Load:
    return Load(
        port=port, requests=requests(count), connections=connections, rate=rate, seconds=60, patience_s=patience_s
    )


@pytest.mark.parametrize(("number", "rate", "due"), [(0, 500, 0.0), (1, 500, 0.002), (1500, 500, 3.0), (7, 2.5, 2.8)])
def test_a_push_is_due_by_its_number_alone(number: int, rate: float, due: float) -> None:
    assert due_at(number, rate) == due


def test_a_closed_loop_sends_the_next_push_when_it_has_its_answer() -> None:
    with answering(lambda _: OK) as service:
        run = load_of(service.port, 5).run()

    assert service.came == [b"0", b"1", b"2", b"3", b"4"]
    assert (list(run.statuses), run.bodies, run.lines) == ([200] * 5, [b"ok"] * 5, 1)
    assert all(run.due[later] >= run.ended[later - 1] for later in range(1, 5))
    assert (run.used_up, run.unsent) == (True, 0)
    assert run.seconds == run.ended[-1]


def test_all_connections_of_a_closed_loop_push_at_once() -> None:
    everybody = threading.Barrier(4)

    def answer(_number: int) -> bytes:
        everybody.wait(30)
        return OK

    with answering(answer) as service:
        run = load_of(service.port, 12, connections=4).run()

    assert (list(run.statuses), run.lines) == ([200] * 12, 4)


def test_a_closed_loop_ends_when_its_time_is_over() -> None:
    with answering(lambda _: OK) as service:
        run = Load(port=service.port, requests=requests(3), connections=1, rate=None, seconds=0).run()

    assert (service.came, len(run.statuses), run.used_up) == ([], 0, False)


def test_an_open_loop_counts_from_the_moment_when_a_push_was_due_and_does_not_wait_for_others() -> None:
    """Nobody is answered before the tenth push is there: whatever the first then says, it took so long."""
    tenth = threading.Event()

    def answer(number: int) -> bytes:
        if number == 9:
            tenth.set()
        tenth.wait(30)
        return OK

    with answering(answer) as service:
        run = load_of(service.port, 10, rate=500).run()

    assert run.due == array("d", [number / 500 for number in range(10)])
    assert list(run.statuses) == [200] * 10
    assert min(run.ended) >= run.due[9]
    assert run.lines == 10
    assert (run.used_up, run.unsent) == (False, 0)


def test_where_no_more_connections_may_be_opened_what_is_due_waits_and_that_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load_module, "LINES_MAX", 1)
    with answering(lambda _: OK) as service:
        run = load_of(service.port, 50, rate=1_000_000).run()

    assert run.lines == 1
    assert list(run.statuses) == [200] * 50
    assert run.due == array("d", [number / 1_000_000 for number in range(50)])
    assert list(run.ended) == sorted(run.ended)


@pytest.mark.parametrize("connections", [1, 3])
def test_a_line_that_the_service_closes_after_an_answer_is_opened_anew(connections: int) -> None:
    with answering(lambda _: CLOSING) as service:
        run = load_of(service.port, 9, connections=connections).run()

    assert (list(run.statuses), run.bodies) == ([200] * 9, [b"ok"] * 9)


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 OK\r\n\r\nno length", b"HTTP/1.1 \xff\xff\xff no\r\nContent-Length: 0\r\n\r\n"],
    ids=["closed", "no length", "no status"],
)
def test_a_push_that_gets_no_answer_is_counted_and_others_go_on(said: bytes) -> None:
    with answering(lambda number: said if number == 1 else OK) as service:
        run = load_of(service.port, 3).run()

    assert list(run.statuses) == [200, LOST_LINE, 200]
    assert run.bodies == [b"ok", b"", b"ok"]


def test_nobody_waits_for_an_answer_longer_than_wechat() -> None:
    late = threading.Event()

    def answer(number: int) -> bytes:
        if number == 0:
            late.wait(30)
        return OK

    with answering(answer) as service:
        run = load_of(service.port, 2, patience_s=0.01).run()
        late.set()

    assert run.statuses[0] == OVERDUE


def test_an_answer_may_come_in_pieces_and_with_a_status_of_its_own() -> None:
    body = b"try again" * 30_000
    said = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n" % len(body)
    with answering(lambda _: said + body) as service:
        run = load_of(service.port, 2).run()

    assert (list(run.statuses), run.bodies) == ([503, 503], [body, body])


def test_what_is_due_and_cannot_be_sent_in_time_is_counted() -> None:
    with answering(lambda _: OK) as service:
        run = Load(port=service.port, requests=requests(4), connections=1, rate=1000, seconds=0, patience_s=0).run()

    assert (service.came, len(run.statuses), run.unsent) == ([], 0, 4)


def test_a_load_without_a_service_says_so() -> None:
    with pytest.raises(ConnectionRefusedError):
        load_of(free_port(), 1).run()


@pytest.fixture
def _own_signals() -> Iterator[None]:
    """Let nobody ignore Ctrl-C in the tests after this one."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_own_signals")
def test_a_load_is_run_for_another_process() -> None:
    ours, theirs = Pipe()
    with answering(lambda _: OK) as service, ours, theirs:
        ours.send(load_of(service.port, 3))
        serve(os.dup(theirs.fileno()))
        told = ours.recv()
        ours.send(load_of(free_port(), 3))
        serve(os.dup(theirs.fileno()))
        why = ours.recv()

    assert isinstance(told, Run)
    assert list(told.statuses) == [200, 200, 200]
    assert why == "Connection refused"
