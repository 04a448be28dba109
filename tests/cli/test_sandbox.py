from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from scanhook.cli import sandbox as module
from scanhook.cli.sandbox_house import house_tenants, landing_of
from scanhook.sandbox.sandbox import Sandbox
from scanhook.sandbox.tenant import Kind
from scanhook.settings import House, load_settings
from tests.cli.conftest import run
from tests.serving import environment, free_port

Look = Callable[[Sandbox], None]


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """Let the sandbox take no signal of the tests' for its own."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Sandbox]:
    """Let the command end by itself, and return what it served."""
    kept: list[Sandbox] = []
    told = module._tell

    def tell(served: Sandbox, house: House | None, *, as_json: bool) -> None:
        kept.append(served)
        told(served, house, as_json=as_json)

    monkeypatch.setattr(module, "_tell", tell)
    monkeypatch.setattr(module, "_stay", lambda: None)
    return kept


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let there be no house."""
    monkeypatch.delenv("SCANHOOK_CONFIG")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


def write(house: House, text: str) -> House:
    """Add lines to a house's settings."""
    house.path.write_text(f"{house.path.read_text(encoding='utf-8')}\n{text}", encoding="utf-8")
    return load_settings(house.path)


def pasted(shown: str) -> str:
    """Return what is to be written into the settings."""
    return shown.partition("Write into ")[2].partition("\n\n")[2]


@pytest.mark.usefixtures("shop")
def test_no_label_of_the_phone_promises_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[str] = []
    told = module._tell

    def tell(served: Sandbox, house: House | None, *, as_json: bool) -> None:
        pages.append(httpx2.get(f"{served.url}/phone?lang=en", trust_env=False).text)
        told(served, house, as_json=as_json)

    monkeypatch.setattr(module, "_tell", tell)
    monkeypatch.setattr(module, "_stay", lambda: None)
    run("sandbox", "--port", str(free_port()))
    assert re.findall(r'<span class="what">([^<]+)</span>', pages[0]) == [
        "Type a code",
        "Sample code: genuine only if your registry has it",
        "Sample code: not genuine unless your registry has it",
        "Sample code: not activated if your registry says so",
    ]


@pytest.mark.usefixtures("alone")
def test_without_a_house_it_says_all_that_a_house_needs(served: list[Sandbox]) -> None:
    port = free_port()
    shown = run("sandbox", "--port", str(port)).stdout
    assert f"Sandbox WeChat on http://127.0.0.1:{port}, for this machine only." in shown
    assert f"  the phone               http://127.0.0.1:{port}/phone\n" in shown
    assert f'curl http://127.0.0.1:{port}/sandbox/faults --json \'{{"kind": "quota"}}\'\n' in shown
    tables = tomllib.loads(pasted(shown))
    assert tables["wechat"] == {"api_base": f"http://127.0.0.1:{port}", "wecom_base": f"http://127.0.0.1:{port}"}
    assert tables["accounts"]["main"]["app_id"] == "wx5a0db0c0000000a1"
    assert sorted(tables["catalog"]) == ["albums", "live", "pages", "union", "window"]
    assert served[0].main.callback_url == "http://127.0.0.1:8000/wechat/callback"
    assert served[0].main.landing_url == "http://127.0.0.1:8000/landing"


@pytest.mark.parametrize(
    ("callback", "landing"),
    [
        ("http://127.0.0.1:8123/wechat/callback", "http://127.0.0.1:8123/landing"),
        ("http://127.0.0.1/wechat/callback/second", "http://127.0.0.1/landing/second"),
        ("https://shop.example/hook/wechat/callback", "https://shop.example/hook/landing"),
        ("http://127.0.0.1:8123/php/index.php", ""),
        ("http://127.0.0.1:8123/wechat/callbacks", ""),
    ],
)
def test_the_landing_page_stands_beside_the_callback(callback: str, landing: str) -> None:
    assert landing_of(callback) == landing


def test_who_has_no_secret_gets_one_and_is_told(served: list[Sandbox], shop: House) -> None:
    write(shop, '[catalog.live]\napp_id = "wx3"\n[catalog.albums]\ncorp_id = "ww0"\n')
    shown = run("sandbox", "--port", str(free_port())).stdout
    world = served[0].world
    live, albums = "sandbox0secret0of0main0000000000", "sandbox0secret0of0goods000000000"
    assert f'# [catalog.live] has no app_secret; write there: app_secret = "{live}"\n' in shown
    assert f'# [catalog.albums] has no corp_secret; write there: corp_secret = "{albums}"\n' in shown
    for app_id, secret in (
        ("wx3", "sandbox0secret0of0main0000000000"),
        ("ww0", "sandbox0secret0of0goods000000000"),
    ):
        assert world.authenticate(app_id, secret, peer="127.0.0.1").app_id == app_id


