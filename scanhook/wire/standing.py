"""How things stand in the storage, counted for ``/metrics`` by whichever worker is asked."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator

from scanhook.clock import Clock
from scanhook.errors import ScanhookError
from scanhook.registry import RegistryStore
from scanhook.storage import StorageUrl
from scanhook.wire.attention import forgotten_batches, unfinished_imports
from scanhook.wire.log import log
from scanhook.wire.metrics import Gauge
from scanhook.wire.roundnotes import round_age

__all__ = ["Standing"]

_FRESH_S = 60.0


class Standing:
    """Counts at most once a minute: whoever asks more often gets the same figures.

    :param url: of the storage, where housekeepers note their rounds.
    :param hours: after so many, a minted batch that nobody activated is forgotten; 0 counts none.
    """

    def __init__(self, registry: RegistryStore, *, url: StorageUrl, clock: Clock, hours: float) -> None:
        self._registry = registry
        self._url = url
        self._clock = clock
        self._hours = hours
        self._lock = threading.Lock()
        self._counted_at: float | None = None
        self._gauges: list[Gauge] = []

    def gauges(self) -> list[Gauge]:
        """Return the figures. Those that cannot be had are left out, and the log says why."""
        with self._lock:
            now = self._clock.now()
            if self._counted_at is None or not 0 <= now - self._counted_at < _FRESH_S:
                self._gauges = list(self._count(now))
                self._counted_at = now
            return self._gauges

    def _count(self, now: float) -> Iterator[Gauge]:
        for name, says, figure in (
            (
                "scanhook_forgotten_batches",
                "Batches that were minted long ago and of which nothing was ever activated.",
                lambda: _length(forgotten_batches(self._registry, now=now, hours=self._hours)),
            ),
            (
                "scanhook_imports_unfinished",
                "Imports and mints that are running, waiting, or were cut off.",
                lambda: _length(unfinished_imports(self._registry)),
            ),
            (
                "scanhook_housekeeping_age_seconds",
                "Since the end of the housekeeper's last good round; +Inf: there never was one.",
                lambda: _or_never(round_age(self._url, now=now)),
            ),
        ):
            value = _harmless(name, figure)
            if value is not None:
                yield Gauge(name=name, says=says, value=value)


def _length(found: Iterator[object]) -> int:
    return sum(1 for _ in found)


def _or_never(age: float | None) -> float:
    return math.inf if age is None else age


def _harmless(name: str, figure: Callable[[], float]) -> float | None:
    try:
        return figure()
    except Exception as error:  # noqa: BLE001  (a storage that fails must not hide the other figures)
        why = str(error) if isinstance(error, ScanhookError) else type(error).__name__
        log.error("a figure cannot be had", figure=name, why=why)
        return None
