"""Where tickets are checked: WeChat is asked aside, for a short while, and left alone when it fails.

However slow WeChat is, it holds up some requests of this kind and no others. Nor does anybody wait for a verifier in a
place where a scan could.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from scanhook.errors import Undecided, WechatRefused, WechatUnreachable
from scanhook.tickets import Binder, Checked
from scanhook.verdict.aside import Aside
from scanhook.verdict.breaker import Breaker
from scanhook.wechat import Api
from scanhook.wechat.ticket import TICKET_PATH, Ticket, check_ticket, proper_ticket

__all__ = ["TicketDesk"]

WAIT_S = 3.0
"""A person looks at an empty page meanwhile."""
_THREADS = 16
_QUEUE_MAX = 32


class TicketDesk:
    """Checks the tickets of every account. Safe for threads.

    :param binder: knows what may be told of an item; its judge is the desk's own, which closes it.
    :param open_api: opens an account's API, by its name; raises :class:`~scanhook.errors.Refused` when it cannot be
        called, with the remedy.
    :param waiters_max: how many requests may wait for WeChat at once.
    """

    def __init__(
        self,
        binder: Binder,
        *,
        open_api: Callable[[str], Api],
        waiters_max: int,
        breaker: Callable[[], Breaker] = Breaker,
    ) -> None:
        self._binder = binder
        self._open_api = open_api
        self._breaker = breaker
        self._aside = Aside(waiters_max=waiters_max, threads=_THREADS, queue_max=_QUEUE_MAX)
        self._lock = threading.Lock()
        self._opened: dict[str, tuple[Api, Breaker]] = {}

    def open(self, account: str) -> None:
        """Open an account's API, which is done once.

        :raises Refused: when the settings do not let it be called; the sentence says what to write where.
        """
        self._api(account)

    def check(self, account: str, ticket: str, ext_info: str | None, *, wait_s: float = WAIT_S) -> Checked:
        """Ask WeChat what a ticket stands for, and find out what may be told.

        :param account: its name in the settings.
        :param ticket: as it stands in the link.
        :param ext_info: see :meth:`~scanhook.tickets.Binder.bind`.
        :param wait_s: how long to wait for WeChat.
        :raises Refused: when the ticket cannot be one, or as :meth:`open`.
        :raises WechatRefused: when WeChat refuses it.
        :raises WechatUnreachable: when there is no answer in time that can be used.
        :raises Undecided: when the ticket is bound, and no verdict can be given now.
        :raises StorageError: when registry or journal cannot be read.
        """
        return self._binder.bind(account, self._ask(account, ticket, wait_s), ext_info)

    def close(self) -> None:
        """Let the calls that run come to their end, and close the pooled connections."""
        self._aside.close()
        self._binder.judge.close()
        for api, _ in self._opened.values():
            api.close()

    def _api(self, account: str) -> tuple[Api, Breaker]:
        with self._lock:
            found = self._opened.get(account)
            if found is None:
                found = self._opened[account] = (self._open_api(account), self._breaker())
        return found

    def _ask(self, account: str, ticket: str, wait_s: float) -> Ticket:
        ticket = proper_ticket(ticket)
        api, breaker = self._api(account)
        if not breaker.lets_through():
            raise WechatUnreachable(
                f"{TICKET_PATH}: WeChat failed several times in a row and is left alone for a while", acted=False
            )
        began_at = time.monotonic()
        try:
            found = self._aside.run(partial(check_ticket, api, ticket), wait_s=wait_s, late=lambda _ticket: None)
        except Undecided:
            # An answer that comes when nobody waits any more is none. Where there was no place to wait, nobody knows.
            if time.monotonic() - began_at >= wait_s:
                breaker.failed()
            raise WechatUnreachable(
                f"{TICKET_PATH}: no answer within {wait_s:.0f} s, or too many tickets are being checked",
                acted=None,
            ) from None
        except WechatUnreachable:
            breaker.failed()
            raise
        except WechatRefused:
            breaker.succeeded()  # it answers, after all
            raise
        breaker.succeeded()
        return found