def test_a_file_of_a_secret_that_is_empty_is_filled_by_the_command_that_is_shown(
    served: list[Sandbox], shop: House, tmp_path: Path
) -> None:
    (tmp_path / "corp secret").touch()
    write(shop, f'[catalog.albums]\ncorp_id = "ww0"\ncorp_secret_file = "{tmp_path}/corp secret"\n')
    shown = run("sandbox", "--port", str(free_port())).stdout
    commands = [line for line in shown.splitlines() if line.startswith("printf ")]
    assert commands == [
        f"printf '%s\\n' sandbox0secret0of0main0000000000 > {shop.base}/secrets/main.app_secret",
        f"printf '%s\\n' sandbox0secret0of0goods000000000 > '{tmp_path}/corp secret'",
    ]
    for command in commands:
        subprocess.run(["/bin/sh", "-c", command], check=True)
    house = load_settings(shop.path)
    assert house.settings.accounts["main"].app_secret.get_secret_value() == served[0].main.secret
    assert house.settings.catalog.albums.corp_secret.get_secret_value() == served[0].tenants["goods"].secret
    assert "has no " not in shown
    assert "printf" not in run("sandbox", "--port", str(free_port())).stdout


def test_an_accounts_own_secret_is_not_shown(served: list[Sandbox], shop: House) -> None:
    (shop.base / "secrets" / "main.app_secret").write_text("main-secret")
    write(shop, '[catalog.live]\napp_id = "wxba5fad812f8e6fb9"\n')
    shown = run("sandbox", "--port", str(free_port())).stdout
    assert served[0].main.secret == "main-secret"
    assert "# [catalog.live] has no app_secret; here it is that of main\n" in shown
    assert "main-secret" not in shown


def test_it_serves_a_houses_own_accounts(served: list[Sandbox], shop: House) -> None:
    house = write(
        shop,
        '[catalog.window]\napp_id = "wx00000000000000aa"\napp_secret = "window-secret"\n'
        '[catalog.union]\naccount = "main"\n'
        '[catalog.albums]\ncorp_id = "ww00000000000000bb"\ncorp_secret = "albums-secret"\n',
    )
    shown = run("sandbox", "--port", str(free_port())).stdout
    main, window, shop_tenant, goods = (served[0].tenants[name] for name in ("main", "window", "shop", "goods"))
    bind = house.settings.service.bind
    assert main.app_id == "wxba5fad812f8e6fb9"
    assert sorted(main.rights) == ["scan", "union"]
    assert main.callback_url == f"http://{bind}/wechat/callback"
    assert main.landing_url == f"http://{bind}/landing"
    assert main.keys is not None
    assert main.keys.tokens == ("AAAAA",)
    assert (window.app_id, window.secret, sorted(window.rights)) == ("wx00000000000000aa", "window-secret", ["window"])
    assert (goods.app_id, goods.secret) == ("ww00000000000000bb", "albums-secret")
    assert "live" in shop_tenant.rights
    tables = tomllib.loads(pasted(shown))
    assert sorted(tables) == ["catalog", "wechat"]
    assert tables["catalog"]["pages"] == {"account": "main"}
    assert sorted(tables["catalog"]) == ["live", "pages"]
    assert "AAAAA" not in shown
    assert "window-secret" not in shown


def test_a_house_that_calls_it_already_is_asked_for_nothing(served: list[Sandbox], shop: House) -> None:
    port = free_port()
    (shop.base / "secrets" / "main.app_secret").write_text("main-secret")
    write(
        shop,
        f'[wechat]\napi_base = "http://127.0.0.1:{port}"\nwecom_base = "http://127.0.0.1:{port}"\n'
        '[catalog]\npages = {}\nwindow = { account = "main" }\n'
        'live = { account = "main" }\nunion = { account = "main" }\n'
        'albums = { corp_id = "ww0", corp_secret = "s" }\n',
    )
    shown = run("sandbox").stdout
    assert served[0].url == f"http://127.0.0.1:{port}"
    assert served[0].main.secret == "main-secret"
    assert sorted(served[0].main.rights) == ["live", "scan", "union", "window"]
    assert list(served[0].tenants) == ["main", "goods", "other"]
    assert "Write into" not in shown


