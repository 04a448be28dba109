from __future__ import annotations

import re
from dataclasses import replace

import pytest

from scanhook.registry import Batch, Handover, Product
from scanhook.registry.sqlite import SqliteRegistry
from tests.wire.api.conftest import Api
from tests.wire.api.test_changes import order


def test_the_batches_of_a_product_are_listed_with_their_states_in_force(api: Api) -> None:
    api.post("/changes", order("recall"))
    told = api.get("/batches?keystandard=qrcode&keystr=moment-frame", scope="read")
    assert [(item["name"], item["states"], item["codes"], item["positions"]) for item in told["items"]] == [
        ("autumn", {"recalled": 2}, 2, 2),
        ("winter", {"issued": 1}, 1, 1),
    ]
    assert told["items"][0]["mark"]["state"] == "recalled"


def test_a_batch_is_shown_with_its_history(api: Api) -> None:
    change = api.post("/changes", order("suspend"))
    batch = api.get("/batches?name=autumn")["items"][0]
    shown = api.get(f"/batches/{batch['id']}", scope="read")
    assert {name: shown[name] for name in batch} == batch
    assert shown["handovers"] == []
    assert shown["changes"][0] == change
    assert [(load["state"], load["codes"], load["minted"]) for load in shown["loads"]] == [("active", 2, False)]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown["made_at"])
    assert (shown["ranged"], shown["forgotten"]) == (False, False)


def test_a_handover_shows_the_name_of_its_file_and_no_folder(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    find_batch = SqliteRegistry.find_batch
    handover = Handover(
        path="/home/mei/orders/B-1.csv", taken_by="printer", recipient="", sha256="ab" * 32, at=1_795_312_800
    )

    def handed_over(registry: SqliteRegistry, product: Product, name: str) -> Batch | None:
        found = find_batch(registry, product, name)
        return found and replace(found, handovers=(handover,))

    monkeypatch.setattr(SqliteRegistry, "find_batch", handed_over)
    batch = api.get("/batches?name=autumn")["items"][0]
    (shown,) = api.get(f"/batches/{batch['id']}", scope="read")["handovers"]
    assert (shown["file"], shown["taken_by"], shown["at"]) == ("B-1.csv", "printer", "2026-11-22T02:00:00Z")


def test_batches_come_page_by_page(shared_api: Api) -> None:
    first = shared_api.get("/batches?limit=1")
    second = shared_api.get(f"/batches?limit=1&cursor={first['next_cursor']}")
    assert [page["items"][0]["name"] for page in (first, second)] == ["autumn", "winter"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("path", ["/batches/99", "/batches/0", "/batches/autumn", "/batches/99999999999999999999"])
def test_a_batch_that_is_not_there_is_a_problem(shared_api: Api, path: str) -> None:
    assert shared_api.problem("GET", path)["status"] == 404
