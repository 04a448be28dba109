"""What a sandbox API is made of: routes that answer as a page says, and refuse as it says. Performs no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scanhook.sandbox.tenant import Tenant

__all__ = ["Asked", "Blob", "OpenRoute", "Posted", "Refusal", "Right", "Route", "Stranger"]


class Refusal(Exception):
    """WeChat refuses: the answer has an error code.

    :param message: what stands in ``errmsg``, as WeChat writes it.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Right(StrEnum):
    """What a tenant must have been granted before it may call an API; else the answer is 48001, in WeCom 48002."""

    NONE = "none"
    SCAN = "scan"
    ALBUMS = "albums"
    WINDOW = "window"
    LIVE = "live"
    UNION = "union"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A file that came in a part of ``multipart/form-data``."""

    filename: str
    content: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """An answer that is no JSON: a file."""

    content: bytes = field(repr=False)
    content_type: str
    filename: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call, once its token was found good.

    :param tenant: whose token it is.
    :param query: without the token.
    :param body: the JSON object; empty for a GET.
    :param files: by the part's name.
    :param now: seconds since 1970.
    """

    tenant: Tenant
    query: Mapping[str, str]
    body: Mapping[str, Any]
    files: Mapping[str, Posted]
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One call of WeChat's.

    :param handle: what answers; ``errcode`` 0 and ``errmsg`` are added where it leaves them out. It runs under the
        sandbox's lock, so that it needs none of its own.
    :param rule: the page that its behaviour comes from, and where that is silent.
    :param quota: calls a day, when the page gives one; beyond it the answer is 45009.
    :param counts_with: the path of the call whose count it shares; empty for a count of its own.
    """

    method: str
    path: str
    handle: Callable[[Asked], Mapping[str, Any] | Blob]
    right: Right
    rule: str
    quota: int | None = None
    counts_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """One call that needs no token, as that for a token.

    :param peer: the address it comes from.
    :param now: seconds since 1970.
    """

    query: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    peer: str
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRoute:
    """One call of WeChat's that needs no token; else like :class:`Route`."""

    method: str
    path: str
    handle: Callable[[Stranger], Mapping[str, Any]]
    rule: str
