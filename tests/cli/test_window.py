from __future__ import annotations

from typing import Any

import pytest

from scanhook.sandbox.window_shelf import WindowShelf
from scanhook.wechat import System
from scanhook.wechat.codes import refusal
from tests.cli.conftest import run, run_json
from tests.cli.scripts import Script, sandbox_calls, script_for

OK: dict[str, Any] = {"errcode": 0, "errmsg": "ok"}
SELF_OPERATED = {"product_id": "100234056", "appid": "wxee9f94a3360ad25f"}
PROMOTED = {"product_id": "439000124321", "out_product_id": "100234056", "product_source": 1}
SHOWN = [
    {
        "product_id": "100234056",
        "source": "self-operated",
        "product_source": 0,
        "appid": "wxee9f94a3360ad25f",
        "out_product_id": None,
    },
    {
        "product_id": "439000124321",
        "source": "promoted",
        "product_source": 1,
        "appid": None,
        "out_product_id": "100234056",
    },
]
PAGE: dict[str, Any] = {**OK, "products": [SELF_OPERATED, PROMOTED], "last_buffer": "EB4YAg=", "total_num": 11}
END: dict[str, Any] = {**OK, "products": [], "last_buffer": ""}


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> Script:
    return script_for(monkeypatch, System.WINDOW)


def test_all_products_are_listed(channels: Script) -> None:
    api = channels(PAGE, END)
    assert run_json("window", "list") == {"products": SHOWN, "total": 11, "last_buffer": ""}
    assert api.bodies == [
        {"page_size": 200, "page_index": 1, "need_total_num": True},
        {"page_size": 200, "last_buffer": "EB4YAg="},
    ]


def test_people_see_a_table_and_how_many_there_are(channels: Script) -> None:
    channels(PAGE, END)
    said = run("window", "list").stdout
    assert all(word in said for word in ("100234056", "self-operated", "439000124321", "promoted"))
    assert said.endswith("2 of 11 products.\n")
    channels({**OK, "products": []})
    assert run("window", "list").stdout == "0 products.\n"


def test_one_page_is_listed_by_its_number(channels: Script) -> None:
    api = channels(PAGE, PAGE)
    found = run_json("window", "list", "--page", "2", "--page-size", "2", "--branch-id", "7")
    assert (found["products"], found["last_buffer"]) == (SHOWN, "EB4YAg=")
    assert api.bodies == [{"branch_id": 7, "page_size": 2, "page_index": 2, "need_total_num": True}]
    assert "The next page: --last-buffer EB4YAg=" in run("window", "list", "--page", "2").stdout


def test_one_page_is_listed_by_what_the_page_before_it_gave(channels: Script) -> None:
    api = channels(PAGE)
    said = run("window", "list", "--last-buffer", "EB4YAg=", "--page", "3")
    assert "--last-buffer is given, so that --page has no effect" in said.stderr
    assert api.bodies == [{"page_size": 200, "last_buffer": "EB4YAg=", "need_total_num": True}]


def test_promoted_products_of_a_shop_are_said_to_be_none(channels: Script) -> None:
    api = channels(PAGE, END)
    said = run("window", "list", "--appid", "wxee9f94a3360ad25f", "--promoted", "--account", "main").stderr
    assert "WeChat goes by --appid, and gives self-operated products" in said
    assert api.bodies[0]["appid"] == "wxee9f94a3360ad25f"
    assert api.accounts == ["main"]


def test_promoted_products_alone_need_no_note(channels: Script) -> None:
    api = channels(END)
    assert "note" not in run("window", "list", "--promoted").stderr
    assert api.bodies == [{"query_cps_product": True, "page_size": 200, "page_index": 1, "need_total_num": True}]


def test_a_source_that_no_page_knows_is_shown_by_its_number(channels: Script) -> None:
    channels({**OK, "products": [{"product_id": 1, "product_source": 7}]})
    [product] = run_json("window", "list")["products"]
    assert (product["product_id"], product["source"], product["product_source"]) == ("1", "unknown (7)", 7)


@pytest.mark.parametrize(
    ("given", "code", "why"),
    [
        (("--page", "51"), 1, "page 51 with 200 products lies behind the first 10,000"),
        (("--page-size", "201"), 2, "201 is not in the range 1<=x<=200"),
        (("--page", "0"), 2, "0 is not in the range"),
    ],
    ids=["reach", "page size", "page"],
)
def test_a_page_that_cannot_be_had_is_refused_before_it_is_asked_for(
    channels: Script, given: tuple[str, ...], code: int, why: str
) -> None:
    api = channels()
    assert why in run("window", "list", *given, code=code).stderr
    assert api.calls == []


def test_what_wechat_refuses_is_said_and_ends_with_1(channels: Script) -> None:
    channels(refusal(10022001, "identity", path="/channels/ec/window/product/list/get"))
    assert "10022001" in run("window", "list", code=1).stderr


def test_the_sandboxs_window_is_listed_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox_calls(monkeypatch, System.WINDOW, tenant="assistant") as assistant:
        shelf = assistant.shelf(WindowShelf)
        for number in range(5):
            shelf.put_own("wxee9f94a3360ad25f", str(2**64 - 5 + number))
        shelf.put_promoted("439000124321", "100234056")
        found = run_json("window", "list", "--page-size", "2")
        second = run_json("window", "list", "--page", "2", "--page-size", "2")
        rest = run_json("window", "list", "--last-buffer", second["last_buffer"])
        first = run_json("window", "list", "--page", "1", "--page-size", "1")
        both = run_json("window", "list", "--promoted", "--appid", "wxee9f94a3360ad25f")
        promoted = run_json("window", "list", "--promoted")
    ids = [product["product_id"] for product in found["products"]]
    assert ids == [*(str(2**64 - 5 + number) for number in range(5)), "439000124321"]
    assert [product["product_id"] for product in second["products"]] == ids[2:4]
    assert [product["product_id"] for product in rest["products"]] == ids[4:]
    assert [product["product_id"] for product in first["products"]] == ids[:1]
    assert (found["total"], both["total"], promoted["products"]) == (6, 5, [SHOWN[1]])
