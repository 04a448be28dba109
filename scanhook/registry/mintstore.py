"""What a registry's engine must be able to do for minting, beside what it does for imports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scanhook.registry.change import Handover

__all__ = ["MintStore", "OpenMint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMint:
    """A mint that has begun, and whose file is not known to lie where it should.

    :param import_id: the number of its import.
    :param path: where its file belongs.
    :param sha256: of the file, in hex; empty until it is written.
    :param is_shown: whether its codes are visible.
    """

    import_id: int
    path: Path
    sha256: str
    is_shown: bool


class MintStore(Protocol):
    """The half of an engine that minting uses."""

    def promise_handover(self, import_id: int, handover: Handover) -> None:
        """Write down who will take the file of a mint, which is written and has no name yet.

        It counts as handed over only once :meth:`note_handover` was called.
        """

    def note_handover(self, import_id: int) -> None:
        """Write down that the file of a mint lies where it should."""

    def open_mints(self) -> Iterator[OpenMint]:
        """Return every mint that has begun and whose file is not noted."""

    def hide_mint(self, import_id: int) -> None:
        """Make a mint whose file is not noted invisible again; what it has stored is still there, as before.

        Where its codes were visible, the history says that this was taken back.
        """
