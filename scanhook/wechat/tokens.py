"""Where access tokens come from: what a source must be able to do, and how a token is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from scanhook.clock import Clock
from scanhook.storage import Pepper, StorageUrl

__all__ = ["SealedToken", "TokenKeep", "TokenSource", "TokenStore"]


class TokenSource(Protocol):
    """Gives access tokens of one caller; safe for threads."""

    def token(self) -> str | None:
        """Return a token that should be valid now; ``None`` where a call goes without one (WeChat's cloud call).

        :raises WechatError: when none can be had.
        """

    def expire(self, token: str) -> bool:
        """Note that WeChat did not take a token, so that the next one is another.

        :returns: whether another can be had at all: a static one is all there is.
        """

    def close(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedToken:
    """A token as it is kept: nobody can read it without the pepper.

    Times are seconds since 1970.

    :param expires_at: when WeChat takes it no more.
    """

    sealed: bytes = field(repr=False)
    fetched_at: int
    expires_at: int


class TokenStore(Protocol):
    """Keeps the tokens of all workers, one for each name.

    Every method raises :class:`~scanhook.errors.StorageError` when the engine cannot do its work.
    """

    def find(self, name: str) -> SealedToken | None:
        """Return the token of that name; ``None`` when there is none."""

    def keep(self, name: str, token: SealedToken) -> None:
        """Put a token in the place of the one of that name; those that had expired when it came are forgotten."""

    def drop(self, name: str, token: SealedToken) -> bool:
        """Forget a token.

        :returns: ``False`` when another has taken its place already; that one stays.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKeep:
    """What workers need to share tokens.

    :param store: where they are kept.
    :param url: the storage in which only one fetches at a time.
    :param pepper: seals them.
    """

    store: TokenStore
    url: StorageUrl
    pepper: Pepper = field(repr=False)
    clock: Clock
