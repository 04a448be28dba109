from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scanhook import create_app, create_blueprint
from scanhook.errors import SettingsError, StorageError, Undecided, WechatUnreachable
from scanhook.office import Presentation
from scanhook.office.sql_catalog import SqlCatalog
from scanhook.registry import Action, Order, Scope
from scanhook.settings import House, load_settings
from scanhook.tickets import Binder
from scanhook.verdict import Judge
from scanhook.wechat.codes import refusal
from scanhook.wire.landing.limiter import BURST, Limiter
from scanhook.wire.service import open_service
from tests.conftest import OPENID
from tests.serving import journal_size
from tests.tickets import TICKET, answer, scanned
from tests.wire.landing.conftest import LINK, Visitor, branded, headline


def change(house: House, action: Action, batch: str = "autumn") -> None:
    service = open_service(house)
    product = service.registry.find_product("main", "qrcode", "moment-frame")
    assert product
    service.registry.change(Order(action=action, scopes=(Scope(product=product, batch=batch),), who="x", why="y"))
    service.close()


@pytest.mark.parametrize(
    ("ext_info", "says"),
    [
        ("GENUINE0001", "Genuine"),
        ("PRINTED0003", "Not activated yet"),
        ("COPIED99999", "Beware of a counterfeit"),
        ("", "No code of its own"),
    ],
)
def test_who_has_just_scanned_an_item_reads_its_verdict(visitor: Visitor, ext_info: str, says: str) -> None:
    scanned(visitor.house, ext_info)
    assert visitor.reads(LINK | {"wxextinfo": ext_info}) == says
    assert journal_size(visitor.house) == (1, 0)


def test_the_page_tells_of_the_first_check_and_how_many_persons(visitor: Visitor) -> None:
    scanned(visitor.house)
    assert "You are the first to check this item." in visitor.opens().text
    scanned(visitor.house, FromUserName="oSomebodyElse")
    text = visitor.opens().text
    assert re.search(r"<dt>First checked</dt><dd>\d{1,2} \w+ 20\d\d</dd>", text)
    assert "<dt>People who checked</dt><dd>2</dd>" in text
    assert "2 people have checked this item." in text
    assert re.search(r"<p>Your scan</p>\s<p class=.when.>\d{1,2} \w+ 20\d\d, \d\d:\d\d \(Beijing\)</p>", text)


def test_a_plain_barcode_tells_of_nobody_elses_check(visitor: Visitor) -> None:
    scanned(visitor.house, "")
    scanned(visitor.house, "", FromUserName="oSomebodyElse")
    response = visitor.opens(LINK | {"wxextinfo": ""})
    assert headline(response) == "No code of its own"
    assert "<p>Your scan</p>" in response.text
    assert "<dl>" not in response.text


def test_whoever_comes_after_the_counts_began_anew_is_not_called_the_first(visitor: Visitor) -> None:
    for person in ("oTheFirst", "oTheSecond"):
        scanned(visitor.house, FromUserName=person)
    service = open_service(visitor.house)
    tag = service.registry.look_up("main", "qrcode", "moment-frame", "GENUINE0001").tag
    assert tag
    service.journal.reset_counts([tag], who="ann", now=service.clock.now())
    service.close()
    scanned(visitor.house)
    text = visitor.opens().text
    assert "You are the first" not in text
    assert "<dt>Counted since</dt>" in text
    assert "<dt>People who checked</dt><dd>1</dd>" in text


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (Action.RECALL, "Recalled: do not use"),
        (Action.EXPIRE, "Expired"),
        (Action.SUSPEND, "Under review"),
        (Action.VOID, "Code withdrawn"),
        (Action.STOLEN, "Code disabled"),
    ],
)
def test_what_was_done_to_the_batch_a_minute_ago_is_what_the_page_says(
    visitor: Visitor, action: Action, says: str
) -> None:
    scanned(visitor.house)
    change(visitor.house, action)
    response = visitor.opens()
    assert headline(response) == says
    assert "The state of this item has changed since you scanned it" in response.text


NO_VERDICT = "verdict good"


