"""Makes the landing page's HTML of what may be told. Performs no I/O.

It never gets to see an openid, a ticket or a code: what it is given holds none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from scanhook.message import CodeResult
from scanhook.registry import Reason
from scanhook.tickets import Proof
from scanhook.verdict import Verdict
from scanhook.wire.landing.theme import Theme
from scanhook.wire.landing.words import Outcome, Words

__all__ = ["Item", "Page", "Shown", "outcome_of", "picture_of", "render", "security_policy"]

_ENVIRONMENT = Environment(
    loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+", re.ASCII)
# Their words are about the item and not the answer, and hold whatever a product answers them with.
_WHATEVER_THE_ANSWER = {
    Reason.RECALLED: Outcome.RECALLED,
    Reason.EXPIRED: Outcome.EXPIRED,
    Reason.SUSPENDED: Outcome.SUSPENDED,
}
# Only where the answer is the reason's own: a product may answer otherwise, and then the reason's words would be wrong.
_OUTCOMES = {
    (CodeResult.NOT_ACTIVE, Reason.NOT_ACTIVE): Outcome.NOT_ACTIVE,
    (CodeResult.NOT_ACTIVE, Reason.NOT_LOADED): Outcome.NOT_LOADED,
    (CodeResult.FAKE, Reason.VOID): Outcome.VOID,
    (CodeResult.FAKE, Reason.STOLEN): Outcome.STOLEN,
    (CodeResult.FAKE, Reason.UNKNOWN_CODE): Outcome.UNKNOWN_CODE,
    (CodeResult.FAKE, Reason.UNREADABLE): Outcome.UNREADABLE,
    (None, Reason.NO_CODE): Outcome.NO_CODE,
}
_GENERAL = {
    CodeResult.REAL: Outcome.GENUINE,
    CodeResult.NOT_ACTIVE: Outcome.NOT_CONFIRMED,
    CodeResult.FAKE: Outcome.FAKE,
    None: Outcome.NO_VERDICT,
}
_FRESH_S = 120.0
"""Whoever taps the link of a product page does it while the item is still in their hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The product that the visitor came from.

    :param name: empty when nobody gives one.
    :param key: the product's number.
    :param picture: an address as :func:`picture_of` returns it; empty: none.
    """

    name: str
    key: str
    picture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """The item that the visitor has scanned.

    :param scanned_at: seconds since 1970, like the other times.
    :param fresh: whether that was just now, so that the visitor is likely to be who scanned.
    :param first_at: ``None`` where nothing of this item was counted.
    :param persons: how many have scanned it; 0 where nobody counted.
    :param counted_since: when the counts began anew; ``None``: they count from the beginning.
    :param changed: whether the scan was answered otherwise than it would be now.
    """

    scanned_at: float
    fresh: bool
    first_at: float | None
    persons: int
    counted_since: float | None
    changed: bool

    @classmethod
    def of(cls, proof: Proof, *, now: float) -> Item:
        """Take from a proof what may be shown.

        :param now: seconds since 1970.
        """
        entry, verdict = proof.sighting.entry, proof.verdict
        # What has no verdict, or no code of its own, is counted by kind and not by item.
        of_the_item = verdict.code_result is not None and verdict.reason is not Reason.NO_CODE
        tally = proof.tally if of_the_item else None
        return cls(
            scanned_at=entry.received_at,
            fresh=now - entry.received_at <= _FRESH_S,
            first_at=tally.first_at if tally else None,
            persons=tally.persons if tally else 0,
            counted_since=proof.counted_since,
            changed=(entry.code_result, entry.reason) != (verdict.code_result, verdict.reason),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that a visitor is told.

    :param product: only of a ticket that WeChat vouches for.
    :param item: only of one that the visitor has scanned.
    """

    outcome: Outcome
    product: Shown | None = None
    item: Item | None = None


def outcome_of(verdict: Verdict) -> Outcome:
    """Return what is told of a verdict."""
    return (
        _WHATEVER_THE_ANSWER.get(verdict.reason)
        or _OUTCOMES.get((verdict.code_result, verdict.reason))
        or _GENERAL[verdict.code_result]
    )


def picture_of(address: str) -> str:
    """Return the address of a picture as the page may have it: over HTTPS, with a host that a policy can name.

    :returns: empty when it cannot be shown.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return ""
    # WeChat's pages give http://; its picture servers answer to both.
    if (
        parts.scheme not in ("http", "https")
        or port not in (None, 80, 443)
        or not _HOST.fullmatch(parts.hostname or "")
    ):
        return ""
    return parts._replace(scheme="https", netloc=parts.hostname or "", fragment="").geturl()


def security_policy(theme: Theme, page: Page) -> str:
    """Return the page's content security policy: its own style and logo, the product's picture, and nothing else."""
    picture = page.product.picture if page.product else ""
    sources = "'self'" + (f" https://{urlsplit(picture).hostname}" if picture else "")
    return (
        f"default-src 'none'; style-src {theme.style_source}; img-src {sources}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def render(page: Page, *, theme: Theme, words: Words, logo_url: str) -> str:
    """Return the HTML.

    :param logo_url: where the logo is served; empty: there is none.
    """
    return _ENVIRONMENT.get_template("page.html").render(
        page=page,
        says=words.outcomes[page.outcome],
        scanned_at=words.write(words.minute, page.item.scanned_at) if page.item else "",
        facts=_facts(page.item, words) if page.item else [],
        notes=_notes(page, words),
        theme=theme,
        words=words,
        css=Markup(theme.css),  # noqa: S704  (our own file and two colours)
        logo_url=logo_url,
    )


def _facts(item: Item, words: Words) -> list[tuple[str, str]]:
    if item.first_at is None:
        return []
    # The first check since the counts began anew is not the first.
    since = (
        (words.first_check, item.first_at) if item.counted_since is None else (words.counts_from, item.counted_since)
    )
    return [(since[0], words.write(words.day, since[1])), (words.persons, f"{item.persons:,}")]


def _notes(page: Page, words: Words) -> list[str]:
    if page.item is None:
        return []
    notes = [words.changed] if page.item.changed else []
    if page.outcome is Outcome.GENUINE and page.item.persons > 1:
        told = words.others if page.item.counted_since is None else words.others_since
        notes.append(told.format(count=f"{page.item.persons:,}"))
    # Who comes later may have been sent here by the one who scanned; and who was forgotten may have come before.
    elif page.outcome is Outcome.GENUINE and page.item.persons and page.item.fresh and page.item.counted_since is None:
        notes.append(words.only_you)
    return notes
