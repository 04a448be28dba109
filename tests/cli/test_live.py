from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scanhook.clock import SystemClock
from scanhook.errors import StorageError, WechatUnreachable
from scanhook.office import OfficeStore, open_office
from scanhook.office.sql_live import SqlLive
from scanhook.sandbox.goods import LiveShelf
from scanhook.sandbox.tenant import Tenant
from scanhook.settings import House
from scanhook.storage import Pepper
from scanhook.wechat import System
from scanhook.wechat.codes import refusal
from scanhook.wechat.live_keeper import SUBMISSION
from scanhook.wechat.live_ledger import china_day
from scanhook.wire.service import storage_url
from tests.cli.conftest import run, run_json
from tests.cli.scripts import Script, sandbox_calls, script_for
from tests.wechat.test_picture import PNG

APP_ID = "wxee9f94a3360ad25f"
ADDED = {"goodsId": 51, "auditId": 525022786, "errcode": 0}
"""The answer of live-goods-add.md."""
CUP = ("live", "add", "TIT茶杯", "--media-id", "MEDIA_ID", "--price", "99.50", "--path", "pages/index/index")


@pytest.fixture
def wechat(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setenv("SCANHOOK_CATALOG__LIVE__APP_ID", APP_ID)
    monkeypatch.setenv("SCANHOOK_CATALOG__LIVE__APP_SECRET", "s")
    return script_for(monkeypatch, System.LIVE)


@pytest.fixture
def mini_program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    with sandbox_calls(monkeypatch, System.LIVE, tenant="shop") as tenant:
        yield tenant


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cup.png"
    path.write_bytes(PNG)
    return path


def _office(house: House) -> closing[OfficeStore]:
    return closing(open_office(storage_url(house), pepper=Pepper.load(house.pepper_path), clock=SystemClock()))


def _spend(house: House, calls: int) -> None:
    with _office(house) as office:
        for _ in range(calls):
            office.live.count_call(APP_ID, SUBMISSION, china_day(SystemClock().now()))


def _full_disk(*_arguments: object) -> None:
    raise StorageError("office.db: the disk is full: make room on it")


def test_goods_are_added_and_their_ids_are_kept(wechat: Script, shop: House) -> None:
    api = wechat(ADDED)
    said = run(*CUP).stdout
    assert "TIT茶杯 is added: goods 51, audit 525022786. It is in review" in said
    assert "1 of today's 500 submissions went out from here." in said
    sent = {"coverImgUrl": "MEDIA_ID", "name": "TIT茶杯", "priceType": 1, "price": 99.5, "url": "pages/index/index"}
    assert api.bodies == [{"goodsInfo": sent}]
    with _office(shop) as office:
        kept = office.live.find(APP_ID, "51")
    assert kept is not None
    assert (kept.audit_id, kept.name, kept.errcode) == ("525022786", "TIT茶杯", 0)


def test_programs_get_the_ids_as_json(wechat: Script) -> None:
    wechat(ADDED)
    said = run_json(*CUP)
    assert said.pop("added")
    assert said == {
        "goods_id": "51",
        "audit_id": "525022786",
        "name": "TIT茶杯",
        "errcode": 0,
        "submissions_today": 1,
        "submissions_a_day": 500,
    }


@pytest.mark.parametrize(
    ("errcode", "name"), [(300021, "added_but_audit_failed"), (300013, "submit_audit_failed"), (300099, "unknown")]
)
def test_goods_whose_review_failed_are_kept_and_the_command_fails(
    wechat: Script, shop: House, errcode: int, name: str
) -> None:
    wechat({**ADDED, "errcode": errcode})
    result = run(*CUP, code=1)
    assert "TIT茶杯 is added: goods 51, audit 525022786." in result.stdout
    assert "in review" not in result.stdout
    assert f"The review failed at once: WeChat answers {errcode} ({name})" in result.stderr
    with _office(shop) as office:
        assert [goods.goods_id for goods in office.live.kept(APP_ID)] == ["51"]


def test_ids_that_cannot_be_kept_are_shown(wechat: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    wechat(ADDED)
    monkeypatch.setattr(SqlLive, "keep", _full_disk)
    said = run(*CUP, code=1).stderr
    assert "write down goodsId 51 and auditId 525022786" in said
    assert "the disk is full" in said


def test_nobody_knowing_is_said_with_where_to_look(wechat: Script) -> None:
    wechat(WechatUnreachable("/wxaapi/broadcast/goods/add: the line broke", acted=None))
    assert "nobody knows whether it was done: look with `scanhook live list`" in run(*CUP, code=1).stderr


def test_a_picture_that_is_up_is_named_when_the_goods_fail(wechat: Script, picture: Path) -> None:
    up = {"type": "image", "media_id": "MEDIA_UP", "created_at": 1795312000}
    wechat(up, refusal(300004, "bad name", path="/wxaapi/broadcast/goods/add"))
    command = ("live", "add", "茶杯", "--image", picture, "--price", "1", "--path", "pages/index/index")
    assert (
        "note: the picture is up, and can be used until 2026-11-25T01:46:40+00:00: --media-id MEDIA_UP"
        in run(*command, code=1).stderr
    )


@pytest.mark.parametrize(("spent", "note"), [(449, None), (450, "450 of today's 500"), (500, "0 are left")])
def test_the_quota_is_spoken_of_before_it_runs_out(
    wechat: Script, shop: House, monkeypatch: pytest.MonkeyPatch, spent: int, note: str | None
) -> None:
    monkeypatch.setattr(SqlLive, "calls", lambda *_: spent)
    wechat(ADDED)
    said = run(*CUP).stderr
    assert said == "" if note is None else note in said
    assert "45009" not in said


def test_what_went_out_today_is_counted(wechat: Script, shop: House) -> None:
    _spend(shop, 6)
    wechat(ADDED)
    assert run_json(*CUP)["submissions_today"] == 7


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--price", "1", "--price-to", "1"), "1 is not below 1"),
        (("--price", "1", "--price-now", "2"), "that is no discount"),
        (("--price", "1.005"), "`1.005` is no price in yuan"),
        (("--price", "cheap"), "`cheap` is no price in yuan"),
        (("--price", "1", "--path", "https://shop.example"), "is a web address"),
        (("--price", "1", "--path", "p/x?u=https://a/b?c=1&d=2"), "nobody can tell where the URL"),
        (("--price", "1", "--third-party-app-id", "gh_1"), "a mini program's app id"),
    ],
    ids=range(7),
)
def test_what_wechat_would_refuse_is_never_sent(wechat: Script, options: tuple[str, ...], why: str) -> None:
    api = wechat()
    result = run("live", "add", "茶杯", "--media-id", "MEDIA_ID", "--path", "pages/index/index", *options, code=1)
    assert why in result.stderr
    assert api.calls == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--media-id", "M"), "the price is missing"),
        (("--price", "1"), "the picture is missing"),
        (("--media-id", "M", "--price-now", "1"), "--price is missing"),
        (("--media-id", "M", "--price", "1", "--price-to", "2", "--price-now", "1"), "give one of them"),
        (("--media-id", "M", "--price", "1", "--param", "id"), "write NAME=VALUE"),
    ],
    ids=range(5),
)
def test_a_command_that_says_too_little_or_too_much_is_explained(
    wechat: Script, options: tuple[str, ...], why: str
) -> None:
    wechat()
    assert why in run("live", "add", "茶杯", "--path", "pages/index/index", *options, code=2).stderr


