"""The callback: what the console calls 服务器地址(URL), for any web layer.

Errors become answers here, and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from scanhook.envelope import BODY_MAX_BYTES
from scanhook.errors import Malformed, PushError, ScanhookError, TooLarge
from scanhook.receive import Account, Answer, Judged
from scanhook.wire.log import last_line, log
from scanhook.wire.metrics import Metrics
from scanhook.wire.service import Service

__all__ = ["CALLBACK_PATH", "Begun", "Callback", "HttpAnswer"]

CALLBACK_PATH = "/wechat/callback"
"""Of the first account; a named one has ``/NAME`` behind it."""

_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What goes back over HTTP."""

    status: int
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A push that waits for the disk.

    :param started: when it came, by ``time.perf_counter``.
    """

    judged: Judged
    started: float


class Callback:
    """Answers the requests of WeChat and its console; never raises."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service = service
        self._metrics = metrics
        self._first = next(iter(service.accounts))

    @property
    def waits(self) -> bool:
        """Whether :meth:`push` may wait for somebody else's service."""
        return self._service.judge.waits

    def account(self, name: str = "") -> Account | None:
        """Return the account of that name; without one, the first."""
        return self._service.accounts.get(name or self._first)

    def verify_url(self, account: Account, query: bytes) -> HttpAnswer:
        """Answer the console's URL verification (GET).

        :param query: as it stands behind the ``?``.
        """
        try:
            return _given(self._service.receiver.echo(account, query))
        except Exception as error:  # noqa: BLE001
            return self._refused(error, account, "GET")

    def push(self, account: Account, query: bytes, body: bytes) -> HttpAnswer:
        """Answer a push (POST).

        :param query: as it stands behind the ``?``.
        :param body: as it came; of one that is too large, at least a byte more than is allowed.
        """
        begun = self.begin(account, query, body)
        return begun if isinstance(begun, HttpAnswer) else self.settle([begun])[0]

    def begin(self, account: Account, query: bytes, body: bytes) -> HttpAnswer | Begun:
        """Take a push as far as it goes without the disk; what comes out is answered by :meth:`settle`."""
        started = time.perf_counter()
        try:
            _check_size(body)
            found = self._service.receiver.judged(account, query, body)
        except Exception as error:  # noqa: BLE001  (a consumer's scan must never meet a 500)
            return self._timed(started, self._refused(error, account, "POST"))
        if isinstance(found, Answer):
            return self._timed(started, _given(found))
        return Begun(judged=found, started=started)

    def settle(self, begun: Sequence[Begun]) -> list[HttpAnswer]:
        """Answer pushes, once their scans are on the disk in one transaction."""
        try:
            answers: Sequence[Answer | Exception] = self._service.receiver.settle([push.judged for push in begun])
        except Exception as error:  # noqa: BLE001
            answers = [error] * len(begun)
        return [
            self._timed(
                push.started,
                self._refused(answer, push.judged.account, "POST") if isinstance(answer, Exception) else _given(answer),
            )
            for push, answer in zip(begun, answers, strict=True)
        ]

    def cut_off(self, account: Account) -> HttpAnswer:
        """Answer a push whose body never came to its end."""
        why = "the body did not come to its end: the sender closed the line, or was too slow"
        return self._refused(Malformed(why, kind="body"), account, "POST")

    def refuse_method(self, account: Account, method: str) -> HttpAnswer:
        """Answer a request that is neither GET nor POST."""
        self._metrics.refused("method")
        why = "the callback takes GET (URL verification) and POST (pushes)"
        log.warning("refused", status=405, reason="method", why=why, account=account.name, method=method)
        return HttpAnswer(status=405, body=b"method not allowed\n", content_type=_TEXT)

    def _refused(self, error: Exception, account: Account, method: str) -> HttpAnswer:
        """Turn an error into an answer, and say why in the log."""
        if isinstance(error, PushError):
            self._metrics.refused(error.kind)
            log.warning(
                "refused",
                status=error.status_hint,
                reason=error.kind,
                why=error.why,
                account=account.name,
                method=method,
            )
            return HttpAnswer(status=error.status_hint, body=error.answer.encode(), content_type=_TEXT)
        if isinstance(error, ScanhookError):
            log.error("undecided", status=503, why=error.why, account=account.name, method=method)
        else:
            # Not its text: what broke may have had a code or an openid in its hands.
            why = type(error).__name__
            log.error("broken", status=503, why=why, where=last_line(error), account=account.name, method=method)
        return HttpAnswer(status=503, body=b"try again", content_type=_TEXT)

    def _timed(self, started: float, answer: HttpAnswer) -> HttpAnswer:
        self._metrics.answered(time.perf_counter() - started)
        return answer


def _check_size(body: bytes) -> None:
    # Before anything else is looked at: whoever sends too much is told so, whatever the query says.
    if len(body) > BODY_MAX_BYTES:
        raise TooLarge(f"the body has more than {BODY_MAX_BYTES} bytes", kind="size")


def _given(answer: Answer) -> HttpAnswer:
    return HttpAnswer(status=200, body=answer.body, content_type=answer.content_type)
