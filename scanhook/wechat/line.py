"""One exchange with a server over HTTP: pooled connections, a limit for the whole of it, and one for its size.

The query bears the token. It is put on below the place where an HTTP client would log the URL, and no error has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import httpx2

from scanhook.release import VERSION
from scanhook.wechat.deadline import Deadline, DeadlineTransport

__all__ = ["Line", "NoAnswer", "Response", "Sent"]

_SLOW = "give it more time with `timeout_s` in [wechat], and see what slows the way to it down"

CONNECT_MAX_S = 3.0
"""A machine that is there answers sooner; the rest of the time is for the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request, without its server.

    :param path: such as ``/scan/product/get``; alone it may be shown.
    :param query: with the token.
    :param content: ``None`` makes it a GET.
    :param media: a file for the part ``media`` of ``multipart/form-data``: its name, content and type.
    :param reads: whether it changes nothing, and may be sent twice.
    :param answer_max_bytes: how large the answer may be.
    """

    path: str
    query: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)
    media: tuple[str, bytes, str] | None = field(default=None, repr=False)
    reads: bool
    answer_max_bytes: int

    def bearing(self, token: str) -> Sent:
        """Return the same with an access token."""
        return replace(self, query={**self.query, "access_token": token})


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back.

    :param headers: by their names in small letters.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


class NoAnswer(Exception):
    """Nothing came that could be looked at.

    :param why: in a few words, without the URL.
    :param sent: whether a part of the request may have reached the server.
    :param remedy: what to do, in an imperative without a full stop; empty where it goes without saying.
    """

    def __init__(self, why: str, *, sent: bool, remedy: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent
        self.remedy = remedy


class Line:
    """Pooled connections to any server. Safe for threads.

    It asks the transport, not the client of the library: a client logs every URL, keeps cookies, and may go where a
    redirect or the environment leads it.

    :param timeout_s: for one exchange, from the first byte of the connection to the last one of the answer.
    """

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._deadline = Deadline()
        self._transport = DeadlineTransport(self._deadline)

    def exchange(self, base: str, sent: Sent) -> Response:
        """Send a request to a server and take its answer.

        :raises NoAnswer: when none comes in time, or it is too large.
        """
        with self._deadline.within(self._timeout_s):
            try:
                return self._exchange(base, sent)
            except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
                why = str(error) or "it takes too long to connect"
                raise NoAnswer(f"cannot be reached: {why}", sent=False) from None
            except httpx2.TimeoutException:
                why = f"gave no whole answer within {self._timeout_s:g} s"
                raise NoAnswer(why, sent=True, remedy=_SLOW) from None
            except httpx2.HTTPError:
                # The library's names for this say no more to anybody who is not a programmer.
                raise NoAnswer("broke the line off before its answer was whole", sent=True) from None
            except (httpx2.InvalidURL, UnicodeError):
                raise NoAnswer("cannot be reached: the address is no URL", sent=False) from None

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    def _exchange(self, base: str, sent: Sent) -> Response:
        limits = {"connect": min(CONNECT_MAX_S, self._timeout_s)} | dict.fromkeys(
            ("read", "write", "pool"), self._timeout_s
        )
        request = httpx2.Request(
            "GET" if sent.content is None and sent.media is None else "POST",
            base + sent.path,
            params=dict(sent.query),
            content=sent.content,
            files=None if sent.media is None else {"media": sent.media},
            # WeChat compresses nothing then, and the limit counts what really comes.
            headers={"accept": "*/*", "accept-encoding": "identity", "user-agent": f"scanhook/{VERSION}"}
            | ({} if sent.content is None else {"content-type": "application/json"}),
            extensions={"timeout": limits},
        )
        response = self._transport.handle_request(request)
        try:
            content = self._take(response, sent.answer_max_bytes)
        finally:
            response.close()
        return Response(status=response.status_code, headers=dict(response.headers), content=content)

    @staticmethod
    def _take(response: httpx2.Response, answer_max_bytes: int) -> bytes:
        parts, size = [], 0
        for part in response.iter_raw():
            size += len(part)
            if size > answer_max_bytes:
                raise NoAnswer(f"gave an answer of more than {answer_max_bytes} bytes", sent=True)
            parts.append(part)
        return b"".join(parts)