def test_a_picture_that_is_too_large_does_not_go_up(wechat: Script, picture: Path) -> None:
    picture.write_bytes(PNG[:16] + (301).to_bytes(4, "big") + PNG[20:])
    api = wechat()
    result = run("live", "add", "茶杯", "--image", picture, "--price", "1", "--path", "pages/index/index", code=1)
    assert "the picture is 301 × 2 pixels" in result.stderr
    assert api.calls == []


def test_settings_without_a_mini_program_are_explained() -> None:
    assert "write [catalog.live] with app_id" in run(*CUP, code=1).stderr


def test_an_account_of_the_settings_may_call_instead(wechat: Script, shop: House) -> None:
    api = wechat(ADDED)
    (shop.base / "secrets" / "main.app_secret").write_text("s3cret")
    run(*CUP, "--account", "main")
    assert api.accounts == ["main"]


def test_there_is_nothing_to_tell_of_before_the_first_goods(wechat: Script) -> None:
    wechat()
    assert run_json("live", "status") == []
    wechat()
    assert "No goods were added from here" in run("live", "status").stdout


def test_goods_live_their_life_in_the_sandbox(mini_program: Tenant, picture: Path) -> None:
    shelf = mini_program.shelf(LiveShelf)
    shelf.review_s = 3600
    added = run_json(
        *("live", "add", "茶杯", "--image", picture, "--price", "150.50", "--price-now", "99.5"),
        *("--path", "pages/web/index", "--param", "url=https://shop.example/1?a=b&c=d"),
    )
    goods_id = added["goods_id"]
    [state] = run_json("live", "status")
    assert (state["state"], state["audit_id"], state["price"]) == (
        "in review",
        added["audit_id"],
        "99.50 instead of 150.50",
    )
    assert state["path"] == "pages/web/index?url=https%3A%2F%2Fshop.example%2F1%3Fa%3Db%26c%3Dd"

    run("live", "withdraw", goods_id)
    assert run_json("live", "status")[0]["state"] == "not reviewed"
    run("live", "update", goods_id, "--name", "新茶杯", "--price", "5", "--image", picture)
    submitted = run_json("live", "submit", goods_id)
    assert submitted["audit_id"] != added["audit_id"]
    shelf.review_s = 0
    [state] = run_json("live", "status", goods_id)
    assert (state["name"], state["state"], state["price"]) == ("新茶杯", "approved", "5.00")
    assert state["audit_id"] == submitted["audit_id"]

    assert [goods["goods_id"] for goods in run_json("live", "list")] == [goods_id]
    assert run_json("live", "list", "--state", "rejected") == []
    run("live", "delete", goods_id, "--yes")
    assert run_json("live", "list") == []
    assert run_json("live", "status") == []
    [unknown] = run_json("live", "status", goods_id)
    assert (unknown["goods_id"], unknown["state"], unknown["price_yuan"]) == (goods_id, "unknown to WeChat", None)
    assert unknown.keys() == state.keys()


