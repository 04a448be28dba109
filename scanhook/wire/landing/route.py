"""Answers ``GET /landing``: from the link's parameters to a page, whatever fails.

Nobody who holds an item in their hand is shown an error: the page says what they can do. It never shows an openid, the
ticket or the code, and says nothing good of an item where the rule of ``scanhook.tickets`` lets nothing be said.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from flask import Blueprint, Response, abort, request, url_for

from scanhook.errors import Refused, ScanhookError, WechatRefused
from scanhook.registry import Product
from scanhook.tickets import Checked, Unbound
from scanhook.wechat.ticket import TICKET_INVALID, Ticket, proper_ticket
from scanhook.wire.api.picturing import shown_as
from scanhook.wire.landing.limiter import Limiter, client_address
from scanhook.wire.landing.page import Item, Page, Shown, outcome_of, picture_of, render, security_policy
from scanhook.wire.landing.theme import Theme
from scanhook.wire.landing.words import LANGUAGES, Outcome, words_for
from scanhook.wire.log import last_line, log
from scanhook.wire.metrics import Metrics
from scanhook.wire.service import Service

__all__ = ["add_landing"]

_PATH = "/landing"
_LOGO_MAX_AGE_S = 3600
_RETRY_AFTER_S = 10
_UNBOUND: dict[Unbound | None, Outcome] = {
    Unbound.NO_EXTINFO: Outcome.NO_EXTINFO,
    Unbound.NOT_SCANNED: Outcome.NOT_SCANNED,
}
_STANDARDS = frozenset({"ean13", "ean8", "qrcode"})
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


def add_landing(blueprint: Blueprint, service: Service, metrics: Metrics) -> None:
    """Add the page to a blueprint: of the first account, or of a named one.

    :raises SettingsError: when the logo cannot be used.
    """
    theme = Theme.load(service.house.settings.landing)
    reception = _Reception(service)

    def landing(name: str = "") -> Response:
        account = name or next(iter(service.accounts))
        if account not in service.accounts:
            abort(404)
        page = reception.page(account)
        metrics.landed(page.outcome)
        return _response(page, theme)

    def logo() -> Response:
        if theme.logo is None:
            abort(404)
        response = Response(theme.logo.content, content_type=theme.logo.content_type)
        # An SVG that is opened by itself could hold a script.
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = f"public, max-age={_LOGO_MAX_AGE_S}"
        return response

    blueprint.add_url_rule(f"{_PATH}/logo", "landing_logo", logo, provide_automatic_options=False)
    for path in (_PATH, f"{_PATH}/<name>"):
        blueprint.add_url_rule(path, "landing", landing, provide_automatic_options=False)


class _Reception:
    """Finds out what a visitor is told."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limiter = Limiter()
        self._lock = threading.Lock()
        self._told: set[tuple[str, object]] = set()

    def page(self, account: str) -> Page:
        """Return the page of the request; never raises."""
        # A space was a plus, which an address need not escape; no ticket has one.
        given = request.args.get("wxticket", "").strip().replace(" ", "+")
        # Whoever only looks whether there is a page need not bother WeChat.
        if not given or request.method == "HEAD":
            return Page(outcome=Outcome.SHARED)
        if not self._limiter.admits(client_address(request.remote_addr, request.headers.get("X-Forwarded-For"))):
            return Page(outcome=Outcome.TOO_MANY)
        try:
            return self._checked(account, given)
        except ScanhookError as error:
            if error.permanent:  # no visitor can wait for that
                self._tell_once(account, error)
                return Page(outcome=Outcome.NOT_SET_UP)
            log.error("landing", why=error.why, account=account)
        except Exception as error:  # noqa: BLE001  (nobody shall see an error page here)
            # Not its text: what broke may have had a code or an openid in its hands.
            log.error("broken", why=type(error).__name__, where=last_line(error), account=account)
        return Page(outcome=Outcome.TRY_AGAIN)

    def _checked(self, account: str, given: str) -> Page:
        try:
            ticket = proper_ticket(given)
        except Refused:
            return Page(outcome=Outcome.OLD_LINK)
        try:
            checked = self._service.desk.check(account, ticket, request.args.get("wxextinfo"))
        except WechatRefused as error:
            if error.code != TICKET_INVALID:
                raise
            return Page(outcome=Outcome.OLD_LINK)
        return self._told_of(checked)

    def _told_of(self, checked: Checked) -> Page:
        product = self._shown(checked.ticket, checked.product)
        if _is_of_another(checked.ticket, request.args):
            return Page(outcome=Outcome.OTHER_PRODUCT)
        if checked.proof is None:
            return Page(outcome=_UNBOUND[checked.unbound], product=product)
        item = Item.of(checked.proof, now=self._service.clock.now())
        return Page(outcome=outcome_of(checked.proof.verdict), product=product, item=item)

    def _shown(self, ticket: Ticket, product: Product | None) -> Shown:
        if product is None:
            return Shown(name="", key=ticket.key_str, picture="")
        found = shown_as(self._service, product)
        return Shown(name=found.name, key=ticket.key_str, picture=picture_of(found.image))

    def _tell_once(self, account: str, error: ScanhookError) -> None:
        told = account, error.code if isinstance(error, WechatRefused) else type(error)
        with self._lock:
            if told in self._told:
                return
            self._told.add(told)
        log.warning("attention", account=account, why=f"the landing page gives no result: {error.why}")


def _is_of_another(ticket: Ticket, link: Mapping[str, str]) -> bool:
    """Tell whether a link names another product than its ticket (facts.md 0.2: both spellings occur).

    Of the standard only the names that all of WeChat's events use are compared (facts.md 2.2: ``barcode``).
    """
    standards = {link.get("wxkeystandard") or link.get("wxkeystand") or ticket.key_standard, ticket.key_standard}
    if (link.get("wxkeystr") or ticket.key_str) != ticket.key_str:
        return True
    return len(standards) > 1 and standards <= _STANDARDS


def _response(page: Page, theme: Theme) -> Response:
    languages = request.accept_languages
    words = words_for(languages.best_match(LANGUAGES), any_given=bool(languages))
    logo_url = url_for(".landing_logo") if theme.logo else ""
    response = Response(
        render(page, theme=theme, words=words, logo_url=logo_url), content_type="text/html; charset=utf-8"
    )
    response.headers.update(_HEADERS)
    response.headers["Content-Language"] = words.lang
    response.headers["Content-Security-Policy"] = security_policy(theme, page)
    if page.outcome is Outcome.TOO_MANY:
        response.status_code = 429
        response.headers["Retry-After"] = str(_RETRY_AFTER_S)
    return response
