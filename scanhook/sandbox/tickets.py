"""The sandbox's wxtickets: what a product page hangs on the links that leave it. Performs no I/O."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from scanhook.clock import Clock
from scanhook.sandbox.policy import Policy
from scanhook.sandbox.route import Refusal
from scanhook.sandbox.tenant import Tenant

__all__ = ["Scene", "Tickets"]

Scene = Literal["scan", "others"]

_KEPT_MAX = 100_000
_TICKET_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ticket:
    tenant: Tenant
    ends_at: float
    answer: dict[str, Any] = field(repr=False)


class Tickets:
    """Issues tickets and says what they stand for; the seed, "检查wxticket参数". Safe for threads."""

    def __init__(self, policy: Callable[[], Policy], clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, _Ticket] = {}

    def issue(
        self,
        tenant: Tenant,
        *,
        openid: str,
        keystandard: str,
        keystr: str,
        scene: Scene = "scan",
        is_check: bool = False,
        is_contact: bool = False,
    ) -> str:
        """Return a fresh ticket of somebody who leaves a product's page by a link of it.

        :param tenant: whose product it is; only this account can check the ticket.
        """
        ticket = secrets.token_hex(_TICKET_BYTES)  # a dash in front would be taken for an option
        answer = {
            "keystandard": keystandard,
            "keystr": keystr,
            "openid": openid,
            "scene": scene,
            "is_check": is_check,
            "is_contact": is_contact,
        }
        ends_at = self._clock.now() + self._policy().ticket_life_s
        with self._lock:
            while len(self._kept) >= _KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[ticket] = _Ticket(tenant=tenant, ends_at=ends_at, answer=answer)
        return ticket

    def check(self, tenant: Tenant, ticket: object) -> dict[str, Any]:
        """Return what a ticket stands for; it may be checked again and again, which the page does not say.

        :raises Refusal: 61317: it is none, of another account, or older than 20 minutes.
        """
        found = self._kept.get(ticket) if isinstance(ticket, str) else None
        if found is None or found.tenant is not tenant or found.ends_at <= self._clock.now():
            raise Refusal(61317, "ticket invalid")
        return dict(found.answer)
