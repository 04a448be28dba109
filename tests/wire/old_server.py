"""The server that a brand has already: it keeps what it got, and can be made to misbehave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = b"<xml><Encrypt>an answer of the brand's own</Encrypt></xml>"
PATIENCE_S = 20.0


def say(
    handler: BaseHTTPRequestHandler,
    body: bytes = ANSWER,
    *,
    status: int = 200,
    length: int | None = None,
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/xml"),),
) -> None:
    """Answer with a status and a body; its length may be a lie."""
    handler.send_response(status)
    for name, value in (*headers, ("Content-Length", str(len(body) if length is None else length))):
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@dataclass(slots=True)
class OldServer:
    """Answers every POST as ``answer`` says; keeps request target, content type and body of each."""

    url: str = ""
    got: list[tuple[str, str | None, bytes]] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] = field(default=say)
    gone: threading.Event = field(default_factory=threading.Event)

    def hang(self, _handler: BaseHTTPRequestHandler) -> None:
        """Answer nothing until the test is over."""
        self.gone.wait(PATIENCE_S)


@contextmanager
def old_server() -> Iterator[OldServer]:
    """Run one on loopback."""
    server = OldServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server.got.append((self.path, self.headers["Content-Type"], body))
            with suppress(OSError):  # whoever asked may be gone
                server.answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}/old/wx"
        try:
            yield server
        finally:
            server.gone.set()
            http.shutdown()
            thread.join()
