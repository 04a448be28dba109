"""How a worker takes connections: a few at a time, so that those who share a port share its connections as well.

The event loop's own way is to take all that wait at once; then one worker had 27 of 32 lines and the other 5, or none.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import suppress

from scanhook.wire.log import log

__all__ = ["Listener"]

_AT_ONCE = 4
"""So many are taken by a worker that has time: in ``_TURN_S`` another one that has time takes its share."""
_TURN_S = 0.002
_PER_LATE_S = 500
"""A worker that is busy comes late to its turn, and takes so many more for each second: or whoever comes on a new line
would wait for long behind those whose lines are busy."""
_PART = 8
"""Where there is no end of them a turn takes this part of those that were taken since the first: shares stay even."""
_AT_MOST = 64
_PAUSE_S = 0.1
_TRANSIENT = frozenset({errno.ECONNABORTED, errno.EPERM, errno.EPROTO})
"""The other side has gone already, or a firewall will not have it: the next one may be taken."""


class Listener:
    """Takes connections from a port, a few in each turn; the next turn is a moment later, for the others' sake.

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
        if self._pause is None:
            self._loop.remove_reader(self._sock)
        else:
            self._pause.cancel()

    async def wait_closed(self) -> None:
        """Wait until those that were taken have their protocol."""
        while self._taking:
            await asyncio.wait(self._taking)

    def _listen(self) -> None:
        self._pause = None
        self._taken = 0
        self._loop.add_reader(self._sock, self._come)

    def _come(self) -> None:
        """Take the first ones of those who have just come."""
        self._loop.remove_reader(self._sock)
        self._take(_AT_ONCE)

    def _come_again(self, due: float) -> None:
        late_s = self._loop.time() - due
        count = max(_AT_ONCE, self._taken // _PART) + int(late_s * _PER_LATE_S)
        self._take(min(_AT_MOST, count))

    def _take(self, count: int) -> None:
        """Take so many, and come again for the rest."""
        due = self._loop.time() + _TURN_S
        self._pause = again = self._loop.call_at(due, self._come_again, due)  # whatever becomes of those in between
        for _ in range(count):
            try:
                line, _address = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                again.cancel()
                self._listen()  # nobody waits any more, or another worker was faster
                return
            except OSError as error:
                if error.errno in _TRANSIENT:
                    continue
                # No descriptor is left, say, and the connection that stays would be found again at once.
                again.cancel()
                log.error("a connection cannot be taken", why=error.strerror)
                self._pause = self._loop.call_later(_PAUSE_S, self._listen)
                return
            self._taken += 1
            line.settimeout(0)
            with suppress(OSError):  # not TCP, or gone already
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._serve(line))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)

    async def _serve(self, line: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, line)
        except Exception as error:  # noqa: BLE001  (the next connection must find somebody who listens)
            line.close()
            log.error("a connection cannot be served", why=type(error).__name__)
