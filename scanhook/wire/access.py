"""The access log: one line for each request, without the query, where WeChat puts the openid.

gunicorn's own costs as much as the rest of HTTP, since it makes an environment of the request first.

All workers write to the same standard output, and whoever reads it may stand still. So a line is written together with
its end, and only where there is room for it at once: what finds none is lost, and counted.
"""

from __future__ import annotations

import asyncio
import os
import select
import time
from functools import lru_cache
from urllib.parse import quote

from scanhook.wire.log import log

__all__ = ["AccessLog"]

Client = tuple[str, int] | None
_STDOUT = 1
_PIECE_BYTES = select.PIPE_BUF - 1
"""A pipe takes so much in one piece, or nothing of it (``pipe(7)``), and the end of a line that was torn before it."""
_REQUEST_MAX = _PIECE_BYTES - 255
"""So much of method and path is written: the rest of a line is an address and three numbers."""
_TELL_EVERY_S = 60.0


class AccessLog:
    """Writes address, method and path, status, bytes of the answer, milliseconds: all of one turn of the loop at once.

    It never waits, and whatever becomes of the log costs nobody the answer.

    :param descriptor: of the file that they are written to.
    """

    def __init__(self, descriptor: int = _STDOUT) -> None:
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._lines: list[str] = []
        self._torn = b""
        self._lost, self._told_at = 0, float("-inf")

    def note(self, client: Client, method: str, path: str, *, status: int, size: int, started: float) -> None:
        """Write a request down.

        :param client: the address and port that it came from, where they are known.
        :param path: decoded, without the query.
        :param size: of the answer's body, in bytes.
        :param started: when the request came, by ``time.perf_counter``.
        """
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        ms = (time.perf_counter() - started) * 1000
        request = _request(method, path)
        self._lines.append(f'{client[0] if client else "-"} "{request}" {status} {size} {ms:.0f}ms\n')

    def flush(self) -> None:
        """Write what was noted, as far as there is room for it now."""
        lines, self._lines = self._lines, []
        left = "".join(lines).encode()
        while left:
            end = len(left) if len(left) <= _PIECE_BYTES else left.rindex(b"\n", 0, _PIECE_BYTES) + 1
            unwritten = self._write(left[:end])
            if unwritten:
                self._lost += (unwritten + left[end:]).count(b"\n")
                return
            left = left[end:]
        if self._lost:
            self._tell()

    def _write(self, piece: bytes) -> bytes:
        """Write whole lines; return what found no room."""
        left = self._torn + piece
        try:
            # Nothing is set to not block: the file is shared with other workers, and with whoever started us.
            while left and self._room.poll(0):
                left = left[os.write(self._descriptor, left) :]
                self._torn = b"\n" if left else b""
        except OSError:
            return left
        return left

    def _tell(self) -> None:
        """Say what was lost, now that there is room: the service's own log may end in the same pipe."""
        now = time.monotonic()
        if now - self._told_at >= _TELL_EVERY_S:
            log.warning("access log: nobody took its lines", lost=self._lost)
            self._lost, self._told_at = 0, now


@lru_cache(maxsize=256)
def _request(method: str, path: str) -> str:
    """Keep one request on one line: the path comes decoded, with whatever line ends it holds."""
    return f"{method} {quote(path, errors='surrogateescape')}"[:_REQUEST_MAX]
