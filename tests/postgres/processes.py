"""The processes of one server: all of them at once, also those that have a session of their own.

Run with a server's folder, it watches over it: it waits until nobody holds the other end of its input any more, which
is when the process that started the server is gone, however it went, and then ends the server and removes the folder.
"""

from __future__ import annotations

import ctypes
import shutil
import signal
import sys
import time
from collections.abc import Callable
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
        if not _has_ended(process) and str(data) in process.cmdline():
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
    _wait_until(_stands_still, first)
    all_of_them = [*first.children(recursive=True), first]
    for process in all_of_them:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(sign)
    return all_of_them


def pause_all(data: Path) -> None:
    """Let all processes of the server of a folder stand still."""
    for process in send_to_all(data, signal.SIGSTOP):
        _wait_until(_stands_still, process)


def kill_all(data: Path) -> None:
    """Let the server of a folder end as on a machine that dies, together with the memory that it shares."""
    lines = status_lines(data)
    killed = send_to_all(data, signal.SIGKILL)
    for process in killed:
        _wait_until(_has_ended, process)
    if killed and len(lines) > 6:
        ctypes.CDLL(None).shmctl(int(lines[6].split()[1]), _IPC_RMID, None)


def _wait_until(holds: Callable[[psutil.Process], bool], process: psutil.Process) -> None:
    ends_at = time.monotonic() + _PATIENCE_S
    while not holds(process):
        assert time.monotonic() < ends_at, "a server's process takes too long"
        time.sleep(0.002)


def _watch(folder: Path) -> None:
    sys.stdin.buffer.read()
    kill_all(folder / "data")
    shutil.rmtree(folder, ignore_errors=True)


def _stands_still(process: psutil.Process) -> bool:
    return _has_ended(process) or _status(process) == psutil.STATUS_STOPPED


def _has_ended(process: psutil.Process) -> bool:
    # A zombie waits for whoever started it, or for the first process of the machine.
    return not process.is_running() or _status(process) in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}


def _status(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return str(process.status())
    return str(psutil.STATUS_DEAD)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))
