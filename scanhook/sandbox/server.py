"""Serves a sandbox over HTTP, on loopback only."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from scanhook.sandbox.app import create_sandbox
from scanhook.sandbox.phone import Sample, Stage, create_phone
from scanhook.sandbox.pushing import Pusher
from scanhook.sandbox.sandbox import Sandbox
from scanhook.sandbox.world import World

__all__ = ["serve_sandbox"]

_TURN_S = 0.1


@contextmanager
def serve_sandbox(
    world: World, port: int = 0, *, samples: Sequence[Sample] = (), typed_first: bool = False, log_path: str = ""
) -> Iterator[Sandbox]:
    """Serve a sandbox in threads of this process until the block is left, and let its time pass.

    :param port: 0 for any that is free.
    :param samples: the codes that the phone offers; ``typed_first`` and ``log_path`` as for its stage.
    :raises OSError: when the port is in use.
    """
    stop = threading.Event()
    with Pusher(world) as pusher:
        app = create_sandbox(world, stop=stop)
        stage = Stage(
            scanner=lambda: pusher.scanner,
            ask_posts=pusher.posts,
            samples=tuple(samples),
            typed_first=typed_first,
            log_path=log_path,
        )
        app.register_blueprint(create_phone(stage))
        # Bound here, since the server would end the process when the port is in use.
        with socket.create_server(("127.0.0.1", port)) as bound:
            server = _Server(app, bound)
        world.base_url = f"http://127.0.0.1:{server.port}"
        threads = (
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _TURN_S / 5}, name="sandbox"),
            threading.Thread(target=_pass_time, args=(world, stop), name="sandbox-time"),
        )
        for thread in threads:
            thread.start()
        try:
            yield Sandbox(world=world, url=world.base_url, pusher=pusher)
        finally:
            stop.set()
            pusher.hang_up()  # or the end waits for servers that do not answer
            server.shutdown()
            server.hang_up()
            for thread in threads:
                thread.join()
            server.server_close()


def _pass_time(world: World, stop: threading.Event) -> None:
    while not stop.wait(_TURN_S):
        world.pass_time()


class _Handler(WSGIRequestHandler):
    disable_nagle_algorithm = True  # or a client that keeps its connection waits 40 ms for each answer

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write no line: WeChat's tokens stand in the query."""


class _Server(ThreadedWSGIServer):
    """Knows its connections, so that none outlives it."""

    daemon_threads = False  # so that closing waits for the threads

    def __init__(self, app: Flask, bound: socket.socket) -> None:
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        host, port = bound.getsockname()
        super().__init__(host, port, app, handler=_Handler, fd=bound.fileno())

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Break all connections that are still open."""
        with self._lock:
            for request in self._open:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)