def test_a_forgers_link_never_shows_a_verdict(visitor: Visitor) -> None:
    scanned(visitor.house, "COPIED99999")
    scanned(visitor.house, "GENUINE0001", FromUserName="oTheForgerHasOneGenuineItem0")
    response = visitor.opens()
    assert headline(response) == "Scan the item first"
    assert NO_VERDICT not in response.text
    assert "<dl>" not in response.text


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"wxticket": ""}, "Scan the item yourself"),
        ({"wxticket": "  "}, "Scan the item yourself"),
        ({"wxticket": "Forged"}, "This link has expired"),
        ({"wxticket": "x" * 10_000}, "This link has expired"),
        ({"wxticket": "票\x00"}, "This link has expired"),
        ({"wxkeystr": "other"}, "Link and product do not match"),
        ({"wxkeystandard": "ean13"}, "Link and product do not match"),
        ({"wxextinfo": "GENUINE0002"}, "Scan the item first"),
        ({"wxextinfo": "x" * 10_000}, "Scan the item first"),
        ({"wxextinfo": "a\x00\x1b[2J"}, "Scan the item first"),
        ({"wxkeystandard": "barcode"}, "Genuine"),
    ],
)
def test_a_link_that_says_nothing_is_explained(visitor: Visitor, changed: dict[str, str], says: str) -> None:
    scanned(visitor.house)
    response = visitor.opens(LINK | changed)
    assert (response.status_code, headline(response)) == (200, says)
    assert (NO_VERDICT in response.text) is (says == "Genuine")


def test_no_parameter_need_be_there(visitor: Visitor) -> None:
    scanned(visitor.house)
    assert visitor.reads({}) == "Scan the item yourself"
    assert visitor.reads({"wxticket": TICKET}) == "The link names no item"
    assert visitor.reads({"wxticket": TICKET}, lang="zh") == "链接未指明哪一件"
    assert visitor.reads({"wxticket": TICKET, "wxextinfo": "GENUINE0001"}) == "Genuine"


@pytest.mark.parametrize(
    "query",
    [
        "wxticket=%ff%fe",
        "wxticket=%00",
        "&&&==&wxticket",
        "wxticket=a&wxticket=b&wxextinfo=%ed%a0%80",
        f"wxticket={TICKET}&wxextinfo=%ff&wxkeystr=%ff",
        f"wxticket={TICKET}&wxextinfo=%ed%a0%80",
        f"wxticket={TICKET}&" + "x=1&" * 500,
    ],
)
def test_no_query_breaks_the_page(visitor: Visitor, caplog: pytest.LogCaptureFixture, query: str) -> None:
    response = visitor.client.get(f"/landing?{query}")
    assert response.status_code == 200
    assert "verdict good" not in response.text
    assert caplog.records == []


def test_both_spellings_of_the_standard_are_read(visitor: Visitor) -> None:
    scanned(visitor.house)
    link = {name: value for name, value in LINK.items() if name != "wxkeystandard"}
    assert visitor.reads(link | {"wxkeystand": "qrcode"}) == "Genuine"
    assert visitor.reads(link | {"wxkeystand": "ean13"}) == "Link and product do not match"


def test_a_plus_in_a_ticket_is_one(visitor: Visitor) -> None:
    visitor.wechat.answers["ab+c/d=="] = answer()
    visitor.client.get("/landing?wxticket=ab+c/d==", environ_overrides={"REMOTE_ADDR": "203.0.113.7"})
    assert visitor.wechat.asked == ["ab+c/d=="]


def test_without_a_ticket_wechat_is_not_asked_and_no_product_is_shown(visitor: Visitor) -> None:
    response = visitor.opens(LINK | {"wxticket": ""})
    assert visitor.wechat.asked == []
    assert "moment-frame" not in response.text


@pytest.mark.parametrize("method", ["HEAD"])
def test_who_only_looks_whether_there_is_a_page_does_not_bother_wechat(visitor: Visitor, method: str) -> None:
    response = visitor.opens(method=method)
    assert (response.status_code, response.data) == (200, b"")
    assert visitor.wechat.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_page_is_only_read(visitor: Visitor, method: str) -> None:
    assert visitor.opens(method=method).status_code == 405


