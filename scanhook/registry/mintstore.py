"""What a registry's engine must be able to do for minting, beside what it does for imports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scanhook.registry.change import Handover
from scanhook.registry.normalise import Normalisation

__all__ = ["MintStore", "OpenMint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMint:
    """A mint that has begun, and whose file is not known to have been handed over.

    :param import_id: the number of its import.
    :param path: where its file belongs.
    :param folder: what knows the folder of the file again.
    :param sha256: of the file, in hex; empty until it is written.
    :param is_shown: whether its codes are visible.
    :param is_changed: whether somebody has changed the state of one of its codes since, at whatever level.
    """

    import_id: int
    path: Path
    folder: str
    sha256: str
    is_shown: bool
    is_changed: bool


class MintStore(Protocol):
    """The half of an engine that minting uses."""

    def promise_handover(self, import_id: int, handover: Handover) -> None:
        """Write down who will take the file of a mint, which is written and has no name yet.

        It counts as handed over only once :meth:`note_handover` was called.
        """

    def note_handover(self, import_id: int, *, was: Normalisation, rules: Normalisation) -> bool:
        """Write down that the file of a mint is handed over. From now on it cannot be hidden.

        :param was: the rules that its product must have,
        :param rules: for these to become the product's, unless an import has brought it codes, or still may.
        :returns: whether they have become so.
        """

    def open_mints(self) -> Iterator[OpenMint]:
        """Return every mint that has begun and whose file is not noted, as far as something can be done about it."""

    def hide_mint(self, import_id: int) -> bool:
        """Make a mint whose file is not noted invisible again; what it has stored is still there, as before.

        Where its codes were visible, the history says that this was taken back.

        :returns: ``False`` when somebody has changed the state of one of its codes, or the file is noted; nothing is
            done then.
        """
