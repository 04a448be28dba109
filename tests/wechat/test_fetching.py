from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from scanhook.errors import WechatError, WechatRefused, WechatUnreachable
from scanhook.wechat import Caller, TokenKind
from scanhook.wechat.fetching import Fetched, Fetcher
from scanhook.wechat.pace import Pace
from scanhook.wechat.server import Server
from tests.wechat.loopback import answer, nobody, peer

GIVEN = {"access_token": "A" * 512, "expires_in": 7200}
SECRET = "n3v3r-sh0wn"


@contextmanager
def fetcher(*bases: str, kind: TokenKind = TokenKind.STABLE, slept: list[float] | None = None) -> Iterator[Fetcher]:
    pace = Pace(sleep=(slept if slept is not None else []).append, chance=lambda: 1.0)
    place, app_id = ("[catalog.albums]", "ww1") if kind is TokenKind.GETTOKEN else ("[accounts.main]", "wx1")
    caller = Caller(place=place, app_id=app_id, kind=kind, secret=SECRET)
    with closing(Fetcher(Server(bases, timeout_s=5, pace=pace), caller, pace=pace)) as opened:
        yield opened


@pytest.mark.parametrize("force", [False, True])
def test_stable_is_a_post_of_json(*, force: bool) -> None:
    with peer(lambda _asked: answer(GIVEN)) as wechat, fetcher(wechat.base) as fetch:
        assert fetch(force=force) == Fetched(token="A" * 512, expires_in=7200)

    [asked] = wechat.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/cgi-bin/stable_token", {})
    assert json.loads(asked.body) == {
        "grant_type": "client_credential",
        "appid": "wx1",
        "secret": SECRET,
        "force_refresh": force,
    }


@pytest.mark.parametrize(
    ("kind", "path", "query"),
    [
        (TokenKind.TOKEN, "/cgi-bin/token", {"grant_type": "client_credential", "appid": "wx1", "secret": SECRET}),
        (TokenKind.GETTOKEN, "/cgi-bin/gettoken", {"corpid": "ww1", "corpsecret": SECRET}),
    ],
)
def test_the_others_are_a_get(kind: TokenKind, path: str, query: dict[str, str]) -> None:
    given = {"errcode": 0, "errmsg": "ok", **GIVEN}
    with peer(lambda _asked: answer(given)) as wechat, fetcher(wechat.base, kind=kind) as fetch:
        assert fetch(force=False).expires_in == 7200

    [asked] = wechat.asked
    assert (asked.method, asked.path, asked.query) == ("GET", path, query)


@pytest.mark.parametrize("code", [40001, 40125])
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (TokenKind.STABLE, "Copy app_secret of [accounts.main] from the console"),
        (TokenKind.TOKEN, "Copy app_secret of [accounts.main] from the console"),
        (TokenKind.GETTOKEN, "Copy corp_secret of [catalog.albums] from the WeCom console"),
    ],
)
def test_a_wrong_secret_is_asked_once_and_says_what_to_do(code: int, kind: TokenKind, says: str) -> None:
    refused = answer({"errcode": code, "errmsg": f"invalid appsecret {SECRET} rid: 9-z"})
    with (
        peer(lambda _asked: refused) as wechat,
        fetcher(wechat.base, kind=kind) as fetch,
        pytest.raises(WechatRefused) as caught,
    ):
        fetch(force=False)

    assert (len(wechat.asked), caught.value.code, caught.value.rid) == (1, code, "9-z")
    assert "the secret is not the one of w" in caught.value.why
    assert says in caught.value.why
    assert SECRET not in f"{caught.value.why} {vars(caught.value)}"


def test_an_address_that_is_not_in_the_whitelist_is_named() -> None:
    refused = answer(
        {"errcode": 40164, "errmsg": "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 6-1"}
    )
    with (
        peer(lambda _asked: refused) as wechat,
        fetcher(wechat.base) as fetch,
        pytest.raises(WechatRefused, match=r"not in the IP whitelist: 203\.0\.113\.9\. Add it in the console"),
    ):
        fetch(force=False)

    assert len(wechat.asked) == 1


@pytest.mark.parametrize("code", [-1, -202, 45011])
def test_a_busy_server_is_asked_three_times(code: int) -> None:
    slept: list[float] = []
    with (
        peer(lambda _asked: answer({"errcode": code})) as wechat,
        fetcher(wechat.base, slept=slept) as fetch,
        pytest.raises(WechatRefused),
    ):
        fetch(force=False)

    assert (len(wechat.asked), slept) == (3, [0.5, 1.0])


@pytest.mark.parametrize("raw", [None, answer(b"Bad Gateway", status=502), answer({"errcode": -1})])
def test_forcing_is_asked_once_at_one_address(raw: bytes | None) -> None:
    with (
        peer(lambda _asked: raw) as first,
        peer(lambda _asked: answer(GIVEN)) as second,
        fetcher(first.base, second.base) as fetch,
        pytest.raises(WechatError) as caught,
    ):
        fetch(force=True)

    assert (len(first.asked), len(second.asked)) == (1, 0)
    assert "look before you order it again" not in str(caught.value)
    assert getattr(caught.value, "acted", False) is False


def test_forcing_goes_on_to_the_next_address_while_nothing_has_left() -> None:
    with peer(lambda _asked: answer(GIVEN)) as wechat, fetcher(nobody(), wechat.base) as fetch:
        assert fetch(force=True).expires_in == 7200


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"expires_in": 7200}, "access_token"),
        ({"access_token": "", "expires_in": 7200}, "access_token"),
        ({"access_token": 7, "expires_in": 7200}, "access_token"),
        ({"access_token": "A" * 4097, "expires_in": 7200}, "access_token"),
        ({"access_token": "a\nb", "expires_in": 7200}, "access_token"),
        ({"access_token": "茶", "expires_in": 7200}, "access_token"),
        ({"access_token": "A"}, "expires_in"),
        ({"access_token": "A", "expires_in": 0}, "expires_in"),
        ({"access_token": "A", "expires_in": True}, "expires_in"),
        ({"access_token": "A", "expires_in": "soon"}, "expires_in"),
        ({"access_token": "A", "expires_in": 10**12}, "expires_in"),
    ],
)
def test_an_answer_without_a_token_names_the_field(given: dict[str, object], field: str) -> None:
    with (
        peer(lambda _asked: answer(given)) as wechat,
        fetcher(wechat.base) as fetch,
        pytest.raises(WechatUnreachable, match=f"the answer is not what the page says: {field}"),
    ):
        fetch(force=False)
