"""How a worker takes connections: a few at a time, so that those who share a port share its connections as well.

The event loop's own way is to take all that wait at once; then one worker had 27 of 32 lines and the other 5.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import suppress

from scanhook.wire.log import log

__all__ = ["Listener"]

_AT_ONCE = 16
"""Fewer, and whoever comes on a new line would wait for long behind those whose lines are busy."""
_PAUSE_S = 0.1
_TRANSIENT = frozenset({errno.ECONNABORTED, errno.EPERM, errno.EPROTO})
"""The other side has gone already, or a firewall will not have it: the next one may be taken."""


class Listener:
    """Takes connections from a port, a few in each turn of the loop. A worker that is busy leaves them to the others.

    :param sock: it listens, and does not block.
    :param factory: makes the protocol of a connection.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, factory: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        self._loop, self._sock, self._factory = loop, sock, factory
        self._taking: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Take no more."""
        self._loop.remove_reader(self._sock)
        if self._pause is not None:
            self._pause.cancel()

    async def wait_closed(self) -> None:
        """Wait until those that were taken have their protocol."""
        while self._taking:
            await asyncio.wait(self._taking)

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._sock, self._take)

    def _take(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                line, _address = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return  # nobody waits any more, or another worker was faster
            except OSError as error:
                if error.errno not in _TRANSIENT:
                    self._rest(error)
                return
            line.settimeout(0)
            with suppress(OSError):  # not TCP, or gone already
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._serve(line))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)

    def _rest(self, error: OSError) -> None:
        """Wait a moment: no descriptor is left, say, and the connection that stays would be found again at once."""
        log.error("a connection cannot be taken", why=error.strerror)
        self._loop.remove_reader(self._sock)
        self._pause = self._loop.call_later(_PAUSE_S, self._listen)

    async def _serve(self, line: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, line)
        except Exception as error:  # noqa: BLE001  (the next connection must find somebody who listens)
            line.close()
            log.error("a connection cannot be served", why=type(error).__name__)
