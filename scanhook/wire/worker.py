"""gunicorn's worker, which here takes its share of connections, and stops without losing a request."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn
from weakref import WeakSet

from gunicorn.workers.gasgi import ASGIWorker

from scanhook.wire.connection import Connection
from scanhook.wire.listening import Listener

__all__ = ["Worker"]

_TURN_S = 0.1
_GARBAGE_OBJECTS = 20_000
_STOPS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)


class Worker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """Stops once the last answer is given.

    gunicorn's own waits for every connection, for as long as ``graceful_timeout``: one that a browser or a proxy keeps
    open would hold up each restart, while nobody takes pushes.
    """

    def init_process(self) -> None:
        """Make the process a worker, and be one until it is told to stop."""
        # A process that was just forked has the handlers of the master, which only takes note of a signal; and uvloop
        # hears none before it runs. A worker that is stopped as it begins would go on, until it is killed with pushes
        # in its hands.
        master: Any = signal.getsignal(signal.SIGTERM)
        for number in _STOPS:
            signal.signal(number, _leave)
        noted = master.__self__.SIG_QUEUE  # our own copy of it, and what came for us since the fork
        while not noted.empty():
            if noted.get() in _STOPS:
                _leave()
        super().init_process()

    def init_signals(self) -> None:
        """Leave the signals until the event loop runs."""

    async def _serve(self) -> None:
        super().init_signals()
        await super()._serve()

    def handle_exit_signal(self) -> None:
        """Begin to stop: from now on every answer says that its connection is closed behind it."""
        self.is_stopping = True
        # An answer that has just said otherwise is kept to: its connection is not closed before it waits again.
        self.loop.call_later(_TURN_S, super().handle_exit_signal)

    def run(self) -> None:
        """Serve until told to stop."""
        # What a push makes is given back as soon as it is answered; only what goes round in circles is left to the
        # collector, which else would run some ten times a second.
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS)
        super().run()

    def _setup_event_loop(self) -> None:
        super()._setup_event_loop()
        self.is_stopping = False
        self._connections: WeakSet[Connection] = WeakSet()

        async def listen(_: Callable[[], Any], *, sock: socket.socket, **_options: Any) -> Listener:
            def noted() -> Connection:
                connection = Connection(self)
                self._connections.add(connection)
                return connection

            return Listener(self.loop, sock, noted)

        self.loop.create_server = listen

    async def _shutdown(self) -> None:
        self.is_stopping = True
        letting_go = self.loop.create_task(self._let_go_of_idle())
        await super()._shutdown()
        letting_go.cancel()
        with suppress(asyncio.CancelledError):
            await letting_go

    async def _let_go_of_idle(self) -> None:
        for listening in self.sockets:
            listening.close()  # whoever comes now is refused at once, and does not wait for nobody
        while True:
            for connection in list(self._connections):
                try:
                    if connection.is_idle():
                        connection.transport.close()
                except Exception:
                    # One that cannot be asked must not hold up the others.
                    self._connections.discard(connection)
                    self.log.exception("a connection is left to itself while the worker stops")
            await asyncio.sleep(_TURN_S)


def _leave(*_: object) -> NoReturn:
    """Exit before anything was accepted."""
    sys.exit(0)
