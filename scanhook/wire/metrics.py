"""Figures for Prometheus, right with one process and with several.

With several, prometheus-client keeps them in a folder that ``PROMETHEUS_MULTIPROC_DIR`` must name before it is first
imported; ``scanhook serve`` sees to that.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["MULTIPROCESS_VARIABLE", "Metrics"]

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0)


class Metrics:
    """The figures of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.pushes = Counter(
            "scanhook_pushes", "Authentic pushes by event and outcome.", ("event", "outcome"), registry=self._registry
        )
        self.verdicts = Counter(
            "scanhook_verdicts", "Verdicts given for the first time, by reason.", ("reason",), registry=self._registry
        )
        self.refusals = Counter(
            "scanhook_refusals", "Pushes that were refused, by reason.", ("reason",), registry=self._registry
        )
        self.push_seconds = Histogram(
            "scanhook_push_seconds",
            "From the arrival of a push to its answer.",
            registry=self._registry,
            buckets=_SECONDS,
        )
        self.commit_seconds = Histogram(
            "scanhook_commit_seconds",
            "How long the journal took to store a scan.",
            registry=self._registry,
            buckets=_SECONDS,
        )

    def exposition(self) -> bytes:
        """Return the figures of all workers together, in Prometheus's text format."""
        if not os.environ.get(MULTIPROCESS_VARIABLE):
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]  # the library's own gap
        return generate_latest(everyone)
