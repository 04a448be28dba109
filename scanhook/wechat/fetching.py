"""The calls that give access tokens (facts.md section 4)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

from scanhook.errors import WechatRefused, WechatUnreachable
from scanhook.wechat.caller import Caller, System, TokenKind
from scanhook.wechat.codes import BUSY, refusal
from scanhook.wechat.line import Sent
from scanhook.wechat.pace import Pace
from scanhook.wechat.server import Server, errcode_of, object_of, try_object

__all__ = ["Fetch", "Fetched", "Fetcher"]

_ANSWER_MAX_BYTES = 64 * 1024
_TOKEN_MAX_CHARS = 4096
_EXPIRES_IN_MAX = 365 * 86400
_TRIES_MAX = 3
_WRONG_SECRET = (40001, 40125)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A token that just came.

    :param expires_in: seconds for which it is valid, as WeChat says.
    """

    token: str = field(repr=False)
    expires_in: int


class Fetch(Protocol):
    """Gets a token from WeChat."""

    def __call__(self, *, force: bool) -> Fetched:
        """Get a token.

        :param force: whether WeChat is to make a new one although the last is valid; only ``stable`` knows that.
        :raises WechatError: when there is none.
        """

    def close(self) -> None:
        """Close the pooled connections."""


class Fetcher:
    """Asks for tokens of one caller, of the kinds ``stable``, ``token`` and ``gettoken``."""

    def __init__(self, server: Server, caller: Caller, *, pace: Pace) -> None:
        self._server = server
        self._caller = caller
        self._pace = pace

    def __call__(self, *, force: bool) -> Fetched:
        """Get a token; when WeChat is busy a few times.

        One that is forced is asked for only once, since WeChat counts (facts.md section 4). Whether it came to that or
        not, what the token is for was not done: ``acted`` is ``False``.

        :raises WechatRefused: when WeChat gives none: a wrong secret, an address that is not in its whitelist.
        :raises WechatUnreachable: when it gives no answer that can be used.
        """
        sent = _request(self._caller, force=force)
        tries = 1
        while True:
            answer = self._server.ask(sent, once=force)
            found = object_of(answer, try_object(answer.content), sent)
            code = errcode_of(found)
            if not code:
                return _fetched(found, sent)
            if code not in BUSY or force or tries == _TRIES_MAX:
                raise self._refusal(code, str(found.get("errmsg", "")), sent)
            self._pace.sleep(self._pace.wait_s(tries))
            tries += 1

    def close(self) -> None:
        """Close the pooled connections."""
        self._server.close()

    def _refusal(self, code: int, errmsg: str, sent: Sent) -> WechatRefused:
        return token_refusal(code, errmsg, caller=self._caller, path=sent.path)


def token_refusal(code: int, errmsg: str, *, caller: Caller, path: str) -> WechatRefused:
    """Make the error of a token call that WeChat refuses: there 40001 has only one meaning."""
    wecom = caller.kind is TokenKind.GETTOKEN
    system = System.ALBUMS if wecom else None
    if code not in _WRONG_SECRET:
        return refusal(code, errmsg, path=path, system=system)
    setting = "corp_secret" if wecom else "app_secret"
    where = "the WeCom console (Secret of the application)" if wecom else "the console (开发者密码 AppSecret)"
    return refusal(
        code,
        errmsg,
        path=path,
        system=system,
        meaning=f"the secret is not the one of {caller.app_id}",
        remedy=f"Copy {setting} of {caller.place} from {where} once more; who resets it there makes the old one "
        "worthless. It was asked only once: wrong calls in a row get the caller blocked",
    )


def _request(caller: Caller, *, force: bool) -> Sent:
    match caller.kind:
        case TokenKind.STABLE:
            body = {
                "grant_type": "client_credential",
                "appid": caller.app_id,
                "secret": caller.secret,
                "force_refresh": force,
            }
            return _sent("/cgi-bin/stable_token", {}, json.dumps(body).encode())
        case TokenKind.TOKEN:
            query = {"grant_type": "client_credential", "appid": caller.app_id, "secret": caller.secret}
            return _sent("/cgi-bin/token", query)
        case _:
            return _sent("/cgi-bin/gettoken", {"corpid": caller.app_id, "corpsecret": caller.secret})


def _sent(path: str, query: dict[str, str], content: bytes | None = None) -> Sent:
    # It may be asked twice: of two tokens the later one holds.
    return Sent(path=path, query=query, content=content, reads=True, answer_max_bytes=_ANSWER_MAX_BYTES)


def _fetched(found: dict[str, Any], sent: Sent) -> Fetched:
    token, expires_in = found.get("access_token"), found.get("expires_in")
    if (
        not isinstance(token, str)
        or not 0 < len(token) <= _TOKEN_MAX_CHARS
        or not (token.isascii() and token.isprintable())
    ):
        raise WechatUnreachable(f"{sent.path}: the answer is not what the page says: access_token", acted=False)
    if isinstance(expires_in, bool) or not isinstance(expires_in, int) or not 0 < expires_in <= _EXPIRES_IN_MAX:
        raise WechatUnreachable(f"{sent.path}: the answer is not what the page says: expires_in", acted=False)
    return Fetched(token=token, expires_in=expires_in)
