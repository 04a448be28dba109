from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scanhook.sandbox.page_shelf import PageShelf
from scanhook.sandbox.sandbox import Sandbox
from scanhook.sandbox.tokens import Way
from scanhook.settings import load_settings
from scanhook.wechat import System
from scanhook.wechat.opening import caller_of
from tests.serving import environment

_SUITE = """
def test_a_token_is_given(wechat_sandbox):
    import httpx2
    main = wechat_sandbox.main
    query = {"grant_type": "client_credential", "appid": main.app_id, "secret": main.secret}
    assert httpx2.get(wechat_sandbox.url + "/cgi-bin/token", params=query, trust_env=False).json()["expires_in"] == 7200
"""


def test_any_suite_can_ask_for_it(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["scanhook.sandbox.fixture"]\n')
    (tmp_path / "test_mine.py").write_text(_SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    alone = environment(tmp_path) | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # reading them takes longer than the suite
    ran = subprocess.run(command, capture_output=True, text=True, env=alone, cwd=tmp_path, check=False)
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_its_tenants_are_one_of_each_kind(wechat_sandbox: Sandbox) -> None:
    rights = {name: sorted(tenant.rights) for name, tenant in wechat_sandbox.tenants.items()}
    assert rights == {
        "main": ["scan"],
        "shop": ["live", "union"],
        "assistant": ["window"],
        "goods": ["albums"],
        "other": ["albums"],
    }


def test_its_settings_fit_a_house_for_all_five_systems(wechat_sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "scanhook.toml"
    path.write_text(wechat_sandbox.settings, encoding="utf-8")
    settings = load_settings(path).settings
    assert settings.wechat.api_bases == (wechat_sandbox.url,)
    assert settings.wechat.wecom_base == wechat_sandbox.url
    tenants = wechat_sandbox.tenants
    wanted = {"pages": "main", "albums": "goods", "window": "assistant", "live": "shop", "union": "shop"}
    for system in System:
        caller, tenant = caller_of(settings, system), tenants[wanted[system.value]]
        assert (caller.app_id, caller.secret) == (tenant.app_id, tenant.secret)


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_has_a_sandbox_of_its_own(wechat_sandbox: Sandbox, run: int) -> None:
    main, world = wechat_sandbox.main, wechat_sandbox.world
    pages = main.shelf(PageShelf)
    assert (run, world.tokens.fetches, wechat_sandbox.faults.told(), main.callback_url) == (run, 0, [], "")
    assert (len(pages.pages), pages.tester_openids, len(world.tenants)) == (5, (), 5)
    world.tokens.replace(main, Way.TOKEN, now=0.0)
    wechat_sandbox.break_calls("busy", calls=None)
    main.callback_url = "http://127.0.0.1:9/callback"
    pages.pages.clear()
    pages.tester_openids = ("o1",)
    world.tenants.pop()
