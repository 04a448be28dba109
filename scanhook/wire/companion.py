"""A process that runs beside the service's workers: it is started again when it dies, and ended with the service."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from scanhook.wire.log import log

__all__ = ["Companion"]

PAUSE_S = 0.5
"""Before it is started again for the first time; twice as long after every further death."""
PAUSE_MAX_S = 60.0
ENDS_WITHIN_S = 5.0


class Companion:
    """Tends one process. Nothing that goes wrong with it ever reaches the service.

    :param name: what the log calls it.
    :param command: what to start.
    :param environ: the whole environment of the process.
    :param clock: seconds, from whenever.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._command = list(command)
        self._environ = dict(environ)
        self._clock = clock
        self._master = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at = clock()
        self._pause_s = PAUSE_S

    def tend(self) -> None:
        """Start the process when it is time to. Call this about once a second."""
        now = self._clock()
        if self._process is not None and self._process.poll() is not None:
            # 0 is also what there is to say of one that somebody else has buried.
            why = f"it ended with code {self._process.returncode}"
            self._process = None
            self._rest(now, why)
        if self._process is None and now >= self._start_at:
            self._started_at = now
            try:
                self._process = subprocess.Popen(  # noqa: S603  (the command is our own)
                    self._command, stdin=subprocess.DEVNULL, env=self._environ
                )
            except OSError as error:
                self._rest(now, error.strerror or type(error).__name__)

    def end(self) -> None:
        """End the process, gently first. Does nothing in a process that was forked off."""
        if self._process is None or os.getpid() != self._master:
            return
        self._process.terminate()
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _rest(self, now: float, why: str) -> None:
        if now - self._started_at > PAUSE_MAX_S:
            self._pause_s = PAUSE_S
        log.warning(f"the {self._name} is started again", why=why, pause_s=self._pause_s)
        self._start_at = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, PAUSE_MAX_S)
