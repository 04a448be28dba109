"""One push on its way: in one piece or in several, on a line of its own or one that stays open; and what became of it.

A push that was not answered was either read, or it was not: whoever closes a socket on which something is unread resets
the connection, and whoever has read everything ends it. Loopback has no time in which that could be otherwise.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from scanhook.envelope import Keyring
from scanhook.sandbox import Push
from tests.ordeal.load import WECHAT_WAITS_S, Try
from tests.serving import verdict_in

__all__ = ["Delivery", "Ending", "Lines", "Manner", "Shape", "deliver"]

_CLOSED = 7
"""``TCP_CLOSE`` of ``tcp_info``: a reset came."""
_SETTLES_S = 0.05
_RESETS_S = 3.0


class Ending(StrEnum):
    """What became of one sending of a push."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """Nobody took the connection."""
    IDLE = "idle"
    """The connection was closed before a byte was sent on it."""
    UNREAD = "unread"
    """The connection was reset: what was sent was not read."""
    TAKEN = "taken"
    """The connection was ended: what was sent was read, and not answered."""
    LATE = "late"
    """No answer came in the time that WeChat waits."""


class Shape(StrEnum):
    """In which pieces a push is sent."""

    WHOLE = "whole"
    LATE = "late"
    """Whole, but a while after the connection was made."""
    HEAD = "half a head"
    BODY = "half a body"
    CHUNKS = "chunks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a push is sent.

    :param kept: on a line that stays open for the next.
    :param pause_s: before each piece but the first; before the first of :attr:`Shape.LATE`.
    """

    shape: Shape = Shape.WHOLE
    kept: bool = False
    pause_s: float = 0.0

    def pieces(self, push: Push) -> list[tuple[float, bytes]]:
        """Return what is sent, and how long to wait before each."""
        wait, body = self.pause_s, push.body
        said = "Transfer-Encoding: chunked" if self.shape is Shape.CHUNKS else f"Content-Length: {len(body)}"
        line = "keep-alive" if self.kept else "close"
        head = (
            f"POST /wechat/callback?{push.query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: {line}\r\n{said}\r\n\r\n"
        ).encode()
        middle = len(body) // 2
        if self.shape is Shape.HEAD:
            return [(0.0, head[:40]), (wait, head[40:90]), (wait, head[90:] + body)]
        if self.shape is Shape.BODY:
            return [(0.0, head + body[:middle]), (wait, body[middle:])]
        if self.shape is Shape.CHUNKS:
            return [(0.0, head), (wait, _chunk(body[:middle])), (wait, _chunk(body[middle:]) + _chunk(b""))]
        return [(wait if self.shape is Shape.LATE else 0.0, head + body)]


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Try):
    """One sending of a push.

    :param free_since: when its connection was made, or gave the answer before: since then it may have been closed.
    :param sent_at: when its first byte may have been sent, in seconds since 1970.
    """

    ending: Ending
    free_since: float
    manner: Manner
    sent_at: float


class _Connection:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.free_since = time.monotonic()
        self._heard = b""

    @property
    def is_closed(self) -> bool:
        return self._reader.at_eof() or self._reader.exception() is not None

    def write(self, piece: bytes) -> None:
        self._writer.write(piece)

    def close(self) -> None:
        self._writer.close()

    async def hears(self, within_s: float) -> bool:
        """Tell whether the other side said something, if only that it is gone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                self._heard += (piece := await self._reader.read(65536))
                return not piece or bool(self._heard)
        return False

    async def answer(self, answered: Callable[[], None]) -> tuple[int, bool, bytes]:
        """Return status, whether the line stays open, and body.

        :raises EOFError: when there is no whole answer.
        """
        while b"\r\n\r\n" not in self._heard:
            self._heard += await self._more()
        answered()
        head, _, body = self._heard.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").lower().split("\r\n")
        named = dict(field.split(": ", 1) for field in fields)
        while len(body) < int(named["content-length"]):
            body += await self._more()
        self._heard = b""
        return int(first.split(" ")[1]), named.get("connection") != "close", body

    async def _more(self) -> bytes:
        if piece := await self._reader.read(65536):
            return piece
        raise EOFError

    async def is_reset(self) -> bool:
        """Tell whether the connection was reset, and not ended."""
        if self._reader.exception() is not None:
            return True
        told = self._writer.get_extra_info("socket")
        for _ in range(int(_RESETS_S / _SETTLES_S)):  # the end may be sent a while before the reset
            if told.fileno() < 0 or told.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _CLOSED:
                return True
            await asyncio.sleep(_SETTLES_S)
        return False


class Lines:
    """The connections that stay open between pushes, by port."""

    def __init__(self) -> None:
        self.closed_idle = 0
        self._free: dict[int, list[_Connection]] = defaultdict(list)

    async def take(self, port: int, *, kept: bool) -> _Connection:
        """Return a free connection, or make one."""
        while kept and self._free[port]:
            line = self._free[port].pop()
            if not line.is_closed:
                return line
            self.closed_idle += 1
            line.close()
        return _Connection(*await asyncio.open_connection("127.0.0.1", port))

    def give_back(self, port: int, line: _Connection) -> None:
        """Let the next push have a connection."""
        line.free_since = time.monotonic()
        self._free[port].append(line)

    async def close(self) -> None:
        """Close every free connection."""
        for line in (line for lines in self._free.values() for line in lines):
            line.close()
        await asyncio.sleep(_SETTLES_S)


async def deliver(
    push: Push, port: int, *, keys: Keyring, manner: Manner, lines: Lines, answered: Callable[[], None]
) -> Delivery:
    """Send a push once, and wait as long as WeChat does.

    :param answered: called when the answer begins to arrive.
    """
    began_at, sent_at = time.monotonic(), time.time()
    free_since = began_at
    try:
        line = await lines.take(port, kept=manner.kept)
    except OSError as error:
        ending = Ending.REFUSED if isinstance(error, ConnectionRefusedError) else Ending.UNREAD
        status, body = 0, b""
    else:
        free_since = min(began_at, line.free_since)
        ending, status, stays, body = await _send(push, line, manner, answered)
        if stays and manner.kept:
            lines.give_back(port, line)
        else:
            line.close()
    return Delivery(
        status=status,
        verdict=verdict_in(body, keys=keys) if status == 200 else None,
        began_at=began_at,
        ended_at=time.monotonic(),
        ending=ending,
        free_since=free_since,
        manner=manner,
        sent_at=sent_at,
    )


async def _send(
    push: Push, line: _Connection, manner: Manner, answered: Callable[[], None]
) -> tuple[Ending, int, bool, bytes]:
    sent = False
    try:
        async with asyncio.timeout(WECHAT_WAITS_S):
            for wait_s, piece in manner.pieces(push):
                if wait_s and await line.hears(wait_s):
                    break
                line.write(piece)
                sent = True
            return Ending.ANSWERED, *await line.answer(answered)
    except TimeoutError:
        return Ending.LATE, 0, False, b""
    except (OSError, EOFError):
        return (await _ending(line) if sent else Ending.IDLE), 0, False, b""


async def _ending(line: _Connection) -> Ending:
    return Ending.UNREAD if await line.is_reset() else Ending.TAKEN
