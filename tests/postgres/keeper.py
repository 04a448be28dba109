"""The process that keeps the server of a whole run: nobody's, it ends when the server's last user is gone."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from tests.postgres.server import Server
from tests.postgres.sharing import note_in


def keep(meeting_place: Path) -> None:
    """Run a server until nobody uses it any more; returns as soon as it runs, and goes on by itself."""
    running, tell = os.pipe()
    if os.fork():
        os.close(tell)
        sys.exit(0 if os.read(running, 1) else 1)
    os.setsid()
    with (meeting_place / "door").open("a") as door, Server.start(in_memory=True) as server:
        note_in(meeting_place).write_text(json.dumps({"folder": str(server.folder), "port": server.port}))
        with suppress(BrokenPipeError):
            os.write(tell, b"1")
        fcntl.flock(door, fcntl.LOCK_EX)
        note_in(meeting_place).unlink(missing_ok=True)
        server.close()


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
