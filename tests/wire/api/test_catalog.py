from __future__ import annotations

from typing import Any

import pytest

from scanhook.clock import FixedClock
from scanhook.errors import StorageError
from scanhook.office import Listed, open_office
from scanhook.office.sql_catalog import SqlCatalog
from scanhook.settings import House
from scanhook.storage import Pepper
from scanhook.wechat import System
from scanhook.wire.service import storage_url
from tests.conftest import APP_ID
from tests.wire.api.conftest import GENUINE, PRODUCT, Api

AT = 1795312800
PAGE = Listed(id="qrcode/moment-frame", name="微信相框", price=1200, image="https://x.example/frame.png", state="on")
BED = Listed(id="7554942", name="床", price=2000, image="https://x.example/bed.png", state="5")
QUESTION = GENUINE | {"person": "whoScanned", "id": "call-1"}
SHOWN_PAGE = {
    "system": "pages",
    "owner": APP_ID,
    "id": "qrcode/moment-frame",
    "name": "微信相框",
    "price_fen": 1200,
    "image": "https://x.example/frame.png",
    "state": "on",
    "first_seen": "2026-11-22T02:00:00Z",
    "last_seen": "2026-11-22T02:00:00Z",
    "gone": None,
}


def fill(house: House, system: System, *listed: Listed, owner: str = APP_ID, at: int = AT) -> None:
    office = open_office(storage_url(house), pepper=Pepper.load(house.pepper_path), clock=FixedClock(at))
    sync = office.catalog.begin_sync(system, owner, now=at, newer_than=0)
    office.catalog.finish_sync(office.catalog.keep(sync, listed, place="", now=at), now=at)
    office.close()


@pytest.fixture
def filled(api: Api) -> Api:
    fill(api.house, System.PAGES, PAGE)
    fill(api.house, System.UNION, BED)
    return api


def broken(*_: object, **__: object) -> Any:
    raise StorageError("the disk gave an error")


def test_the_catalog_is_listed(filled: Api) -> None:
    told = filled.get("/catalog", scope="read")
    assert told["items"][0] == SHOWN_PAGE
    assert [item["id"] for item in told["items"]] == ["qrcode/moment-frame", "7554942"]
    assert told["next_cursor"] is None


def test_the_catalog_comes_in_pages(filled: Api) -> None:
    first = filled.get("/catalog?limit=1")
    second = filled.get(f"/catalog?limit=1&cursor={first['next_cursor']}")
    assert [item["id"] for item in (*first["items"], *second["items"])] == ["qrcode/moment-frame", "7554942"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("system=union", ["7554942"]),
        ("state=on", ["qrcode/moment-frame"]),
        ("name=相框", ["qrcode/moment-frame"]),
        ("id=7554942", ["7554942"]),
        ("owner=wxnobody", []),
        ("system=live", []),
    ],
)
def test_entries_are_chosen(filled: Api, query: str, ids: list[str]) -> None:
    assert [item["id"] for item in filled.get(f"/catalog?{query}")["items"]] == ids


def test_what_has_gone_is_listed_when_asked_for(filled: Api) -> None:
    fill(filled.house, System.UNION, at=AT + 60)
    assert filled.get("/catalog?system=union")["items"] == []
    assert filled.get("/catalog?system=union&gone=true")["items"][0]["gone"] == "2026-11-22T02:01:00Z"


@pytest.mark.parametrize("cursor", ["x", "WyJwcm9kdWN0cyIsMV0", "WyJjYXRhbG9nIiwibm9uZSIsImEiLCJiIl0"])
def test_a_cursor_of_something_else_is_a_problem(filled: Api, cursor: str) -> None:
    told = filled.problem("GET", f"/catalog?cursor={cursor}")
    assert (told["status"], told["errors"][0]["field"]) == (422, "cursor")


