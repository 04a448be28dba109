"""gunicorn's worker, which here lets go of idle connections when it stops."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from gunicorn.workers.gasgi import ASGIWorker

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
        create_server = self.loop.create_server

        def create_noted(factory: Callable[[], Any], **options: Any) -> Any:
            def noted() -> Any:
                line = factory()
                self._lines.add(line)
                return line

            return create_server(noted, **options)

        self.loop.create_server = create_noted

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
