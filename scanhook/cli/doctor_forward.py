"""Asks the servers that pushes go on to whether they know WeChat's signature, for ``scanhook doctor``."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import httpx2

from scanhook.clock import Clock
from scanhook.sandbox import compose_echo
from scanhook.settings import House
from scanhook.wire.forward import DEADLINE_S
from scanhook.wire.ready import Check
from scanhook.wire.service import keyring

__all__ = ["look_at_forwards"]


def look_at_forwards(house: House, clock: Clock) -> Iterator[Check]:
    """Ask the server of each ``forward_url`` what the console asks of one: its URL verification (facts.md 3.1)."""
    for name, account in house.settings.accounts.items():
        if account.forward_url:
            echostr = str(secrets.randbelow(10**18))
            push = compose_echo(
                keys=keyring(account), timestamp=int(clock.now()), nonce=secrets.token_hex(8), echostr=echostr
            )
            yield Check(name=f"forward_url of {name}", fault=_fault(f"{account.forward_url}?{push.query}", echostr))


def _fault(url: str, echostr: str) -> str | None:
    try:
        with httpx2.Client(timeout=DEADLINE_S, follow_redirects=False, trust_env=False) as client:
            answer = client.get(url)
    except httpx2.HTTPError as error:
        return f"nobody answers there ({type(error).__name__}): WeChat is told `success` to what is not a scan"
    if answer.status_code != httpx2.codes.OK or answer.text.strip() != echostr:
        return (
            f"the server there does not pass WeChat's URL verification (status {answer.status_code}): is it the "
            "address that the console had, and has it this account's Token?"
        )
    return None
