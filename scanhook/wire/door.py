"""The fast door: an ASGI application that answers pushes itself and leaves everything else to Flask.

Pushes stand in line for the storage: on the event loop where it lets nobody wait, else in a room with threads, so that
the loop stays free for the others. One that goes on to the brand's own server waits in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from flask import Flask

from scanhook.envelope import BODY_MAX_BYTES
from scanhook.receive import Account
from scanhook.wire.access import AccessLog, Client
from scanhook.wire.behind import Exchange, Receive, Scope, Send, taking_chunks
from scanhook.wire.callback import Callback, HttpAnswer, Onward, Taken
from scanhook.wire.line import Line
from scanhook.wire.plain import PlainRequest
from scanhook.wire.waiting import WaitingRoom

__all__ = ["Door", "headers_of"]

_Answering = asyncio.Future[HttpAnswer] | asyncio.Future[HttpAnswer | Onward]


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
        self._flask: Any = WSGIMiddleware(cast("Any", taking_chunks(app)), workers=threads)
        self._close = close
        self._access_log = access_log
        # Of their own: however many wait for a brand's server, no scan waits for a thread. Half of them may wait; the
        # other half sends away those that find no place.
        self._relays = ThreadPoolExecutor(2 * callback.relays_max, thread_name_prefix="relay")
        self._line = Line(callback, threads=threads)
        self._accounts = callback.paths
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
        return self._accounts.get(scope["path"]) if scope["method"] == "POST" else None

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
            self._note_scope(scope, status, size, started)

    async def _answer(self, account: Account, query: bytes, body: bytes, content_type: str) -> HttpAnswer:
        if self._room is None:
            found = await self._line.join(account, query, body, content_type)
        else:
            taken = self._callback.open(account, query, body, content_type)
            found = await self._room.answer(taken) if isinstance(taken, Taken) else taken
        return await self._relayed(found) if isinstance(found, Onward) else found

    async def _relayed(self, push: Onward) -> HttpAnswer:
        return await asyncio.get_running_loop().run_in_executor(self._relays, self._callback.relay, push)

    def takes(self, request: PlainRequest, client: Client, give: Callable[[HttpAnswer], None]) -> bool:
        """Take a push that came beside ASGI, on the event loop.

        :param client: the address and port that it came from.
        :param give: is called with the answer, later, on the loop; not at all if the server ends first.
        :returns: whether it is a push for one of our accounts; if not, it is not ours to answer.
        """
        account = self._accounts.get(request.path)
        if account is None:
            return False
        started = time.perf_counter()
        answering: _Answering
        if self._room is None:
            answering = self._line.join(account, request.query, request.body, request.content_type)
        else:
            asked = self._answer(account, request.query, request.body, request.content_type)
            answering = asyncio.ensure_future(asked)

        def given(answering: _Answering) -> None:
            if answering.cancelled():
                return
            error = answering.exception()
            found = self._callback.broken(error) if error else answering.result()
            if isinstance(found, Onward):
                asyncio.ensure_future(self._relayed(found)).add_done_callback(given)
                return
            give(found)
            self._note(client, "POST", request.path, found.status, len(found.body), started)

        answering.add_done_callback(given)
        return True

    async def _leave_to_flask(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        exchange = Exchange(scope, receive, send)
        try:
            await self._flask(scope, exchange.receive, exchange.send)
        finally:
            self._note_scope(scope, exchange.status, exchange.size, started)

    def _note_scope(self, scope: Scope, status: int, size: int, started: float) -> None:
        self._note(scope.get("client"), scope["method"], scope["path"], status, size, started)

    def _note(self, client: Client, method: str, path: str, status: int, size: int, started: float) -> None:
        if self._access_log is not None:
            self._access_log.note(client, method, path, status=status, size=size, started=started)


def _content_type(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"), "")


def headers_of(answer: HttpAnswer) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer, as ASGI has them."""
    return [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
    ]


async def _send(send: Send, answer: HttpAnswer, *, close: bool) -> None:
    headers = headers_of(answer)
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
