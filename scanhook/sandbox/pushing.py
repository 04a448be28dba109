"""Lets a world push: scans of its tenants' items, and the reviews that end."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Self

from scanhook.errors import Refused
from scanhook.sandbox.page_shelf import PageShelf
from scanhook.sandbox.phone import Post
from scanhook.sandbox.scan import Item, Line, Scan, Seen
from scanhook.sandbox.scanning import Scanner
from scanhook.sandbox.tenant import Tenant
from scanhook.sandbox.trace import Trace
from scanhook.sandbox.world import Review, World

__all__ = ["Pusher"]


class Pusher:
    """Pushes for the tenants of a world; facts.md sections 2 and 3. Its methods may be called from several threads.

    :param world: its ``patience`` is taken when it pushes first.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._scanner: Scanner | None = None
        self._ended = False
        self._aside = ThreadPoolExecutor(max_workers=2, thread_name_prefix="sandbox-review")
        world.on_review.append(self._push_review)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._world.on_review.remove(self._push_review)
        self._aside.shutdown(cancel_futures=True)

    def hang_up(self) -> None:
        """Break off all pushes that wait for an answer, and push nothing any more."""
        with self._lock:
            self._ended = True
            if self._scanner is not None:
                self._scanner.close()

    @property
    def scanner(self) -> Scanner:
        """What sends; made when it is asked for first, since most tests never push."""
        with self._lock:
            if self._scanner is None:
                self._scanner = _CountingScanner(self._world)
                if self._ended:
                    self._scanner.close()
            return self._scanner

    @staticmethod
    def line(tenant: Tenant) -> Line:
        """Return where a tenant's pushes go.

        :raises Refused: when it takes none.
        """
        if tenant.keys is None or not tenant.callback_url:
            raise Refused(f"{tenant.name} has no callback URL, token and key: it is never pushed to")
        return Line(url=tenant.callback_url, keys=tenant.keys)

    def as_page_says(self, tenant: Tenant, scan: Scan) -> Scan:
        """Return a scan with what whoever scans sees of the item's page (facts.md 1.2, 1.3 and 2.6).

        A page that the sandbox does not have is taken for a published one with WeChat's own window: the real page
        stands in WeChat's console, of which a sandbox knows nothing, and what is tried out is the brand's own server.
        """
        with self._world.lock:
            shelf = tenant.shelf(PageShelf)
            page = shelf.pages.get((scan.item.key_standard, scan.item.key_str))
            if page is None:
                seen = Seen.WINDOW
            elif not shelf.visible_to(page, scan.person.openid):
                seen = Seen.NOTHING
            elif page.anti_fake is None:
                seen = Seen.PAGE
            else:
                seen = Seen.WINDOW if page.anti_fake["native_show"] == "true" else Seen.LINK
        return replace(scan, seen=seen)

    def issue(self, tenant: Tenant, scan: Scan) -> str:
        """Return a fresh wxticket of somebody who scanned; ``is_check`` says whether the item was scanned before."""
        item = scan.item
        with self._world.lock:
            scanned = (item.key_standard, item.key_str, item.ext_info) in tenant.shelf(PageShelf).scanned
        return self._world.tickets.issue(
            tenant,
            openid=scan.person.openid,
            keystandard=item.key_standard,
            keystr=item.key_str,
            scene="scan" if scan.scene == "1" else "others",
            is_check=scanned,
        )

    def posts(self) -> tuple[Post, ...]:
        """Return the accounts that can be scanned for, as the phone wants them."""
        return tuple(
            Post(
                name=tenant.name,
                line=self.line(tenant),
                landing=tenant.landing_url,
                issue=lambda scan, tenant=tenant: self.issue(tenant, scan),  # type: ignore[misc]  # bound at once
                settle=lambda scan, tenant=tenant: self.as_page_says(tenant, scan),  # type: ignore[misc]  # bound at once
            )
            for tenant in self._world.tenants
            if tenant.keys is not None and tenant.callback_url
        )

    def _push_review(self, review: Review) -> None:
        if review.tenant.keys is not None and review.tenant.callback_url:
            item = Item(key_standard=review.keystandard, key_str=review.keystr)
            line = self.line(review.tenant)
            self._aside.submit(self.scanner.review, line, item, passed=review.passed, reason=review.reason)


class _CountingScanner(Scanner):
    """Counts scans on pages with WeChat's own window, for its "防伪查询详情" (the seed, 清除扫码记录)."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock, patience=world.patience)
        self._world = world

    def scan(self, line: Line, scan: Scan) -> Trace:
        key = (scan.item.key_standard, scan.item.key_str)
        with self._world.lock:
            for tenant in self._world.tenants:
                shelf = tenant.shelf(PageShelf)
                if tenant.keys is line.keys and key in shelf.pages and scan.seen is not Seen.NOTHING:
                    shelf.note_scan(key, scan.item.ext_info, counted=scan.seen is Seen.WINDOW)
        return super().scan(line, scan)
