from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

import gunicorn
import pytest
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.config import Config
from gunicorn.workers.gasgi import ASGIWorker

from scanhook.wire import worker as module
from scanhook.wire.listening import Listener
from scanhook.wire.worker import Worker, _Connection

REQUEST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n%s\r\nbody"
ANSWERED = b"\r\n\r\nsuccess"


async def app(_scope: object, _receive: object, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"7")]})
    await send({"type": "http.response.body", "body": b"success"})


@pytest.fixture
def worker() -> Iterator[Worker]:
    """Return a worker with a loop, which serves nobody yet."""
    cfg = Config()
    cfg.set("asgi_disconnect_grace_period", 0)  # it holds a connection's memory no longer than the task needs
    cfg.set("asgi_lifespan", "off")
    made = Worker(1, 0, [], None, 30, cfg, logging.getLogger("gunicorn.error"))
    made.log.access_log_enabled = False
    made.asgi = app
    made._setup_event_loop()
    made.loop.set_exception_handler(lambda _loop, context: pytest.fail(context["message"]))
    yield made
    made.loop.close()
    asyncio.set_event_loop(None)
    made.tmp.close()


def lost(name: str) -> str:
    return (
        f"gunicorn {gunicorn.__version__} has no `{name}` any more, on which scanhook/wire/worker.py stands:"
        " look there before the bounds of pyproject.toml are moved, and run tests/ordeal/test_stopping.py"
    )


@pytest.mark.parametrize(
    "name",
    [
        "_awaiting_request",
        "_body_receiver",
        "_callback_parser",
        "_current_request",
        "_finishing_calls",
        "_request_ready",
        "_task",
        "_will_close",
        "connection_lost",
        "connection_made",
        "data_received",
        "transport",
        "worker",
    ],
)
def test_gunicorns_connection_has_what_ours_stands_on(worker: Worker, name: str) -> None:
    assert hasattr(ASGIProtocol(worker), name), lost(f"ASGIProtocol.{name}")


@pytest.mark.parametrize(
    "name",
    [
        "_serve",
        "_setup_event_loop",
        "_shutdown",
        "handle_exit_signal",
        "init_process",
        "init_signals",
        "log",
        "loop",
        "nr_conns",
        "run",
        "sockets",
    ],
)
def test_gunicorns_worker_has_what_ours_stands_on(worker: Worker, name: str) -> None:
    made = ASGIWorker(1, 0, [], None, 30, worker.cfg, worker.log)
    made.tmp.close()
    assert hasattr(made, name), lost(f"ASGIWorker.{name}")


def test_gunicorn_calls_back_what_ours_overrides() -> None:
    """A method that nobody calls any more would be overridden in vain, and in silence."""
    for caller, call in (
        (ASGIWorker.init_process, "self._setup_event_loop()"),
        (ASGIWorker.run, "self._serve()"),
        (ASGIWorker._serve, "self.loop.create_server("),
        (ASGIWorker._serve, "self._shutdown()"),
        (ASGIWorker._shutdown, "self.nr_conns > 0"),
        (ASGIProtocol._handle_http_request, "self._will_close("),
        (ASGIProtocol._handle_connection, "self._request_ready.wait()"),
        (ASGIProtocol._handle_connection, "self._awaiting_request = True"),
    ):
        assert call in inspect.getsource(caller), lost(call)


def test_connections_are_taken_by_our_listener(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ASGIWorker, "init_signals", lambda _: None)
    with socket.create_server(("127.0.0.1", 0)) as port:
        port.settimeout(0)
        worker.sockets = [SimpleNamespace(sock=port, close=port.close)]
        worker.alive = False  # it stops as soon as it serves

        worker.loop.run_until_complete(worker._serve())

    assert [type(server) for server in worker.servers] == [Listener]


def visited(worker: Worker, *sent: bytes) -> WeakSet[_Connection]:
    """Let somebody visit who sends this, reads answers and goes; return what is left of the connection then."""
    seen: WeakSet[_Connection] = WeakSet()
    over = asyncio.Event()

    class Visited(_Connection):
        def __init__(self, worker: Worker) -> None:
            super().__init__(worker)
            seen.add(self)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self._task.done():
                over.set()
            else:
                self._task.add_done_callback(lambda _: over.set())

    def visit(address: tuple[str, int]) -> None:
        with socket.create_connection(address) as visitor:
            for piece in sent:
                visitor.sendall(piece)
                heard = b""
                while piece.endswith(b"body") and not heard.endswith(ANSWERED):
                    heard += visitor.recv(4096)
            if b"close" in b"".join(sent):
                assert visitor.recv(1) == b""

    async def serve() -> None:
        with socket.create_server(("127.0.0.1", 0)) as port:
            port.settimeout(0)
            listener = Listener(worker.loop, port, lambda: Visited(worker))
            await asyncio.to_thread(visit, port.getsockname())
            await over.wait()
            listener.close()
            await listener.wait_closed()

    worker.loop.run_until_complete(serve())
    worker.loop.run_until_complete(asyncio.sleep(0))
    return seen


@pytest.mark.parametrize(
    "sent",
    [
        (),
        (REQUEST % b"",),
        (REQUEST % b"", REQUEST % b""),
        (REQUEST % b"Connection: close\r\n",),
        (REQUEST[:30],),
        (REQUEST % b"", REQUEST[:30]),
    ],
    ids=["nothing", "one push", "two pushes", "one push, closed by us", "half a push", "one push and a half"],
)
def test_nothing_is_left_in_memory_of_a_connection_that_is_closed(worker: Worker, sent: tuple[bytes, ...]) -> None:
    gc.disable()  # it runs rarely in a worker, and does not see into a parser that is written in C
    try:
        left = visited(worker, *sent)

        assert not left
    finally:
        gc.enable()
    assert worker.nr_conns == 0


def waiting_connection(worker: Worker, sock: socket.socket, close: Callable[[], None]) -> _Connection:
    """Return a connection that has waited for long for its next request."""
    connection = _Connection(worker)
    connection.transport = SimpleNamespace(is_closing=lambda: False, close=close, get_extra_info=lambda _: sock)
    connection._awaiting_request, connection._heard_at, connection._is_half_way = True, float("-inf"), False
    worker._connections.add(connection)
    return connection


def test_a_connection_whose_socket_is_gone_is_idle(worker: Worker) -> None:
    with socket.socket() as sock:
        pass

    assert waiting_connection(worker, sock, lambda: None).is_idle()


def test_a_connection_with_something_unread_is_not_idle(worker: Worker) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = waiting_connection(worker, ours, lambda: None)
        assert connection.is_idle()
        theirs.send(b"P")
        assert not connection.is_idle()


def test_a_connection_that_cannot_be_asked_holds_up_no_other(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_TURN_S", 0)
    ours, theirs = socket.socketpair()
    closed: list[str] = []
    broken = waiting_connection(worker, ours, lambda: None)
    del broken._awaiting_request
    well = waiting_connection(worker, ours, lambda: closed.append("well"))

    async def stop() -> None:
        letting_go = asyncio.ensure_future(worker._let_go_of_idle())
        for _ in range(3):  # turns of the loop
            await asyncio.sleep(0)
        assert not letting_go.done()
        letting_go.cancel()

    with ours, theirs:
        worker.loop.run_until_complete(stop())

    assert len(closed) >= 2
    assert well in worker._connections
    assert len(caplog.messages) == 1
