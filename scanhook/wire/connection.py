"""A connection of gunicorn's, which here hands plain pushes to the door itself, and knows whether it is idle.

gunicorn reads HTTP, and keeps the connection alive, bounds it and closes it. A push that is plain needs none of its
parser, of its task, and of ASGI, which cost as much as all that happens to a scan before it is stored.
"""

from __future__ import annotations

import asyncio
import fcntl
import termios
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol

from scanhook.wire.door import headers_of
from scanhook.wire.passing import HttpAnswer
from scanhook.wire.plain import read_plain

__all__ = ["Connection"]

_QUIET_S = 0.5
"""So long after it was made, or something came on it, a connection is not taken for idle."""
_HALF_S = 5.0
"""So long the rest of a request is waited for: WeChat itself waits no longer for the answer."""
_LOOK_AGAIN_S = 1.0
"""A connection whose push is still on its way is looked at again so much later: nobody waits that long for its end."""
_REQUEST = SimpleNamespace(version=(1, 1), should_close=lambda: False)
"""What gunicorn asks of a request when it writes the answer: a plain one leaves the connection open."""


class Connection(ASGIProtocol):  # type: ignore[misc]  # gunicorn has no types
    """A connection that knows whether something of a request has come."""

    _callback_parser: Any
    _task: asyncio.Task[None] | None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for the first request."""
        self._heard_at, self._is_half_way = self.worker.loop.time(), False
        # Of plain pushes gunicorn, which counts how long a connection idles, sees nothing.
        self._answered_at = self._heard_at
        self._in_hand, self._held = False, b""
        self._may_be_in_parser = False  # something of a request
        peer = transport.get_extra_info("peername")
        self._client = tuple(peer[:2]) if isinstance(peer, tuple) else None
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        self._heard_at = self.worker.loop.time()
        if self._in_hand:
            # Of the next request, whose turn comes when this one is answered. No more is read until then; what was read
            # already may still come.
            self._held += data
            self._pause_reading()
        elif not (self._is_between_requests() and self._takes(data)):
            self._may_be_in_parser = True
            super().data_received(data)
            self._is_half_way = not self._request_ready.is_set()

    def _is_between_requests(self) -> bool:
        """Tell whether what comes now begins a request, and nothing of one is in gunicorn's hands."""
        if not self._awaiting_request or self._request_ready.is_set() or self._flow_control.write_paused:
            return False
        if not self._may_be_in_parser:
            return True
        parser = self._callback_parser
        return parser._state == "request_line" and not parser._buffer  # noqa: SLF001  (there is no other way to ask)

    def _takes(self, data: bytes) -> bool:
        """Hand a plain push to the door; tell whether that was one, and gunicorn need not look at it."""
        request = read_plain(data)
        if request is None or not self.app.takes(request, self._client, self._answer):
            return False
        self._in_hand = True
        if self._may_be_in_parser:
            # It holds nothing, but remembers an empty line, of which there may be one before each request.
            self._callback_parser.reset()
            self._may_be_in_parser = self._is_half_way = False
        return True

    def _answer(self, answer: HttpAnswer) -> None:
        self._in_hand = False
        if self._closed:
            return  # the other side has gone
        try:
            closes = self._will_close(_REQUEST, None)
            self._send_response_start(answer.status, headers_of(answer), _REQUEST, close=closes)
            self._send_body(answer.body)
        except Exception:
            self._close()  # whoever waits for an answer shall not do so for ever
            raise
        if closes:
            self._close()
            return
        self._answered_at = self.worker.loop.time()
        if self._keepalive_handle is None:
            self._arm_keepalive_timer()
        if self._held:
            held, self._held = self._held, b""
            self._resume_reading()
            self.data_received(held)

    def _keepalive_timeout(self) -> None:
        left_s = self._answered_at + self._keepalive - self.worker.loop.time()
        if self._in_hand or self._request_ready.is_set() or left_s > 0:
            self._keepalive_handle = self.worker.loop.call_later(max(_LOOK_AGAIN_S, left_s), self._keepalive_timeout)
        else:
            self._close()

    def _close(self) -> None:
        self._close_transport()
        self._request_ready.set()  # whoever waits for a request sees then that there will be none

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and leave nothing in memory."""
        task = self._task
        if task is not None and self._awaiting_request and not self._finishing_calls:
            # Nothing is under way that should hear of it, and gunicorn would keep all this for three seconds more.
            task.cancel()
            self._task = None
        super().connection_lost(exc)
        if task is None or task.done():
            self._let_go()
        else:
            task.add_done_callback(self._let_go)

    def _let_go(self, _: object = None) -> None:
        # All three hold us and we them: the garbage collector would have to find that, which runs rarely here, and does
        # not see into gunicorn_h1c's parser, written in C: each connection would leave some 11 KiB behind for ever.
        self._callback_parser = self._current_request = self._body_receiver = None

    def _will_close(self, *told: Any) -> bool:
        return self.worker.is_stopping or bool(super()._will_close(*told))

    def is_idle(self) -> bool:
        """Tell whether it can be closed while a worker stops, and no request is lost."""
        # gunicorn's own word for who waits for a request; calls that have answered may still run.
        if self._in_hand or not self._awaiting_request or self._finishing_calls or self.transport.is_closing():
            return False
        patience_s = _HALF_S if self._is_half_way else _QUIET_S
        return self.worker.loop.time() - self._heard_at >= patience_s and not self._has_unread()

    def _has_unread(self) -> bool:
        """Tell whether something has come since the event loop last looked: closing now would throw it away."""
        with suppress(OSError, ValueError):  # a closed socket has no number that ``ioctl`` would take
            count = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.FIONREAD, bytes(4))
            return any(count)
        return False
