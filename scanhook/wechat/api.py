"""Calls WeChat's APIs: tokens, time limits, repeats, and one answer or one error.

What only reads may be asked again; what writes is never sent twice, unless WeChat refused it before acting or nothing
of it had left (DESIGN.md, "WeChat's tokens").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from scanhook.errors import Refused, WechatRefused
from scanhook.wechat.caller import System
from scanhook.wechat.codes import BUSY, refusal
from scanhook.wechat.line import Response, Sent
from scanhook.wechat.pace import Pace
from scanhook.wechat.server import JsonObject, Server, errcode_of, file_of, object_of, try_object
from scanhook.wechat.tokens import TokenSource

__all__ = ["ANSWER_MAX_BYTES", "FILE_MAX_BYTES", "Api", "Downloaded", "Upload"]

ANSWER_MAX_BYTES = 8 * 1024 * 1024
"""A page of 200 products has a tenth of it."""
FILE_MAX_BYTES = 32 * 1024 * 1024
"""No material of WeChat's is larger than 20 MB."""

_NEW_TOKEN = (40001, 40014, 42001)
"""These say that the token is not good (facts.md section 4)."""
_BEFORE_ACTING = (45011,)
"""Of those that say that WeChat is busy, the one that surely changed nothing."""
_TRIES_MAX = 4

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that goes up as ``multipart/form-data``, in the part ``media``."""

    filename: str
    content: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A file that came down."""

    content: bytes = field(repr=False)
    content_type: str


class Api:
    """The APIs of one server, called by one account. Safe for threads.

    :param bases: addresses such as ``https://api.weixin.qq.com``; the next is tried when one cannot be reached.
    :param tokens: gives the access token that every call bears; closed with the API.
    :param timeout_s: for one exchange, from its first byte to its last; no repeat begins later than this after the
        first.
    :param system: whose remedies the errors name, where the path does not tell.
    """

    def __init__(
        self,
        bases: Sequence[str],
        *,
        tokens: TokenSource,
        timeout_s: float,
        system: System | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._system = system
        self._pace = pace or Pace()
        self._server = Server(bases, timeout_s=timeout_s, pace=self._pace)

    def read(
        self, path: str, body: Mapping[str, Any] | None = None, *, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Ask for something that changes nothing: a POST of JSON, without a body a GET.

        :param path: such as ``/scan/product/get``.
        :param query: what stands in the URL besides the token.
        :returns: the answer's JSON object; ``errcode`` is 0 or is not there.
        :raises Refused: when what is to be sent cannot be: half a character, a number that JSON does not have.
        :raises WechatRefused: when WeChat answers with an error code.
        :raises WechatUnreachable: when it gives no answer that can be used.
        """
        sent = _sent(path, query, content=_json(body), reads=True)
        return self._call(sent, object_of)

    def write(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        query: Mapping[str, str] | None = None,
        must_not_be_lost: Callable[[JsonObject], bool] = lambda _found: False,
    ) -> dict[str, Any]:
        """Order something: a POST of JSON that is never sent twice.

        :param must_not_be_lost: tells it of an answer: such a one is returned, whatever its status and error code.
        :returns: as :meth:`read`, like the errors; where nobody knows whether WeChat acted, ``acted`` is ``None``.
        """
        sent = _sent(path, query, content=_json(body), reads=False)

        def read(answer: Response, found: JsonObject | None, sent: Sent) -> JsonObject:
            return found if found is not None and must_not_be_lost(found) else object_of(answer, found, sent)

        return self._call(sent, read, must_not_be_lost)

    def upload(self, path: str, file: Upload, *, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Send a file; like :meth:`write`."""
        sent = _sent(path, query, media=(file.filename, file.content, file.content_type), reads=False)
        return self._call(sent, object_of)

    def download(self, path: str, *, query: Mapping[str, str]) -> Downloaded:
        """Fetch a file; like :meth:`read`. JSON in the place of a file is an error."""
        sent = _sent(path, query, reads=True, answer_max_bytes=FILE_MAX_BYTES)
        return self._call(sent, _file)

    def close(self) -> None:
        """Close the pooled connections, and the source of tokens."""
        self._tokens.close()
        self._server.close()

    def _call(
        self,
        sent: Sent,
        read: Callable[[Response, JsonObject | None, Sent], Read],
        must_not_be_lost: Callable[[JsonObject], bool] = lambda _found: False,
    ) -> Read:
        ends_at = self._pace.monotonic() + self._timeout_s
        renewed, tries = False, 1
        token = self._tokens.token()
        while True:
            answer = self._server.ask(sent if token is None else sent.bearing(token))
            found = try_object(answer.content)
            error = self._refusal(found, sent, tries)
            if error is None or (found is not None and must_not_be_lost(found)):
                return read(answer, found, sent)
            if error.code in _NEW_TOKEN and not renewed and token is not None and self._tokens.expire(token):
                renewed, failed = True, token
                token = self._tokens.token()
                if token == failed:
                    raise error
                continue
            wait_s = self._pace.wait_s(tries)
            if not _may_repeat(error, sent, tries) or self._pace.monotonic() + wait_s >= ends_at:
                raise error
            self._pace.sleep(wait_s)
            tries += 1

    def _refusal(self, found: JsonObject | None, sent: Sent, tries: int) -> WechatRefused | None:
        code = errcode_of(found)
        if found is None or not code:
            return None
        note = ""
        if code in BUSY and not sent.reads and code not in _BEFORE_ACTING:
            note = "It was not asked again: nobody knows whether WeChat acted. Look before you order it once more."
        elif tries > 1:
            note = f"It was asked {tries} times."
        return refusal(code, str(found.get("errmsg", "")), path=sent.path, system=self._system, note=note)


def _may_repeat(error: WechatRefused, sent: Sent, tries: int) -> bool:
    return tries < _TRIES_MAX and error.code in BUSY and (sent.reads or error.code in _BEFORE_ACTING)


def _sent(
    path: str,
    query: Mapping[str, str] | None,
    *,
    content: bytes | None = None,
    media: tuple[str, bytes, str] | None = None,
    reads: bool,
    answer_max_bytes: int = ANSWER_MAX_BYTES,
) -> Sent:
    query = query or {}
    for text in (path, *query, *query.values(), *((media[0], media[2]) if media else ())):
        _utf8(text)
    return Sent(path=path, query=query, content=content, media=media, reads=reads, answer_max_bytes=answer_max_bytes)


def _json(body: Mapping[str, Any] | None) -> bytes | None:
    try:
        # Not the client's own JSON: WeChat's older services do not read \u escapes.
        return None if body is None else _utf8(json.dumps(body, ensure_ascii=False, allow_nan=False))
    except ValueError:
        raise Refused("a number is infinite or none (NaN), which cannot be sent: JSON has no such number") from None


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Refused("a text holds half a character, which cannot be sent: write it in UTF-8") from None


def _file(answer: Response, found: JsonObject | None, sent: Sent) -> Downloaded:
    return Downloaded(content=file_of(answer, found, sent=sent), content_type=answer.headers.get("content-type", ""))
