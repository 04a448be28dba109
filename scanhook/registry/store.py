"""What a registry's engine must be able to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from scanhook.registry.change import Batch, Change, Order, Scope
from scanhook.registry.importstore import ImportStore
from scanhook.registry.life import NO_MARK, Mark, State, is_issued, state_in_force
from scanhook.registry.mintstore import MintStore
from scanhook.registry.product import Product
from scanhook.registry.tagging import Asked

__all__ = ["CodeRecord", "LookUp", "RegistryStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRecord:
    """A registered code.

    :param batch: the batch's name.
    :param position: its place in the batch, counted from 1.
    :param loaded_as: what its file said: ``ISSUED`` or ``ACTIVE``.
    :param loaded_by: the number of the change that loaded it.
    :param product: the product's mark.
    :param below: the marks of batch, range and code, as far as there are any.
    """

    batch: str
    position: int
    loaded_as: State
    loaded_by: int = 0
    product: Mark = NO_MARK
    below: tuple[Mark, ...] = ()

    def state_at(self, now: float) -> State:
        """Return the state in force at a time, in seconds since 1970."""
        return state_in_force(
            loaded_as=self.loaded_as, loaded_by=self.loaded_by, product=self.product, below=self.below, now=now
        )

    def is_issued_at(self, now: float) -> bool:
        """Tell whether nobody has activated it by that time, whatever else is said of it."""
        return is_issued(loaded_as=self.loaded_as, loaded_by=self.loaded_by, below=self.below, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """What a registry finds for a push.

    :param product: ``None`` when there is no such product.
    :param tag: of the code, known or not; ``None`` without a product, and for an ExtInfo that is no text.
    :param normal: the ExtInfo in its normal form; empty without a product.
    :param code: ``None`` when there is no such code.
    """

    product: Product | None = None
    tag: bytes | None = None
    normal: str = field(default="", repr=False)
    code: CodeRecord | None = None


class RegistryStore(ImportStore, MintStore, Protocol):
    """One engine. Every method raises :class:`~scanhook.errors.StorageError` when the engine cannot do its work.

    :ivar waits: whether a look-up may wait for another machine: then no event loop may call it.
    """

    waits: bool

    def look_up(self, account: str, key_standard: str, key_str: str, ext_info: str) -> LookUp:
        """Find a code, as :meth:`look_up_all` does."""

    def look_up_all(self, asked: Sequence[Asked]) -> list[LookUp]:
        """Find codes, all in one state of the registry that holds every change which was finished before.

        Only codes of finished imports are found.

        :param asked: account, keystandard, keystr and ExtInfo of each.
        :returns: what was found for each, in their order.
        :raises PepperMismatch: when the registry under our feet was made with another pepper.
        """

    def find_tags(self, tags: Sequence[bytes]) -> dict[bytes, tuple[str, int]]:
        """Return the batch and position of those tags that belong to a visible code."""

    def add_product(self, product: Product, *, who: str = "", why: str = "") -> Product:
        """Add a product.

        :raises Refused: when there is one with the same account, keystandard and keystr, or an unfinished import has
            made one.
        """

    def save_product(self, product: Product, *, was: Product, who: str = "", why: str = "") -> Product:
        """Write what is different in a product's settings; what somebody else has set meanwhile stays.

        :param was: the product as it was read; its mark and that of ``product`` do not matter.
        :returns: the product as it is now.
        :raises Refused: when its normalisation changes after a code was loaded.
        """

    def find_product(self, account: str, key_standard: str, key_str: str) -> Product | None:
        """Return a visible product."""

    def products(self) -> Iterator[Product]:
        """Return every visible product, in the order of account, keystandard and keystr."""

    def batches(
        self, product: Product | None = None, *, name: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Batch]:
        """Return visible batches in the order of their ids, without their handovers.

        :param name: only those of that name, of whichever product.
        :param after: the id of the last batch that is not wanted.
        """

    def find_batch(self, product: Product, name: str) -> Batch | None:
        """Return a visible batch with its handovers."""

    def codes(self, batch: Batch | None = None) -> Iterator[tuple[bytes, Product, CodeRecord]]:
        """Yield every visible code in the order of the tags: tag, product, and what is known of it.

        It is read in pages, so that no transaction stays open; it reads the whole registry, also for one batch.
        """

    def size_of(self, scopes: Sequence[Scope]) -> int:
        """Count the codes that a change of these scopes would be about, without counting them one by one.

        :raises Refused: when a batch does not exist, or a range goes beyond its batch.
        """

    def change(self, order: Order) -> Change:
        """Make a change; it holds for every scan that begins after this has returned, in every process.

        :raises Refused: when the step is not allowed for a part of it, or something of it does not exist; nothing is
            changed then.
        """

    def undo(self, change_id: int, *, who: str, why: str) -> Change:
        """Take a change back by a new one.

        :raises Refused: when there is no such change, it was undone, it cannot be undone, or a newer change of the
            same level overlaps it.
        """

    def changes(
        self,
        *,
        product: Product | None = None,
        batch: Batch | None = None,
        tag: bytes | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Change]:
        """Return changes, the newest first: of everything, a product, a batch and what lies in it, or one code.

        :param before: the number of the oldest change that was seen already.
        """

    def find_change(self, change_id: int) -> Change | None:
        """Return a change."""

    def probe(self) -> None:
        """Prove that the registry can be read and may be written, and belongs to the pepper.

        :raises StorageError: when it cannot.
        """

    def close(self) -> None:
        """Close what is open."""
