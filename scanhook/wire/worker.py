"""gunicorn's worker, which here takes its share of connections, and lets go of idle ones when it stops."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from gunicorn.workers.gasgi import ASGIWorker

from scanhook.wire.listening import Listener

__all__ = ["Worker"]

_TURN_S = 0.1
_GARBAGE_OBJECTS = 20_000


class Worker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """Stops once the last answer is given.

    gunicorn's own waits for every connection, for as long as ``graceful_timeout``: one that a browser or a proxy keeps
    open would hold up each restart, while nobody takes pushes.
    """

    def run(self) -> None:
        """Serve until told to stop."""
        # What a push makes is given back as soon as it is answered; only what goes round in circles is left to the
        # collector, which else would walk through every module that is loaded, some ten times a second.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS)
        super().run()

    def _setup_event_loop(self) -> None:
        super()._setup_event_loop()
        self._lines: WeakSet[Any] = WeakSet()

        async def listen(factory: Callable[[], Any], *, sock: socket.socket, **_options: Any) -> Listener:
            def noted() -> Any:
                line = factory()
                self._lines.add(line)
                return line

            return Listener(self.loop, sock, noted)

        self.loop.create_server = listen

    async def _shutdown(self) -> None:
        letting_go = self.loop.create_task(self._let_go_of_idle())
        await super()._shutdown()
        letting_go.cancel()
        with suppress(asyncio.CancelledError):
            await letting_go

    async def _let_go_of_idle(self) -> None:
        while True:
            for line in list(self._lines):
                # gunicorn's own word for who waits for a request; calls that have answered may still run.
                if getattr(line, "_awaiting_request", False) and not getattr(line, "_finishing_calls", None):
                    line.transport.close()
            await asyncio.sleep(_TURN_S)
