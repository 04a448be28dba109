"""Who calls WeChat's APIs, and which of its product systems. Performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Caller", "System", "TokenKind"]


class System(StrEnum):
    """The five systems of WeChat's that know products, by their names in ``[catalog.*]``."""

    PAGES = "pages"
    ALBUMS = "albums"
    WINDOW = "window"
    LIVE = "live"
    UNION = "union"


class TokenKind(StrEnum):
    """How an access token is come by (facts.md section 4)."""

    STABLE = "stable"
    TOKEN = "token"  # noqa: S105  (no secret)
    GETTOKEN = "gettoken"
    STATIC = "static"
    COMMAND = "command"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An account that calls.

    :param place: where the settings speak of it, such as ``[accounts.main]``: errors send the engineer there.
    :param app_id: its app id; of a WeCom application the corp id.
    :param secret: empty where the kind of token needs none.
    :param token: only of :attr:`TokenKind.STATIC`.
    :param command: only of :attr:`TokenKind.COMMAND`: a program and its arguments.
    """

    place: str
    app_id: str
    kind: TokenKind
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    command: tuple[str, ...] = field(default=(), repr=False)
