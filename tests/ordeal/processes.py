"""A service that is started again on the port that it had, and its processes."""

from __future__ import annotations

import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from scanhook.settings import House
from tests.serving import Server, free_port, serving, wait_for

__all__ = ["Phoenix", "is_dead"]

_ENDED = frozenset("ZX")


def _group(leader: int) -> list[int]:
    """Return the processes that live in a group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, pgid = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:3]
            if int(pgid) == leader and state not in _ENDED:
                found.append(int(path.parent.name))
    return found


def is_dead(pid: int) -> bool:
    """Tell whether a process has ended, buried or not: its connections are closed."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in _ENDED


class Phoenix:
    """A service with two workers."""

    server: Server

    def __init__(self, house: House, home: Path) -> None:
        self.port = free_port()
        self._house = house
        self._home = home
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self.rise()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def rise(self) -> None:
        """Start it, after its last life has ended; returns when both workers take connections."""
        self._running.close()
        self.server = self._running.enter_context(serving(self._house, self._home, workers=2, port=self.port))
        wait_for(lambda: self.server.log().count("ASGI server listening") == 2, "both workers are up")

    def stop(self) -> int:
        """Stop it as a supervisor does, and return its exit code."""
        self.server.process.send_signal(signal.SIGTERM)
        return self.server.process.wait(60)

    def living(self) -> list[int]:
        """Return the workers that live."""
        return [pid for pid in self.server.workers() if not is_dead(pid)]

    def family(self) -> list[int]:
        """Return every process of it: the first, the workers, the housekeeper."""
        return _group(self.server.process.pid)
