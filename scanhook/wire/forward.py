"""Passes pushes on to the server that the brand has already, byte for byte, and brings its answer back in time.

That server is asked only what a push other than a scan asks; whatever it does, WeChat gets an answer before it cuts the
line, and a verdict never waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Semaphore

import httpx2

from scanhook.errand import handed
from scanhook.release import VERSION
from scanhook.verdict.breaker import Breaker
from scanhook.wechat.deadline import Deadline, DeadlineTransport
from scanhook.wire.log import log

__all__ = ["ANSWER_MAX_BYTES", "DEADLINE_S", "Forwarder", "Parcel", "Relayed"]

DEADLINE_S = 4.0
"""WeChat cuts the line after 5 s (facts.md 3.4); the rest is for the way."""
ANSWER_MAX_BYTES = 64 * 1024
_CONNECT_MAX_S = 2.0
_LEAST_S = 0.5
"""Nobody waits long for an answer by then, but what the push says still gets there."""
_COPY_THREADS = 4
_COPIES_MAX = 256
_TEXT = "text/plain; charset=utf-8"
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A push as it came.

    :param query: as it stands behind the ``?``.
    :param content_type: the header's value; empty when there was none.
    """

    query: bytes = field(repr=False)
    body: bytes = field(repr=False)
    content_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relayed:
    """What the brand's server answered with status 200."""

    body: bytes = field(repr=False)
    content_type: str


class Forwarder:
    """Knows one server of the brand's. Safe for threads.

    :param url: where the console's URL pointed before; the push's query is put behind it.
    :param account: whose pushes go there, for the log.
    :param told: is told the outcome of every parcel, in one word.
    :param places: how many pushes may wait at once, for this server and others.
    :param deadline_s: how long one may wait, from the first byte of the connection to the last one of the answer.
    """

    def __init__(
        self,
        url: str,
        *,
        account: str,
        told: Callable[[str], None],
        places: Semaphore,
        deadline_s: float = DEADLINE_S,
        breaker: Breaker | None = None,
    ) -> None:
        self._url = httpx2.URL(url)
        self._account = account
        self._told = told
        self._places = places
        self._deadline_s = deadline_s
        self._breaker = breaker or Breaker()
        self._copies = Semaphore(_COPIES_MAX)
        self._copiers = ThreadPoolExecutor(_COPY_THREADS, thread_name_prefix="copy")
        self._deadline = Deadline()
        self._transport = DeadlineTransport(self._deadline)

    def relay(self, parcel: Parcel, *, spent_s: float = 0.0) -> Relayed | None:
        """Pass a push on and return the answer; ``None`` when there is none in time that can be used.

        :param spent_s: how long WeChat has waited already.
        """
        if not self._places.acquire(blocking=False):
            self._failed(_NoAnswer("too many pushes wait for an answer already", kind="crowded"))
            return None
        try:
            relayed = self._send(parcel, within_s=min(self._deadline_s, max(self._deadline_s - spent_s, _LEAST_S)))
        except _NoAnswer as error:
            self._failed(error)
            return None
        finally:
            self._places.release()
        self._told("relayed")
        return relayed

    def copy(self, parcel: Parcel) -> None:
        """Pass a push on when there is time for it; nobody waits for its answer, and none is used."""
        if not self._copies.acquire(blocking=False):
            self._told("copy_dropped")
        elif not handed(self._copiers, partial(self._copy, parcel), dropped=self._drop):
            self._drop()

    def close(self) -> None:
        """Let what is on its way come to its end, and close the pooled connections."""
        self._copiers.shutdown(wait=True, cancel_futures=True)
        self._transport.close()

    def _drop(self) -> None:
        self._copies.release()
        self._told("copy_dropped")

    def _copy(self, parcel: Parcel) -> None:
        try:
            self._send(parcel, within_s=self._deadline_s)
        except _NoAnswer as error:
            self._failed(error, copy=True)
        else:
            self._told("copied")
        finally:
            self._copies.release()

    def _failed(self, error: _NoAnswer, *, copy: bool = False) -> None:
        self._told("copy_failed" if copy else error.kind)
        log.warning("not forwarded", account=self._account, why=error.why, reason=error.kind)

    def _send(self, parcel: Parcel, *, within_s: float) -> Relayed:
        if not _can_be_sent(parcel):
            raise _NoAnswer("its query or Content-Type holds what no HTTP request can carry", kind="unsendable")
        if not self._breaker.lets_through():
            raise _NoAnswer("it failed several times in a row and is left alone for a while", kind="left_alone")
        try:
            with self._deadline.within(within_s):
                relayed = self._exchange(parcel)
        except httpx2.TimeoutException:
            self._breaker.failed()
            raise _NoAnswer(f"it gave no whole answer within {within_s:.1f} s", kind="late") from None
        except httpx2.HTTPError as error:
            self._breaker.failed()
            raise _NoAnswer(f"it cannot be reached, or broke off: {type(error).__name__}", kind="unreachable") from None
        except _NoAnswer:
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return relayed

    def _exchange(self, parcel: Parcel) -> Relayed:
        limits = dict.fromkeys(("read", "write", "pool"), self._deadline_s)
        # The library would write the query in its own way, and the brand's server signs what WeChat wrote.
        target = self._url.raw_path + (b"?" + parcel.query if parcel.query else b"")
        request = httpx2.Request(
            "POST",
            self._url,
            content=parcel.body,
            headers={"accept": "*/*", "accept-encoding": "identity", "user-agent": f"scanhook/{VERSION}"}
            | ({"content-type": parcel.content_type} if parcel.content_type else {}),
            extensions={"target": target, "timeout": {"connect": min(_CONNECT_MAX_S, self._deadline_s), **limits}},
        )
        response = self._transport.handle_request(request)
        try:
            return _read(response)
        finally:
            response.close()


def _can_be_sent(parcel: Parcel) -> bool:
    return all(0x21 <= byte <= 0x7E for byte in parcel.query) and (
        not parcel.content_type or _PRINTABLE.fullmatch(parcel.content_type) is not None
    )


def _read(response: httpx2.Response) -> Relayed:
    if response.status_code != httpx2.codes.OK:
        raise _NoAnswer(f"it answered with status {response.status_code}, not 200", kind="status")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _NoAnswer("its answer is compressed, although nobody asked for that", kind="encoding")
    body = b""
    for piece in response.iter_raw():
        body += piece
        if len(body) > ANSWER_MAX_BYTES:
            raise _NoAnswer(f"its answer has more than {ANSWER_MAX_BYTES} bytes", kind="too_large")
    content_type = response.headers.get("content-type", "")
    # What else it may hold, no server of ours would send.
    return Relayed(body=body, content_type=content_type if _PRINTABLE.fullmatch(content_type) else _TEXT)


class _NoAnswer(Exception):
    """The brand's server gave no answer that WeChat could be given; never leaves this module.

    :param kind: one word for the metrics.
    """

    def __init__(self, why: str, *, kind: str) -> None:
        super().__init__(why)
        self.why = why
        self.kind = kind
