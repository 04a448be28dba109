"""What a registry's engine must be able to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from scanhook.registry.product import Product, State, strictest

__all__ = ["BatchStats", "CodeRecord", "CodeRow", "LookUp", "Part", "Pile", "RegistryStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRecord:
    """A registered code.

    :param batch: the batch's name.
    :param position: its place in the batch, counted from 1.
    :param states: of the code's part, batch and product.
    :param activates_at: seconds since 1970; before it an active code is not active yet.
    :param expires_at: seconds since 1970; from it on the code is expired.
    """

    batch: str
    position: int
    states: tuple[State, ...]
    activates_at: float | None = None
    expires_at: float | None = None

    def state_at(self, now: float) -> State:
        """Return the state in force at a time, in seconds since 1970."""
        states = list(self.states)
        if self.activates_at is not None and now < self.activates_at:
            states.append(State.ISSUED)
        if self.expires_at is not None and now >= self.expires_at:
            states.append(State.EXPIRED)
        return strictest(*states)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """What a registry finds for a push.

    :param product: ``None`` when there is no such product.
    :param tag: of the code, known or not; ``None`` without a product.
    :param normal: the ExtInfo in its normal form; empty without a product.
    :param code: ``None`` when there is no such code.
    """

    product: Product | None = None
    tag: bytes | None = None
    normal: str = field(default="", repr=False)
    code: CodeRecord | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStats:
    """How many codes of a batch share their states.

    :param states: of the codes' part, batch and product; the strictest is in force.
    """

    product: Product
    batch: str
    states: tuple[State, ...]
    codes: int


class RegistryStore(Protocol):
    """One engine. Every method raises :class:`~scanhook.errors.StorageError` when the engine cannot do its work."""

    def look_up(self, account: str, key_standard: str, key_str: str, ext_info: str) -> LookUp:
        """Find a code. Only codes of finished imports are found.

        :raises PepperMismatch: when the registry under our feet was made with another pepper.
        """

    def add_product(self, product: Product) -> Product:
        """Add a product.

        :raises Refused: when there is one with the same account, keystandard and keystr, or an unfinished import has
            made one.
        """

    def save_product(self, product: Product) -> None:
        """Write a product's settings.

        :raises Refused: when its normalisation changes after a code was loaded.
        """

    def find_product(self, account: str, key_standard: str, key_str: str) -> Product | None:
        """Return a visible product."""

    def products(self) -> Iterator[Product]:
        """Return every visible product, in the order of account, keystandard and keystr."""

    def stats(self) -> Iterator[BatchStats]:
        """Return how many codes each batch holds in each state."""

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

    def probe(self) -> None:
        """Prove that the registry can be read and may be written, and belongs to the pepper.

        :raises StorageError: when it cannot.
        """

    def close(self) -> None:
        """Close what is open."""