def failing(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    "error",
    [
        WechatUnreachable("/scan/scanticket/check: no answer", acted=None),
        refusal(-1, "system error", path="/scan/scanticket/check"),
        RuntimeError(f"something with {OPENID} in its text"),
    ],
)
def test_a_wechat_that_fails_is_no_error_page(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    scanned(visitor.house)
    visitor.wechat.answers[TICKET] = error
    assert visitor.reads() == "Try again in a moment"
    assert len(caplog.records) == 1
    assert [word for word in (OPENID, TICKET, "GENUINE0001") if word in caplog.text] == []


@pytest.mark.parametrize("code", [48001, 40164, 50002])
def test_a_refusal_that_no_visitor_can_wait_for_sends_nobody_back_to_reload(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    scanned(visitor.house)
    for rid in ("one", "two"):
        visitor.wechat.answers[TICKET] = refusal(code, f"no rid: {rid}", path="/scan/scanticket/check")
        assert visitor.reads() == "Go by what WeChat showed"
    visitor.wechat.answers[TICKET] = refusal(40013, "no", path="/scan/scanticket/check")
    assert visitor.reads() == "Go by what WeChat showed"
    assert ["event=attention" in record.getMessage() for record in caplog.records] == [True, True]
    assert f"the landing page gives no result: /scan/scanticket/check: WeChat answers {code}" in caplog.text


def test_what_visits_were_about_is_counted(visitor: Visitor) -> None:
    scanned(visitor.house)
    for link in (LINK, LINK, LINK | {"wxticket": ""}):
        visitor.opens(link)
    figures = visitor.client.get("/metrics", base_url="http://127.0.0.1").text
    assert 'scanhook_landings_total{outcome="genuine"} 2.0' in figures
    assert 'scanhook_landings_total{outcome="shared"} 1.0' in figures


@pytest.mark.parametrize(
    ("where", "name", "error"),
    [
        (Judge, "judge", Undecided("the verifier was too slow")),
        (Binder, "bind", StorageError("the disk gave an error")),
    ],
)
def test_what_fails_here_is_no_error_page_either(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, where: type, name: str, error: Exception
) -> None:
    scanned(visitor.house)
    monkeypatch.setattr(where, name, failing(error))
    assert visitor.reads() == "Try again in a moment"


def test_a_house_that_may_not_call_wechat_says_so_once_in_the_log(
    stocked_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_app(stocked_house).test_client()
    for _ in range(3):
        response = client.get("/landing", query_string=LINK, headers={"Accept-Language": "en"})
        assert (response.status_code, headline(response)) == (200, "Go by what WeChat showed")
    assert len(caplog.records) == 1
    assert "[accounts.main] has no app_secret" in caplog.text


def test_no_page_shows_openid_ticket_or_code(visitor: Visitor) -> None:
    scanned(visitor.house)
    for changed in ({}, {"wxextinfo": "GENUINE0002"}, {"wxticket": "Forged77"}, {"wxkeystr": "<script>"}):
        response = visitor.opens(LINK | changed)
        kept = response.text + str(response.headers)
        assert [word for word in (OPENID, TICKET, "GENUINE", "Forged77", "<script") if word in kept] == []


@pytest.mark.parametrize(
    ("lang", "speaks", "says"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN", "正品"),
        ("zh-TW", "zh-CN", "正品"),
        ("en-US,en;q=0.9,zh;q=0.8", "en", "Genuine"),
        ("ja", "en", "Genuine"),
        (None, "zh-CN", "正品"),
        ("*", "zh-CN", "正品"),
        (";;q=,,=" * 50, "en", "Genuine"),
    ],
)
def test_the_page_speaks_the_browsers_language(visitor: Visitor, lang: str | None, speaks: str, says: str) -> None:
    scanned(visitor.house)
    response = visitor.opens(lang=lang)
    assert headline(response) == says
    assert f'<html lang="{speaks}">' in response.text
    assert response.headers["Content-Language"] == speaks


def test_the_product_is_shown_with_its_name_and_picture(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Presentation(name="<b>Frame</b>", image="http://mmbiz.qpic.cn/a.png?x=1&y=2")
    monkeypatch.setattr(SqlCatalog, "presentation", lambda *_, **__: shown)
    response = visitor.opens()
    assert "<h2>&lt;b&gt;Frame&lt;/b&gt;</h2>" in response.text
    assert 'src="https://mmbiz.qpic.cn/a.png?x=1&amp;y=2"' in response.text
    assert "img-src 'self' https://mmbiz.qpic.cn;" in response.headers["Content-Security-Policy"]


def test_a_catalog_that_cannot_be_read_costs_only_the_picture(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned(visitor.house)
    monkeypatch.setattr(SqlCatalog, "presentation", failing(StorageError("the disk gave an error")))
    response = visitor.opens()
    assert headline(response) == "Genuine"
    assert "moment-frame" in response.text


def test_the_page_lets_nothing_in_and_nothing_out(visitor: Visitor) -> None:
    response = visitor.opens()
    told = {name: response.headers[name] for name in ("Referrer-Policy", "X-Frame-Options", "X-Content-Type-Options")}
    assert told == {
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
    }
    assert (response.headers["Cache-Control"], response.headers["X-Robots-Tag"]) == ("no-store", "noindex, nofollow")
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/=]+'; img-src 'self'; "
        r"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        response.headers["Content-Security-Policy"],
    )
    assert "Set-Cookie" not in response.headers
    assert re.findall(r"<script|<link rel=.(?!icon)|<iframe|style=|\son\w+=|javascript:", response.text) == []


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time pass for the limiter, however slow the machine is."""
    monkeypatch.setattr("scanhook.wire.landing.route.Limiter", partial(Limiter, monotonic=lambda: 0.0))


@pytest.mark.usefixtures("stopped")
def test_an_address_that_asks_too_often_waits(visitor: Visitor) -> None:
    for _ in range(BURST):
        assert visitor.opens(LINK | {"wxticket": "x" * 600}).status_code == 200
    refused = visitor.opens()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert headline(refused) == "Try again in a moment"
    assert visitor.opens(address="203.0.113.8").status_code == 200
    # Who sends no ticket costs nothing.
    assert visitor.opens({}).status_code == 200


@pytest.mark.usefixtures("stopped")
def test_behind_a_proxy_on_this_machine_visitors_are_told_apart(visitor: Visitor) -> None:
    nobody = LINK | {"wxticket": "x" * 600}
    for _ in range(BURST + 1):
        visitor.opens(nobody, address="127.0.0.1", X_Forwarded_For="203.0.113.7")
    refused = visitor.opens(nobody, address="127.0.0.1", X_Forwarded_For="198.51.100.1, 203.0.113.7")
    assert refused.status_code == 429
    assert visitor.opens(nobody, address="127.0.0.1", X_Forwarded_For="203.0.113.9").status_code == 200
    # Who is no proxy of ours cannot say that they are somebody else.
    for _ in range(BURST + 1):
        visitor.opens(nobody, address="192.0.2.1")
    assert visitor.opens(nobody, address="192.0.2.1", X_Forwarded_For="198.51.100.2").status_code == 429


OTHER_ACCOUNT = """
[accounts.second]
app_id = "wx0000000000000003"
original_id = "gh_second"
token = "SecondToken3"
mode = "plain"
"""


def test_each_account_has_a_page(stocked_house: House, visitor: Visitor) -> None:
    stocked_house.path.write_text(stocked_house.path.read_text() + OTHER_ACCOUNT)
    other = create_app(stocked_house.path).test_client()
    scanned(stocked_house)
    for name, says in (("main", "Genuine"), ("second", "Scan the item first")):
        response = other.get(f"/landing/{name}", query_string=LINK, headers={"Accept-Language": "en"})
        assert headline(response) == says
    assert other.get("/landing/nobody", query_string=LINK).status_code == 404


def test_no_account_can_hide_behind_another_page(stocked_house: House) -> None:
    rules = [rule.rule for rule in create_app(stocked_house).url_map.iter_rules()]
    names = {rule.removeprefix("/landing/") for rule in rules if rule.startswith("/landing/")} - {"<name>"}
    assert names
    for name in names:
        table = OTHER_ACCOUNT.replace("[accounts.second]", f"[accounts.{name}]")
        path = stocked_house.base / f"{name}.toml"
        path.write_text(stocked_house.path.read_text() + table)
        with pytest.raises(SettingsError, match="which is taken"):
            load_settings(path)


def test_the_brand_shows_itself(stocked_house: House, logo: Path) -> None:
    house = branded(
        stocked_house,
        brand="Lumière & Co",
        logo_file=str(logo),
        color="#ffe600",
        privacy_url="https://brand.example.com/privacy",
    )
    client = create_app(house).test_client()
    response = client.get("/landing", headers={"Accept-Language": "en"})
    assert "<title>Scan the item yourself · Lumière &amp; Co</title>" in response.text
    assert '<a href="https://brand.example.com/privacy" rel="noopener noreferrer">Privacy</a>' in response.text
    assert ":root{--brand:#ffe600;--brand-ink:#000000}" in response.text
    assert '<img class="logo" src="/landing/logo"' in response.text
    picture = client.get("/landing/logo")
    assert (picture.status_code, picture.content_type, picture.data) == (200, "image/png", logo.read_bytes())
    assert picture.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def test_without_a_logo_there_is_none(visitor: Visitor) -> None:
    assert visitor.client.get("/landing/logo").status_code == 404


def test_a_mounted_page_finds_its_logo(stocked_house: House, logo: Path) -> None:
    from flask import Flask  # noqa: PLC0415

    app = Flask("brand")
    house = branded(stocked_house, logo_file=str(logo))
    app.register_blueprint(create_blueprint(house), url_prefix="/brand")
    client = app.test_client()
    assert 'src="/brand/landing/logo"' in client.get("/brand/landing").text
    assert client.get("/brand/landing/logo").status_code == 200
