"""Tickets as WeChat answers them, for a house with the sample codes, and an API that gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from scanhook.errors import WechatRefused
from scanhook.settings import House
from scanhook.wechat import Api
from scanhook.wechat.codes import refusal
from scanhook.wire import service as wire_service
from scanhook.wire.service import Service
from tests.conftest import OPENID
from tests.serving import scan_push

TICKET = "azlsdGljdXo4Ymow"


def answer(**changed: object) -> dict[str, Any]:
    """Return what WeChat says of a ticket of the sample product."""
    return {
        "errcode": 0,
        "errmsg": "ok",
        "keystandard": "qrcode",
        "keystr": "moment-frame",
        "openid": OPENID,
        "scene": "scan",
        "is_check": True,
        "is_contact": False,
    } | changed


@dataclass(slots=True)
class Wechat(Api):
    """Answers ticket checks of every account; it can be told what to answer, and keeps what it was asked.

    :ivar answers: by the ticket; a ticket that is not there is answered 61317.
    :ivar before: called before an answer.
    """

    answers: dict[str, Mapping[str, Any] | Exception] = field(default_factory=lambda: {TICKET: answer()})
    asked: list[str] = field(default_factory=list)
    before: Callable[[], object] = lambda: None
    closed: bool = False

    def read(
        self, path: str, body: Mapping[str, Any] | None = None, *, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        ticket = (body or {})["ticket"]
        self.asked.append(ticket)
        self.before()
        found = self.answers.get(ticket, invalid())
        if isinstance(found, Exception):
            raise found
        return dict(found)

    def close(self) -> None:
        self.closed = True


def invalid() -> WechatRefused:
    """Return the error of a ticket that WeChat does not know."""
    return refusal(61317, "ticket invalid", path="/scan/scanticket/check")


def put_in_place(wechat: Wechat, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every service that is opened from now on have this WeChat."""
    monkeypatch.setattr(wire_service, "open_api", lambda *_, **__: wechat)


def scan(service: Service, ext_info: str = "GENUINE0001", *, account: str = "main", **changed: Any) -> None:
    """Let somebody scan an item of a house that is open, now."""
    known = service.accounts[account]
    push = scan_push(ext_info, keys=known.keys, at=int(service.clock.now()), **changed)
    service.receiver.receive(known, push.query.encode(), push.body)


def scanned(house: House, ext_info: str = "GENUINE0001", **changed: Any) -> None:
    """Let somebody scan an item of a house, now."""
    service = wire_service.open_service(house)
    scan(service, ext_info, **changed)
    service.close()
