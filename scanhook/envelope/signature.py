"""Signatures and their freshness. Performs no I/O and knows no clock: the caller says what time it is."""

from __future__ import annotations

import hashlib
import hmac

from scanhook.errors import NotAuthentic

__all__ = ["TIMESTAMP_WINDOW_S", "sign", "verify_fresh", "verify_signature"]

TIMESTAMP_WINDOW_S = 300
_TIMESTAMP_DIGITS_MAX = 12


def sign(*parts: str) -> str:
    """Return the signature of some texts: sorted by their bytes, joined, SHA-1, lower-case hex (facts.md 3.1).

    The parts are token, timestamp and nonce for ``signature``, and Encrypt besides for ``msg_signature``.
    """
    # UTF-8 keeps the order of the characters, so that sorting the texts is sorting their bytes.
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def verify_signature(signature: str, *, tokens: tuple[str, ...], signed: tuple[str, ...]) -> str:
    """Check a signature against every token that is accepted, and return the token that made it.

    :param signature: what the query holds.
    :param tokens: the current token first, then previous ones.
    :param signed: what was signed together with the token.
    :raises NotAuthentic: when no token made it.
    """
    given = signature.encode()
    for token in tokens:
        # Bytes, since compare_digest raises TypeError on texts that are not ASCII.
        if hmac.compare_digest(sign(token, *signed).encode(), given):
            return token
    raise NotAuthentic("the signature was not made with this account's token", kind="signature")


def verify_fresh(timestamp: str, *, now: float, window_s: float = TIMESTAMP_WINDOW_S) -> None:
    """Check that a push was sent near now.

    :param timestamp: seconds since 1970 as WeChat writes them: decimal digits.
    :param now: seconds since 1970.
    :param window_s: how far apart they may be, either way.
    :raises NotAuthentic: when it is no number, or too far away.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _TIMESTAMP_DIGITS_MAX):
        raise NotAuthentic("`timestamp` is not a number of seconds", kind="timestamp")
    away_s = now - int(timestamp)
    if abs(away_s) > window_s:
        side = "old" if away_s > 0 else "in the future"
        raise NotAuthentic(
            f"`timestamp` is {abs(away_s):.0f} s {side}, and {window_s:.0f} s are allowed; "
            "if this happens with real pushes, set this machine's clock (NTP)",
            kind="timestamp",
        )
