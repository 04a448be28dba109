"""Ties a process to the one that started it: whoever is killed takes along what it has started (Linux; prctl(2))."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

__all__ = ["run", "tie", "tied"]

_SET_PARENT_DEATH_SIGNAL = 1
_RUN = "import sys; from scanhook.tied import run; run(int(sys.argv[1]), sys.argv[2:])"


def tied(command: Sequence[str]) -> list[str]:
    """Return what to start instead of a command, so that it gets TERM when the thread that started it ends.

    :param command: the program, with its whole path, and its arguments.
    """
    return [sys.executable, "-P", "-c", _RUN, str(os.getpid()), *command]


def tie(parent: int) -> None:
    """Let this process be told to end when its parent does; elsewhere than on Linux nothing happens.

    :param parent: the process that started it.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it ended meanwhile
        sys.exit(128 + signal.SIGTERM)


def run(parent: int, command: list[str]) -> None:
    """Become another program that is tied to its parent; ``exec`` keeps the tie.

    :param command: the program, and its arguments.
    """
    tie(parent)
    os.execv(command[0], command)  # noqa: S606  (a command of our own)
