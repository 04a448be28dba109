from __future__ import annotations

import asyncio
import gc
import inspect
import re
import socket
from dataclasses import replace
from typing import Any
from weakref import WeakSet

import pytest
from gunicorn.asgi.parser import PythonProtocol
from gunicorn.asgi.protocol import ASGIProtocol

from scanhook.wire.connection import Connection
from scanhook.wire.worker import Worker
from tests.wire.counter import ANSWER, PLAIN, REQUEST, Counter, Met, Visitor, lost, meet, waiting_connection

ODD = REQUEST % (b"/wechat/callback?n=%b", b"X_Odd: 1\r\n")
"""The same for gunicorn to read."""


@pytest.mark.parametrize(
    "name",
    [
        "_arm_keepalive_timer",
        "_awaiting_request",
        "_body_receiver",
        "_callback_parser",
        "_close_transport",
        "_closed",
        "_current_request",
        "_finishing_calls",
        "_flow_control",
        "_keepalive",
        "_keepalive_handle",
        "_pause_reading",
        "_request_ready",
        "_resume_reading",
        "_send_body",
        "_send_response_start",
        "_task",
        "_will_close",
        "app",
        "connection_lost",
        "connection_made",
        "data_received",
        "transport",
        "worker",
    ],
)
def test_gunicorns_connection_has_what_ours_stands_on(worker: Worker, name: str) -> None:
    assert hasattr(ASGIProtocol(worker), name), lost(f"ASGIProtocol.{name}", "connection")


@pytest.mark.parametrize("name", ["_buffer", "_state", "reset"])
def test_gunicorns_parser_has_what_ours_stands_on(name: str) -> None:
    assert hasattr(PythonProtocol(), name), lost(f"PythonProtocol.{name}", "connection")


def test_gunicorn_calls_back_what_ours_overrides() -> None:
    """A method that nobody calls any more would be overridden in vain, and in silence."""
    for caller, call in (
        (ASGIProtocol._handle_http_request, "self._will_close("),
        (ASGIProtocol._handle_connection, "self._request_ready.wait()"),
        (ASGIProtocol._handle_connection, "self._awaiting_request = True"),
        (ASGIProtocol._arm_keepalive_timer, "self._keepalive_timeout"),
    ):
        assert call in inspect.getsource(caller), lost(call, "connection")


