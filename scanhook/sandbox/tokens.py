"""The sandbox's access tokens: who holds one, and what WeChat says of one that is no longer good. Performs no I/O."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from scanhook.sandbox.day import day_of
from scanhook.sandbox.policy import Policy
from scanhook.sandbox.route import Refusal
from scanhook.sandbox.tenant import Kind, Tenant

__all__ = ["Issued", "Tokens", "Way"]

FORCED_MAX = 20
FORCED_APART_S = 30.0
_RENEWAL_PART = 24  # of 7200 s: the 5 minutes in which both the old and the new token work
_KEPT_MAX = 10_000
_WECHAT_SHAPE = re.compile(r"\d{2}_[A-Za-z0-9_-]{100,510}")


class Way(StrEnum):
    """How a token was asked for; each has a token of its own (facts.md section 4: isolated)."""

    TOKEN = "token"  # noqa: S105  (no secret)
    STABLE = "stable"
    GETTOKEN = "gettoken"


class _State(StrEnum):
    GOOD = "good"
    REPLACED = "replaced"


@dataclass(slots=True)
class _Held:
    tenant: Tenant
    expires_at: float
    state: _State = _State.GOOD


@dataclass(slots=True)
class _Forcing:
    day: date | None = None
    used: int = 0
    last_at: float = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token as it is given out.

    :param expires_in: seconds from now.
    """

    token: str = field(repr=False)
    expires_in: int


class Tokens:
    """Every token that was given out; facts.md section 4.

    :param policy: asked anew at each call, since it may be replaced.
    """

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy
        self._held: dict[str, _Held] = {}
        self._current: dict[tuple[Tenant, Way], str] = {}
        self._forcing: dict[Tenant, _Forcing] = {}
        self.fetches = 0

    def replace(self, tenant: Tenant, way: Way, *, now: float) -> Issued:
        """Give out a new token; the former one of the same way is good no more (``/cgi-bin/token``)."""
        former = self._current.get((tenant, way))
        if former in self._held:
            self._held[former].state = _State.REPLACED
        return self._new(tenant, way, now=now)

    def repeat(self, tenant: Tenant, way: Way, *, now: float) -> Issued:
        """Give out the same token while it is good (``gettoken``, ``stable_token``).

        A stable one is renewed shortly before it expires, and then both work.
        """
        current = self._current.get((tenant, way), "")
        held = self._held.get(current)
        early = self._policy().token_life_s / _RENEWAL_PART if way is Way.STABLE else 0
        if held is None or held.state is not _State.GOOD or held.expires_at - now <= early:
            return self._new(tenant, way, now=now)
        self.fetches += 1
        return Issued(token=current, expires_in=int(held.expires_at - now))

    def force(self, tenant: Tenant, *, now: float) -> Issued:
        """Give out a new stable token (``force_refresh``): 20 times a day, 30 s apart.

        :raises Refusal: 45009 or 45011; which of the two the page does not say.
        """
        forcing = self._forcing.setdefault(tenant, _Forcing())
        if forcing.day != day_of(now):
            forcing.day, forcing.used = day_of(now), 0
        if forcing.used >= FORCED_MAX:
            raise Refusal(45009, "reach max api daily quota limit")
        if now - forcing.last_at < FORCED_APART_S:
            raise Refusal(45011, "api minute-quota reach limit, must slower, retry next minute")
        forcing.used, forcing.last_at = forcing.used + 1, now
        return self.replace(tenant, Way.STABLE, now=now)

    def holder(self, token: str | None, *, side: Kind, now: float) -> Tenant:
        """Return whose token it is.

        :param side: which of the two servers is asked.
        :raises Refusal: 41001 missing, 40014 malformed, 40001 not the latest or of the other side, 42001 expired.
        """
        if not token:
            raise Refusal(41001, "access_token missing")
        held = self._held.get(token)
        if held is None or held.tenant.kind is not side:
            if side is Kind.WECOM or not _WECHAT_SHAPE.fullmatch(token):
                raise Refusal(40014, "invalid access_token")
            raise _not_latest()
        if held.expires_at <= now:
            raise Refusal(42001, "access_token expired")
        if held.state is _State.REPLACED:
            raise Refusal(40014, "invalid access_token") if side is Kind.WECOM else _not_latest()
        return held.tenant

    def admit(self, tenant: Tenant, token: str) -> None:
        """Take a token that somebody else gave out, for good: what ``token_source = "static"`` names."""
        self._held[token] = _Held(tenant, float("inf"))

    def kind_of(self, token: str | None) -> Kind | None:
        """Return which side gave a token out, if any did."""
        held = self._held.get(token or "")
        return held.tenant.kind if held else None

    def invalidate(self, tenant: Tenant | None = None) -> int:
        """Let tokens be good no more before their time (40001, or 40014 in WeCom).

        :param tenant: ``None`` for all.
        :returns: how many there were.
        """
        held = list(self._good(tenant))
        for one in held:
            one.state = _State.REPLACED
        return len(held)

    def expire(self, tenant: Tenant | None = None, *, now: float) -> int:
        """Let tokens have expired (42001); else like :meth:`invalidate`."""
        held = list(self._good(tenant))
        for one in held:
            one.expires_at = min(one.expires_at, now)
        return len(held)

    def _good(self, tenant: Tenant | None) -> Iterator[_Held]:
        for held in self._held.values():
            if held.state is _State.GOOD and (tenant is None or held.tenant is tenant):
                yield held

    def _new(self, tenant: Tenant, way: Way, *, now: float) -> Issued:
        random = base64.urlsafe_b64encode(secrets.token_bytes(102)).decode()
        token = f"{secrets.randbelow(90) + 10}_{random}" if tenant.kind is Kind.WECHAT else random
        life = self._policy().token_life_s
        while len(self._held) >= _KEPT_MAX:
            del self._held[next(iter(self._held))]
        self._held[token] = _Held(tenant, now + life)
        self._current[tenant, way] = token
        self.fetches += 1
        return Issued(token=token, expires_in=life)


def _not_latest() -> Refusal:
    return Refusal(40001, "invalid credential, access_token is invalid or not latest")
