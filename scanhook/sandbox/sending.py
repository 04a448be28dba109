"""Sends a push as WeChat does: waits 5 seconds, cuts the line, and asks again, three times in all (facts.md 3.4)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2

from scanhook.clock import Clock
from scanhook.errors import Refused
from scanhook.sandbox.trace import Attempt

__all__ = ["ANSWER_MAX_BYTES", "Patience", "Sender", "Sending"]

ANSWER_MAX_BYTES = 64 * 1024
"""The pages give no limit; ten replies of the seed would fit into a kilobyte."""
_CONNECTED = ("connection.connect_tcp.complete", "connection.start_tls.complete")
_ENDED = "no answer (the sandbox ended)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long WeChat waits, and how often it asks.

    :param wait_s: seconds before the line is cut (facts.md 3.4).
    :param tries: how often it asks in all (facts.md 3.4).
    :param again_after_error: whether it also asks again after a status other than 200; the pages are silent for
        official accounts, and WeCom's say so (facts.md 3.6).
    :param pause_s: seconds between two attempts; the pages are silent.
    :raises Refused: when a number is out of its range.
    """

    wait_s: float = 5.0
    tries: int = 3
    again_after_error: bool = True
    pause_s: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.wait_s <= 60 and 1 <= self.tries <= 10 and 0 <= self.pause_s <= 60):
            raise Refused("wait more than 0 and at most 60 s, pause at most 60 s, and try 1 to 10 times")


class Sending(Protocol):
    """Delivers a request, as often as it must."""

    def __call__(self, method: str, url: str, body: bytes, *, patience: Patience) -> tuple[Attempt, ...]:
        """Return every attempt; the last one is the one that counts."""


class Sender:
    """Delivers requests over HTTP; may be called from several threads at once, and closed from another.

    :param clock: when an attempt started.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._flights: set[_Flight] = set()
        self._client = httpx2.Client(
            trust_env=False,  # nobody's proxy stands between the sandbox and the developer's own server
            limits=httpx2.Limits(max_keepalive_connections=0),  # a server that ends would wait for them
            headers={"user-agent": "Mozilla/4.0"},
        )

    def close(self) -> None:
        """Let go of all connections, those that wait for an answer too, and send nothing any more."""
        with self._lock:
            self._ended.set()
            flights = list(self._flights)
        for flight in flights:
            flight.break_off()
        if not flights:
            self._client.close()

    def __call__(self, method: str, url: str, body: bytes, *, patience: Patience) -> tuple[Attempt, ...]:
        """Send the same bytes until an answer counts, or nobody asks any longer."""
        return tuple(self._attempts(method, url, body, patience))

    def _attempts(self, method: str, url: str, body: bytes, patience: Patience) -> Iterator[Attempt]:
        for number in range(1, patience.tries + 1):
            if number > 1:
                self._ended.wait(patience.pause_s)
            attempt = self._attempt(number, method, url, body, patience.wait_s)
            yield attempt
            if (
                not attempt.failure
                or self._ended.is_set()
                or not (attempt.status is None or patience.again_after_error)
            ):
                return

    def _attempt(self, number: int, method: str, url: str, body: bytes, wait_s: float) -> Attempt:
        started_at, started = self._clock.now(), time.perf_counter()
        status, answer = None, b""
        try:
            with self._flight() as flight:
                status, answer = self._exchange(method, url, body, wait_s=wait_s, ends_at=started + wait_s, on=flight)
            failure = _failure(status, answer)
        except httpx2.TimeoutException:
            failure = f"no answer within {wait_s:g} s"
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            failure = _ENDED if self._ended.is_set() else f"no answer ({type(error).__name__})"
        return Attempt(
            number=number,
            started_at=started_at,
            seconds=time.perf_counter() - started,
            status=status,
            body=answer[:ANSWER_MAX_BYTES] if status else b"",
            failure=failure,
        )

    def _exchange(
        self, method: str, url: str, body: bytes, *, wait_s: float, ends_at: float, on: _Flight
    ) -> tuple[int, bytes]:
        answer = b""
        with self._client.stream(
            method,
            url,
            content=body,
            headers={"content-type": "text/xml"},
            timeout=wait_s,
            extensions={"trace": on.note},
        ) as response:
            for piece in response.iter_raw():
                answer += piece
                if time.perf_counter() > ends_at:
                    raise httpx2.ReadTimeout("the answer is not complete")
                if len(answer) > ANSWER_MAX_BYTES:
                    break
            return response.status_code, answer

    @contextmanager
    def _flight(self) -> Iterator[_Flight]:
        flight = _Flight()
        with self._lock:
            if self._ended.is_set():
                raise httpx2.RequestError(_ENDED)
            self._flights.add(flight)
        try:
            yield flight
        finally:
            with self._lock:
                self._flights.discard(flight)
                last = self._ended.is_set() and not self._flights
            if last:
                self._client.close()


class _Flight:
    """One attempt that is under way, and can be broken off by another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._broken = False
        self._socket: socket.socket | None = None

    def note(self, event: str, told: Mapping[str, Any]) -> None:
        """Take note of the connection; what the HTTP client calls at each step (its extension ``trace``)."""
        if event in _CONNECTED:
            with self._lock:
                self._socket = told["return_value"].get_extra_info("socket")
                self._shut()

    def break_off(self) -> None:
        """Let whoever waits for the answer wait no longer."""
        with self._lock:
            self._broken = True
            self._shut()

    def _shut(self) -> None:
        if self._broken and self._socket is not None:
            with suppress(OSError):  # closing it would not wake who reads
                self._socket.shutdown(socket.SHUT_RDWR)


def _failure(status: int, answer: bytes) -> str:
    if status != httpx2.codes.OK:
        return f"status {status}: the server's log says why"
    if len(answer) > ANSWER_MAX_BYTES:
        return f"the answer has more than {ANSWER_MAX_BYTES} bytes"
    return ""
