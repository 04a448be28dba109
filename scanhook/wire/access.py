"""The access log: one line for each request, without the query, where WeChat puts the openid.

gunicorn's own costs as much as the rest of HTTP, since it makes an environment of the request first.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote

__all__ = ["AccessLog"]

_STDOUT = 1


class AccessLog:
    """Writes address, method and path, status, bytes of the answer, milliseconds: all of one turn of the loop at once.

    :param descriptor: of the file that they are written to.
    """

    def __init__(self, descriptor: int = _STDOUT) -> None:
        self._descriptor = descriptor
        self._lines: list[str] = []

    def note(self, scope: Mapping[str, Any], *, status: int, size: int, started: float) -> None:
        """Write a request down.

        :param scope: the request's, as ASGI has it.
        :param size: of the answer's body, in bytes.
        :param started: when the request came, by ``time.perf_counter``.
        """
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        client = scope.get("client")
        ms = (time.perf_counter() - started) * 1000
        self._lines.append(
            f'{client[0] if client else "-"} "{scope["method"]} {_quoted(scope["path"])}" {status} {size} {ms:.0f}ms\n'
        )

    def flush(self) -> None:
        """Write what was noted."""
        lines, self._lines = self._lines, []
        left = "".join(lines).encode()
        with suppress(OSError):  # a log that cannot be written costs nobody his answer
            while left:
                left = left[os.write(self._descriptor, left) :]


@lru_cache(maxsize=256)
def _quoted(path: str) -> str:
    """Keep one request on one line: the path comes decoded, with whatever line ends it holds."""
    return quote(path, errors="surrogateescape")
