from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from scanhook.cli import catalog_sync
from scanhook.clock import FixedClock
from scanhook.sandbox.page_shelf import PageShelf, Status
from scanhook.sandbox.sandbox import Sandbox
from scanhook.settings import House, load_settings
from scanhook.storage.lease import take_lease
from scanhook.wechat import System
from scanhook.wire.service import open_service, storage_url
from tests.cli.conftest import run, run_json
from tests.cli.directory import send_to
from tests.office.directory import Shop
from tests.serving import compose

FRAME = ("qrcode", "moment-frame")
UNION = "[catalog.union]\n"


@pytest.fixture
def wechat(stocked: House, wechat_sandbox: Sandbox) -> Sandbox:
    send_to(stocked, wechat_sandbox)
    return wechat_sandbox


def outcomes(told: Any) -> dict[str, str]:
    return {outcome["system"]: outcome["outcome"] for outcome in told}


def test_all_five_systems_come_into_one_table(stocked: House, wechat: Sandbox) -> None:
    stocked.path.write_text(stocked.path.read_text().replace(UNION, f'{UNION}query = "茶"\n'))

    told = run_json("catalog", "sync")

    assert outcomes(told) == dict.fromkeys(("pages", "albums", "window", "live", "union"), "done")
    listed = run_json("catalog", "list")
    assert {entry["system"] for entry in listed} == {"pages", "albums", "window", "live", "union"}
    assert sum(outcome["seen"] for outcome in told) == sum(outcome["added"] for outcome in told) == len(listed)
    assert len(run_json("catalog", "list", "--system", "pages")) == len(wechat.main.shelf(PageShelf).pages)
    frame = next(entry for entry in listed if entry["id"] == "qrcode/moment-frame")
    assert (frame["owner"], frame["name"], frame["state"]) == (wechat.main.app_id, "微信相框", "on")


def test_a_second_sync_tells_what_was_added_changed_and_gone(wechat: Sandbox) -> None:
    run("catalog", "sync", "--system", "pages")
    pages = wechat.main.shelf(PageShelf).pages
    count = len(pages)
    del pages["qrcode", "cosmetics1"]
    changed = pages[FRAME]
    changed.parts["base_info"]["title"] = "微信相框二"
    changed.updated_at += 60

    (told,) = run_json("catalog", "sync", "--system", "pages")

    assert {name: told[name] for name in ("seen", "added", "changed", "gone", "why")} == {
        "seen": count - 1,
        "added": 0,
        "changed": 1,
        "gone": 1,
        "why": None,
    }
    assert run_json("catalog", "list", "--name", "相框二")[0]["id"] == "qrcode/moment-frame"
    assert run_json("catalog", "show", "pages", "qrcode/cosmetics1")["gone"] is not None
    assert "(gone)" in run("catalog", "list", "--gone", "--name", "手工酱油").stdout


def test_a_system_without_its_right_does_not_stop_the_others(wechat: Sandbox) -> None:
    wechat.main.rights = frozenset()

    result = run("catalog", "sync", "--system", "pages", "--system", "window", code=1)

    assert "pages failed: /scan/product/getlist: WeChat answers 48001" in result.stderr
    assert [entry["system"] for entry in run_json("catalog", "list")] == ["window"] * 3


def test_systems_that_are_not_configured_are_skipped_and_named(stocked: House, wechat_sandbox: Sandbox) -> None:
    send_to(stocked, wechat_sandbox, tables=False)

    told = run_json("catalog", "sync")

    assert outcomes(told) == {
        "pages": "done",
        "albums": "skipped",
        "window": "skipped",
        "live": "skipped",
        "union": "skipped",
    }
    assert "write [catalog.albums] with corp_id" in told[1]["why"]


def test_the_union_needs_a_shop_or_words(wechat: Sandbox) -> None:
    assert wechat.main.rights
    told = {outcome["system"]: outcome for outcome in run_json("catalog", "sync")}

    assert told["union"]["outcome"] == "skipped"
    assert "write shop_app_ids or query into [catalog.union]" in told["union"]["why"]


def test_a_system_that_is_asked_for_must_be_configured(stocked: House, wechat_sandbox: Sandbox) -> None:
    send_to(stocked, wechat_sandbox, tables=False)

    result = run("catalog", "sync", "--system", "live", code=1)

    assert "live failed: the settings do not say who calls" in result.stderr


def test_an_account_that_is_not_there_is_refused(wechat: Sandbox) -> None:
    assert wechat.main.rights
    assert "no account `shop`" in run("catalog", "sync", "--account", "shop", code=1).stderr


def test_only_one_syncs_at_a_time(stocked: House, wechat: Sandbox) -> None:
    assert wechat.main.rights
    lease = take_lease(storage_url(stocked), "catalog")
    assert lease is not None
    with lease:
        assert "another sync is at work" in run("catalog", "sync", code=1).stderr