def test_a_house_may_have_tokens_of_its_own_or_need_none(served: list[Sandbox], shop: House) -> None:
    text = shop.path.read_text(encoding="utf-8").replace(
        'mode = "safe"', 'mode = "safe"\ntoken_source = "static"\naccess_token = "main-token"'
    )
    shop.path.write_text(text, encoding="utf-8")
    write(
        shop,
        '[catalog.live]\napp_id = "wx3"\ntoken_source = "none"\n'
        '[catalog.albums]\ncorp_id = "ww0"\ntoken_source = "static"\naccess_token = "albums-token"\n',
    )
    shown = run("sandbox", "--port", str(free_port())).stdout
    [sandbox], now = served, 1795312800.0
    tokens = sandbox.world.tokens
    assert tokens.holder("main-token", side=Kind.WECHAT, now=now) is sandbox.tenants["main"]
    assert tokens.holder("albums-token", side=Kind.WECOM, now=now) is sandbox.tenants["goods"]
    assert sandbox.world.cloud is sandbox.tenants["live"]
    assert "no app_secret" not in shown
    assert "printf" not in shown
    assert "-token" not in shown


def test_a_second_account_has_a_callback_of_its_own(shop: House) -> None:
    house = write(
        shop,
        '[accounts.second]\napp_id = "wx2"\noriginal_id = "gh_2"\ntoken = "BBBBB"\nmode = "plain"\n',
    )
    port = house.settings.service.bind.rpartition(":")[2]
    urls = [tenant.callback_url for tenant in house_tenants(house) if tenant.keys]
    assert urls == [f"http://127.0.0.1:{port}/wechat/callback", f"http://127.0.0.1:{port}/wechat/callback/second"]


def test_a_house_that_listens_everywhere_is_called_on_loopback(shop: House) -> None:
    shop.path.write_text(shop.path.read_text(encoding="utf-8").replace('bind = "127.0.0.1:', 'bind = "0.0.0.0:'))
    assert house_tenants(load_settings(shop.path))[0].callback_url.startswith("http://127.0.0.1:")


@pytest.mark.usefixtures("alone")
def test_its_behaviour_is_chosen_by_options(served: list[Sandbox]) -> None:
    options = (
        "--token-life 60 --review 2.5 --reviews-fail --merchant-shape older --firm-code 6912345 --not-again-after-503 "
        "--whitelist 203.0.113.7 --fault slow=2.5 --fault busy:3:/scan/ --fault code=48001::/union/ --empty"
    )
    run("sandbox", "--port", str(free_port()), *options.split())
    world = served[0].world
    assert (world.policy.token_life_s, world.policy.review_s, world.policy.review_passes) == (60, 2.5, False)
    assert world.policy.merchant_shape == "older"
    assert {tenant.whitelist for tenant in world.tenants} == {frozenset({"203.0.113.7"})}
    assert not world.patience.again_after_error
    told = [(fault.kind, left, fault.path, fault.seconds, fault.code) for fault, left in world.faults.told()]
    assert told == [
        ("slow", None, "/", 2.5, 0),
        ("busy", 3, "/scan/", 0.0, 0),
        ("code", None, "/union/", 0.0, 48001),
    ]
    shelves: Any = served[0].main._shelves
    [pages] = [shelf for shelf in shelves.values() if hasattr(shelf, "pages")]
    assert pages.pages == {}
    assert pages.merchant.segments[-1] == "6912345"


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--fault=broken", "KIND is slow, busy"),
        ("--fault=slow", "slow needs seconds"),
        ("--fault=busy:0", "calls is a whole number, 1 at least"),
        ("--fault=slow=1.2.3", "write KIND[=VALUE][:CALLS][:PATH]"),
        ("--fault=code=1.5", "code is a whole number"),
        ("--fault=busy=3", "busy takes no value"),
        ("--firm-code=12x", "first 7 to 9 digits"),
        ("--token-life=0", "not in the range"),
    ],
)
def test_an_option_that_makes_no_sense_is_a_usage_error(option: str, said: str) -> None:
    assert said in run("sandbox", "--port", str(free_port()), option, code=2).stderr.replace("\n", " ")


def test_a_port_that_is_in_use_is_refused(service_url: str) -> None:
    port = service_url.removeprefix("http://127.0.0.1:").partition("/")[0]
    result = run("sandbox", "--port", port, code=1)
    assert result.stderr == f"error: 127.0.0.1:{port} is in use: choose another port with --port\n"


def test_a_house_that_is_named_must_be_there(tmp_path: Path) -> None:
    assert "is not there" in run("sandbox", "--config", tmp_path / "none.toml", code=1).stderr


def test_it_stays_until_it_is_told_to_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scanhook", "sandbox", "--port", str(free_port()), "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(tmp_path), cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line == "}\n":
                break
        try:
            told = json.loads(said)
            assert httpx2.get(told["phone"], trust_env=False).status_code == 200
            assert [tenant["name"] for tenant in told["tenants"]] == ["main", "shop", "assistant", "goods", "other"]
        finally:
            process.terminate()
        assert process.wait(20) == 0
        assert process.stdout.read() == ""
