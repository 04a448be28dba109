from __future__ import annotations

import pytest

from scanhook.errors import Refused
from scanhook.sandbox.paste import settings_of
from scanhook.sandbox.qrcode import Picture, Pictures
from scanhook.sandbox.route import Refusal, Right
from scanhook.sandbox.tenant import Tenant
from scanhook.sandbox.world import World
from tests.sandbox.desk import Desk


def test_a_tenant_may_be_let_in_later() -> None:
    world = World()
    tenant = world.admit(Tenant("wx1", secret="s", rights=frozenset({Right.SCAN})))
    assert world.authenticate("wx1", "s", peer="127.0.0.1") is tenant
    assert world.tenant("wx1") is tenant
    with pytest.raises(Refused, match="has no tenant `wx2`; it has wx1"):
        world.tenant("wx2")


def test_settings_name_only_what_somebody_may_call() -> None:
    world = World([Tenant("wx1", secret='s"', rights=frozenset({Right.LIVE}))])
    assert settings_of(world) == (
        '[wechat]\napi_base = "http://127.0.0.1:9000"\nwecom_base = "http://127.0.0.1:9000"\n\n'
        '[catalog.live]\napp_id = "wx1"\napp_secret = "s\\""\n'
    )


def test_a_long_test_does_not_fill_the_memory(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("tokens", "tickets", "qrcode"):
        monkeypatch.setattr(f"scanhook.sandbox.{module}._KEPT_MAX", 2)
    tokens = [desk.token()["access_token"] for _ in range(3)]
    assert [desk.code(token) for token in tokens[1:]] == [40001, 0]
    assert desk.world.tokens.kind_of(tokens[0]) is None
    tickets = [desk.world.tickets.issue(desk.main, openid="o1", keystandard="ean8", keystr="1") for _ in range(3)]
    assert [desk.world.tickets.check(desk.main, ticket)["keystr"] for ticket in tickets[1:]] == ["1", "1"]
    with pytest.raises(Refusal):
        desk.world.tickets.check(desk.main, tickets[0])
    pictures = Pictures()
    names = [pictures.keep(Picture(content=f"{number}", size_px=1)) for number in range(3)]
    assert [pictures.find(name) is None for name in names] == [True, False, False]
