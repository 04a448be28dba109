"""Lets a command on one of WeChat's systems talk to an API that a test has written down, or to the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scanhook.sandbox.sample_tenants import sample_tenants
from scanhook.sandbox.server import serve_sandbox
from scanhook.sandbox.tenant import Kind, Tenant
from scanhook.sandbox.world import World
from scanhook.settings import Settings
from scanhook.wechat import Downloaded, System, TokenKeep
from tests.wechat.scripted import ScriptedApi

Script = Callable[..., ScriptedApi]


def script_for(monkeypatch: pytest.MonkeyPatch, system: System) -> Script:
    """Return what a test writes answers with; the commands on one of the systems get them."""

    def write(*answers: dict[str, Any] | Exception | Downloaded) -> ScriptedApi:
        api = ScriptedApi(*answers)

        def open_api(_settings: Settings, asked: System, *, keep: TokenKeep, account: str | None = None) -> ScriptedApi:
            assert asked is system
            assert keep.url.folder.is_dir()
            api.accounts.append(account)
            return api

        monkeypatch.setattr("scanhook.office.calling.open_api", open_api)
        return api

    return write


@contextmanager
def sandbox_calls(monkeypatch: pytest.MonkeyPatch, system: System, *, tenant: str) -> Iterator[Tenant]:
    """Serve a sandbox, and let one of its tenants call one of the systems; everything goes over the wire."""
    with serve_sandbox(World(sample_tenants())) as served:
        [caller] = [known for known in served.world.tenants if known.name == tenant]
        who = ("CORP_ID", "CORP_SECRET") if caller.kind is Kind.WECOM else ("APP_ID", "APP_SECRET")
        values = {
            "WECHAT__API_BASE": served.url,
            "WECHAT__WECOM_BASE": served.url,
            f"CATALOG__{system.upper()}__{who[0]}": caller.app_id,
            f"CATALOG__{system.upper()}__{who[1]}": caller.secret,
        }
        for name, value in values.items():
            monkeypatch.setenv(f"SCANHOOK_{name}", value)
        yield caller
