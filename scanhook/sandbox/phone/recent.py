"""Remembers the last scans, so that one can be repeated byte for byte."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from threading import Lock

from scanhook.sandbox.phone.stage import Post
from scanhook.sandbox.trace import Trace

__all__ = ["KEPT_MAX", "Recent"]

KEPT_MAX = 100


class Recent:
    """The last ``KEPT_MAX`` scans, by an id that nobody can guess."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[Post, Trace]] = OrderedDict()

    def keep(self, post: Post, trace: Trace) -> str:
        """Remember a scan and return its id."""
        name = secrets.token_urlsafe(12)
        with self._lock:
            self._kept[name] = post, trace
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return name

    def find(self, name: str) -> tuple[Post, Trace] | None:
        """Return a scan; ``None`` when it is unknown or was forgotten."""
        with self._lock:
            return self._kept.get(name)
