"""What ``scanhook doctor`` asks WeChat: about the right to scan product pages, and about those of the registry.

A few seconds: whoever has a hundred thousand pages looks at the catalog for the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from scanhook.errors import Refused, ScanhookError, StorageError, WechatError, WechatRefused
from scanhook.office.catalog import CatalogSync
from scanhook.settings import Settings
from scanhook.wechat import System, TokenKeep, caller_of, open_api
from scanhook.wechat.codes import API_UNAUTHORIZED
from scanhook.wechat.pages import NO_SUCH_PAGE, Page, PageKey, PageStatus, ScanPages
from scanhook.wire.ready import Check
from scanhook.wire.service import Service, storage_url

__all__ = ["wechat_checks"]

MODULES_MAX = 100
"""So many pages of each account are asked for in full: only there is the module ``anti_fake``."""
ALL_WITHIN_S = 20.0
_CALL_S = 4.0
_NAMED_MAX = 5


def wechat_checks(service: Service, *, monotonic: Callable[[], float] = time.monotonic) -> Iterator[Check]:
    """Yield what there is to say of each account's scan product pages, and of the catalog."""
    patience = _Patience(monotonic=monotonic, until=monotonic() + ALL_WITHIN_S)
    settings = _impatient(service.house.settings)
    for name in settings.accounts:
        try:
            caller_of(settings, System.PAGES, account=name)
        except Refused as error:
            yield Check(name=f"scan right of {name} (not asked: {error})", fault=None, asked=False)
            continue
        if patience.is_over():
            yield Check(name=f"scan right of {name} (not asked: WeChat takes too long)", fault=None, asked=False)
            continue
        yield from _account(service, settings, name, patience=patience)
    yield _catalog(service)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patience:
    """Until when WeChat is asked."""

    monotonic: Callable[[], float]
    until: float

    def is_over(self) -> bool:
        return self.monotonic() >= self.until

    def half(self) -> _Patience:
        """Return half of what is left."""
        return replace(self, until=(self.monotonic() + self.until) / 2)


def _impatient(settings: Settings) -> Settings:
    """Return the settings with little time for a call, and one server to call."""
    little = min(settings.wechat.timeout_s, _CALL_S)
    wechat = settings.wechat.model_copy(update={"timeout_s": little, "api_fallbacks": ()})
    return settings.model_copy(update={"wechat": wechat})


def _account(service: Service, settings: Settings, name: str, *, patience: _Patience) -> Iterator[Check]:
    keep = TokenKeep(
        store=service.office.tokens, url=storage_url(service.house), pepper=service.pepper, clock=service.clock
    )
    with closing(open_api(settings, System.PAGES, keep=keep, account=name)) as api:
        pages = ScanPages(api)
        try:
            pages.merchant()
        except ScanhookError as error:
            yield Check(name=f"scan right of {name}", fault=_right_fault(error, name))
            return
        yield Check(name=f"scan right of {name}", fault=None)
        try:
            yield _pages(service, pages, name, patience=patience)
        except ScanhookError as error:
            yield Check(name=f"product pages of {name}", fault=str(error))


def _right_fault(error: ScanhookError, name: str) -> str:
    if isinstance(error, WechatRefused) and error.code == API_UNAUTHORIZED:
        return (
            f"WeChat has not granted the scan right (微信扫一扫) to the account {name} (48001): apply for it in the "
            "console first, or, where a platform calls, have it granted permission set 9. Pushes are answered meanwhile"
        )
    if isinstance(error, WechatError):
        return f"{error}. Pushes are answered all the same; tickets cannot be checked"
    return str(error)


@dataclass(slots=True)
class _Found:
    """What is wrong with some pages, by what it is.

    :ivar looked: how many were looked at.
    :ivar in_full: how many of them were asked for in full.
    """

    looked: int = 0
    in_full: int = 0
    missing: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    mute: list[str] = field(default_factory=list)

    def fault(self) -> str | None:
        """Say it in one sentence; ``None`` when nothing is wrong."""
        parts = (
            (self.missing, "no page: {}: make it with `scanhook pages create`, or correct keystandard and keystr"),
            (self.hidden, "not published (on), so that consumers do not see it: {}: `scanhook pages publish`"),
            (self.mute, "without the module anti_fake, so that WeChat asks for no verdict: {}: add it to module_info"),
        )
        return "; ".join(text.format(_some(names)) for names, text in parts if names) or None


def _pages(service: Service, pages: ScanPages, account: str, *, patience: _Patience) -> Check:
    keys = [
        PageKey(key_standard=product.key_standard, key_str=product.key_str)
        for product in service.registry.products()
        if product.account == account
    ]
    name = f"product pages of {account}"
    if not keys:
        return Check(name=f"{name} (not asked: the registry has no product of it)", fault=None, asked=False)
    found = _look(pages, keys, patience=patience)
    if not found.looked:
        return Check(name=f"{name} (not asked: WeChat takes too long)", fault=None, asked=False)
    in_full = f", the module anti_fake of {found.in_full:,}" if found.in_full < found.looked else ""
    return Check(name=f"{name} ({found.looked:,} of {len(keys):,}{in_full})", fault=found.fault())


def _look(pages: ScanPages, keys: Sequence[PageKey], *, patience: _Patience) -> _Found:
    """Look at the pages as long as there is time: at the states of all in the list, and at some in full.

    Those that are not listed come first: lists shift while others change pages, and only a page's own call tells.
    """
    found = _Found()
    states = _states(pages, frozenset(keys), patience=patience.half())
    for number, key in enumerate(sorted(keys, key=lambda key: key in states)):
        state = states.get(key)
        page = None
        if number < MODULES_MAX and not patience.is_over():
            found.in_full += 1
            page = _page(pages, key)
            state = None if page is None else (state or page.status or "no state")
        elif state is None:
            continue
        found.looked += 1
        if state is None:
            found.missing.append(str(key))
        elif state != PageStatus.ON:
            found.hidden.append(f"{key} ({state})")
        if page is not None and page.anti_fake is None:
            found.mute.append(str(key))
    return found


def _states(pages: ScanPages, wanted: frozenset[PageKey], *, patience: _Patience) -> Mapping[PageKey, str]:
    """Return the states of those pages that are listed."""
    states: dict[PageKey, str] = {}
    if patience.is_over():
        return states
    for page in pages.every():
        if page.key in wanted:
            states[page.key] = page.status or "no state"
        if len(states) == len(wanted) or patience.is_over():
            break
    return states


def _page(pages: ScanPages, key: PageKey) -> Page | None:
    try:
        return pages.get(key)
    except WechatRefused as error:
        if error.code not in NO_SUCH_PAGE:
            raise
        return None


def _catalog(service: Service) -> Check:
    try:
        failed = [
            sync for sync in service.office.catalog.syncs() if sync.failed_at is not None and _is_owned(service, sync)
        ]
    except StorageError as error:
        return Check(name="catalog", fault=str(error))
    whys = "; ".join(f"{sync.system}: {sync.why}" for sync in failed)
    return Check(
        name="catalog", fault=f"its last sync failed: {whys}: `scanhook catalog sync` tries again" if failed else None
    )


def _is_owned(service: Service, sync: CatalogSync) -> bool:
    """Tell whether a sync is of who calls its system today: nobody repeats another's."""
    try:
        return caller_of(service.house.settings, sync.system).app_id == sync.owner
    except Refused:
        return False


def _some(names: list[str]) -> str:
    others = len(names) - _NAMED_MAX
    return ", ".join(names[:_NAMED_MAX]) + (f" and {others:,} more" if others > 0 else "")
