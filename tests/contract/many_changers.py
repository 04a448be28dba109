"""A worker process: at the moment it is told, its threads change one batch, and look its codes up meanwhile.

Its arguments: the storage's URL, the number of threads, how many changes each makes, and the number of the process.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from scanhook.registry import Action, Order, RegistryStore, Scope, open_registry
from scanhook.storage import Pepper, StorageUrl
from tests.contract.life import batch, positions, states
from tests.registry.codes import CLOCK


def main(url: str, threads: int, changes: int, process: int) -> None:
    registry = open_registry(StorageUrl.parse(url, base=Path("/")), pepper=Pepper(secret=bytes(range(32))), clock=CLOCK)
    barrier = Barrier(threads)

    def work(thread: int) -> list[int]:
        barrier.wait()
        made = []
        for number in range(changes):
            made.append(order(registry, Action.SUSPEND, batch(registry), f"{process} {thread} {number}"))
            if "?" in states(registry):
                raise AssertionError("a code was not found while it was changed")
        own_position = process * threads + thread + 1
        made.append(order(registry, Action.VOID, positions(registry, own_position, own_position), "its own"))
        return made

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with ThreadPoolExecutor(threads) as pool:
        for made in pool.map(work, range(threads)):
            sys.stdout.write(f"{' '.join(map(str, made))}\n")
    registry.close()


def order(registry: RegistryStore, action: Action, scope: Scope, why: str) -> int:
    return registry.change(Order(action=action, scopes=(scope,), who="mei", why=why)).id


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