def test_a_plain_push_is_answered_without_gunicorns_parser(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        for number in (b"1", b"2"):
            await visitor.say(PLAIN % number)
            answers.append(await visitor.hear())

    answers: list[bytes] = []
    meet(worker, act)
    assert [(request.query, request.body) for request in counter.taken] == [(b"n=1", b"body"), (b"n=2", b"body")]
    assert counter.heard == []
    date = rb"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"
    for answer in answers:
        assert re.fullmatch(
            rb"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 7\r\n"
            rb"Server: gunicorn/asgi\r\n" + date + rb"\r\n\r\nsuccess",
            answer,
        )


def test_both_ways_give_the_same_answer(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        for request in (PLAIN % b"1", ODD % b"2", PLAIN % b"3", ODD % b"4"):
            await visitor.say(request)
            answers.add(re.sub(rb"Date: [^\r]+", b"", await visitor.hear()))

    answers: set[bytes] = set()
    meet(worker, act)
    assert len(answers) == 1
    assert [request.query for request in counter.taken] == [b"n=1", b"n=3"]
    assert counter.heard == [b"n=2", b"n=4"]


def test_what_is_no_push_is_left_to_gunicorn(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        await visitor.say(REQUEST % (b"/wechat/callback/nobody?n=1", b""))
        await visitor.hear()

    meet(worker, act)
    assert (counter.taken, counter.heard) == ([], [b"n=1"])


@pytest.mark.parametrize("cut", [1, 40, len(PLAIN) - 6])
def test_a_push_in_pieces_is_put_together_by_gunicorn(worker: Worker, counter: Counter, cut: int) -> None:
    async def act(visitor: Visitor) -> None:
        request = PLAIN % b"1"
        await visitor.say(request[:cut])
        await visitor.say(request[cut:])
        await visitor.hear()
        await visitor.say(PLAIN % b"2")
        await visitor.hear()

    meet(worker, act)
    assert (counter.heard, [request.query for request in counter.taken]) == ([b"n=1"], [b"n=2"])


@pytest.mark.parametrize(
    "before",
    [
        b"POST /",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        (ODD % b"1")[:-4],
        (ODD % b"1")[:-2],
        ODD % b"1" + b"GET / ",
        ODD % b"1" + ODD[:-2],
    ],
    ids=[
        "half a line",
        "half a head",
        "half a head that ends with a line",
        "a head without its body",
        "half a body",
        "a request and half a line",
        "a request and half a body",
    ],
)
def test_nothing_is_taken_for_a_push_that_stands_inside_another_request(
    worker: Worker, counter: Counter, before: bytes
) -> None:
    """Who could smuggle a push into a body, or into a header's value, would speak with WeChat's voice to the proxy."""

    async def act(visitor: Visitor) -> None:
        await visitor.say(before)
        if before.startswith(ODD % b"1"):
            await visitor.hear()
        await visitor.say(PLAIN % b"smuggled")
        await visitor.hear_all()

    meet(worker, act)
    assert counter.taken == []
    assert b"n=smuggled" not in counter.heard


def test_requests_that_come_together_are_answered_in_their_order(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        await visitor.say(PLAIN % b"1" + PLAIN % b"2" + ODD % b"3")
        for _ in range(3):
            await visitor.hear()

    meet(worker, act)
    assert (counter.taken, counter.heard) == ([], [b"n=1", b"n=2", b"n=3"])


def test_a_push_that_comes_before_an_answer_is_taken_once_that_has_left(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        counter.hold()
        await visitor.say(PLAIN % b"1")
        await visitor.say(PLAIN % b"2")
        assert len(counter.taken) == 1
        counter.let_go()
        for _ in range(2):
            await visitor.hear()
        await visitor.say(PLAIN % b"3")
        await visitor.hear()

    meet(worker, act)
    assert [request.query for request in counter.taken] == [b"n=1", b"n=2", b"n=3"]


def test_an_empty_line_before_a_push_changes_nothing(worker: Worker, counter: Counter) -> None:
    """Old senders end a body with one; RFC 9112, 2.2 asks to overlook it."""

    async def act(visitor: Visitor) -> None:
        for number in (b"1", b"2", b"3"):
            await visitor.say(PLAIN % number)
            await visitor.hear()
            await visitor.say(b"\r\n")
        await visitor.say(ODD % b"4")
        await visitor.hear()
        assert visitor.connection._is_half_way is False

    meet(worker, act)
    assert ([request.query for request in counter.taken], counter.heard) == ([b"n=1", b"n=2", b"n=3"], [b"n=4"])


def test_a_push_that_comes_while_gunicorn_answers_waits_for_that(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        going_on = asyncio.Event()
        counter.wait_for = going_on
        await visitor.say(ODD % b"1")
        await visitor.say(PLAIN % b"2")
        going_on.set()
        for _ in range(2):
            await visitor.hear()

    meet(worker, act)
    assert (counter.taken, counter.heard) == ([], [b"n=1", b"n=2"])


def test_an_answer_that_cannot_be_written_ends_the_connection(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        counter.answer = replace(ANSWER, content_type="text/\ud800")
        await visitor.say(PLAIN % b"1")
        assert await visitor.hear_all() == b""
        (context,) = worker.broken
        assert isinstance(context["exception"], UnicodeEncodeError)
        worker.broken.clear()

    meet(worker, act)


def test_where_a_push_comes_from_is_told(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        await visitor.say(PLAIN % b"1")
        await visitor.hear()
        assert counter.clients == [visitor.address]

    meet(worker, act)


def test_what_comes_before_an_answer_waits_for_it_and_no_more_is_read(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        counter.hold()
        await visitor.say(PLAIN % b"1")
        await visitor.say((PLAIN % b"2")[:50])
        visitor.say_unheard((PLAIN % b"2")[50:] + PLAIN % b"3")
        assert (len(counter.taken), visitor.connection.transport.is_reading()) == (1, False)
        counter.let_go()
        for _ in range(3):
            await visitor.hear()

    meet(worker, act)
    assert [request.query for request in counter.taken] + counter.heard == [b"n=1", b"n=2", b"n=3"]


@pytest.mark.parametrize("how", ["is_stopping", "alive"])
def test_a_worker_that_stops_says_so_and_closes(worker: Worker, counter: Counter, how: str) -> None:
    async def act(visitor: Visitor) -> None:
        counter.hold()
        await visitor.say(PLAIN % b"1")
        await visitor.say(PLAIN % b"2")  # whoever is told that the connection closes sends it again
        setattr(worker, how, how == "is_stopping")
        counter.let_go()
        said.append(await visitor.hear_all())

    said: list[bytes] = []
    meet(worker, act)
    assert [request.query for request in counter.taken] == [b"n=1"]
    assert said[0].endswith(b"\r\nConnection: close\r\n\r\nsuccess")


def test_a_connection_whose_push_is_not_answered_is_not_idle(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        connection = visitor.connection
        counter.hold()
        await visitor.say(PLAIN % b"1")
        connection._heard_at = float("-inf")
        assert not connection.is_idle()
        counter.let_go()
        await visitor.hear()
        assert connection.is_idle()

    meet(worker, act)


def test_a_connection_is_closed_when_nothing_was_answered_on_it_for_long(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        connection = visitor.connection
        await visitor.say(ODD % b"1")  # gunicorn begins to count behind this one
        await visitor.hear()
        counter.hold()
        await visitor.say(PLAIN % b"2")
        connection._answered_at = float("-inf")
        connection._keepalive_timeout()
        counter.let_go()
        await visitor.hear()
        connection._keepalive_timeout()
        await visitor.say(PLAIN % b"3")
        await visitor.hear()
        connection._answered_at = float("-inf")
        connection._keepalive_timeout()
        assert await visitor.hear_all() == b""

    meet(worker, act)


def test_the_time_of_a_connection_is_counted_from_its_first_plain_push(worker: Worker) -> None:
    async def act(visitor: Visitor) -> None:
        await visitor.say(PLAIN % b"1")
        await visitor.hear()
        left_s = visitor.connection._keepalive_handle.when() - worker.loop.time()
        assert left_s == pytest.approx(worker.cfg.keepalive, abs=1)

    meet(worker, act)


def test_an_answer_for_somebody_who_has_gone_goes_nowhere(worker: Worker, counter: Counter) -> None:
    async def act(visitor: Visitor) -> None:
        counter.hold()
        await visitor.say(PLAIN % b"1")
        await visitor.go()
        counter.let_go()
        assert visitor.connection._keepalive_handle is None

    meet(worker, act)


def test_who_does_not_read_his_answers_is_left_to_gunicorn_which_waits_for_him(
    worker: Worker, counter: Counter
) -> None:
    async def act(visitor: Visitor) -> None:
        visitor.connection.pause_writing()
        await visitor.say(PLAIN % b"1")
        visitor.connection.resume_writing()
        await visitor.hear()

    meet(worker, act)
    assert (counter.taken, counter.heard) == ([], [b"n=1"])


@pytest.mark.parametrize(
    "said",
    [
        (),
        (PLAIN % b"1",),
        (ODD % b"1",),
        (ODD % b"1", PLAIN % b"2", ODD % b"3"),
        (REQUEST % (b"/", b"Connection: close\r\n"),),
        (PLAIN[:30],),
        (ODD % b"1", PLAIN[:30]),
    ],
    ids=["nothing", "a push", "an odd one", "three", "one, closed by us", "half a push", "a push and a half"],
)
def test_nothing_is_left_in_memory_of_a_connection_that_is_closed(worker: Worker, said: tuple[bytes, ...]) -> None:
    async def act(visitor: Visitor) -> None:
        seen.add(visitor.connection)
        for piece in said:
            await visitor.say(piece)
            if piece.endswith(b"body"):
                await visitor.hear()

    seen: WeakSet[Met] = WeakSet()
    gc.disable()  # it runs rarely in a worker, and does not see into a parser that is written in C
    try:
        meet(worker, act)

        assert not seen
    finally:
        gc.enable()
    assert worker.nr_conns == 0


def test_a_connection_whose_socket_is_gone_is_idle(worker: Worker) -> None:
    with socket.socket() as sock:
        pass

    assert waiting_connection(worker, sock, lambda: None).is_idle()


def test_a_connection_with_something_unread_is_not_idle(worker: Worker) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection: Any = waiting_connection(worker, ours, lambda: None)
        assert isinstance(connection, Connection)
        assert connection.is_idle()
        theirs.send(b"P")
        assert not connection.is_idle()
