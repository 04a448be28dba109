"""The fast door: an ASGI application that answers pushes itself and leaves everything else to Flask.

A push that must wait for nobody is answered on the event loop: it costs less than handing it to a thread. All that come
while one transaction is written share the next. One that may wait for a verifier, or for a storage on another machine,
goes to a thread, so that the loop stays free for the others; so does one that goes on to the brand's own server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from flask import Flask
from werkzeug.exceptions import ClientDisconnected

from scanhook.envelope import BODY_MAX_BYTES
from scanhook.receive import Account
from scanhook.wire.callback import CALLBACK_PATH, Begun, Callback, HttpAnswer, Onward, Taken
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
    """

    def __init__(self, callback: Callback, app: Flask, *, threads: int, close: Callable[[], None]) -> None:
        self._callback = callback
        # Threads are made as they are needed; a verdict or an upload over the API may hold one for a while.
        self._flask: Any = WSGIMiddleware(cast("Any", _taking_chunks(app)), workers=threads)
        self._close = close
        self._begun: list[tuple[Begun, asyncio.Future[HttpAnswer]]] = []
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="push")
        # Of their own: however many wait for a brand's server, no scan waits for a thread. Half of them may wait; the
        # other half sends away those that find no place.
        self._relays = ThreadPoolExecutor(2 * callback.relays_max, thread_name_prefix="relay")
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
                body = _Body(scope, receive, send)
                await self._flask(scope, body.receive, body.send)
            else:
                await self._push(account, scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        # Calls of verifiers that still run may bring a verdict that is worth storing.
        await asyncio.get_running_loop().run_in_executor(self._threads, self._close_all)
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
        body = await _read(receive)
        if body is None:
            await _send(send, self._callback.cut_off(account), close=True)
            return
        query: bytes = scope["query_string"]
        content_type = _content_type(scope)
        found = await self._found(account, query, body, content_type)
        if isinstance(found, Onward):
            found = await asyncio.get_running_loop().run_in_executor(self._relays, self._callback.relay, found)
        await _send(send, found, close=len(body) > BODY_MAX_BYTES)  # the rest of it is not read

    async def _found(self, account: Account, query: bytes, body: bytes, content_type: str) -> HttpAnswer | Onward:
        push = account, query, body, content_type
        if self._room is not None:
            taken = self._callback.open(*push)
            return await self._room.answer(taken) if isinstance(taken, Taken) else taken
        if self._callback.waits_for_verifiers:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._callback.take, *push)
        begun = self._callback.begin(*push)
        return await self._settled(begun) if isinstance(begun, Begun) else begun

    def _settled(self, begun: Begun) -> asyncio.Future[HttpAnswer]:
        """Let a scan share a transaction with the others that came while the last one ran."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[HttpAnswer] = loop.create_future()
        self._begun.append((begun, answer))
        if len(self._begun) == 1:
            loop.call_soon(self._settle)
        return answer

    def _settle(self) -> None:
        waiting, self._begun = self._begun, []
        answers = self._callback.settle([begun for begun, _ in waiting])
        for (_, future), answer in zip(waiting, answers, strict=True):
            if not future.done():  # the other side may have gone meanwhile
                future.set_result(answer)


def _content_type(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"), "")


def _taking_chunks(app: Flask) -> Callable[[dict[str, Any], Any], Any]:
    """Let Flask read a body that does not say its length: without this word it would find it empty."""

    def taking(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input_terminated"] = "HTTP_TRANSFER_ENCODING" in environ
        return app(environ, start_response)

    return taking


class _Body:
    """The body of a request on its way to Flask.

    :param receive: as the server gave it, like ``send``.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
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
        if self._more and message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
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