def test_both_ids_are_kept_when_the_review_fails_over_the_wire(mini_program: Tenant, picture: Path) -> None:
    mini_program.shelf(LiveShelf).failing_words = ("茶",)
    command = ("live", "add", "茶杯", "--image", picture, "--price", "1", "--path", "pages/index/index")
    added = run(*command, "--json", code=1)
    assert '"errcode": 300021' in added.stdout
    [state] = run_json("live", "status")
    assert (state["goods_id"], state["audit_id"], state["state"]) == ("51", "525022786", "not reviewed")


def test_people_see_tables(mini_program: Tenant) -> None:
    shelf = mini_program.shelf(LiveShelf)
    shelf.review_s = 0
    fields: dict[str, Any] = {
        "name": "茶具",
        "priceType": 2,
        "price": 10,
        "price2": 20,
        "url": "p/x",
        "coverImgUrl": "M",
    }
    shelf.add(fields, now=0)
    said = run("live", "list").stdout
    assert all(word in said for word in ("51", "茶具", "approved", "10.00 to 20.00", "p/x"))
    assert "茶具" in run("live", "status", "51").stdout
    run("live", "delete", "51", "--yes")
    assert run("live", "list").stdout == "WeChat has no such goods.\n"


def test_deleting_asks_first(mini_program: Tenant) -> None:
    assert "--yes" in run("live", "delete", "51", code=1).stderr


def test_wechats_own_refusal_is_told(mini_program: Tenant) -> None:
    assert "300006" in run(*CUP, code=1).stderr
    assert "no audit id of the goods 51 is kept here" in run("live", "withdraw", "51", code=1).stderr
