"""The service that is measured: started as users start it, watched from outside, and stopped as users stop it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scanhook.errors import Refused
from scanhook.registry.crew import python_path
from scanhook.settings import House
from scanhook.tied import tied

__all__ = ["Running", "free_port", "running"]

_START_MAX_S = 30.0
_STOP_MAX_S = 30.0
_ASK_MAX_S = 10.0
_LOG_SHOWN_LINES = 12
_ACCESS_LINE = re.compile(r'[0-9a-fA-F.:-]+ "[A-Z]+ ')
_PROC = Path("/proc")
_COMMITS = "scanhook_commit_seconds_count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A service that runs; its processes are a group of their own."""

    process: subprocess.Popen[bytes]
    port: int

    def processor_s(self) -> float | None:
        """Return the processor time of all its processes so far; ``None`` where the system does not tell."""
        return _processor_s(self.process.pid)

    def commits(self) -> int:
        """Return how often the journal committed so far; asking costs the service some milliseconds.

        :raises Refused: when it does not answer.
        """
        return int(_figures(_get(self.port, "/metrics")).get(_COMMITS, 0))

    def worker_bytes(self) -> int | None:
        """Return how much memory its largest worker holds; ``None`` where the system does not tell."""
        held = [
            _resident_bytes(pid)
            for pid, stat in _group(self.process.pid)
            if int(stat[1]) == self.process.pid and b"housekeeper" not in _command(pid)
        ]
        return max(held, default=None)


@contextmanager
def running(house: House, *, workers: int, port: int, environ: Mapping[str, str]) -> Iterator[Running]:
    """Run the service until the block is left; then it is stopped gracefully.

    :raises Refused: when it does not start, ends by itself, or does not stop.
    """
    log = house.base / "service.log"
    serve = [sys.executable, "-P", "-m", "scanhook", "serve", "--config", str(house.path), "--workers", str(workers)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  (nobody else's words)
            tied(serve),  # if we are killed, it must not stay
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**environ, "PYTHONPATH": python_path()},
            start_new_session=True,  # Ctrl-C is for us, who stop it; and its processes are found by their group
        )
    try:
        _wait_until_up(process, port, log)
        try:
            yield Running(process=process, port=port)
        except Refused:
            if process.poll() is None:
                raise
            raise Refused(f"the service ended ({_how(process.returncode)}); {_end_of(log)}") from None
    finally:
        stopped = _stop(process)
    if not stopped:
        raise Refused(f"the service did not stop within {_STOP_MAX_S:.0f} s; {_end_of(log)}")


def free_port() -> int:
    """Return a port of this machine where nobody listens."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
    return port


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ends_at = time.monotonic() + _START_MAX_S
    while process.poll() is None and time.monotonic() < ends_at:
        with suppress(Refused):
            _get(port, "/healthz")
            return
        time.sleep(0.02)
    status = process.poll()
    how = f"it did not listen within {_START_MAX_S:.0f} s" if status is None else _how(status)
    raise Refused(f"the service did not start ({how}); {_end_of(log)}")


def _stop(process: subprocess.Popen[bytes]) -> bool:
    """Stop it gracefully; tells whether it did."""
    process.terminate()
    try:
        process.wait(_STOP_MAX_S)
    except subprocess.TimeoutExpired:
        return False
    finally:
        with suppress(ProcessLookupError):  # nobody is left, which is right
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return True


def _end_of(log: Path) -> str:
    """Return the last lines of the log that speak of the service itself: not those of its requests."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line for line in lines if line.strip() and not _ACCESS_LINE.match(line)]
    if not said:
        return "its log says nothing of it"
    return "\n".join(("its log says:", *said[-_LOG_SHOWN_LINES:]))


def _how(status: int) -> str:
    """Say how a process ended: ``subprocess`` counts signals below zero."""
    return f"exit status {status}" if status >= 0 else f"signal {-status}"


def _get(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ASK_MAX_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise Refused(f"the service does not answer {path} ({type(error).__name__})") from None
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise Refused(f"the service answers {path} with status {response.status}")
    return body


def _figures(exposition: str) -> dict[str, float]:
    pairs = (line.rsplit(" ", 1) for line in exposition.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def _group(leader: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the processes of a group: their ids, and what ``/proc/PID/stat`` says behind the name."""
    for path in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            if int(fields[2]) == leader:
                yield int(path.parent.name), fields


def _processor_s(leader: int) -> float | None:
    """Add up the processor time of a group, of children that have ended too."""
    spent = [sum(map(int, fields[11:15])) for _, fields in _group(leader)]
    return sum(spent) / os.sysconf("SC_CLK_TCK") if spent else None


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_bytes()
    return b""


def _resident_bytes(pid: int) -> int:
    with suppress(OSError):
        pages = (_PROC / str(pid) / "statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0
