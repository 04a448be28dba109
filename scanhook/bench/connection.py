"""One connection to the service: a push goes out, its answer comes back, then the next. Plain HTTP/1.1, kept alive."""

from __future__ import annotations

import re
import socket

__all__ = ["CutOff", "HttpConnection"]

_READ_BYTES = 65_536
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_CONNECT_MAX_S = 5.0


class CutOff(Exception):
    """The other side closed the line, or said what is no answer."""


class HttpConnection:
    """A connection that is never blocked on.

    :ivar sending: which push is on its way, counted as it was sent; ``None`` on an idle line.
    :ivar sent_at: when it left, as the sender counts time.
    :raises OSError: when nobody listens there.
    """

    __slots__ = ("_came", "_socket", "sending", "sent_at")

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_MAX_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(0)
        self._came = b""
        self.sending: int | None = None
        self.sent_at = 0.0

    def fileno(self) -> int:
        """Return what a selector waits for."""
        return self._socket.fileno()

    def send(self, number: int, request: bytes, *, now: float) -> None:
        """Send a push on an idle line.

        :raises CutOff: when the line is broken.
        """
        self.sending, self.sent_at = number, now
        self._came = b""
        try:
            # A push is a thousandth of what an idle line takes at once.
            self._socket.sendall(request)
        except OSError as error:
            raise CutOff(type(error).__name__) from None

    def receive(self) -> tuple[int, bytes, bool] | None:
        """Read what has come.

        :returns: status, body, and whether the line stays open; ``None`` while the answer is not whole.
        :raises CutOff: when none will come.
        """
        try:
            came = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise CutOff(type(error).__name__) from None
        if not came or self.sending is None:
            raise CutOff("the service closed the line")
        self._came = came = self._came + came
        end = came.find(_HEAD_END)
        if end < 0:
            return None
        length = _LENGTH.search(came, 0, end + 2)
        if length is None or not came[9:12].isdigit():
            raise CutOff("this is no answer with a length")
        if len(came) < end + len(_HEAD_END) + int(length[1]):
            return None
        self.sending = None
        return int(came[9:12]), came[end + len(_HEAD_END) :], _CLOSES.search(came, 0, end + 2) is None

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()
