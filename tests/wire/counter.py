"""A gunicorn worker without a server, and connections to it over which a test says what it likes."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from types import SimpleNamespace
from typing import Any

import gunicorn
from gunicorn.config import Config

from scanhook.wire.access import Client
from scanhook.wire.connection import Connection
from scanhook.wire.listening import Listener
from scanhook.wire.passing import HttpAnswer
from scanhook.wire.plain import PlainRequest
from scanhook.wire.worker import Worker

ANSWER = HttpAnswer(status=200, body=b"success", content_type="text/plain; charset=utf-8")
HEADS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"7")]
REQUEST = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n%b\r\nbody"
PLAIN = REQUEST % (b"/wechat/callback?n=%b", b"")
"""With a query the counter takes it; whoever sends one fills in a number."""


class Counter:
    """Answers plain requests when it is let, and what comes over ASGI at once.

    :ivar taken: the plain requests, in their order.
    :ivar clients: where they came from.
    :ivar answer: what they are answered.
    :ivar wait_for: until then nothing is answered that comes over ASGI.
    :ivar heard: the queries of those that came over ASGI.
    """

    def __init__(self) -> None:
        self.taken: list[PlainRequest] = []
        self.clients: list[Client] = []
        self.answer = ANSWER
        self.wait_for: asyncio.Event | None = None
        self.heard: list[bytes] = []
        self._held: list[Callable[[HttpAnswer], None]] | None = None

    def takes(self, request: PlainRequest, client: Client, give: Callable[[HttpAnswer], None]) -> bool:
        """Take what comes for the first account, as the door takes pushes."""
        if request.path != "/wechat/callback":
            return False
        self.taken.append(request)
        self.clients.append(client)
        if self._held is None:
            asyncio.get_running_loop().call_soon(give, self.answer)
        else:
            self._held.append(give)
        return True

    def hold(self) -> None:
        """Answer no plain request until :meth:`let_go`."""
        self._held = []

    def let_go(self) -> None:
        """Answer what was held, and what comes."""
        held, self._held = self._held, None
        for give in held or ():
            give(self.answer)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer what gunicorn has read."""
        self.heard.append(scope["query_string"])
        if self.wait_for is not None:
            await self.wait_for.wait()
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": HEADS})
        await send({"type": "http.response.body", "body": b"success"})


def made_worker(counter: Counter) -> Worker:
    """Make a worker with a loop, which serves nobody yet."""
    cfg = Config()
    cfg.set("asgi_lifespan", "off")
    cfg.set("http_parser", "python")
    made = Worker(1, 0, [], None, 30, cfg, logging.getLogger("gunicorn.error"))
    made.log.access_log_enabled = False
    made.asgi = counter
    made._setup_event_loop()
    # The loop would swallow what a handler raises: whoever makes a worker looks at the end.
    made.broken = []
    made.loop.set_exception_handler(lambda _loop, context: made.broken.append(context))
    return made


class Met(Connection):
    """A connection that tells when it has taken what came, and when it is lost."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker)
        self.has_taken, self.is_lost = asyncio.Event(), asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        super().data_received(data)
        self.has_taken.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        self.is_lost.set()


class Visitor:
    """Somebody who has a connection to a worker, in the same event loop.

    :ivar connection: the worker's end of it.
    :ivar address: of our own end.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Met) -> None:
        self._reader, self._writer = reader, writer
        self.connection = connection
        self.address: tuple[str, int] = writer.get_extra_info("sockname")

    async def say(self, data: bytes) -> None:
        """Send something, and wait until the worker has it."""
        self.connection.has_taken.clear()
        self._writer.write(data)
        async with asyncio.timeout(10):
            await self.connection.has_taken.wait()

    def say_unheard(self, data: bytes) -> None:
        """Send something that the worker may not want to read now."""
        self._writer.write(data)

    async def hear(self) -> bytes:
        """Read one answer."""
        async with asyncio.timeout(10):
            head = await self._reader.readuntil(b"\r\n\r\n")
            return head + await self._reader.readexactly(len(ANSWER.body))

    async def hear_all(self) -> bytes:
        """Read until the worker closes."""
        async with asyncio.timeout(10):
            return await self._reader.read()

    async def go(self) -> None:
        """Close, and wait until the worker knows."""
        self._writer.close()
        async with asyncio.timeout(10):
            await self.connection.is_lost.wait()


def meet(worker: Worker, act: Callable[[Visitor], Awaitable[None]]) -> None:
    """Let a visitor come to a worker, and act."""
    made: list[Met] = []

    def connection() -> Met:
        made.append(Met(worker))
        return made[-1]

    async def visit() -> None:
        with socket.create_server(("127.0.0.1", 0)) as port:
            port.settimeout(0)
            listener = Listener(worker.loop, port, connection)
            reader, writer = await asyncio.open_connection(*port.getsockname())
            while not made or not made[0]._awaiting_request:  # noqa: ASYNC110  (gunicorn tells nobody)
                await asyncio.sleep(0)
            visitor = Visitor(reader, writer, made[0])
            try:
                await act(visitor)
            finally:
                await visitor.go()
                listener.close()
                await listener.wait_closed()

    worker.alive = True
    worker.loop.run_until_complete(visit())
    # What is left of its task ends in the turns behind its end.
    worker.loop.run_until_complete(asyncio.sleep(0.01))


def waiting_connection(worker: Worker, sock: socket.socket, close: Callable[[], None]) -> Connection:
    """Return a connection that has waited for long for its next request."""
    connection = Connection(worker)
    connection.transport = SimpleNamespace(is_closing=lambda: False, close=close, get_extra_info=lambda _: sock)
    connection._in_hand, connection._is_half_way = False, False
    connection._awaiting_request, connection._heard_at = True, float("-inf")
    worker._connections.add(connection)
    return connection


def lost(name: str, module: str) -> str:
    """Say that gunicorn has gone on without us."""
    return (
        f"gunicorn {gunicorn.__version__} has no `{name}` any more, on which scanhook/wire/{module}.py stands:"
        " look there before the bounds of pyproject.toml are moved, and run tests/ordeal/test_stopping.py"
    )
