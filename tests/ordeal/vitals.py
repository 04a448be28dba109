"""What processes take of the machine, and whether the service still says that it lives."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.serving import Server, wait_for

__all__ = ["Vitals", "Watch", "vitals_of"]

_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What a process takes.

    :param resident: bytes of memory.
    :param own: those of them that are no file's: what a leak takes.
    :param files: open ones, and connections.
    """

    resident: int
    own: int
    threads: int
    files: int


def vitals_of(pid: int) -> Vitals:
    """Look at a process."""
    process = Path(f"/proc/{pid}")
    said = dict(line.split(":", 1) for line in (process / "status").read_text(encoding="ascii").splitlines())
    resident, own = (int(said[name].split()[0]) << 10 for name in ("VmRSS", "RssAnon"))
    files = len(list((process / "fd").iterdir()))
    return Vitals(resident=resident, own=own, threads=int(said["Threads"]), files=files)


@dataclass(slots=True, kw_only=True)
class Watch:
    """Looks at a service again and again.

    :param alive: for each time that it was asked whether it lives, the status and how many seconds it took.
    """

    service: Server
    pids: Sequence[int]
    seen: list[tuple[Vitals, ...]] = field(default_factory=list)
    alive: list[tuple[int, float]] = field(default_factory=list)

    @property
    def growth(self) -> int:
        """By how many bytes the process that grew most was larger at its largest than in the beginning."""
        by_process: Iterator[tuple[Vitals, ...]] = zip(*self.seen, strict=True)
        return max(max(seen.resident for seen in process) - process[0].resident for process in by_process)

    @classmethod
    def over(cls, service: Server) -> Watch:
        """Look after the workers of a service that has just begun."""
        wait_for(service.workers, "a worker is there")
        return cls(service=service, pids=service.workers())

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look while the block runs."""
        stop = threading.Event()
        thread = threading.Thread(target=self._look, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _look(self, stop: threading.Event) -> None:
        while True:
            self.seen.append(tuple(vitals_of(pid) for pid in self.pids))
            began_at = time.monotonic()
            status = self.service.request("GET", "/healthz").status
            self.alive.append((status, time.monotonic() - began_at))
            if stop.wait(_PAUSE_S):
                return
