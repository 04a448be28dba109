"""What an office's engine must be able to do."""

from __future__ import annotations

from typing import Protocol

from scanhook.office.apikey import ApiKey, KeyScope
from scanhook.office.catalogstore import CatalogStore
from scanhook.office.livestore import LiveStore
from scanhook.wechat import TokenStore

__all__ = ["USE_NOTED_EVERY_S", "OfficeStore"]

USE_NOTED_EVERY_S = 60
"""A key's last use is written at most this often."""


class OfficeStore(Protocol):
    """One engine. Every method raises :class:`~scanhook.errors.StorageError` when the engine cannot do its work.

    :ivar catalog: what WeChat's product systems know.
    :ivar live: live goods that were added, and the calls of each day.
    :ivar tokens: WeChat's access tokens, sealed.
    """

    catalog: CatalogStore
    live: LiveStore
    tokens: TokenStore

    def add_key(self, name: str, scope: KeyScope) -> tuple[ApiKey, str]:
        """Make a key.

        :returns: the key as it is kept, and the text to present, which is kept nowhere.
        :raises Refused: when a key of that name is in use, or nothing can be named so.
        """

    def find_key(self, presented: str) -> ApiKey | None:
        """Return the key that somebody presents, and note its use.

        The note is written aside: it never makes anybody wait, and when it fails the key is as good.

        :returns: ``None`` when there is no such key, or it is revoked.
        """

    def api_keys(self) -> list[ApiKey]:
        """Return every key, the revoked ones too, the oldest first."""

    def revoke_key(self, name: str) -> ApiKey:
        """Take a key out of use, for good: whoever presents it from now on is refused.

        :raises Refused: when no key of that name is in use.
        """

    def probe(self) -> None:
        """Prove that the office can be read and may be written, and belongs to the pepper.

        :raises StorageError: when it cannot.
        """

    def close(self) -> None:
        """Wait for what is being noted, and close what is open."""
