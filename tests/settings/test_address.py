from __future__ import annotations

import pytest

from scanhook.settings.address import is_address


@pytest.mark.parametrize(
    "url",
    [
        "https://api.weixin.qq.com",
        "http://127.0.0.1:9000/",
        "http://[::1]:65535/wx",
        "https://old.example.com/wechat/callback",
    ],
)
def test_an_address_has_a_host_and_perhaps_a_port_and_a_path(url: str) -> None:
    assert is_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.weixin.qq.com",
        "ftp://a.example",
        "https://",
        "https://:80",
        "https://me:password@a.example",
        "https://a.example:99999",
        "https://a.example:0",
        "https://a.example:x",
        "http://[::1",
        "https://a.example?x",
        "https://a.example/x?y",
        "https://a.example/#x",
        "https://a.example/a b",
        "https://a.example/茶",
    ],
)
def test_anything_else_is_none(url: str) -> None:
    assert not is_address(url)
