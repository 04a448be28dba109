"""Runs the application under gunicorn."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from scanhook.errors import Refused
from scanhook.registry.crew import python_path
from scanhook.settings import House
from scanhook.wire.companion import Companion

__all__ = ["housekeeper_command", "housekeeper_environ", "run"]

_METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_WORKER_TIMEOUT_S = 30
_GRACEFUL_TIMEOUT_S = 20
_KEEPALIVE_S = 75  # longer than a proxy keeps its own (nginx: 60 s), so that it never meets a closed line


def run(house: House, *, bind: str, workers: int, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until a signal comes: TERM stops gracefully, INT at once. A housekeeper runs beside the workers.

    :param bind: HOST:PORT.
    :param ready: called once the port is open.
    :raises Refused: when gunicorn finds that it cannot run so.
    """
    master = os.getpid()
    housekeeper = Companion("housekeeper", housekeeper_command(house), environ=housekeeper_environ())
    # Until gunicorn takes it over: who is stopped as it begins cleans up too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = Path(tempfile.mkdtemp(prefix="scanhook-metrics-"))
    try:
        # Before prometheus-client is imported for the first time, which happens with the application.
        os.environ[_METRICS_VARIABLE] = str(folder)
        _Gunicorn(house, bind=bind, workers=workers, ready=ready, beside=housekeeper).run()
    finally:
        # A worker that is told to exit comes along here too, and the others still need what is ended here.
        if os.getpid() == master:
            housekeeper.end()
            shutil.rmtree(folder, ignore_errors=True)


def housekeeper_command(house: House) -> list[str]:
    """Return the command of a housekeeper that runs nothing of the folder that we are in, and ends when we are gone."""
    command = [sys.executable, "-P", "-m", "scanhook", "housekeeper", "--config", str(house.path)]
    return [*command, "--parent", str(os.getpid())]


def housekeeper_environ() -> dict[str, str]:
    """Return the environment in which it runs the scanhook that we run, wherever that lies."""
    return {**os.environ, "PYTHONPATH": python_path()}


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, house: House, *, bind: str, workers: int, ready: Callable[[], None], beside: Companion) -> None:
        self._house = house
        self.beside = beside
        self._options: dict[str, Any] = {
            "bind": bind,
            "workers": workers,
            "worker_class": "scanhook.wire.worker.Worker",
            # Whoever reads strangers' bytes is chosen here, and not by what happens to be installed beside us.
            "http_parser": "python",
            "timeout": _WORKER_TIMEOUT_S,
            "graceful_timeout": _GRACEFUL_TIMEOUT_S,
            "keepalive": _KEEPALIVE_S,
            "preload_app": True,
            "control_socket_disable": True,
            "proc_name": "scanhook",
            "child_exit": _forget_worker,
            "when_ready": lambda _server: ready(),
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from scanhook.wire.app import create_door  # noqa: PLC0415  (after the metrics' folder is named)
        from scanhook.wire.log import log_to_stderr  # noqa: PLC0415

        log_to_stderr()
        door = create_door(self._house, logs_access=True)
        # Workers share what is loaded here for as long as nobody writes to it, and a collector that walks through it
        # does: it has nothing to find there.
        gc.collect()
        gc.freeze()
        return door

    def run(self) -> None:
        try:
            _Master(self).run()
        except RuntimeError as error:
            raise Refused(str(error)) from None


class _Master(Arbiter):  # type: ignore[misc]
    """Tends what runs beside the workers, as often as the workers: about once a second."""

    def manage_workers(self) -> None:
        super().manage_workers()
        self.app.beside.tend()

    def reload(self) -> None:
        self.log.warning("The workers are exchanged; settings are not read again: restart the service for that")
        super().reload()


def _forget_worker(_server: object, worker: Any) -> None:
    from prometheus_client import multiprocess  # noqa: PLC0415  (loaded with the application)

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library's own gap
