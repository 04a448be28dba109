"""A gate that holds up whoever comes through."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

__all__ = ["PATIENCE_S", "Gate"]

PATIENCE_S = 30


@dataclass(slots=True)
class Gate:
    """Holds up whoever comes through until it is opened, and counts them."""

    opened: threading.Event = field(default_factory=threading.Event)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    sizes: list[int] = field(default_factory=list)

    def hold(self, size: int) -> None:
        self.sizes.append(size)
        self.came.release()
        assert self.opened.wait(PATIENCE_S)

    async def somebody(self) -> None:
        """Wait until somebody stands before it."""
        assert await asyncio.to_thread(self.came.acquire, timeout=PATIENCE_S)
