from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from scanhook.clock import SystemClock
from scanhook.errors import Refused
from scanhook.office import open_office
from scanhook.settings import Settings
from scanhook.storage import Pepper, StorageUrl
from scanhook.wechat import Caller, System, TokenKeep, TokenKind, caller_of, open_api
from tests.wechat.loopback import answer, peer

MAIN = {
    "app_id": "wxba5fad812f8e6fb9",
    "original_id": "gh_fbe8a958756e",
    "token": "AAAAA",
    "encoding_aes_key": "A" * 43,
    "app_secret": "main-secret",
}
SHOP = MAIN | {"app_id": "wx0000000000000002", "app_secret": "shop-secret", "token_source": "token"}
NO_SECRET = MAIN | {"app_secret": ""}


def settings(
    main: dict[str, Any] = MAIN, *, wechat: dict[str, Any] | None = None, **catalog: dict[str, Any]
) -> Settings:
    return Settings.model_validate(
        {"accounts": {"main": main, "shop": SHOP}, "catalog": catalog, "wechat": wechat or {}}
    )


def test_the_scan_pages_are_the_first_accounts_unless_the_settings_say_otherwise() -> None:
    assert caller_of(settings(), System.PAGES) == Caller(
        place="[accounts.main]", app_id="wxba5fad812f8e6fb9", kind=TokenKind.STABLE, secret="main-secret"
    )
    assert caller_of(settings(pages={"account": "shop"}), System.PAGES) == Caller(
        place="[accounts.shop]", app_id="wx0000000000000002", kind=TokenKind.TOKEN, secret="shop-secret"
    )


def test_an_account_that_is_named_calls_whatever_the_table_says() -> None:
    table = {"app_id": "wx3", "app_secret": "s"}

    assert caller_of(settings(window=table), System.WINDOW, account="main").place == "[accounts.main]"
    assert caller_of(settings(pages={"account": "shop"}), System.PAGES, account="main").place == "[accounts.main]"


@pytest.mark.parametrize("system", [System.PAGES, System.WINDOW, System.LIVE, System.UNION])
def test_a_table_may_name_another_caller(system: System) -> None:
    table = {"app_id": "wx3", "app_secret": "s", "token_source": "token"}

    assert caller_of(settings(**{system.value: table}), system) == Caller(
        place=f"[catalog.{system.value}]", app_id="wx3", kind=TokenKind.TOKEN, secret="s"
    )


def test_a_table_may_take_an_account_and_have_its_own_tokens() -> None:
    table = {"account": "main", "token_source": "static", "access_token": "T"}

    assert caller_of(settings(window=table), System.WINDOW) == Caller(
        place="[accounts.main]", app_id="wxba5fad812f8e6fb9", kind=TokenKind.STATIC, secret="main-secret", token="T"
    )


@pytest.mark.parametrize("table", [{"account": "main"}, {}])
def test_the_account_that_the_table_means_has_the_tables_tokens_also_when_it_is_named(table: dict[str, Any]) -> None:
    known = settings(pages=table | {"token_source": "command", "token_command": ["/opt/token"]})

    assert caller_of(known, System.PAGES, account="main") == caller_of(known, System.PAGES)
    assert caller_of(known, System.PAGES).kind is TokenKind.COMMAND
    assert caller_of(known, System.PAGES, account="shop").kind is TokenKind.TOKEN


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ({"corp_id": "ww1", "corp_secret": "s"}, TokenKind.GETTOKEN),
        ({"corp_id": "ww1", "token_source": "static", "access_token": "T"}, TokenKind.STATIC),
        ({"corp_id": "ww1", "token_source": "command", "token_command": ["/opt/token"]}, TokenKind.COMMAND),
    ],
)
def test_albums_are_called_by_a_wecom_application(table: dict[str, Any], kind: TokenKind) -> None:
    caller = caller_of(settings(albums=table), System.ALBUMS)

    assert (caller.place, caller.app_id, caller.kind) == ("[catalog.albums]", "ww1", kind)


