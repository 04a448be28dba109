"""A limit for a whole exchange over HTTP: by itself, the library lets each byte take the full time.

It asks the library's transport, not its client: a client logs every URL, keeps cookies, and may go where a redirect or
the environment leads it.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import local
from typing import Any

import httpcore2
import httpx2

__all__ = ["Deadline", "DeadlineTransport"]

_CONNECTIONS_MAX = 100
_KEPT_ALIVE_S = 5.0


@cache
def _trusted() -> ssl.SSLContext:
    """Return who is trusted; reading the certificates takes longer than a call."""
    return httpx2.create_ssl_context(trust_env=False)


class Deadline:
    """When the exchange of the running thread must have ended."""

    def __init__(self) -> None:
        self._local = local()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let everything that the running thread does on the transport end so many seconds from now."""
        self._local.ends_at = time.monotonic() + seconds
        try:
            yield
        finally:
            self._local.ends_at = None

    def shorten(self, timeout: float | None, late: type[Exception]) -> float | None:
        """Return how long one step on a socket may take.

        :raises Exception: the given one, when the time is over.
        """
        ends_at: float | None = getattr(self._local, "ends_at", None)
        if ends_at is None:
            return timeout
        left = ends_at - time.monotonic()
        if left <= 0:
            raise late
        return left if timeout is None else min(timeout, left)


class DeadlineTransport(httpx2.HTTPTransport):
    """Pooled connections to any server, whose limits are those of the deadline. Safe for threads."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__(verify=_trusted())
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_trusted(),
            max_connections=_CONNECTIONS_MAX,
            max_keepalive_connections=_CONNECTIONS_MAX,
            keepalive_expiry=_KEPT_ALIVE_S,
            network_backend=_Backend(deadline),
        )


class _Backend(httpcore2.SyncBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        timeout = self._deadline.shorten(timeout, httpcore2.ConnectTimeout)
        stream = super().connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream, self._deadline)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.shorten(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.shorten(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        timeout = self._deadline.shorten(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
