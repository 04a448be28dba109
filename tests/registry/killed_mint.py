"""Mints and kills itself after a step: ``python -m tests.registry.killed_mint URL BASE FILE STEP [old]``.

BASE is the folder that the URL starts from. With ``old`` the disk knows no files without a name.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scanhook.clock import SystemClock
from scanhook.registry import RegistryStore, loading, mint, open_registry
from scanhook.registry.mintorder import MintOrder
from scanhook.registry.printfile import PrintFile
from scanhook.registry.workfolder import WorkFolder
from scanhook.storage import Pepper, StorageUrl

STEPS: dict[str, tuple[Any, str]] = {
    "begun": (RegistryStore, "start_import"),
    "lines written": (PrintFile, "add"),
    "file sealed": (PrintFile, "seal"),
    "tags sorted": (WorkFolder, "seal"),
    "parts opened": (RegistryStore, "ready_import"),
    "handover promised": (RegistryStore, "promise_handover"),
    "tags stored": (mint, "load_stacks"),
    "file standing by": (PrintFile, "stand_by"),
    "codes shown": (RegistryStore, "finish_import"),
    "name taken": (Path, "touch"),
    "file named": (PrintFile, "appear"),
    "handover noted": (RegistryStore, "note_handover"),
}


def place_of(step: str, store: RegistryStore) -> tuple[Any, str]:
    """Return whose attribute a step is, and its name."""
    owner, name = STEPS[step]
    return (type(store) if owner is RegistryStore else owner), name


def deadly(step: Callable[..., Any]) -> Callable[..., Any]:
    def last(*arguments: Any, **named: Any) -> None:
        step(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return last


def main(url: str, base: str, file: str, step: str, disk: str = "") -> None:
    if disk == "old":
        del os.O_TMPFILE
    loading.FIRST_ROWS = 100
    pepper = Pepper(secret=bytes(range(32)))
    store = open_registry(StorageUrl.parse(url, base=Path(base)), pepper=pepper, clock=SystemClock())
    assert store.machine is None or store.machine.id  # written down before the next step that touches a file
    target, name = place_of(step, store)
    setattr(target, name, deadly(getattr(target, name)))
    product = store.find_product("main", "qrcode", "frame")
    assert product
    order = MintOrder(
        product=product, batch="spring", codes=300, path=Path(file), taken_by="printer", who="tester", why="test"
    )
    mint.mint_codes(store, order, pepper=pepper, clock=SystemClock())


if __name__ == "__main__":
    main(*sys.argv[1:])
