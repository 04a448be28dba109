"""A service that says what a test wants it to say, on a real socket."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@dataclass(slots=True)
class Service:
    """What runs.

    :param came: the bodies of all requests, in the order in which they came.
    """

    port: int = 0
    came: list[bytes] = field(default_factory=list)


@contextmanager
def answering(answer: Callable[[int], bytes]) -> Iterator[Service]:
    """Run a service until the block is left.

    :param answer: gets the number of a request, from 0, in a thread of its own for each connection; the line is closed
        where it returns nothing.
    """
    service, lock = Service(), threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while head := self.rfile.readline():
                length = 0
                while (line := self.rfile.readline()) not in (b"\r\n", b""):
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                assert head.startswith(b"POST ")
                body = self.rfile.read(length)
                with lock:
                    number = len(service.came)
                    service.came.append(body)
                said = answer(number)
                if not said:
                    return
                self.wfile.write(said)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
