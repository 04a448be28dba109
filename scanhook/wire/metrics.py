"""Figures for Prometheus, right with one process and with several.

With several, prometheus-client keeps them in a folder that ``PROMETHEUS_MULTIPROC_DIR`` must name before it is first
imported; ``scanhook serve`` sees to that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from scanhook.wire.log import log

__all__ = ["MULTIPROCESS_VARIABLE", "Gauge", "Metrics"]

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_P = ParamSpec("_P")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A figure that the worker which is asked has found out, true for all of them.

    :param says: what it means, for people.
    """

    name: str
    says: str
    value: float


class _Given(Collector):
    """Passes gauges on. A gauge of the library's own would go to the workers' folder, and be added up there."""

    def __init__(self, gauges: Iterable[Gauge]) -> None:
        self._gauges = tuple(gauges)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for gauge in self._gauges:
            yield GaugeMetricFamily(gauge.name, gauge.says, value=gauge.value)


def _harmless(told: Callable[Concatenate[Metrics, _P], None]) -> Callable[Concatenate[Metrics, _P], None]:
    """Let no fault of the figures (a full disk, a folder that is gone) cost a consumer the answer."""

    @wraps(told)
    def tell(metrics: Metrics, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            told(metrics, *args, **kwargs)
        except Exception as error:  # noqa: BLE001
            if not metrics.lost:
                log.error("figures are lost from here on", why=type(error).__name__)
            metrics.lost = True

    return tell


class Metrics:
    """The figures of one service.

    :ivar lost: whether one could not be written down.
    """

    def __init__(self) -> None:
        self.lost = False
        self._registry = CollectorRegistry()
        self._pushes = Counter(
            "scanhook_pushes", "Authentic pushes by event and outcome.", ("event", "outcome"), registry=self._registry
        )
        self._verdicts = Counter(
            "scanhook_verdicts", "Verdicts given for the first time, by reason.", ("reason",), registry=self._registry
        )
        self._refusals = Counter(
            "scanhook_refusals", "Pushes that were refused, by reason.", ("reason",), registry=self._registry
        )
        self._forwards = Counter(
            "scanhook_forwards",
            "Pushes that were to go on to the brand's own server, by account and outcome.",
            ("account", "outcome"),
            registry=self._registry,
        )
        self._landings = Counter(
            "scanhook_landings",
            "Visits to the landing page, by what it was about.",
            ("outcome",),
            registry=self._registry,
        )
        self._push_seconds = Histogram(
            "scanhook_push_seconds",
            "From the arrival of a push to its answer.",
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._commit_seconds = Histogram(
            "scanhook_commit_seconds",
            "How long the journal took to store a group of pushes.",
            registry=self._registry,
            buckets=_SECONDS,
        )

    @_harmless
    def pushed(self, event: str, outcome: str, count: int) -> None:
        """Count authentic pushes."""
        self._pushes.labels(event, outcome).inc(count)

    @_harmless
    def judged(self, reason: str, count: int) -> None:
        """Count verdicts that were given for the first time."""
        self._verdicts.labels(reason).inc(count)

    @_harmless
    def refused(self, reason: str) -> None:
        """Count a push that was refused."""
        self._refusals.labels(reason).inc()

    @_harmless
    def forwarded(self, account: str, outcome: str) -> None:
        """Count a push that was to go on to the brand's own server."""
        self._forwards.labels(account, outcome).inc()

    @_harmless
    def landed(self, outcome: str) -> None:
        """Count a visit to the landing page."""
        self._landings.labels(outcome).inc()

    @_harmless
    def answered(self, seconds: float) -> None:
        """Note how long a push took."""
        self._push_seconds.observe(seconds)

    @_harmless
    def committed(self, seconds: float) -> None:
        """Note how long a commit took."""
        self._commit_seconds.observe(seconds)

    def exposition(self, gauges: Iterable[Gauge] = ()) -> bytes:
        """Return the figures of all workers together, and some gauges, in Prometheus's text format."""
        given = CollectorRegistry()
        given.register(_Given(gauges))
        if not os.environ.get(MULTIPROCESS_VARIABLE):
            return generate_latest(self._registry) + generate_latest(given)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]  # the library's own gap
        return generate_latest(everyone) + generate_latest(given)
