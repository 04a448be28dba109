from __future__ import annotations

import pytest

from scanhook.errors import Refused
from scanhook.wechat.live_path import encode_page_path


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("pages/index/index", "pages/index/index"),
        ("/pages/index/index?id=1&from=live", "/pages/index/index?id=1&from=live"),
        ("p/web?url=https://shop.example/1", "p/web?url=https%3A%2F%2Fshop.example%2F1"),
        ("p/web?target=https://shop.example/1&id=7", "p/web?target=https%3A%2F%2Fshop.example%2F1&id=7"),
        ("p/web?id=7&u=https://shop.example/1?a=b", "p/web?id=7&u=https%3A%2F%2Fshop.example%2F1%3Fa%3Db"),
        ("p/web?url=/pages/other", "p/web?url=%2Fpages%2Fother"),
        ("p/web?URL=a/b", "p/web?URL=a%2Fb"),
        ("p/web?u=https://shop.example/茶", "p/web?u=https%3A%2F%2Fshop.example%2F%E8%8C%B6"),
        ("p/web?u=https://a/%20", "p/web?u=https%3A%2F%2Fa%2F%2520"),
        ("p/web?name=茶&u", "p/web?name=茶&u"),
        ("p/web?url=", "p/web?url="),
    ],
    ids=range(11),
)
def test_the_urls_in_a_path_are_encoded_and_nothing_else(path: str, sent: str) -> None:
    assert encode_page_path(path) == sent


@pytest.mark.parametrize("path", ["p/web?url=https%3A%2F%2Fshop.example%2F1", "p/web?url=plain&x=%2F"])
def test_what_is_encoded_already_stays(path: str) -> None:
    assert encode_page_path(path) == path
    assert encode_page_path(encode_page_path("p?u=https://a/b")) == encode_page_path("p?u=https://a/b")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "empty"),
        (" p/web", "blanks"),
        ("p/a b", "blanks"),
        ("p/\n", "blanks"),
        ("https://shop.example/1", "is a web address"),
        ("https://shop.example/1?x=1", "is a web address"),
        ("p/web?u=https://a/b?c=1&d=2", "nobody can tell where the URL in the parameter `u` ends"),
        ("p/web?url=/a?b=1&c=2", "like url=%2Fa%3F…"),
    ],
    ids=range(8),
)
def test_a_path_that_cannot_be_meant_is_refused(path: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        encode_page_path(path)
