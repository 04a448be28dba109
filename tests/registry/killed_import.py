"""Imports a file in a process of its own, which a test may kill.

Arguments: the storage's URL, the code file, and where it kills itself: ``STEP:DONE``, or ``-`` for nowhere.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from scanhook.registry import codefile, import_codes, intake, loading, open_registry, spool
from scanhook.storage import Pepper, StorageUrl
from tests.registry.codes import CLOCK


def main(url: str, path: Path, kill_at: str) -> None:
    def progress(what: str, done: int, _total: int) -> None:
        if f"{what}:{done}" == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    pepper = Pepper(secret=bytes(range(32)))
    store = open_registry(StorageUrl.parse(url, base=path.parent), pepper=pepper, clock=CLOCK)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    import_codes(store, path, pepper=pepper, account="main", progress=progress)
    store.close()


if __name__ == "__main__":
    small = sys.argv[3] != "-"
    codefile.BLOCK_BYTES = 60 if small else 20_000
    spool._STACK_CODES = 1 if small else 500
    intake.HELPERS_FROM_BYTES = 1 << 20 if small else 1
    loading.FIRST_ROWS = loading.ROWS_MIN = loading.ROWS_MAX = 2 if small else 100
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
