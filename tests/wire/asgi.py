"""Requests to the door without a server: what gunicorn would tell it over ASGI, or beside it, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from werkzeug.test import Client

from scanhook.sandbox import Push
from scanhook.wire.callback import HttpAnswer
from scanhook.wire.door import Door
from scanhook.wire.plain import PlainRequest

PIECE_BYTES = 1 << 14
CLIENT = ("192.0.2.7", 50000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an ASGI application told its server."""

    messages: tuple[MutableMapping[str, Any], ...]
    read: int

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return {name.lower(): value for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])


def ask(
    door: Door, path: str = "/wechat/callback", *, method: str = "POST", query: str = "", pieces: Iterable[bytes | None]
) -> Told:
    """Send a request whose body comes in pieces; ``None`` is the moment when the other side goes away."""
    coming = list(pieces)
    read = 0
    messages: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        nonlocal read
        if read == len(coming):
            await asyncio.sleep(60)
        piece = coming[read]
        read += 1
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": read < len(coming)}

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    asyncio.run(door(scope_of(path, method, query), receive, send))
    return Told(messages=tuple(messages), read=read)


def scope_of(path: str, method: str, query: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


def push_through(door: Door, push: Push, path: str = "/wechat/callback") -> Told:
    return ask(door, path, query=push.query, pieces=[push.body])


def request_of(push: Push, path: str = "/wechat/callback") -> PlainRequest:
    """Return a push as the connection reads it."""
    return PlainRequest(path, push.query.encode(), "text/xml", push.body)


def taken(door: Door, *pushes: Push, path: str = "/wechat/callback") -> list[HttpAnswer]:
    """Send pushes beside ASGI, all at once; return their answers in the order of the pushes."""

    async def answered(push: Push) -> HttpAnswer:
        answer = asyncio.get_running_loop().create_future()
        assert door.takes(request_of(push, path), CLIENT, answer.set_result)
        assert not answer.done()  # never before the connection knows that its push was taken
        async with asyncio.timeout(20):
            found: HttpAnswer = await answer
            return found

    async def all_answered() -> list[HttpAnswer]:
        found = list(await asyncio.gather(*map(answered, pushes)))
        await asyncio.sleep(0)  # a turn, for the access log
        return found

    return asyncio.run(all_answered())


async def together(door: Door, pushes: list[Push]) -> list[bytes]:
    """Send pushes at the same moment and return what each was answered."""

    async def one(push: Push) -> bytes:
        answer: list[bytes] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": push.body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            answer.append(message.get("body", b""))

        await door(scope_of("/wechat/callback", "POST", push.query), receive, send)
        return b"".join(answer)

    return list(await asyncio.gather(*map(one, pushes)))


def client_of(door: Door) -> Client:
    """Return a client as Flask's own, whose requests go through the door."""

    def through(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body, path = environ["wsgi.input"], environ["PATH_INFO"].encode("latin-1").decode()
        length, messages = environ.get("CONTENT_LENGTH"), []
        left = int(length) if length else None
        names = {"CONTENT_TYPE": b"content-type", "CONTENT_LENGTH": b"content-length"}
        headers = [(names[name], environ[name].encode()) for name in names if environ.get(name)]

        async def receive() -> MutableMapping[str, Any]:
            nonlocal left
            piece = b"" if left == 0 else body.read(min(PIECE_BYTES, PIECE_BYTES if left is None else left))
            left = None if left is None else left - len(piece)
            return {"type": "http.request", "body": piece, "more_body": bool(piece) and left != 0}

        async def send(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        scope = scope_of(path, environ["REQUEST_METHOD"], environ["QUERY_STRING"])
        scope["query_string"] = environ["QUERY_STRING"].encode("latin-1")
        asyncio.run(door({**scope, "headers": headers}, receive, send))
        told = Told(messages=tuple(messages), read=0)
        heads = [(name.decode(), value.decode()) for name, value in told.messages[0]["headers"]]
        start_response(f"{told.status} {HTTPStatus(told.status).phrase}", heads)
        return [told.body]

    return Client(through)
