"""A server of WeChat's under its several addresses: which is asked, and what its answers say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from scanhook.errors import WechatUnreachable
from scanhook.wechat.line import Line, NoAnswer, Response, Sent
from scanhook.wechat.pace import Pace

__all__ = ["JsonObject", "Server", "errcode_of", "file_of", "object_of", "try_object"]

JsonObject = dict[str, Any]

_OK = 200
_WAY = "see that the address in [wechat] is right, and that nothing between here and WeChat, as a proxy, is at fault"
_STAYS_S = 60.0
"""So long the address that answered is asked first, before the usual order is tried again."""


class Server:
    """Asks one server; when an address of it cannot be reached, the next. Safe for threads.

    :param bases: addresses, such as ``https://api.weixin.qq.com``.
    :param timeout_s: for each exchange; no further one begins later than this after the first.
    """

    def __init__(self, bases: Sequence[str], *, timeout_s: float, pace: Pace) -> None:
        self._bases = tuple(bases)
        self._timeout_s = timeout_s
        self._pace = pace
        self._line = Line(timeout_s=timeout_s)
        self._good: tuple[int, float] = (0, 0.0)

    def ask(self, sent: Sent, *, once: bool = False) -> Response:
        """Send a request until one address has taken it.

        What reads goes on to the next address whatever happened; what writes only while nothing of it has left.

        :param once: what reads is held to that too.
        :raises WechatUnreachable: when none gave an answer; ``acted`` says whether WeChat may have done it.
        """
        ends_at = self._pace.monotonic() + self._timeout_s
        fault, broken = None, None
        may_repeat = sent.reads and not once
        for index in self._order():
            try:
                answer = self._line.exchange(self._bases[index], sent)
            except NoAnswer as error:
                fault = fault or _fault(self._bases[index], error, sent)
                if error.sent and not may_repeat:
                    raise _fault(self._bases[index], error, sent) from None
            else:
                if answer.status < 500 or not may_repeat or errcode_of(try_object(answer.content)):
                    self._good = (index, self._pace.monotonic() + _STAYS_S)
                    return answer
                broken = broken or answer
            if self._pace.monotonic() >= ends_at:
                break
        if broken is not None:
            return broken
        raise fault or WechatUnreachable(f"{sent.path}: there is no address to ask", acted=False)

    def close(self) -> None:
        """Close the pooled connections."""
        self._line.close()

    def _order(self) -> Iterator[int]:
        first, until = self._good
        if self._pace.monotonic() > until:
            first = 0
        yield from range(first, len(self._bases))
        yield from range(first)


def _fault(base: str, error: NoAnswer, sent: Sent) -> WechatUnreachable:
    place = base.partition("://")[2]
    if not error.sent:
        remedy = "See that this machine may connect there, and that the address is right"
        return WechatUnreachable(f"{sent.path}: {place} {error.why}. {remedy}.", acted=False)
    return _unreachable(f"{sent.path}: {place} {error.why}", remedy=error.remedy or _WAY, unsure=not sent.reads)


def object_of(answer: Response, found: JsonObject | None, sent: Sent) -> JsonObject:
    """Take an answer as a JSON object, whatever its Content-Type says: WeChat often writes ``text/plain``.

    An object with an error code is taken even when the status is no 200.

    :param found: what :func:`try_object` found in it.
    :raises WechatUnreachable: when it is none, or its ``errcode`` is no number.
    """
    if found is not None and not _is_number(found.get("errcode", 0)):
        raise _unusable("an errcode that is no number", sent)
    if found is not None and (answer.status == _OK or errcode_of(found)):
        return found
    raise _unusable(_looks(answer), sent)


def file_of(answer: Response, found: JsonObject | None, sent: Sent) -> bytes:
    """Take an answer as a file.

    :raises WechatUnreachable: when it is none, but a page, JSON, or nothing.
    """
    if answer.status != _OK or not answer.content or answer.headers.get("content-type", "").startswith("text/html"):
        raise _unusable(_looks(answer), sent)
    if found is not None and "content-disposition" not in answer.headers:
        raise _unusable("JSON, not a file", sent)
    return answer.content


def try_object(content: bytes) -> JsonObject | None:
    """Return the JSON object that some bytes are; ``None`` when they are none."""
    found = _try_json(content)
    return found if isinstance(found, dict) else None


def errcode_of(found: JsonObject | None) -> int:
    """Return the error code of an answer; 0 when there is none, or it is no number."""
    code = (found or {}).get("errcode", 0)
    return int(code) if _is_number(code) else 0


def _is_number(code: object) -> bool:
    return re.fullmatch(r"-?\d{1,12}", str(code), re.ASCII) is not None


def _unusable(what: str, sent: Sent) -> WechatUnreachable:
    return _unreachable(f"{sent.path}: the answer is {what}", remedy=_WAY, unsure=not sent.reads)


def _unreachable(why: str, *, remedy: str, unsure: bool) -> WechatUnreachable:
    first = "Nobody knows whether WeChat acted: look before you order it again" if unsure else "Try again"
    return WechatUnreachable(f"{why}. {first}. If it stays so, {remedy}.", acted=None if unsure else False)


def _looks(answer: Response) -> str:
    """Say what came in the place of an answer."""
    start = answer.content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if 300 <= answer.status < 400:
        what = f"a redirect (status {answer.status}), which no API of WeChat's gives"
    elif answer.status != _OK:
        what = f"status {answer.status}, without an error code"
    elif not start:
        what = "empty"
    elif answer.headers.get("content-encoding", "identity") != "identity":
        what = "compressed, which nobody asked for"
    elif start == b"<":
        what = "HTML or XML, not JSON"
    elif start in b"{[":
        what = "half a JSON, or broken JSON" if _try_json(answer.content) is None else "a JSON list, not an object"
    else:
        what = "no JSON object"
    return what


def _try_json(content: bytes) -> object:
    """Return what some bytes say in JSON; ``None`` when they are no JSON."""
    try:
        found: object = json.loads(content.decode("utf-8-sig"), strict=False)
        if b"\\u" in content:
            json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair would break whoever prints it
    except (ValueError, RecursionError):
        return None
    return found
