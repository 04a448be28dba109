"""Tokens that are fetched from WeChat: all threads and worker processes share one, and one fetches at a time.

A token is renewed before its end, while the old one still serves. Nobody holds a transaction while WeChat is asked.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from scanhook.errors import WechatError, WechatUnreachable
from scanhook.storage.lease import Lease, take_lease
from scanhook.wechat.caller import Caller, TokenKind
from scanhook.wechat.fetching import Fetch, Fetched
from scanhook.wechat.pace import Pace
from scanhook.wechat.sealing import open_token, seal_token
from scanhook.wechat.slate import Slate
from scanhook.wechat.tokens import SealedToken, TokenKeep

__all__ = ["SharedTokens"]

LOOKS_AGAIN_S = 5.0
"""So long the token in memory is used before the storage is looked into: another process may have renewed it."""
_POLL_S = 0.02

_MARGIN_S = {
    # The platform makes the next one 300 s before the end, and not sooner: who asks earlier gets the same again.
    TokenKind.STABLE: 240,
    # Nobody but who asks ends the last one.
    TokenKind.TOKEN: 300,
    # WeCom gives the same one until its end.
    TokenKind.GETTOKEN: 5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    token: str = field(repr=False)
    row: SealedToken

    def serves(self, now: float) -> bool:
        return self.row.fetched_at - 60 <= now < self.row.expires_at

    def is_fresh(self, now: float, margin_s: int) -> bool:
        life = self.row.expires_at - self.row.fetched_at
        return self.serves(now) and now < self.row.expires_at - min(margin_s, life / 2)


class SharedTokens:
    """A token source of the kinds ``stable``, ``token`` and ``gettoken``.

    :param fetch: asks WeChat.
    :param name: under which the token is kept, and by which only one process fetches it.
    :param wait_s: how long one waits for another who is fetching.
    """

    def __init__(self, fetch: Fetch, *, caller: Caller, name: str, keep: TokenKeep, wait_s: float, pace: Pace) -> None:
        self._fetch = fetch
        self._caller = caller
        self._name = name
        self._keep = keep
        self._wait_s = wait_s
        self._pace = pace
        self._lock = threading.Lock()
        self._held: _Kept | None = None
        self._look_at = 0.0
        self._failed: str | None = None

    def token(self) -> str:
        """Return a token that should be valid now; the storage is looked into only now and then.

        :raises WechatRefused: when WeChat gives none. For a few seconds nobody asks it again.
        :raises WechatUnreachable: when it cannot be asked, or another process that asks does not come to an end.
        """
        held, now = self._held, self._keep.clock.now()
        if held is not None and held.is_fresh(now, self._margin_s) and self._pace.monotonic() < self._look_at:
            return held.token
        may_wait = held is None or not held.serves(now)
        if not self._lock.acquire(timeout=self._wait_s if may_wait else 0):
            if held is not None and not may_wait:
                return held.token  # somebody renews it already, and until then it serves
            raise self._too_long()
        try:
            return self._current().token
        finally:
            self._lock.release()

    def expire(self, token: str) -> bool:
        """Forget a token that WeChat did not take, if it is still the one that is kept."""
        with self._lock:
            self._failed = token
            if self._held is not None and self._held.token == token:
                self._held = None
            kept = self._find()
            if kept is not None and kept.token == token:
                self._keep.store.drop(self._name, kept.row)
        return True

    def close(self) -> None:
        """Close the connections to WeChat; the storage is somebody else's."""
        self._fetch.close()

    @property
    def _margin_s(self) -> int:
        return _MARGIN_S[self._caller.kind]

    def _current(self) -> _Kept:
        kept = self._usable(self._find())
        if kept is None or not kept.is_fresh(self._keep.clock.now(), self._margin_s):
            kept = self._renew()
        self._held, self._look_at = kept, self._pace.monotonic() + LOOKS_AGAIN_S
        return kept

    def _renew(self) -> _Kept:
        """Fetch a token, or wait until another process has fetched it."""
        ends_at = self._pace.monotonic() + self._wait_s
        while True:
            lease = take_lease(self._keep.url, self._name_of_lease)
            if lease is not None:
                with lease:
                    return self._renew_alone(lease)
            kept = self._usable(self._find())
            if kept is not None and kept.serves(self._keep.clock.now()):
                return kept
            if self._pace.monotonic() >= ends_at:
                raise self._too_long()
            self._pace.sleep(_POLL_S)

    def _renew_alone(self, lease: Lease) -> _Kept:
        now = self._keep.clock.now()
        kept = self._usable(self._find())
        if kept is not None and kept.is_fresh(now, self._margin_s):
            return kept
        failure = Slate.read(lease.read()).failure(now)
        if failure is None:
            try:
                fetched = self._fetch_another(lease)
            except WechatError as error:
                failure = error
                lease.write(Slate.read(lease.read()).with_failure(error, at=self._keep.clock.now()).write())
        if failure is not None:
            if kept is not None and kept.serves(now):
                return kept
            raise failure
        row = SealedToken(
            sealed=seal_token(self._keep.pepper, self._name, fetched.token),
            fetched_at=int(now),
            expires_at=int(now) + fetched.expires_in,
        )
        self._keep.store.keep(self._name, row)
        lease.write(Slate.read(lease.read()).without_failure().write())
        self._failed = None
        return _Kept(token=fetched.token, row=row)

    def _fetch_another(self, lease: Lease) -> Fetched:
        """Fetch a token; when the one that failed comes again, have WeChat make another, as far as it may be."""
        fetched = self._fetch(force=False)
        slate, now = Slate.read(lease.read()), self._keep.clock.now()
        if self._caller.kind is not TokenKind.STABLE or fetched.token != self._failed or not slate.may_force(now):
            return fetched
        lease.write(slate.with_force(now).write())  # before: WeChat may count what brings no token
        return self._fetch(force=True)

    def _find(self) -> _Kept | None:
        row = self._keep.store.find(self._name)
        token = None if row is None else open_token(self._keep.pepper, self._name, row.sealed)
        return None if row is None or token is None else _Kept(token=token, row=row)

    def _usable(self, kept: _Kept | None) -> _Kept | None:
        return None if kept is None or kept.token == self._failed else kept

    @property
    def _name_of_lease(self) -> str:
        return f"token-{self._name}"

    def _too_long(self) -> WechatUnreachable:
        return WechatUnreachable(
            f"the access token of {self._caller.app_id} has been fetched by another for more than {self._wait_s:g} s: "
            "try again",
            acted=False,
        )
