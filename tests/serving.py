"""Pushes as WeChat makes them, what they leave behind, and real servers to send them to."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import apsw

from scanhook.envelope import Format, Keyring, Mode
from scanhook.sandbox import Push, compose_push, open_answer
from scanhook.settings import House
from tests.conftest import OPENID, ORIGINAL_ID

NONCE = "415670741"
_PATIENCE_S = 60.0


def scan_fields(ext_info: str = "GENUINE0001", *, at: int, **changed: object) -> dict[str, object]:
    """Return what a push holds that asks for one item's verdict; a field that is set to ``None`` is left out."""
    fields: dict[str, object] = {
        "ToUserName": ORIGINAL_ID,
        "FromUserName": OPENID,
        "CreateTime": at,
        "MsgType": "event",
        "Event": "scan_product_callback",
        "KeyStandard": "qrcode",
        "KeyStr": "moment-frame",
        "ExtInfo": ext_info,
        "NeedAntiFake": "true",
    }
    return {name: value for name, value in (fields | changed).items() if value is not None}


def compose(
    fields: Mapping[str, object],
    *,
    keys: Keyring,
    at: int,
    format_: Format = Format.XML,
    mode: Mode | None = None,
    nonce: str = NONCE,
) -> Push:
    """Make a push of some fields that is sent at a time, in seconds since 1970."""
    return compose_push(
        dict(fields), keys=keys, format_=format_, timestamp=at, nonce=nonce, random=b"0123456789abcdef", mode=mode
    )


def scan_push(ext_info: str = "GENUINE0001", *, keys: Keyring, at: int | None = None, **changed: object) -> Push:
    """Make the safe-mode XML push that asks for one item's verdict, from now or another time."""
    at = int(time.time()) if at is None else at
    return compose(scan_fields(ext_info, at=at, **changed), keys=keys, at=at)


def verdict_in(body: bytes, *, keys: Keyring) -> str:
    """Open an answer as WeChat would and return its verdict, or ``success``."""
    opened: Any = open_answer(body, keys=keys)
    return "success" if opened is None else str(opened["ScanProduct"]["AntiFake"]["CodeResult"])


def rows(house: House, statement: str) -> list[tuple[Any, ...]]:
    """Read a house's journal from outside."""
    connection = apsw.Connection(str(house.base / "data" / "journal.db"))
    connection.set_busy_timeout(5000)
    try:
        return list(connection.execute(statement))
    finally:
        connection.close()


def journal_size(house: House) -> tuple[int, int]:
    """Return how many scans and how many other events a house's journal holds."""
    counts: tuple[int, int] = rows(house, "SELECT (SELECT count(*) FROM scans), (SELECT count(*) FROM events)")[0]
    return counts


def forget_batches(house: House) -> None:
    """Let the codes of a stocked house be minted, a year ago: nothing of the batch `winter` was ever activated."""
    _change(house, "UPDATE imports SET kind = 'mint', started_at = started_at - 31536000")


def unfinish_imports(house: House) -> None:
    """Let an import have begun a year ago, and never have come to its end."""
    _change(
        house,
        "INSERT INTO imports (file, started_at, shown, phase) "
        "SELECT 'spring.csv', min(started_at) - 31536000, 0, 'loading' FROM imports",
    )


def _change(house: House, statement: str) -> None:
    connection = apsw.Connection(str(house.base / "data" / "registry.db"))
    connection.set_busy_timeout(5000)
    try:
        connection.execute(statement)
    finally:
        connection.close()


def traces(house: House, *words: str) -> list[str]:
    """Return those words that stand anywhere in the files of a house's storage."""
    kept = b"".join(path.read_bytes() for path in sorted((house.base / "data").iterdir()))
    return [word for word in words if word.encode() in kept]


def free_port() -> int:
    """Return a port on loopback where nobody listens."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
    return port


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a process that shall leave its traces in a folder of its own."""
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SCANHOOK_", "PROMETHEUS_"))},
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "TMPDIR": str(temporary),
    }


def wait_for(holds: Callable[[], object], what: str) -> None:
    """Wait until a function returns something true."""
    ends_at = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < ends_at, f"waited too long until {what}"
        time.sleep(0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back over HTTP.

    :param headers: by their names in small letters.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]


def _by_name(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A ``scanhook serve`` that runs."""

    house: House
    port: int
    process: subprocess.Popen[bytes]
    home: Path
    log_path: Path

    def request(
        self, method: str, target: str, body: bytes | Iterable[bytes] | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """Send one request over a connection of its own; a body in pieces goes chunked."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # who refuses a large body need not read all of it
                connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
            return Answer(status=response.status, body=response.read(), headers=_by_name(response))
        finally:
            connection.close()

    def push(self, push: Push, *, name: str = "", at_once: bool = True) -> Answer:
        """Send a push to the first account's callback, or to a named one.

        :param at_once: in one piece, as WeChat and proxies send it; else the body comes behind the head.
        """
        target = f"/wechat/callback{'/' if name else ''}{name}?{push.query}"
        if not at_once:
            return self.request("POST", target, push.body, {"Content-Type": "text/xml"})
        heads = f"Host: localhost\r\nContent-Type: text/xml\r\nContent-Length: {len(push.body)}"
        with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_S) as line:
            line.sendall(f"POST {target} HTTP/1.1\r\n{heads}\r\n\r\n".encode() + push.body)
            with http.client.HTTPResponse(line, method="POST") as response:
                response.begin()
                return Answer(status=response.status, body=response.read(), headers=_by_name(response))

    def figures(self) -> dict[str, float]:
        """Return what ``/metrics`` says."""
        lines = self.request("GET", "/metrics").body.decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def log(self) -> str:
        """Return what the service wrote to standard output and standard error so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def workers(self) -> list[int]:
        """Return the process ids of all workers that were ever started."""
        return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.log())]

    def listens(self) -> bool:
        """Tell whether the port takes connections."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def kill(self) -> None:
        """End the service and its workers at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(
    house: House, home: Path, *, workers: int = 1, port: int | None = None, under: Sequence[str] = ()
) -> Iterator[Server]:
    """Run ``scanhook serve`` for a house until the block is left.

    :param under: a program and its arguments that runs the command.
    """
    port = port or free_port()
    command = [*under, sys.executable, "-m", "scanhook", "serve", "--config", str(house.path)]
    command += ["--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
    variables = environment(home)
    log_path = home / f"service-{port}.log"
    with log_path.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=variables, cwd=home, start_new_session=True
        )
    server = Server(house=house, port=port, process=process, home=home, log_path=log_path)
    try:
        wait_for(lambda: process.poll() is not None or server.listens(), "the service is up")
        assert process.poll() is None, server.log()
        yield server
    finally:
        server.kill()


@dataclass(slots=True)
class Brand:
    """A brand's own service, which a verifier asks: it can be made to wait, and keeps what it was asked."""

    url: str = ""
    answer: dict[str, str] = field(default_factory=lambda: {"reason": "active"})
    open: threading.Event = field(default_factory=threading.Event)
    asked: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def brand_service() -> Iterator[Brand]:
    """Run a brand's own service on loopback; it answers nobody while ``open`` is not set."""
    brand = Brand()
    brand.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = self.rfile.read(int(self.headers["Content-Length"]))
            brand.asked.append(json.loads(question))
            brand.open.wait(_PATIENCE_S)
            answer = json.dumps(brand.answer).encode()
            with suppress(OSError):  # whoever asked may be gone
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        brand.url = f"http://127.0.0.1:{server.server_port}/verify"
        try:
            yield brand
        finally:
            brand.open.set()
            server.shutdown()
            thread.join()
