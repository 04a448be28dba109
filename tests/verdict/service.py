"""A brand's own service on loopback, as ``https://…`` verifiers ask it."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SECRET = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7"
"""24 bytes."""
CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""Key and certificate of ``localhost``, signed by themselves, from 2020 to 2120."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the service answers.

    :param dribble: gives the body in pieces, each of which is sent at once.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    dribble: Callable[[], Iterator[bytes]] | None = None


def says(**members: object) -> Reply:
    return Reply(body=json.dumps(members).encode())


@dataclass(slots=True)
class BrandService:
    """What a test reaches the service by."""

    port: int
    answer: Callable[[Asked], Reply] = field(default=lambda _asked: says(reason="active"))
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/verify"


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64
    service: BrandService

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up in the middle is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        asked = Asked(path=self.path, headers=dict(self.headers.items()), body=body)
        self.server.service.asked.append(asked)
        reply = self.server.service.answer(asked)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in reply.dribble() if reply.dribble else (reply.body,):
            self.wfile.write(piece)

    do_GET = do_POST  # noqa: N815  (the name is the library's)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is the library's)
        """Say nothing."""


@contextmanager
def brand_service(tls: ssl.SSLContext | None = None) -> Iterator[BrandService]:
    """Run a service while the block runs."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.service = BrandService(port=server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.service
        finally:
            server.shutdown()
            thread.join()
