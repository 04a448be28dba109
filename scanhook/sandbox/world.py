"""One sandbox: its tenants, what was given out to them, what goes wrong, and what the time brings. Performs no I/O."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scanhook.clock import Clock, SystemClock
from scanhook.errors import Refused
from scanhook.sandbox.faults import Faults
from scanhook.sandbox.page_shelf import Page, PageShelf
from scanhook.sandbox.policy import Policy
from scanhook.sandbox.qrcode import Pictures
from scanhook.sandbox.quotas import Quotas
from scanhook.sandbox.route import Refusal
from scanhook.sandbox.sending import Patience
from scanhook.sandbox.tenant import Tenant
from scanhook.sandbox.tickets import Tickets
from scanhook.sandbox.tokens import Tokens

__all__ = ["Review", "World"]

REJECTED = "商品信息不符合规范"
_RIDS_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """How a page's review ended: what ``user_scan_product_verify_action`` tells (facts.md 2.5).

    :param reason: empty when it passed.
    """

    tenant: Tenant
    keystandard: str
    keystr: str
    passed: bool
    reason: str


class World:
    """All that one sandbox knows.

    :param tenants: may become more later, by :meth:`admit`.
    :param clock: what every term is measured with.
    :ivar lock: held while a call is answered; whoever looks at shelves from outside holds it, too.
    :ivar cloud: whose calls need no token, as those from WeChat's own cloud (云调用); nobody's unless it is set.
    :ivar patience: how long its pushes wait, and how often they are repeated.
    :ivar base_url: where the sandbox is served, for the addresses that it gives out.
    :ivar on_review: told of every review that ends, outside the lock.
    """

    def __init__(
        self,
        tenants: Iterable[Tenant] = (),
        *,
        clock: Clock | None = None,
        policy: Policy | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock or SystemClock()
        self.policy = policy or Policy()
        self.cloud: Tenant | None = None
        self.patience = patience or Patience()
        self.base_url = "http://127.0.0.1:9000"
        self.tenants: list[Tenant] = list(tenants)
        self.tokens = Tokens(self._current_policy)
        self.tickets = Tickets(self._current_policy, self.clock)
        self.faults = Faults()
        self.quotas = Quotas()
        self.rids: OrderedDict[str, tuple[Tenant, Mapping[str, Any]]] = OrderedDict()
        self.pictures = Pictures()
        self.on_review: list[Callable[[Review], object]] = []

    def admit(self, tenant: Tenant) -> Tenant:
        """Let one more tenant in, and return it."""
        with self.lock:
            self.tenants.append(tenant)
        return tenant

    def tenant(self, app_id: str) -> Tenant:
        """Return a tenant by its app id; of a company with several applications the first.

        :raises Refused: when there is none.
        """
        for tenant in self.tenants:
            if tenant.app_id == app_id:
                return tenant
        known = ", ".join(tenant.app_id for tenant in self.tenants)
        raise Refused(f"the sandbox has no tenant `{app_id}`; it has {known}")

    def authenticate(self, app_id: str, secret: str, *, peer: str) -> Tenant:
        """Return the tenant that shows its secret; facts.md section 4.

        :raises Refusal: 40013 unknown, 40001 wrong secret, 40164 from an address that is not in the whitelist.
        """
        named = [tenant for tenant in self.tenants if tenant.app_id == app_id]
        if not named:
            raise Refusal(40013, "invalid appid")
        for tenant in named:
            if tenant.secret == secret:
                if tenant.whitelist is not None and peer not in tenant.whitelist:
                    raise Refusal(40164, f"invalid ip {peer}, not in whitelist")
                return tenant
        raise Refusal(40001, "invalid credential, secret is wrong")

    def remember(self, rid: str, tenant: Tenant, request: Mapping[str, Any]) -> None:
        """Keep what was asked under a rid, so that ``openapi/rid/get`` can tell."""
        with self.lock:
            while len(self.rids) >= _RIDS_MAX:
                self.rids.popitem(last=False)
            self.rids[rid] = (tenant, request)

    def pass_time(self) -> list[Review]:
        """End the reviews whose time has come, and tell those who want to know.

        A server does so by itself; whoever moves the clock does it here.
        """
        now, passed = self.clock.now(), self.policy.review_passes
        with self.lock:
            ended = [
                self._end(tenant, page, passed=passed, reason="")
                for tenant in self.tenants
                for page in tenant.shelf(PageShelf).pages.values()
                if page.due_at is not None and page.due_at <= now
            ]
        for review in ended:
            self._announce(review)
        return ended

    def end_review(self, tenant: Tenant, keystandard: str, keystr: str, *, passed: bool, reason: str = "") -> Review:
        """End one page's review now, and tell those who want to know.

        :param reason: why it did not pass.
        :raises Refused: when that page is not in review.
        """
        with self.lock:
            page = tenant.shelf(PageShelf).pages.get((keystandard, keystr))
            if page is None or page.due_at is None:
                raise Refused(f"{keystandard}/{keystr} of {tenant.app_id} is not in review")
            review = self._end(tenant, page, passed=passed, reason=reason)
        self._announce(review)
        return review

    def _end(self, tenant: Tenant, page: Page, *, passed: bool, reason: str) -> Review:
        page.settle(passed=passed, now=self.clock.now())
        return Review(
            tenant=tenant,
            keystandard=page.keystandard,
            keystr=page.keystr,
            passed=passed,
            reason="" if passed else reason or REJECTED,
        )

    def _announce(self, review: Review) -> None:
        for told in self.on_review:
            told(review)

    def _current_policy(self) -> Policy:
        return self.policy