def test_the_newest_syncs_are_told(filled: Api) -> None:
    told = filled.get("/catalog/syncs", scope="read")["items"]
    assert told[0] == {
        "system": "pages",
        "owner": APP_ID,
        "started": "2026-11-22T02:00:00Z",
        "finished": "2026-11-22T02:00:00Z",
        "failed": None,
        "why": None,
        "seen": 1,
        "added": 1,
        "changed": 0,
        "gone": 0,
    }
    assert [sync["system"] for sync in told] == ["pages", "union"]


def test_a_product_is_shown_by_its_page_and_before_that_by_what_staff_tied(filled: Api) -> None:
    assert filled.get(f"{PRODUCT}/ties", scope="read") == {
        "tied": [],
        "page": SHOWN_PAGE,
        "name": "微信相框",
        "image": "https://x.example/frame.png",
    }
    told = filled.post(f"{PRODUCT}/ties", {"system": "union", "id": "7554942"})
    assert ([entry["id"] for entry in told["tied"]], told["name"], told["image"]) == (
        ["7554942"],
        "床",
        "https://x.example/bed.png",
    )
    assert filled.get(PRODUCT)["name"] == "床"
    assert filled.get("/products")["items"][0]["image"] == "https://x.example/bed.png"
    told = filled.post(f"{PRODUCT}/ties/drop", {"system": "union", "id": "7554942"})
    assert (told["tied"], told["name"]) == ([], "微信相框")


@pytest.mark.parametrize("path", [f"{PRODUCT}/ties", f"{PRODUCT}/ties/drop"])
def test_ties_are_changed_only_by_who_may_change_products(filled: Api, path: str) -> None:
    told = filled.problem("POST", path, {"system": "union", "id": "7554942"}, scope="operate")
    assert told["status"] == 403


@pytest.mark.parametrize(
    ("path", "given", "status"),
    [
        (f"{PRODUCT}/ties", {"system": "union", "id": "1"}, 404),
        (f"{PRODUCT}/ties", {"system": "union", "id": "7554942", "owner": "wxnobody"}, 404),
        (f"{PRODUCT}/ties", {"system": "shop", "id": "7554942"}, 422),
        (f"{PRODUCT}/ties", {"system": "union", "id": ""}, 422),
        ("/products/main/qrcode/nothing/ties", {"system": "union", "id": "7554942"}, 404),
        (f"{PRODUCT}/ties/drop", {"system": "pages", "id": "qrcode/moment-frame"}, 404),
    ],
)
def test_what_cannot_be_tied_is_a_problem(filled: Api, path: str, given: dict[str, str], status: int) -> None:
    assert filled.problem("POST", path, given)["status"] == status


def test_of_several_owners_one_must_be_named(filled: Api) -> None:
    fill(filled.house, System.UNION, BED, owner="wxee9f94a3360ad25f")
    told = filled.problem("POST", f"{PRODUCT}/ties", {"system": "union", "id": "7554942"})
    assert (told["status"], told["errors"][0]["field"]) == (422, "owner")
    filled.post(f"{PRODUCT}/ties", {"system": "union", "id": "7554942", "owner": "wxee9f94a3360ad25f"})


def test_a_verdict_carries_name_and_picture(filled: Api) -> None:
    told = filled.post("/verdicts", QUESTION)
    assert (told["name"], told["image"]) == ("微信相框", "https://x.example/frame.png")


@pytest.mark.parametrize("changed", [{"keystr": "nothing"}, {}])
def test_a_verdict_without_an_entry_has_neither(api: Api, changed: dict[str, str]) -> None:
    told = api.post("/verdicts", QUESTION | changed)
    assert (told["name"], told["image"]) == (None, None)


def test_a_catalog_that_cannot_be_read_costs_no_verdict(filled: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqlCatalog, "presentation", broken)
    told = filled.post("/verdicts", QUESTION)
    assert (told["verdict"], told["name"], told["image"]) == ("real", None, None)
    assert filled.get(PRODUCT)["name"] is None
