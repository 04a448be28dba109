"""Mints and kills itself after a step: ``python -m tests.registry.killed_mint FOLDER FILE STEP [old]``.

With ``old`` the disk knows no files without a name.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scanhook.clock import SystemClock
from scanhook.registry import loading, mint
from scanhook.registry.mintorder import MintOrder
from scanhook.registry.printfile import PrintFile
from scanhook.registry.sqlite import SqliteRegistry
from scanhook.registry.workfolder import WorkFolder
from scanhook.storage import Pepper

STEPS: dict[str, tuple[Any, str]] = {
    "begun": (SqliteRegistry, "start_import"),
    "lines written": (PrintFile, "add"),
    "file sealed": (PrintFile, "seal"),
    "tags sorted": (WorkFolder, "seal"),
    "parts opened": (SqliteRegistry, "ready_import"),
    "handover promised": (SqliteRegistry, "promise_handover"),
    "tags stored": (mint, "load_stacks"),
    "file standing by": (PrintFile, "stand_by"),
    "codes shown": (SqliteRegistry, "finish_import"),
    "name taken": (Path, "touch"),
    "file named": (PrintFile, "appear"),
    "handover noted": (SqliteRegistry, "note_handover"),
}


def deadly(step: Callable[..., Any]) -> Callable[..., Any]:
    def last(*arguments: Any, **named: Any) -> None:
        step(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return last


def main(folder: str, file: str, step: str, disk: str = "") -> None:
    if disk == "old":
        del os.O_TMPFILE
    target, name = STEPS[step]
    setattr(target, name, deadly(getattr(target, name)))
    loading.FIRST_ROWS = 100
    pepper = Pepper(secret=bytes(range(32)))
    store = SqliteRegistry(Path(folder), pepper=pepper, clock=SystemClock())
    product = store.find_product("main", "qrcode", "frame")
    assert product
    order = MintOrder(
        product=product, batch="spring", codes=300, path=Path(file), taken_by="printer", who="tester", why="test"
    )
    mint.mint_codes(store, order, pepper=pepper, clock=SystemClock())


if __name__ == "__main__":
    main(*sys.argv[1:])
