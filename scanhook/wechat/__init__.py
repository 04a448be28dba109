"""Clients of WeChat's own APIs: transport, tokens, and one module for each of its systems."""

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
