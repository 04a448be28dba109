from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.wire.api.conftest import GENUINE, Api


@pytest.fixture
def scanned(api: Api) -> Api:
    for number, code in enumerate(("GENUINE0001", "COPIED99999", "PRINTED0003", "GENUINE0001")):
        api.post("/verdicts", GENUINE | {"extinfo": code, "person": f"p{number}", "id": f"q{number}"})
    api.post("/verdicts", GENUINE | {"keystr": "nothing", "person": "p", "id": "q9"})
    return api


def test_scans_are_listed_the_newest_first(scanned: Api) -> None:
    items = scanned.get("/scans", scope="read")["items"]
    assert [(item["verdict"], item["reason"], item["batch"]) for item in items] == [
        ("success", "unknown_product", None),
        ("real", "active", "autumn"),
        ("not_active", "not_active", "winter"),
        ("fake", "unknown_code", None),
        ("real", "active", "autumn"),
    ]
    genuine, unknown = items[1], items[3]
    assert (genuine["extinfo"], unknown["extinfo"]) == (None, "COPIED99999")
    assert genuine["source"] == "admin-key"
    assert re.fullmatch(r"[0-9a-f]{32}", genuine["person"])
    assert genuine["code"] == items[4]["code"] != unknown["code"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", genuine["received_at"])


def test_scans_come_page_by_page_and_new_ones_do_not_disturb(scanned: Api) -> None:
    seen, cursor = [], ""
    while cursor is not None:
        page = scanned.get(f"/scans?limit=2{cursor and '&cursor='}{cursor}")
        seen += [item["number"] for item in page["items"]]
        scanned.post("/verdicts", GENUINE | {"person": "p", "id": f"new{len(seen)}"})
        cursor = page["next_cursor"]
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("batch=autumn", [4, 1]),
        ("reason=unknown_code", [2]),
        ("verdict=success", [5]),
        ("verdict=real&batch=winter", []),
        ("keystr=nothing", [5]),
        ("source=admin-key&account=main&keystr=moment-frame", [4, 3, 2, 1]),
        ("source=other", []),
        ("since=2001-01-01T00:00:00Z&limit=1", [5]),
        ("until=2001-01-01T00:00:00Z", []),
        (f"since={quote('2100-01-01T00:00:00+08:00')}", []),
    ],
)
def test_scans_are_chosen(scanned: Api, query: str, numbers: list[int]) -> None:
    assert [item["number"] for item in scanned.get(f"/scans?{query}")["items"]] == numbers


def test_scans_are_counted(scanned: Api) -> None:
    told = scanned.get("/statistics", scope="read")
    assert told["scans"] == 5
    assert told["by_reason"] == {"active": 2, "unknown_code": 1, "not_active": 1, "unknown_product": 1}
    assert told["by_verdict"] == {"real": 2, "fake": 1, "not_active": 1, "success": 1}
    assert scanned.get("/statistics?batch=autumn")["by_reason"] == {"active": 2}
    assert scanned.get("/statistics?until=2001-01-02T00:00:00Z") == {
        "since": "2001-01-01T00:00:00Z",
        "until": "2001-01-02T00:00:00Z",
        "scans": 0,
        "by_reason": {},
        "by_verdict": {},
    }


@pytest.mark.parametrize(
    "query",
    ["reason=nonsense", "verdict=maybe", "since=today", "since=1700000000", "account=nobody", "cursor=x", "limit=x"],
)
def test_a_choice_that_cannot_be_made_names_its_field(shared_api: Api, query: str) -> None:
    told = shared_api.problem("GET", f"/scans?{query}")
    assert (told["status"], told["errors"][0]["field"]) == (422, query.partition("=")[0])
