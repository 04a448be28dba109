"""What may be told of an item to somebody who comes with a wxticket: a verdict only where our journal binds the two.

WeChat's answer names the product and the person but not the code, and whoever makes a link writes what they like into
its ``wxextinfo``. So a verdict is given only on a code of that product which the same person has scanned a short while
ago, as WeChat itself has pushed to us. Reads, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from scanhook.clock import Clock
from scanhook.journal import JournalStore, Sighting, Tally
from scanhook.message import CodeResult
from scanhook.registry import EXT_INFO_MAX_CHARS, LookUp, Product, Reason, RegistryStore
from scanhook.storage import Pepper
from scanhook.verdict import Finding, Judge, Question, Verdict, reason_of
from scanhook.wechat.ticket import Ticket

__all__ = ["Binder", "Checked", "Proof", "Unbound"]

_BY_FAVOUR = (CodeResult.REAL, None, CodeResult.NOT_ACTIVE, CodeResult.FAKE)


class Unbound(StrEnum):
    """Why a ticket is bound to no code."""

    NO_EXTINFO = "no_extinfo"
    NOT_SCANNED = "not_scanned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A code that the ticket is bound to.

    :param verdict: what a scan would be answered with now; where the registry has the code, never more favourable than
        the registry is.
    :param sighting: the scan that binds, with what was answered then.
    :param tally: how often the code was scanned so far.
    :param counted_since: when the tally began anew, in seconds since 1970; ``None``: it counts from the beginning.
    """

    verdict: Verdict
    sighting: Sighting
    tally: Tally | None
    counted_since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What may be told.

    :param product: ``None`` where the registry does not know it.
    :param proof: ``None`` where nothing may be told of an item, and ``unbound`` says why.
    :raises ValueError: when both are given, or neither.
    """

    ticket: Ticket
    product: Product | None
    proof: Proof | None = None
    unbound: Unbound | None = None

    def __post_init__(self) -> None:
        if (self.proof is None) is (self.unbound is None):
            raise ValueError("a ticket is bound by a proof, or unbound for a reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binder:
    """Holds the rule.

    :param window_s: how long before the ticket is checked the person may have scanned the code.
    """

    registry: RegistryStore
    journal: JournalStore
    judge: Judge
    pepper: Pepper = field(repr=False)
    clock: Clock
    window_s: float

    def bind(self, account: str, ticket: Ticket, ext_info: str | None) -> Checked:
        """Find out what may be told to whoever has a ticket.

        :param account: the account's name in the settings, which the ticket was checked with.
        :param ext_info: the link's ``wxextinfo``, which anybody may have written; ``None`` where there is none. Then
            nothing is told of an item: the person may hold another one than they scanned last.
        :raises Undecided: when the ticket is bound, and no verdict can be given now.
        :raises StorageError: when registry or journal cannot be read.
        """
        product = self.registry.find_product(account, ticket.key_standard, ticket.key_str)
        if ext_info is None:
            return Checked(ticket=ticket, product=product, unbound=Unbound.NO_EXTINFO)
        code = (account, ticket.key_standard, ticket.key_str, ext_info)
        look_up, sighting = LookUp(), None
        if len(ext_info) <= EXT_INFO_MAX_CHARS and ext_info.isprintable():
            look_up = self.registry.look_up(*code)
            stray = self.pepper.stray_tag(*code)
            # A verifier that knows nothing of the registry leaves the stray tag, also where a product is found.
            tags = (stray,) if look_up.tag is None else (look_up.tag, stray)
            since = self.clock.now() - self.window_s
            sighting = self.journal.sighting(self.pepper.person(ticket.openid), tags, since=since)
        if sighting is None:
            return Checked(ticket=ticket, product=product, unbound=Unbound.NOT_SCANNED)
        return Checked(ticket=ticket, product=product, proof=self._proof(code, sighting, look_up))

    def _proof(self, code: tuple[str, str, str, str], sighting: Sighting, look_up: LookUp) -> Proof:
        tag = sighting.entry.tag
        # In this order: counts that begin anew in between are never taken for all there were.
        tally = self.journal.tally(tag) if tag else None
        reset = self.journal.last_reset(tag) if tag else None
        return Proof(
            verdict=self._judged(code, sighting, look_up),
            sighting=sighting,
            tally=tally,
            counted_since=reset.at if reset else None,
        )

    def _judged(self, code: tuple[str, str, str, str], sighting: Sighting, look_up: LookUp) -> Verdict:
        account, key_standard, key_str, ext_info = code
        now = self.clock.now()
        question = Question(
            # The push's own: a brand's verifier that counts questions counts this one once.
            id=sighting.identity.hex(),
            account=account,
            key_standard=key_standard,
            key_str=key_str,
            ext_info=ext_info,
            asked_at=now,
        )
        verdict = self.judge.judge(question, late=lambda _verdict: None)
        if look_up.code is None:
            return verdict
        # A chain may ask others first; whoever recalls a batch in the registry must not see it called genuine here.
        ours = Verdict.of(Finding(reason=reason_of(look_up, now=now)), verifier="registry", look_up=look_up)
        return _stricter(ours, verdict)


def _stricter(ours: Verdict, other: Verdict) -> Verdict:
    stricter = max(ours, other, key=_severity)
    # Somebody may be about to eat it: no doubt about the code takes that warning away.
    recalled = Reason.RECALLED in (ours.reason, other.reason)
    return replace(stricter, reason=Reason.RECALLED if recalled else stricter.reason, look_up=ours.look_up)


def _severity(verdict: Verdict) -> tuple[int, bool]:
    # Of two that are answered alike, the one that has something to say: `recalled` and not `active`.
    return _BY_FAVOUR.index(verdict.code_result), verdict.reason is not Reason.ACTIVE
