"""Opens a house's storage, and nothing else: most commands need no more, and start the faster."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

from scanhook.clock import Clock
from scanhook.journal import JournalStore, open_journal
from scanhook.registry import RegistryStore, open_registry
from scanhook.settings import House
from scanhook.storage import Pepper, StorageUrl
from scanhook.storage.lock import StorageInUse, use_storage

__all__ = ["OpenStorage", "open_storage", "storage_url"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStorage:
    """Pepper, registry and journal of a house.

    :param in_use: keeps others from exchanging the files.
    """

    pepper: Pepper = field(repr=False)
    registry: RegistryStore
    journal: JournalStore
    in_use: StorageInUse

    @property
    def waits(self) -> bool:
        """Whether it may wait for another machine: then no event loop may ask it."""
        return self.registry.waits or self.journal.waits

    def close(self) -> None:
        """Close the storage."""
        self.registry.close()
        self.journal.close()
        self.in_use.close()


def open_storage(house: House, *, clock: Clock) -> OpenStorage:
    """Open pepper, registry and journal; nobody can exchange their files until they are closed.

    :raises SettingsError: when the pepper is missing, or the storage's URL names no engine.
    :raises PepperMismatch: when the storage was made with another pepper.
    :raises StorageError: when the storage cannot be opened.
    :raises Refused: when its files are being exchanged.
    """
    pepper = Pepper.load(house.pepper_path)
    url = storage_url(house)
    url.check_made()
    with ExitStack() as undo:
        in_use = use_storage(url)
        undo.callback(in_use.close)
        url.check_made()  # once more: before the lock was ours, somebody may have begun to exchange the files
        registry = open_registry(url, pepper=pepper, clock=clock)
        undo.callback(registry.close)
        storage = OpenStorage(pepper=pepper, registry=registry, journal=open_journal(url, pepper=pepper), in_use=in_use)
        undo.pop_all()
    return storage


def storage_url(house: House) -> StorageUrl:
    """Return where a house's storage lies.

    :raises SettingsError: when the storage's URL names no engine.
    """
    return StorageUrl.of(house)
