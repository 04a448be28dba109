"""What a catalog's engine must be able to do: the one directory of WeChat's product systems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from scanhook.office.catalog import CatalogEntry, CatalogSync, EntryKey, Listed, Presentation, Wanted
from scanhook.registry import Product
from scanhook.wechat import System

__all__ = ["ANY_ENTRY", "CatalogStore"]

ANY_ENTRY = Wanted()


class CatalogStore(Protocol):
    """One engine. Every method raises :class:`~scanhook.errors.StorageError` when the engine cannot do its work.

    Times are seconds since 1970.
    """

    def presentation(self, product: Product, *, owner: str) -> Presentation | None:
        """Return the name and the picture that a product is shown with.

        Entries that staff tied to it come first, in the order of tying; then the scan product page of the same
        keystandard and keystr, which is tied by itself.

        :param owner: the app id of the product's account.
        :returns: ``None`` where no entry gives either.
        """

    def begin_sync(self, system: System, owner: str, *, now: int, newer_than: int) -> CatalogSync:
        """Begin to go through a system, or go on with the newest run through it that has not come to its end.

        :param newer_than: a run that began before is not gone on with.
        """

    def keep(self, sync: CatalogSync, listed: Sequence[Listed], *, place: str, now: int) -> CatalogSync:
        """Store products as a sync has just seen them (:func:`~scanhook.office.catalog.merged`).

        :param place: where the sync goes on, should it be stopped now.
        :returns: the sync with what this has changed counted.
        """

    def finish_sync(self, sync: CatalogSync, *, now: int) -> CatalogSync:
        """End a sync that has seen everything: what it did not see has gone."""

    def fail_sync(self, sync: CatalogSync, why: str, *, now: int) -> CatalogSync:
        """Note that a sync was stopped by a failure; it goes on where it was."""

    def syncs(self) -> list[CatalogSync]:
        """Return the newest sync of each system and owner, by system and owner."""

    def known(self, system: System, owner: str, ids: Iterable[str]) -> Mapping[str, CatalogEntry]:
        """Return those of some products that are in the directory, by their ids."""

    def entries(
        self, wanted: Wanted = ANY_ENTRY, *, after: EntryKey | None = None, limit: int = 1000
    ) -> list[CatalogEntry]:
        """Return entries by system, owner and id.

        :param after: the last one that is not wanted.
        """

    def tie(self, product: Product, key: EntryKey, *, now: int) -> bool:
        """Tie a product of the registry to an entry; tells whether it was not yet."""

    def untie(self, product: Product, key: EntryKey) -> bool:
        """Take a tie back; tells whether there was one."""

    def tied(self, product: Product) -> list[CatalogEntry]:
        """Return the entries that staff tied to a product, in the order of tying."""

    def ties_of(self, key: EntryKey) -> list[bytes]:
        """Return the ids of the products that staff tied to an entry, in the order of tying."""

    def reviewed(self, key: EntryKey, *, state: str, at: float) -> bool:
        """Note the outcome of a review, unless a sync has seen the page since.

        :param at: when WeChat told of it.
        :returns: whether that changes the entry.
        """

    def reviews_read(self) -> int:
        """Return the number of the last event of the journal in which reviews were looked for."""

    def note_reviews_read(self, number: int) -> None:
        """Note how far the journal was looked through for reviews."""
