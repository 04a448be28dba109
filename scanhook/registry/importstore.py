"""What a registry's engine must be able to do for imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from scanhook.registry.life import State
from scanhook.registry.product import Product

__all__ = ["CodeRow", "ImportStore", "Part", "Pile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """The codes of one batch and state in a file that is being imported.

    :param codes: how many.
    :param last: the highest position in the batch that one of them has, counted from 1 in this file.
    """

    product: Product
    batch: str
    state: State
    codes: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A pile that an import has opened.

    :param id: what its codes are stored with.
    :param offset: the position of the batch's last code before this import.
    """

    id: int
    offset: int


CodeRow = tuple[bytes, int, int]
"""A code as it is stored: tag, part id, position in its batch."""


class ImportStore(Protocol):
    """The half of an engine that imports use."""

    def importing(self) -> AbstractContextManager[None]:
        """Hold the one place for an import.

        :raises Refused: when another import is running.
        """

    def draft_product(self, account: str, key_standard: str, key_str: str) -> Product:
        """Return the product of that name for an import: the one that is there, or one that is not stored yet."""

    def begin_import(self, file: str, piles: Sequence[Pile]) -> tuple[int, list[Part]]:
        """Open an import, invisible until it is finished.

        :param file: the file's name, for people.
        :returns: the import's number, and one part for each pile.
        :raises Refused: when a product was added since it was drafted.
        """

    def load_codes(self, rows: Sequence[CodeRow]) -> list[CodeRow]:
        """Store codes in one transaction.

        :param rows: sorted by tag, no tag twice.
        :returns: the rows that were not stored, since their tag is registered already.
        """

    def finish_import(self, import_id: int, loaded: Mapping[int, int]) -> None:
        """Make an import visible, all of it at once.

        :param loaded: how many codes each part (by its id) really brought.
        """

    def abandon_import(self, import_id: int, rows: Iterable[CodeRow]) -> None:
        """Take back what an import has stored.

        :param rows: what it may have stored.
        """
