"""One server for a whole run of the suite: started by the first worker that asks, gone after the last one.

Whoever uses it holds a shared lock on a file, the door. The keeper, a process of nobody's, waits for that lock alone:
it gets it when the last user is gone, however they went, and ends the server before it opens the door again.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgres.server import Address


@contextmanager
def shared_server(meeting_place: Path) -> Iterator[Address]:
    """Yield the server of all who come to the same folder, and start it for the first one."""
    meeting_place.mkdir(exist_ok=True)
    with (meeting_place / "door").open("a") as door:
        fcntl.flock(door, fcntl.LOCK_SH)
        with (meeting_place / "turn").open("a") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not note_in(meeting_place).exists():
                _start_keeper(meeting_place)
            where = json.loads(note_in(meeting_place).read_text())
        yield Address(Path(where["folder"]), where["port"])


def note_in(meeting_place: Path) -> Path:
    """Return the file that says where the server is, while there is one."""
    return meeting_place / "server.json"


def _start_keeper(meeting_place: Path) -> None:
    with (meeting_place / "log").open("ab") as log:
        started = subprocess.run(
            [sys.executable, "-m", "tests.postgres.keeper", str(meeting_place)],
            check=False,
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    assert started.returncode == 0, (meeting_place / "log").read_text()