@pytest.mark.parametrize(
    ("catalog", "system", "account", "says"),
    [
        (
            {},
            System.WINDOW,
            None,
            r"write \[catalog\.window\] with app_id and app_secret_file of the Channels assistant",
        ),
        ({}, System.LIVE, None, r"write \[catalog\.live\] with"),
        ({}, System.UNION, None, r"write \[catalog\.union\] with"),
        ({}, System.ALBUMS, None, r"write \[catalog\.albums\] with corp_id"),
        ({}, System.ALBUMS, "main", "the account main is an official account, and albums belong to a WeCom company"),
        ({"albums": {"corp_id": "ww1"}}, System.ALBUMS, None, r"\[catalog\.albums\] has no corp_secret"),
        ({"live": {"app_id": "wx3"}}, System.LIVE, None, r"\[catalog\.live\] has no app_secret"),
        ({"pages": {"account": "gone"}}, System.PAGES, None, "no account `gone`; they have main, shop"),
        ({}, System.PAGES, "gone", "no account `gone`; they have main, shop"),
    ],
)
def test_settings_that_do_not_say_who_calls_are_refused_with_the_remedy(
    catalog: dict[str, Any], system: System, account: str | None, says: str
) -> None:
    with pytest.raises(Refused, match=says):
        caller_of(settings(**catalog), system, account=account)


@pytest.mark.parametrize("source", ["stable", "token"])
def test_a_token_cannot_be_fetched_without_a_secret(source: str) -> None:
    with pytest.raises(Refused, match=r"\[accounts\.main\] has no app_secret, .* app_secret_file"):
        caller_of(settings(NO_SECRET | {"token_source": source}), System.PAGES)


@pytest.mark.parametrize(
    ("system", "table", "says"),
    [
        (System.PAGES, {"account": "main"}, "[accounts.main] has no app_secret, and WeChat gives no access token"),
        (System.LIVE, {"app_id": "wx3", "app_secret_file": "FILE"}, "[catalog.live] has no app_secret, and WeChat"),
        (System.ALBUMS, {"corp_id": "ww1", "corp_secret_file": "FILE"}, "[catalog.albums] has no corp_secret: "),
    ],
)
def test_a_file_of_a_secret_that_is_empty_is_named(
    system: System, table: dict[str, Any], says: str, tmp_path: Path
) -> None:
    file = tmp_path / "main.app_secret"
    file.write_text("\n")
    table = {name: str(file) if value == "FILE" else value for name, value in table.items()}
    main = {name: value for name, value in MAIN.items() if name != "app_secret"} | {"app_secret_file": str(file)}
    with pytest.raises(Refused) as refused:
        caller_of(settings(main, **{system.value: table}), system)
    assert str(refused.value).startswith(says)
    assert f"the file {file} is empty: put the secret into it; the " in str(refused.value)
    assert "_file = " not in str(refused.value)


@pytest.mark.parametrize(
    "how",
    [
        {"token_source": "none"},
        {"token_source": "static", "access_token": "T"},
        {"token_source": "command", "token_command": ["/opt/token"]},
    ],
)
def test_a_token_from_elsewhere_needs_no_secret(how: dict[str, Any]) -> None:
    assert caller_of(settings(NO_SECRET | how), System.PAGES).secret == ""


@pytest.mark.parametrize(
    ("how", "tokens"),
    [
        ({"token_source": "none"}, [None, None]),
        ({"token_source": "static", "access_token": "T"}, ["T", "T"]),
        ({"token_source": "command", "token_command": [sys.executable, "-S", "-c", "print('C')"]}, ["C", "C"]),
        ({}, ["fetched", "fetched"]),
    ],
)
def test_each_source_gives_the_api_its_token(
    how: dict[str, Any], tokens: list[str | None], tmp_path: Path, empty_storage: Path, pepper: Pepper
) -> None:
    url, clock = StorageUrl(engine="sqlite", folder=Path(copytree(empty_storage, tmp_path / "data"))), SystemClock()
    with (
        peer(lambda _asked: answer({"access_token": "fetched", "expires_in": 7200})) as wechat,
        closing(open_office(url, pepper=pepper, clock=clock)) as office,
        closing(
            open_api(
                settings(MAIN | how, wechat={"api_base": wechat.base}),
                System.PAGES,
                keep=TokenKeep(store=office.tokens, url=url, pepper=pepper, clock=clock),
                account="main",
            )
        ) as api,
    ):
        api.read("/a")
        api.read("/b")

    assert [asked.token for asked in wechat.asked if asked.path in ("/a", "/b")] == tokens


def test_no_secret_is_shown() -> None:
    table = {"account": "main", "token_source": "static", "access_token": "T0K3N"}
    shown = repr(caller_of(settings(window=table), System.WINDOW))

    assert "main-secret" not in shown
    assert "T0K3N" not in shown
