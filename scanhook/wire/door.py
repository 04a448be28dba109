"""The fast door: an ASGI application that answers pushes itself and leaves everything else to Flask.

Pushes stand in line for the storage: on the event loop where it lets nobody wait, else in a room with threads, so that
the loop stays free for the others. One that goes on to the brand's own server waits in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from flask import Flask
from werkzeug.exceptions import ClientDisconnected

from scanhook.envelope import BODY_MAX_BYTES
from scanhook.receive import Account
from scanhook.wire.access import AccessLog
from scanhook.wire.callback import CALLBACK_PATH, Callback, HttpAnswer, Onward, Taken
from scanhook.wire.line import Line
from scanhook.wire.waiting import WaitingRoom

__all__ = ["Door"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Door:
    """An ASGI application.

    :param callback: answers the pushes.
    :param app: answers the rest.
    :param threads: how many pushes may be in the hands of slow verifiers at once, and how many requests in Flask's.
    :param close: called when the server stops, after the last answer.
    :param access_log: where requests are written down.
    """

    def __init__(
        self,
        callback: Callback,
        app: Flask,
        *,
        threads: int,
        close: Callable[[], None],
        access_log: AccessLog | None = None,
    ) -> None:
        self._callback = callback
        # Threads are made as they are needed; a verdict or an upload over the API may hold one for a while.
        self._flask: Any = WSGIMiddleware(cast("Any", _taking_chunks(app)), workers=threads)
        self._close = close
        self._access_log = access_log
        # Of their own: however many wait for a brand's server, no scan waits for a thread. Half of them may wait; the
        # other half sends away those that find no place.
        self._relays = ThreadPoolExecutor(2 * callback.relays_max, thread_name_prefix="relay")
        self._line = Line(callback, threads=threads)
        self._room: WaitingRoom | None = None
        if callback.waits_for_storage:
            self._room = WaitingRoom(callback, threads=callback.look_ups_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the server's start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            account = self._pushed_to(scope)
            if account is None:
                await self._leave_to_flask(scope, receive, send)
            else:
                await self._push(account, scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        # Calls of verifiers that still run may bring a verdict that is worth storing.
        await self._line.close()
        await asyncio.get_running_loop().run_in_executor(self._relays, self._close_all)
        await send({"type": "lifespan.shutdown.complete"})

    def _close_all(self) -> None:
        if self._room is not None:
            self._room.close()
        self._close()

    def _pushed_to(self, scope: Scope) -> Account | None:
        """Return the account of a push; ``None`` of any other request."""
        path: str = scope["path"]
        if scope["method"] != "POST" or not path.startswith(CALLBACK_PATH):
            return None
        rest = path[len(CALLBACK_PATH) :]
        if not rest:
            return self._callback.account()
        return self._callback.account(rest[1:]) if rest[0] == "/" and len(rest) > 1 else None

    async def _push(self, account: Account, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status = size = 0
        try:
            body = await _read(receive)
            if body is None:
                answer, close = self._callback.cut_off(account), True
            else:
                answer = await self._answer(account, scope["query_string"], body, _content_type(scope))
                close = len(body) > BODY_MAX_BYTES  # the rest of it is not read
            await _send(send, answer, close=close)
            status, size = answer.status, len(answer.body)
        finally:
            if self._access_log is not None:
                self._access_log.note(scope, status=status, size=size, started=started)

    async def _answer(self, account: Account, query: bytes, body: bytes, content_type: str) -> HttpAnswer:
        if self._room is None:
            found = await self._line.join(account, query, body, content_type)
        else:
            taken = self._callback.open(account, query, body, content_type)
            found = await self._room.answer(taken) if isinstance(taken, Taken) else taken
        if isinstance(found, Onward):
            found = await asyncio.get_running_loop().run_in_executor(self._relays, self._callback.relay, found)
        return found

    async def _leave_to_flask(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        body = _Body(scope, receive, send)
        try:
            await self._flask(scope, body.receive, body.send)
        finally:
            if self._access_log is not None:
                self._access_log.note(scope, status=body.status, size=body.size, started=started)


def _content_type(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"), "")


def _taking_chunks(app: Flask) -> Callable[[dict[str, Any], Any], Any]:
    """Let Flask read a body that does not say its length: without this word it would find it empty."""

    def taking(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input_terminated"] = "HTTP_TRANSFER_ENCODING" in environ
        return app(environ, start_response)

    return taking


class _Body:
    """The body of a request on its way to Flask, and what is seen of the answer.

    :param receive: as the server gave it, like ``send``.
    :ivar status: of the answer; 0 as long as there is none.
    :ivar size: of the answer's body so far, in bytes.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.status = 0
        self.size = 0
        # Only these two headers say that there is a body.
        self._more = any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in scope["headers"]
        )

    async def receive(self) -> MutableMapping[str, Any]:
        """Receive a piece; whoever went away in the middle has not sent half a body, as a2wsgi would have it."""
        message = await self._receive()
        if self._more and message["type"] == "http.disconnect":
            raise ClientDisconnected
        self._more = message.get("more_body", False)
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Send a part of the answer; when the body was not read to its end, nobody need send the rest of it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._more:
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        else:
            self.size += len(message.get("body", b""))
        await self._send(message)


async def _send(send: Send, answer: HttpAnswer, *, close: bool) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _read(receive: Receive) -> bytes | None:
    """Read a body, and no more of it than a push may have; ``None`` when the other side has gone."""
    body = b""
    while len(body) <= BODY_MAX_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body
