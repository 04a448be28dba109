"""A tenant of the sandbox: an account with a secret, its rights, and what it keeps in each of WeChat's systems."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar, cast

from scanhook.envelope import Keyring

__all__ = ["Kind", "Tenant"]

Shelf = TypeVar("Shelf")


class Kind(StrEnum):
    """What a tenant is; a token of one side is no token on the other."""

    WECHAT = "wechat"
    """An official account, a mini program or a Channels assistant: ``api.weixin.qq.com``."""
    WECOM = "wecom"
    """An application of a company: ``qyapi.weixin.qq.com``."""


class Tenant:
    """An official account, a mini program, a Channels assistant or a WeCom application.

    :param app_id: or a corp id.
    :param rights: the names of :class:`~scanhook.sandbox.route.Right` that it was granted.
    :param name: what people call it; of a WeCom application, which of the company's it is.
    :param beside: another application of the same company: both see the same shelves.
    :param keys: what its pushes are signed and sealed with; without them it is never pushed to.
    :param callback_url: where its pushes go.
    :param landing_url: where its product pages' links lead; empty if nowhere.
    :param whitelist: the addresses that may fetch a token; ``None`` for all.
    """

    def __init__(
        self,
        app_id: str,
        *,
        secret: str,
        rights: frozenset[str],
        kind: Kind = Kind.WECHAT,
        name: str = "",
        beside: Tenant | None = None,
        keys: Keyring | None = None,
        callback_url: str = "",
        landing_url: str = "",
        whitelist: frozenset[str] | None = None,
    ) -> None:
        self.app_id = app_id
        self.secret = secret
        self.rights = rights
        self.kind = kind
        self.name = name or app_id
        self.keys = keys
        self.callback_url = callback_url
        self.landing_url = landing_url
        self.whitelist = whitelist
        self._shelves: dict[type[Any], Any] = {} if beside is None else beside._shelves  # noqa: SLF001  (its own kind)

    def shelf(self, kind: type[Shelf]) -> Shelf:
        """Return what the tenant keeps in one system; it is made, empty, when it is asked for first."""
        if kind not in self._shelves:
            self._shelves[kind] = kind()
        return cast("Shelf", self._shelves[kind])
