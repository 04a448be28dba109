"""What the helper processes of a mint do: they make serials, and turn them into tags and lines for the printer."""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from pathlib import Path

from scanhook.registry.printfile import print_lines
from scanhook.registry.serials import SERIAL_CHARS, new_serials
from scanhook.registry.spool import RECORD, TAGS, Spool
from scanhook.storage import TAG_BYTES, Pepper

__all__ = ["BLOCK_CODES", "Block", "Minter", "Minting"]

BLOCK_CODES = 50_000
_TAIL_BYTES = RECORD.size - TAG_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Minting:
    """What a helper needs to know to mint blocks.

    :param prefix: the product's QR prefix.
    :param folder: where the stacks lie.
    """

    product_id: bytes
    prefix: str
    batch: str
    folder: Path
    stacks: int
    pepper: Pepper


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Codes that are made at once: those from the position ``first`` on."""

    first: int
    codes: int


class Minter:
    """Mints blocks in a helper process (see :class:`~scanhook.registry.crew.Crew`)."""

    def __init__(self, minting: Minting, number: int) -> None:
        self._minting = minting
        self._tags = Spool(minting.folder, name=TAGS, stacks=minting.stacks, process=number)

    def __call__(self, block: Block) -> tuple[int, bytes]:
        """Mint a block.

        :returns: the first position, and the lines for the printer.
        :raises StorageError: when the disk cannot take the tags.
        """
        minting, serials = self._minting, new_serials(block.codes)
        text = serials.decode("ascii")
        each = (text[start : start + SERIAL_CHARS] for start in range(0, len(text), SERIAL_CHARS))
        tails = _tails(block)
        places = range(0, len(tails), _TAIL_BYTES)
        tags = minting.pepper.tags(minting.product_id, each)
        self._tags.add_all(tag + tails[at : at + _TAIL_BYTES] for tag, at in zip(tags, places, strict=True))
        return block.first, print_lines(block.first, serials, prefix=minting.prefix, batch=minting.batch)

    def finish(self) -> None:
        """Bring the tags that are still in memory to the stacks."""
        self._tags.flush()


def _tails(block: Block) -> bytes:
    """Return what stands behind the tag in each record: its line, its pile (there is one), its position."""
    positions = array("I", range(block.first, block.first + block.codes))
    tails = array("I", bytes(_TAIL_BYTES * block.codes))
    tails[0::3] = tails[2::3] = positions
    if sys.byteorder == "little":
        tails.byteswap()
    return tails.tobytes()
