"""The processes of one server: all of them at once, also those that have a session of their own."""

from __future__ import annotations

import ctypes
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

_PATIENCE_S = 60.0
_IPC_RMID = 0


def status_lines(data: Path) -> list[str]:
    """Return what a server writes about itself in ``postmaster.pid``: nothing while it is down."""
    with suppress(FileNotFoundError):
        return (data / "postmaster.pid").read_text().splitlines()
    return []


def postmaster(data: Path) -> psutil.Process | None:
    """Return the first process of the server of a folder, unless it is gone."""
    with suppress(psutil.NoSuchProcess, IndexError):
        process = psutil.Process(int(status_lines(data)[0]))
        if _lives(process) and str(data) in process.cmdline():
            return process
    return None


def send_to_all(data: Path, sign: signal.Signals) -> list[psutil.Process]:
    """Send a signal to all processes of the server of a folder; return them.

    The first one stands still meanwhile, so that it starts no others.
    """
    first = postmaster(data)
    if first is None:
        return []
    first.send_signal(signal.SIGSTOP)
    all_of_them = [*first.children(recursive=True), first]
    for process in all_of_them:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(sign)
    return all_of_them


def kill_all(data: Path) -> None:
    """Let the server of a folder end as on a machine that dies, together with the memory that it shares."""
    lines = status_lines(data)
    processes = send_to_all(data, signal.SIGKILL)
    ends_at = time.monotonic() + _PATIENCE_S
    while any(_lives(process) for process in processes):
        assert time.monotonic() < ends_at, "a killed server goes on"
        time.sleep(0.002)
    if processes and len(lines) > 6:
        ctypes.CDLL(None).shmctl(int(lines[6].split()[1]), _IPC_RMID, None)


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
