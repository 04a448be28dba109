"""Clients of WeChat's own APIs: transport, tokens, and one module for each of its systems.

What stands in ``__all__`` is loaded when it is first used: most of the house names a system, and few call one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanhook.wechat.api import Api, Downloaded, Upload
    from scanhook.wechat.caller import Caller, System, TokenKind
    from scanhook.wechat.codes import Code, known_code
    from scanhook.wechat.opening import caller_of, open_api
    from scanhook.wechat.tokens import SealedToken, TokenKeep, TokenSource, TokenStore

__all__ = [
    "Api",
    "Caller",
    "Code",
    "Downloaded",
    "SealedToken",
    "System",
    "TokenKeep",
    "TokenKind",
    "TokenSource",
    "TokenStore",
    "Upload",
    "caller_of",
    "known_code",
    "open_api",
]

_HOMES = {
    "Api": "api",
    "Caller": "caller",
    "Code": "codes",
    "Downloaded": "api",
    "SealedToken": "tokens",
    "System": "caller",
    "TokenKeep": "tokens",
    "TokenKind": "caller",
    "TokenSource": "tokens",
    "TokenStore": "tokens",
    "Upload": "api",
    "caller_of": "opening",
    "known_code": "codes",
    "open_api": "opening",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'scanhook.wechat' has no attribute {name!r}")
    return getattr(import_module(f"scanhook.wechat.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
