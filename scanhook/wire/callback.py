"""The callback: what the console calls 服务器地址(URL), for any web layer.

Errors become answers here, and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from scanhook.envelope import BODY_MAX_BYTES
from scanhook.errors import PushError, ScanhookError, TooLarge
from scanhook.receive import Account, Answer
from scanhook.wire.log import log
from scanhook.wire.metrics import Metrics
from scanhook.wire.service import Service

__all__ = ["CALLBACK_PATH", "Callback", "HttpAnswer"]

CALLBACK_PATH = "/wechat/callback"
"""Of the first account; a named one has ``/NAME`` behind it."""

_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What goes back over HTTP."""

    status: int
    body: bytes
    content_type: str


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
        return self._answered(account, "GET", lambda: self._service.receiver.echo(account, query))

    def push(self, account: Account, query: bytes, body: bytes) -> HttpAnswer:
        """Answer a push (POST).

        :param body: as it came; of one that is too large, at least a byte more than is allowed.
        """
        started = time.perf_counter()

        def receive() -> Answer:
            if len(body) > BODY_MAX_BYTES:
                raise TooLarge(f"the body has more than {BODY_MAX_BYTES} bytes", kind="size")
            return self._service.receiver.receive(account, query, body)

        answer = self._answered(account, "POST", receive)
        self._metrics.answered(time.perf_counter() - started)
        return answer

    def refuse_method(self, account: Account, method: str) -> HttpAnswer:
        """Answer a request that is neither GET nor POST."""
        self._metrics.refused("method")
        why = "the callback takes GET (URL verification) and POST (pushes)"
        log.warning("refused", status=405, reason="method", why=why, account=account.name, method=method)
        return HttpAnswer(status=405, body=b"method not allowed\n", content_type=_TEXT)

    def _answered(self, account: Account, method: str, call: Callable[[], Answer]) -> HttpAnswer:
        try:
            answer = call()
        except PushError as error:
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
        except ScanhookError as error:
            log.error("undecided", status=503, why=error.why, account=account.name, method=method)
        except Exception as error:  # noqa: BLE001  (a consumer's scan must never meet a 500)
            # Not its text: what broke may have had a code or an openid in its hands.
            why = type(error).__name__
            log.error("broken", status=503, why=why, where=_last_line(error), account=account.name, method=method)
        else:
            return HttpAnswer(status=200, body=answer.body, content_type=answer.content_type)
        return HttpAnswer(status=503, body=b"try again", content_type=_TEXT)


def _last_line(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
