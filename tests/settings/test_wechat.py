from __future__ import annotations

import pytest

from scanhook.settings.wechat import WechatSettings
from tests.settings.conftest import GOOD, Load, Refuse


def test_what_is_left_out_is_wechat_itself(load: Load) -> None:
    wechat = load(GOOD).settings.wechat
    assert wechat.api_bases == (
        "https://api.weixin.qq.com",
        "https://api2.weixin.qq.com",
        "https://sh.api.weixin.qq.com",
        "https://sz.api.weixin.qq.com",
        "https://hk.api.weixin.qq.com",
    )
    assert wechat.wecom_base == "https://qyapi.weixin.qq.com"
    assert wechat.clear_path == "/scan/scanticket/check"
    assert wechat.ticket_window_s == 1200


def test_another_server_than_wechats_has_no_other_domains() -> None:
    assert WechatSettings(api_base="http://127.0.0.1:9000/").api_bases == ("http://127.0.0.1:9000",)


def test_other_domains_can_be_named() -> None:
    settings = WechatSettings(api_base="http://127.0.0.1:9000", api_fallbacks=("http://127.0.0.1:9001/",))
    assert settings.api_bases == ("http://127.0.0.1:9000", "http://127.0.0.1:9001")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('[wechat]\napi_base = "api.weixin.qq.com"', "line 10: wechat.api_base: write the server's address alone"),
        (
            '[wechat]\nwecom_base = "https://a.example/x"',
            "line 10: wechat.wecom_base: write the server's address alone",
        ),
        (
            '[wechat]\napi_base = "https://me:hunter2@a.example"',
            "line 10: wechat.api_base: write the server's address alone",
        ),
        (
            '[wechat]\napi_fallbacks = ["https://a.example", "http://a.example:99999"]',
            "line 10: wechat.api_fallbacks: write the server's address alone",
        ),
        ('[wechat]\nwecom_base = "http://[::1"', "line 10: wechat.wecom_base: write the server's address alone"),
        ('[wechat]\nclear_path = "scan/clear?x"', "line 10: wechat.clear_path: write a path, such as"),
        ('[catalog.live]\naccount = "main"\napp_id = "wx1"', "line 9: catalog.live: both account and app_id are given"),
        ('[catalog.pages]\ntoken_source = "static"', "access_token is missing, and token_source"),
        ('[catalog.albums]\ntoken_source = "command"', "token_command is missing: write a program"),
        ('[catalog.albums]\ntoken_source = "stable"', "line 10: catalog.albums.token_source: "),
        (
            '[catalog.pages]\naccess_token = "T"',
            'access_token is given, and token_source = "stable" does not use it: write token_source = "static", or',
        ),
        (
            '[catalog.live]\ntoken_source = "static"\naccess_token = "T"\ntoken_command = ["/opt/token"]',
            'token_command is given, and token_source = "static" does not use it: write token_source = "command", or',
        ),
        (
            '[catalog.albums]\ntoken_source = "command"\ntoken_command = ["/opt/token"]\naccess_token = "T"',
            'access_token is given, and token_source = "command" does not use it: write token_source = "static", or',
        ),
        ('[landing]\ncolor = "green"', 'line 10: landing.color: write a colour as six hex digits, such as "#07c160"'),
        ('[landing]\nprivacy_url = "http://a.example"', "line 10: landing.privacy_url: write the address of the page"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(refuse: Refuse, table: str, sentence: str) -> None:
    assert sentence in refuse(f"{GOOD}{table}\n")


@pytest.mark.parametrize("url", ["old.example.com/wx", "ftp://old.example.com", "https://old.example.com/wx?a=1"])
def test_a_server_to_forward_to_has_an_address_without_a_query(refuse: Refuse, url: str) -> None:
    said = refuse(f'{GOOD}forward_url = "{url}"\n')
    assert "line 9: accounts.main.forward_url: write the address of your own server without a query" in said


@pytest.mark.parametrize(
    ("public_url", "forward_url"),
    [
        ("https://scan.example.com", "https://scan.example.com/wechat/callback"),
        ("https://scan.example.com/", "https://scan.example.com/wechat/callback/other"),
        ("https://other.example.com", "http://127.0.0.1:8000/wechat/callback"),
        ("https://other.example.com", "http://localhost:8000/wx"),
        ("https://other.example.com", "http://127.0.0.1:08000/wx"),
        ("https://other.example.com", "http://127.1:8000/wx"),
        ("https://other.example.com", "http://[::1]:8000/wx"),
    ],
)
def test_pushes_cannot_go_in_a_ring(refuse: Refuse, public_url: str, forward_url: str) -> None:
    text = GOOD.replace("[service]\n", f'[service]\npublic_url = "{public_url}"\n')
    said = refuse(f'{text}forward_url = "{forward_url}"\n')
    assert said.endswith("line 10: accounts.main.forward_url names this very service: pushes would go in a ring")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8001/wx", "http://127.0.0.1/wx", "https://scan.example.com/old", "http://10.0.0.9:8000/wx"],
)
def test_another_server_on_the_same_machine_is_another_server(load: Load, url: str) -> None:
    text = GOOD.replace("[service]\n", '[service]\npublic_url = "https://scan.example.com"\n')
    assert load(f'{text}forward_url = "{url}"\n').settings.accounts["main"].forward_url == url


@pytest.mark.parametrize(
    "url", ["http://me:secret@old.example.com/wx", "http://old.example.com:99999/wx", "http://:80/"]
)
def test_a_server_to_forward_to_has_a_host_a_port_and_no_password(refuse: Refuse, url: str) -> None:
    assert "accounts.main.forward_url: write the address of your own server" in refuse(f'{GOOD}forward_url = "{url}"\n')
