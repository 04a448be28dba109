"""A server on loopback that answers what a test says, byte for byte: well, badly, late, or not at all."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def token(self) -> str | None:
        return self.query.get("access_token")


Script = Callable[[Asked], bytes | Iterable[bytes] | None]
"""Says what goes back: bytes, pieces one after the other, or nothing, which breaks the line off."""


def answer(
    content: object, *, status: int = 200, content_type: str = "text/plain", headers: dict[str, str] | None = None
) -> bytes:
    """Return a whole answer; what is no bytes goes as JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    lines = {"Content-Type": content_type, "Content-Length": str(len(body))} | (headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + body


@dataclass(slots=True)
class Peer:
    """The server while it runs.

    :param closing: is set when it stops: a script that hangs waits for it.
    :param lines: how many connections came.
    """

    base: str
    asked: list[Asked] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    lines: int = 0

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def drip(self, content: bytes) -> Iterator[bytes]:
        """Yield one byte after the other, and never come to an end."""
        for byte in content:
            yield bytes([byte])
            if self.closing.wait(0.05):
                return
        self.closing.wait(30)


def nobody() -> str:
    """Return an address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@contextmanager
def peer(script: Script, *, certificate: Path | None = None) -> Iterator[Peer]:
    """Run a server; with a certificate of ``localhost`` it speaks TLS."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        served = Peer(base=f"http://127.0.0.1:{port}" if tls is None else f"https://localhost:{port}")
        thread = threading.Thread(target=_accept, args=(listener, served, script, tls))
        thread.start()
        try:
            yield served
        finally:
            served.closing.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, served: Peer, script: Script, tls: ssl.SSLContext | None) -> None:
    lines = []
    while not served.closing.is_set():
        try:
            line, _ = listener.accept()
        except OSError:
            break
        served.lines += 1
        thread = threading.Thread(target=_serve, args=(line, served, script, tls))
        lines.append((line, thread))
        thread.start()
    for line, thread in lines:
        with suppress(OSError):  # it may be closed already
            line.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(line: socket.socket, served: Peer, script: Script, tls: ssl.SSLContext | None) -> None:
    with line, suppress(OSError):  # the client had enough
        if tls is None:
            return _answer(line, served, script)
        with tls.wrap_socket(line, server_side=True) as sealed:
            return _answer(sealed, served, script)


def _answer(line: socket.socket, served: Peer, script: Script) -> None:
    with line.makefile("rb") as file:
        while (asked := _read(file)) is not None:
            served.asked.append(asked)
            pieces = script(asked)
            if pieces is None:
                return
            for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                line.sendall(piece)


def _read(file: object) -> Asked | None:
    first = file.readline()  # type: ignore[attr-defined]
    if not first:
        return None
    method, target, _ = first.decode().split(" ")
    headers = {}
    while text := file.readline().decode().strip():  # type: ignore[attr-defined]
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    body = file.read(int(headers.get("content-length", 0)))  # type: ignore[attr-defined]
    parts = urlsplit(target)
    return Asked(method=method, path=parts.path, query=dict(parse_qsl(parts.query)), headers=headers, body=body)