@pytest.mark.parametrize(("result", "state"), [("verify_ok", "on"), ("verify_not_pass", "reject")])
def test_a_review_that_wechat_tells_of_changes_the_state_of_its_page(
    stocked: House, wechat: Sandbox, result: str, state: str
) -> None:
    wechat.main.shelf(PageShelf).pages[FRAME].status = Status.CHECK
    run("catalog", "sync", "--system", "pages")
    assert run_json("catalog", "list", "--state", "check")[0]["id"] == "qrcode/moment-frame"
    house = load_settings(stocked.path)
    at = int(time.time()) + 1
    service = open_service(house, clock=FixedClock(at))
    account = service.accounts["main"]
    review = {
        "ToUserName": account.keys.original_id,
        "FromUserName": "od_ikt8qi21-hVTtYgm8xSfTLH5w",
        "CreateTime": at,
        "MsgType": "event",
        "Event": "user_scan_product_verify_action",
        "KeyStandard": "qrcode",
        "KeyStr": "moment-frame",
        "Result": result,
        "ReasonMsg": "",
    }
    push = compose(review, keys=account.keys, at=at)
    service.receiver.receive(account, push.query.encode(), push.body)
    service.close()

    assert run_json("housekeeper", "--once")["reviews"] == 1
    assert run_json("catalog", "show", "pages", "qrcode/moment-frame")["state"] == state
    assert run_json("housekeeper", "--once")["reviews"] == 0


def test_the_housekeeper_reads_the_systems_that_the_settings_name(wechat: Sandbox) -> None:
    assert wechat.main.rights
    assert run_json("housekeeper", "--once")["catalog"] == ["pages", "albums", "window", "live"]
    assert {entry["system"] for entry in run_json("catalog", "list")} == {"pages", "albums", "window", "live"}
    assert run_json("housekeeper", "--once")["catalog"] == []


def test_what_the_directory_cannot_keep_is_left_out_and_told(wechat: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wechat.main.rights
    steps: list[tuple[str, int, int | None]] = []

    class Odd(Shop):
        def portions(self, place, known):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  (the parent's)
            yield from (replace(portion, left_out=1) for portion in super().portions(place, known))

    @contextmanager
    def bar(_steps: object, *, quiet: bool) -> Iterator[Any]:
        assert quiet in (True, False)
        yield lambda *step: steps.append(step)

    shop = Odd(["a", "b"], system=System.PAGES)
    monkeypatch.setattr(catalog_sync, "open_source", lambda *_, **__: (SimpleNamespace(close=lambda: None), shop))
    monkeypatch.setattr(catalog_sync, "progress_bar", bar)

    said = run("catalog", "sync", "--system", "pages")

    assert "pages: 2 left out, whose ids the directory cannot keep" in said.stderr
    assert steps == [("pages", 1, 2), ("pages", 2, 2), ("pages", 2, 2)]
    assert run_json("catalog", "sync", "--system", "pages")[0]["left_out"] == 2


def test_an_empty_directory_says_how_to_fill_it(shop: House) -> None:
    assert shop.path.exists()
    assert "`scanhook catalog sync` fills it" in run("catalog", "list").stdout
    assert run_json("catalog", "list") == []


def test_a_product_is_tied_to_an_entry_and_untied(wechat: Sandbox) -> None:
    assert wechat.main.rights
    run("catalog", "sync", "--system", "pages", "--system", "window")
    assert run_json("catalog", "show", "pages", "qrcode/moment-frame")["products"] == [
        "main: qrcode/moment-frame (by itself)"
    ]

    tea = ("window", "100234057")
    assert run("catalog", "tie", "qrcode/moment-frame", *tea).stdout == (
        "main: qrcode/moment-frame is now tied to window 100234057 (高山绿茶).\n"
    )
    assert "was already tied" in run("catalog", "tie", "qrcode/moment-frame", *tea).stdout
    assert run_json("catalog", "show", *tea)["products"] == ["main: qrcode/moment-frame"]

    assert "100234057" in run("catalog", "show", *tea).stdout

    run("catalog", "untie", "qrcode/moment-frame", *tea)
    assert run_json("catalog", "show", *tea)["products"] == []
    assert "is not tied to window 100234057" in run("catalog", "untie", "qrcode/moment-frame", *tea, code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("qrcode/nothing", "pages", "qrcode/moment-frame"), 1, "has no product qrcode/nothing"),
        (("qrcode/moment-frame", "pages", "qrcode/nothing"), 1, "the directory has no pages qrcode/nothing"),
        (("moment-frame", "pages", "1"), 2, "write KEYSTANDARD/KEYSTR"),
        (("qrcode/moment-frame", "shop", "1"), 2, "'shop' is not one of"),
    ],
)
def test_what_cannot_be_tied_is_refused(stocked: House, arguments: tuple[str, ...], code: int, why: str) -> None:
    assert stocked.path.exists()
    assert why in run("catalog", "tie", *arguments, code=code).stderr
