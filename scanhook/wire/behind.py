"""What the door leaves to Flask: every request that is no push, on its way there and back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from flask import Flask
from werkzeug.exceptions import ClientDisconnected

__all__ = ["Exchange", "Receive", "Scope", "Send", "taking_chunks"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def taking_chunks(app: Flask) -> Callable[[dict[str, Any], Any], Any]:
    """Let Flask read a body that does not say its length: without this word it would find it empty."""

    def taking(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input_terminated"] = "HTTP_TRANSFER_ENCODING" in environ
        return app(environ, start_response)

    return taking


class Exchange:
    """A request on its way to Flask, and what is seen of the answer.

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
