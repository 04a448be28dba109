"""An account's scan product pages, their states, testers and scan records; facts.md 1.2 to 1.4. Performs no I/O."""

from __future__ import annotations

import copy
import secrets
import string
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scanhook.sandbox.merchant import Merchant
from scanhook.sandbox.page_rules import check_parts, check_price
from scanhook.sandbox.route import Refusal

__all__ = ["Key", "Page", "PageShelf", "Status"]

PAGES_MAX = 100_000
_LETTERS = string.ascii_letters + string.digits
_PID_CHARS = (11, 12)  # the seed's sample has 11, the official table counts 12

Key = tuple[str, str]


class Status(StrEnum):
    """A page's state (the seed, 查询商品信息)."""

    ON = "on"
    OFF = "off"
    CHECK = "check"
    REJECT = "reject"


@dataclass(slots=True)
class Page:
    """One page.

    :param parts: ``base_info`` and the others, as they were sent.
    :param updated_at: seconds since 1970.
    :param due_at: when its review ends; only in review.
    """

    keystandard: str
    keystr: str
    pid: str
    parts: dict[str, Any]
    updated_at: float
    status: Status = Status.OFF
    due_at: float | None = None

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.keystandard, self.keystr

    @property
    def anti_fake(self) -> Mapping[str, Any] | None:
        """The module by which a scan asks for a verdict, when the page has it."""
        modules: list[Mapping[str, Any]] = self.parts.get("module_info", {}).get("module_list", [])
        return modules[0] if modules else None

    def settle(self, *, passed: bool, now: float) -> None:
        """End the page's review."""
        self.status = Status.ON if passed else Status.REJECT
        self.due_at, self.updated_at = None, now

    def shown(self) -> dict[str, Any]:
        """Return ``brand_info`` as ``product/get`` shows it."""
        parts = copy.deepcopy(self.parts)
        actions = parts["action_info"].get("action_list", [])
        price = next((action["retail_price"] for action in actions if action["type"] == "price"), "0.00")
        parts["base_info"] = {**parts["base_info"], "retail_price": price, "status": self.status.value}
        return parts


@dataclass(slots=True)
class PageShelf:
    """What one account has on the scan pages.

    :param records: how often each item was scanned, by key and extinfo: only pages with WeChat's own window count (the
        seed, 清除扫码记录).
    :param scanned: the items that were scanned at all, named like the records: what ``is_check`` of a ticket tells.
    """

    merchant: Merchant = field(default_factory=Merchant)
    pages: dict[Key, Page] = field(default_factory=dict)
    tester_openids: tuple[str, ...] = ()
    tester_usernames: tuple[str, ...] = ()
    records: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    scanned: set[tuple[str, str, str]] = field(default_factory=set)

    def create(self, key: Key, given: object, *, now: float) -> Page:
        """Take a new page; it is not published.

        :raises Refusal: 61323 not in a segment, 61337 there already, 63158 too many, and those of its parts.
        """
        if not self.merchant.owns(*key):
            raise Refusal(61323, "barcode no permission")
        if key in self.pages:
            raise Refusal(61337, "product already exists")
        if len(self.pages) >= PAGES_MAX:
            raise Refusal(63158, "branditem out of limits")
        parts = dict(check_parts(given, merchant=self.merchant, is_published=self._is_published, whole=True))
        check_price(parts)
        pid = "".join(secrets.choice(_LETTERS) for _ in range(secrets.choice(_PID_CHARS)))
        page = Page(*key, pid=pid, parts=copy.deepcopy(parts), updated_at=now)
        self.pages[key] = page
        return page

    def find(self, key: Key) -> Page:
        """Return a page.

        :raises Refusal: 61334: there is none.
        """
        page = self.pages.get(key)
        if page is None:
            raise Refusal(61334, "product not exists")
        return page

    def update(self, key: Key, given: object, *, now: float, review_s: float) -> Page:
        """Replace the parts that are given; a page that is ``on`` goes into review.

        :raises Refusal: 63166 while it is in review, and those of its parts.
        """
        page = self.find(key)
        if page.status is Status.CHECK:
            raise Refusal(63166, "item is being verified")
        parts = check_parts(given, merchant=self.merchant, is_published=self._is_published, whole=False)
        merged = {**page.parts, **copy.deepcopy(dict(parts))}
        check_price(merged)
        page.parts, page.updated_at = merged, now
        if page.status is Status.ON:
            page.status, page.due_at = Status.CHECK, now + review_s
        return page

    def submit(self, key: Key, *, now: float, review_s: float) -> None:
        """Send a page into review.

        :raises Refusal: 63166 it is there, 63169 it is published.
        """
        page = self.find(key)
        if page.status is Status.CHECK:
            raise Refusal(63166, "item is being verified")
        if page.status is Status.ON:
            raise Refusal(63169, "already published")
        page.status, page.due_at, page.updated_at = Status.CHECK, now + review_s, now

    def withdraw(self, key: Key, *, now: float) -> None:
        """Publish a page no longer.

        :raises Refusal: 63166 it is in review, 63168 it did not pass, 63167 it is not published.
        """
        page = self.find(key)
        match page.status:
            case Status.CHECK:
                raise Refusal(63166, "item is being verified")
            case Status.REJECT:
                raise Refusal(63168, "verify not pass")
            case Status.OFF:
                raise Refusal(63167, "item not published")
        page.status, page.updated_at = Status.OFF, now

    def note_scan(self, key: Key, extinfo: str, *, counted: bool) -> None:
        """Note that an item was scanned; ``counted`` on a page with WeChat's own window."""
        self.scanned.add((*key, extinfo))
        if counted:
            self.records[*key, extinfo] += 1

    def forget_scans(self, key: Key, extinfo: str) -> None:
        """Let an item be one that nobody has scanned (the seed, 清除扫码记录)."""
        self.records.pop((*key, extinfo), None)
        self.scanned.discard((*key, extinfo))

    def visible_to(self, page: Page, openid: str) -> bool:
        """Tell whether somebody sees a page: everybody a published one, testers every one (facts.md 1.3)."""
        return page.status is Status.ON or openid in self.tester_openids

    def _is_published(self, keystandard: str, keystr: str) -> bool:
        page = self.pages.get((keystandard, keystr))
        return page is not None and page.status is Status.ON
