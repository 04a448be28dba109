"""The callback: what the console calls 服务器地址(URL), for any web layer.

Errors become answers here, and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from threading import Semaphore

from scanhook.envelope import BODY_MAX_BYTES
from scanhook.errors import Malformed, PushError, ScanhookError, TooLarge, Undecided
from scanhook.receive import Account, Answer, Heard, Judged, Opened, Pending, Unasked
from scanhook.wire.forward import Forwarder, Parcel
from scanhook.wire.log import last_line, log
from scanhook.wire.metrics import Metrics
from scanhook.wire.passing import Begun, Hanging, HttpAnswer, Onward, Taken
from scanhook.wire.service import Service

__all__ = ["CALLBACK_PATH", "Begun", "Callback", "Hanging", "HttpAnswer", "Onward", "Taken"]

CALLBACK_PATH = "/wechat/callback"
"""Of the first account; a named one has ``/NAME`` behind it."""

_TEXT = "text/plain; charset=utf-8"


class Callback:
    """Answers the requests of WeChat and its console; never raises."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service = service
        self._metrics = metrics
        self._first = next(iter(service.accounts))
        self._turned_away = 0
        self._told_at = 0.0
        accounts = service.house.settings.accounts
        places = Semaphore(self.relays_max)
        self._forwarders = {
            name: Forwarder(
                account.forward_url,
                account=name,
                told=partial(metrics.forwarded, name),
                places=places,
            )
            for name, account in accounts.items()
            if account.forward_url
        }
        self._copied = {name for name, account in accounts.items() if account.forward_url and account.forward_scans}

    @property
    def relays_max(self) -> int:
        """How many pushes may wait for brands' own servers at once."""
        return max(1, self._service.house.settings.service.threads // 2)

    @property
    def look_ups_max(self) -> int:
        """How many pushes may be looked up at once in a storage on another machine.

        More than it has connections would wait for one; but some of them may wait for verifiers.
        """
        settings = self._service.house.settings
        return settings.service.threads if self.waits_for_verifiers else settings.storage.connections

    def close(self) -> None:
        """Let what is on its way to brands' own servers come to its end, then close the service."""
        for forwarder in self._forwarders.values():
            forwarder.close()
        self._service.close()

    @property
    def waits_for_verifiers(self) -> bool:
        """Whether :meth:`push` may wait for somebody else's service."""
        return self._service.judge.waits

    @property
    def waits_for_storage(self) -> bool:
        """Whether :meth:`push` may wait for another machine that keeps the storage."""
        return self._service.storage.waits

    @property
    def paths(self) -> dict[str, Account]:
        """By path, the account whose pushes come there."""
        accounts = self._service.accounts
        return {CALLBACK_PATH: accounts[self._first]} | {f"{CALLBACK_PATH}/{name}": accounts[name] for name in accounts}

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

    def push(self, account: Account, query: bytes, body: bytes, content_type: str = "") -> HttpAnswer:
        """Answer a push (POST).

        :param query: as it stands behind the ``?``.
        :param body: as it came; of one that is too large, at least a byte more than is allowed.
        :param content_type: the header's value.
        """
        taken = self.open(account, query, body, content_type)
        found = self.look_up_all([taken])[0] if isinstance(taken, Taken) else taken
        if isinstance(found, Hanging):
            found = self.ask(found)
        if isinstance(found, Begun):
            found = self.settle([found])[0]
        return self.relay(found) if isinstance(found, Onward) else found

    def open(
        self, account: Account, query: bytes, body: bytes, content_type: str = "", *, started: float | None = None
    ) -> HttpAnswer | Taken | Onward:
        """Take a push as far as it goes without registry and journal.

        :param started: when it came, by ``time.perf_counter``; now, unless it had to wait.
        """
        started = time.perf_counter() if started is None else started
        parcel = None
        if account.name in self._forwarders:
            parcel = Parcel(query=query, body=body, content_type=content_type)
        try:
            _check_size(body)
            opened = self._service.receiver.opened(account, query, body)
        except Exception as error:  # noqa: BLE001  (a consumer's scan must never meet a 500)
            return self._timed(started, self._refused(error, account, "POST"))
        if isinstance(opened, Unasked):
            return self._passed_on(account, opened.answer, parcel, started)
        return Taken(opened=opened, parcel=parcel, started=started)

    def look_up_all(self, pushes: Sequence[Taken]) -> list[HttpAnswer | Begun | Hanging]:
        """Judge pushes, as far as no verifier need be waited for.

        May wait for the storage, if it is on another machine.

        :returns: for each its answer, or what :meth:`settle` or :meth:`ask` answers.
        """
        try:
            found = self._service.receiver.judged_all([push.opened for push in pushes])
        except Exception as error:  # noqa: BLE001
            if len(pushes) > 1:  # whichever it breaks on, the others must not go without their verdicts
                return [self.look_up_all([push])[0] for push in pushes]
            return [self._timed(push.started, self._refused(error, push.opened.account, "POST")) for push in pushes]
        return [self._looked_up(push, one) for push, one in zip(pushes, found, strict=True)]

    def _looked_up(self, push: Taken, found: Judged | Heard | Pending | ScanhookError) -> HttpAnswer | Begun | Hanging:
        account, parcel, started = push.opened.account, push.parcel, push.started
        if isinstance(found, ScanhookError):
            return self._timed(started, self._refused(found, account, "POST"))
        if isinstance(found, Heard):
            return Begun(judged=found, parcel=parcel, started=started)
        if parcel is not None and account.name in self._copied:
            self._forwarders[account.name].copy(parcel)
        if isinstance(found, Pending):
            return Hanging(pending=found, started=started)
        return Begun(judged=found, started=started)

    def ask(self, push: Hanging) -> HttpAnswer | Begun:
        """Judge a push to its end. Waits for verifiers."""
        try:
            return Begun(judged=self._service.receiver.asked(push.pending), started=push.started)
        except Exception as error:  # noqa: BLE001
            return self._timed(push.started, self._refused(error, push.pending.opened.account, "POST"))

    def turn_away(self, why: str) -> HttpAnswer:
        """Answer a push that cannot even be opened in time: WeChat asks again.

        :param why: for the log, which tells of it once a second at most.
        """
        self._metrics.refused("busy")
        self._turned_away += 1
        now = time.monotonic()
        if now - self._told_at >= 1:
            log.error("too busy", status=503, why=why, pushes=self._turned_away)
            self._turned_away, self._told_at = 0, now
        return HttpAnswer(status=503, body=b"try again", content_type=_TEXT)

    def unasked(self, push: Hanging, why: str) -> Begun:
        """Leave the verifiers alone: the scan is stored as undecided, and a repeat gets the verdict that is there.

        :param why: for the log.
        """
        pending = push.pending
        judged = Judged(opened=pending.opened, scan=pending.scan, verdict=None, why=Undecided(why))
        return Begun(judged=judged, started=push.started)

    def give_up(self, push: Taken | Hanging, why: str) -> HttpAnswer:
        """Answer a push that can wait no longer, and of which nothing is on the disk: "try again", whatever is set.

        :param why: for the log.
        """
        opened = _opened_of(push)
        self._service.receiver.meter.pushed(opened.event.event, "undecided", 1)
        return self._timed(push.started, self._refused(Undecided(why), opened.account, "POST"))

    def put_off(self, push: Taken | Hanging, why: str) -> HttpAnswer:
        """Answer a push as :meth:`give_up` does that is still on its way: what becomes of it is counted, and not this.

        :param why: for the log.
        """
        return self._refused(Undecided(why), _opened_of(push).account, "POST")

    def broken(self, error: BaseException) -> HttpAnswer:
        """Answer a push over which something broke that should not."""
        log.error("broken", status=503, why=type(error).__name__, where=last_line(error))
        return HttpAnswer(status=503, body=b"try again", content_type=_TEXT)

    def relay(self, onward: Onward) -> HttpAnswer:
        """Answer a push with what the brand's own server says of it; waits for it, but not longer than WeChat does."""
        try:
            relayed = onward.forwarder.relay(onward.parcel, spent_s=time.perf_counter() - onward.started)
        except Exception as error:  # noqa: BLE001  (the brand's server must never cost WeChat an answer)
            log.error("broken", status=200, why=type(error).__name__, where=last_line(error))
            relayed = None
        if relayed is None:
            return self._timed(onward.started, onward.otherwise)
        answer = HttpAnswer(status=200, body=relayed.body, content_type=relayed.content_type)
        return self._timed(onward.started, answer)

    def settle(self, begun: Sequence[Begun]) -> list[HttpAnswer | Onward]:
        """Answer pushes, once they are on the disk, all in one transaction.

        :returns: for each its answer, or what :meth:`relay` answers.
        """
        try:
            answers: Sequence[Answer | Exception] = self._service.receiver.settle([push.judged for push in begun])
        except Exception as error:  # noqa: BLE001
            if len(begun) > 1:  # what was stored already is a repeat then
                return [self.settle([push])[0] for push in begun]
            answers = [error]
        return [self._settled(push, answer) for push, answer in zip(begun, answers, strict=True)]

    def _settled(self, push: Begun, answer: Answer | Exception) -> HttpAnswer | Onward:
        account = push.judged.opened.account
        if isinstance(answer, Exception):
            return self._timed(push.started, self._refused(answer, account, "POST"))
        return self._passed_on(account, answer, push.parcel, push.started)

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

    def _passed_on(
        self, account: Account, answer: Answer, parcel: Parcel | None, started: float
    ) -> HttpAnswer | Onward:
        if parcel is None:
            return self._timed(started, _given(answer))
        return Onward(
            parcel=parcel, forwarder=self._forwarders[account.name], otherwise=_given(answer), started=started
        )

    def _timed(self, started: float, answer: HttpAnswer) -> HttpAnswer:
        self._metrics.answered(time.perf_counter() - started)
        return answer


def _check_size(body: bytes) -> None:
    # Before anything else is looked at: whoever sends too much is told so, whatever the query says.
    if len(body) > BODY_MAX_BYTES:
        raise TooLarge(f"the body has more than {BODY_MAX_BYTES} bytes", kind="size")


def _opened_of(push: Taken | Hanging) -> Opened:
    return push.opened if isinstance(push, Taken) else push.pending.opened


def _given(answer: Answer) -> HttpAnswer:
    return HttpAnswer(status=200, body=answer.body, content_type=answer.content_type)
