"""Ends a server and removes its folder when the process that started it is gone, however it went."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.postgres.processes import kill_all


def main(folder: Path) -> None:
    """Wait until nobody holds the other end of our input any more, then clear up."""
    sys.stdin.buffer.read()
    kill_all(folder / "data")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
